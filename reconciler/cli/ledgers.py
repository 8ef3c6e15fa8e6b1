"""How the questions of the command line reach the ledger's index. Writes nothing but the index."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.ledger import open_store
from reconciler.ledger.index import Index, file_in
from reconciler.ledger.ledger import Ledger
from reconciler.ledger.query_held import Holding
from reconciler.planning.between import Recorded
from reconciler.repository import Loaded, cache


def opened(loaded: Loaded, root: Path) -> Ledger | None:
    """None where none is kept. Raises LedgerError."""
    assert loaded.configuration is not None  # without one nothing is asked
    settings = loaded.configuration.ledger
    return Ledger(open_store(settings, root)) if settings else None


@contextmanager
def index(ledger: Ledger, root: Path) -> Iterator[Index]:
    """With all that the ledger has. Raises LedgerError at a flaw."""
    found = Index(file_in(cache.folder(os.environ), root, ledger.where), ledger)
    try:
        found.follow()
        yield found
    finally:
        found.close()


def recorded(holding: Holding) -> Recorded:
    return Recorded(
        holding.assignment,
        holding.subject,
        holding.since,
        holding.until,
        holding.native_expiry,
        holding.ours,
        holding.grants,
        holding.rule,
        holding.approved_by,
        holding.pull,
    )
