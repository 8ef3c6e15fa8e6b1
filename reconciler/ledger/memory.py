"""The ledger as a run reads it: what it remembers, and whether it is all there. Never writes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from reconciler.ledger import open_anchor, open_store
from reconciler.ledger.base import Anchor, LedgerError, Unbelieved
from reconciler.ledger.digest import Digest, digest, restored
from reconciler.ledger.ledger import Ledger
from reconciler.ledger.signing import Keys
from reconciler.model.ledger_settings import LedgerSettings

_KEY = "digest"
_MANY = 500  # new entries from which on it is worth keeping what was gathered


@dataclass(frozen=True, slots=True)
class Recall:
    """`ledger` is None where none is set up. `error` says why it could not be read, or is not
    believed: then no more is remembered than an earlier run kept, or than a signature vouches for, as
    of a ledger that lost its end, and nothing is to be written. `lost` says that entries that were there are gone, of which `entry` is the last: then
    what was given need not be remembered, as in a new ledger."""

    ledger: Ledger | None = None
    digest: Digest = field(default_factory=Digest)
    error: str = ""
    lost: str = ""
    entry: int = 0


class Cache(Protocol):
    """Rows of text that were worth keeping. Whatever is lost can be read again."""

    def read(self, space: str, keys: Collection[str]) -> Mapping[str, str]: ...

    def write(self, space: str, rows: Mapping[str, str]) -> None: ...


def recall(settings: LedgerSettings | None, root: Path, cache: Cache, key: str = "") -> Recall:
    """`key` as in `Keys`: it may be missing where nothing is written."""
    if settings is None:
        return Recall()
    ledger: Ledger | None = None
    try:
        ledger = Ledger(open_store(settings, root), Keys(settings.signed_by, key))
        anchor = _anchor(settings, root)  # first: another run may write, and move it, meanwhile
        found, worth = _gathered(ledger, cache)
        if anchor is None or anchor.number <= found.told_lost:
            _keep(worth, found, ledger, cache)
            return Recall(ledger, found)  # told once: the ledger that begins anew says so itself
        if anchor.number <= found.number:
            _hold(anchor, ledger, found)
            _keep(worth, found, ledger, cache)
            return Recall(ledger, found)
        lost = f"entry {anchor.number} was there once, and the newest now is {found.number}"
        return Recall(ledger, replace(found, began=None), lost=lost, entry=anchor.number)
    except LedgerError as e:
        known = _known(ledger, cache, isinstance(e, Unbelieved)) if ledger else Digest()
        return Recall(ledger, replace(known, began=None), error=str(e))


def _anchor(settings: LedgerSettings, root: Path) -> Anchor | None:
    anchors = open_anchor(settings, root)
    return anchors.read() if anchors else None


def _hold(anchor: Anchor, ledger: Ledger, found: Digest) -> None:
    """Raises LedgerError for a ledger that is not the anchored one: somebody wrote it anew, and
    nothing that it says is to be believed."""
    here = found.hash
    if anchor.number < found.number:
        here = next(entry.hash for entry in ledger.entries(after=anchor.number - 1))
    if here != anchor.hash:
        what = f"entry {anchor.number} in {ledger.where} is not the one that was anchored"
        fix = "find out who wrote it, then bring the right ledger back, or begin a new one"
        raise LedgerError(f"{what}; {fix}")


def _gathered(ledger: Ledger, cache: Cache) -> tuple[Digest, bool]:
    """And whether it is worth keeping. What was gathered before is gone on from where its last
    entry is in this very ledger."""
    known = _kept(ledger, cache)
    if known is not None and known.number:
        entries = ledger.entries(after=known.number - 1)
        first = next(entries, None)
        if first is not None and (first.number, first.hash) == (known.number, known.hash):
            before = known.number
            found = digest(entries, known)
            return found, found.number > before + _MANY
    return digest(ledger.entries()), True


def _known(ledger: Ledger, cache: Cache, read: bool) -> Digest:
    """Of a ledger that is not believed, or cannot be read. Whoever spoils its end must not have us
    forget what was there before us: so what is vouched for counts, or what was kept if that is
    more."""
    kept = _kept(ledger, cache) or Digest()
    if not read:
        return kept
    try:
        vouched = digest(ledger.vouched())
    except LedgerError:
        return kept
    return vouched if vouched.number > kept.number else kept


def _kept(ledger: Ledger, cache: Cache) -> Digest | None:
    text = cache.read(f"ledger:{ledger.where}", [_KEY]).get(_KEY, "")
    return restored(text) if text else None


def _keep(worth: bool, found: Digest, ledger: Ledger, cache: Cache) -> None:
    if worth:
        cache.write(f"ledger:{ledger.where}", {_KEY: found.kept()})
