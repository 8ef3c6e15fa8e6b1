"""Where people ask: an access repository on a local GitHub, two systems, and a ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema

from reconciler.repository import schemas
from reconciler.sandbox.process import Sandbox
from tests.e2e.hosted import Hosted
from tests.result import Result

ALICE, BOB = "alice@example.com", "bob@example.com"
A, B = "grants/payments/a.yaml", "grants/payments/b.yaml"
VIEWER = "system: gcp, project: payments-prod, role: roles/cloudsql.viewer"
DEV = "system: gcp, project: payments-dev, role: roles/cloudsql.viewer"
WRITE = "system: bitbucket, repository: payments-api, permission: write"
READ = "system: bitbucket, repository: payments-api, permission: read"
LEDGER = "ledger: {store: folder, path: ledger}\n"


@contextmanager
def town_hall(home: Path, *, ledger: bool = False) -> Iterator[Hosted]:
    sandbox = Sandbox(home / "home", ("gcp", "bitbucket"), hosted=True)
    with sandbox as running:
        hosted = Hosted(sandbox, running, home)
        if ledger:
            text = (hosted.root / "reconciler.yaml").read_text() + LEDGER
            hosted.request("frank", {"reconciler.yaml": text}, "grace")
            hosted.write(".git/info/exclude", "ledger/\n")
        yield hosted


def told(result: Result, schema: str) -> Any:
    """What was printed, held against its schema."""
    document = json.loads(result.out)
    jsonschema.validate(document, schemas.whole(schemas.installed(), schema))
    return document
