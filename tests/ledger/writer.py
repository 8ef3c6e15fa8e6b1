"""A process of its own that appends to a ledger: `python -m tests.ledger.writer SETTINGS ROOT NAME
BATCHES`. Prints the reason of every event when it is acknowledged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from reconciler.ledger import open_store
from reconciler.ledger.ledger import Ledger
from reconciler.model.ledger_settings import LedgerSettings, LedgerStore
from tests.ledger.build import event


def main(settings: str, root: str, name: str, count: int) -> None:
    fields = json.loads(settings)
    store = open_store(LedgerSettings(LedgerStore(fields.pop("store")), **fields), Path(root))
    ledger = Ledger(store)
    for batch in range(count):
        reasons = [f"{name}-{batch}-{i}" for i in range(1 + batch % 3)]
        ledger.append([event(run=name, reason=reason) for reason in reasons])
        print("\n".join(reasons), flush=True)


def started(
    settings: Mapping[str, str], root: Path, name: str, count: int, **env: str
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", __name__, json.dumps(settings), str(root), name, str(count)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **env},
        cwd=Path(__file__).parents[2],
    )


def acknowledged(writers: Sequence[subprocess.Popen[str]]) -> list[str]:
    """All reasons, when every writer has ended well."""
    found: list[str] = []
    for writer in writers:
        out, err = writer.communicate(timeout=120)
        assert writer.returncode == 0, err
        found += out.split()
    return found


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
