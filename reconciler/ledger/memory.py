"""The ledger as a run reads it: what it remembers, and whether it is all there. Never writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from reconciler.ledger import open_anchor, open_store
from reconciler.ledger.base import LedgerError
from reconciler.ledger.digest import Digest, digest
from reconciler.ledger.ledger import Ledger
from reconciler.model.ledger_settings import LedgerSettings


@dataclass(frozen=True, slots=True)
class Recall:
    """`ledger` is None where none is set up. `error` says why it could not be read: then nothing is
    remembered, and nothing is to be written. `lost` says that entries that were there are gone."""

    ledger: Ledger | None = None
    digest: Digest = field(default_factory=Digest)
    error: str = ""
    lost: str = ""


def recall(settings: LedgerSettings | None, root: Path) -> Recall:
    if settings is None:
        return Recall()
    ledger: Ledger | None = None
    try:
        ledger = Ledger(open_store(settings, root))
        found = digest(ledger.entries())
        return Recall(ledger, found, lost=_lost(settings, root, found))
    except LedgerError as e:
        return Recall(ledger, error=str(e))


def _lost(settings: LedgerSettings, root: Path, found: Digest) -> str:
    """Told once: the ledger that begins anew says so itself."""
    anchors = open_anchor(settings, root)
    anchor = anchors.read() if anchors else None
    last = found.last.number if found.last else 0
    if anchor is None or anchor.number <= last or found.told_lost:
        return ""
    return f"entry {anchor.number} was there once, and the newest now is {last}"
