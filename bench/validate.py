"""`reconciler validate` against check-jsonschema on the same files and the same schema."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import corpus
from bench.measure import Result, alone, command, paired
from reconciler.repository.schemas import installed, whole

BIN = Path(sys.executable).parent


def run(home: Path) -> Iterator[Result]:
    root = corpus.folder(home, 10_000)
    schema = home / "grant.schema.json"
    schema.write_text(json.dumps(whole(installed(), "grant")))
    files = sorted(str(path.relative_to(root)) for path in root.glob("grants/**/*.yaml"))
    cold = command([BIN / "reconciler", "validate", "--no-cache"], root)
    peer = command([BIN / "check-jsonschema", "--schemafile", schema, *files], root)
    yield paired("validate 10,000 grants, cold", cold, peer, "check-jsonschema", 1 / 20, 3)
    root = corpus.folder(home, 100_000)
    cold = command([BIN / "reconciler", "validate", "--no-cache"], root)
    yield alone("validate 100,000 grants, cold", cold, 8.0, 3)
    warm = command([BIN / "reconciler", "validate"], root, XDG_CACHE_HOME=str(home / "cache"))
    warm()
    status = command(["git", "status", "--porcelain"], root)  # looks at each file, as validate must
    yield alone("validate 100,000 grants, warm", warm, 1.4)
    yield paired("validate 100,000 grants, warm", warm, status, "git status", 7.0)
