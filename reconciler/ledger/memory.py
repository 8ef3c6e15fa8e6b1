"""The ledger as a run reads it: what it remembers, and whether it is all there. Never writes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from reconciler.ledger import open_anchor, open_store, query
from reconciler.ledger.base import Anchor, LedgerError, Unbelieved
from reconciler.ledger.chain import Break, Flaw
from reconciler.ledger.digest import Digest, digest, last_lost, restored
from reconciler.ledger.index import Index
from reconciler.ledger.ledger import Ledger
from reconciler.ledger.signing import Keys
from reconciler.model import Entry, EventKind
from reconciler.model.ledger_settings import LedgerSettings

_KEY, _HEAD = "digest", "head"


@dataclass(frozen=True, slots=True)
class Recall:
    """`ledger` is None where none is set up. `error` says why it could not be read, or is not
    believed: then no more is remembered than an earlier run kept, or than a signature vouches for,
    as of a ledger that lost its end, and nothing is to be written. `lost` says that entries that
    were there are gone, of which `entry` is the last: then what was given need not be remembered,
    as in a new ledger."""

    ledger: Ledger | None = None
    digest: Digest = field(default_factory=Digest)
    error: str = ""
    lost: str = ""
    entry: int = 0

    @property
    def told(self) -> int:
        """The last entry that is gone, as far as the ledger says so, or is about to."""
        return max(self.entry, self.digest.told_lost)


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
        watch = _Watch(_seen(ledger, cache))
        found, news = _gathered(ledger, cache, watch)
        if anchor is not None and found.told_lost < anchor.number <= found.number:
            _hold(anchor, ledger, found)
        entry, lost = _lost(anchor, watch, found)
        if lost:
            return Recall(ledger, replace(found, began=None), lost=lost, entry=entry)
        if news:
            head = Anchor(found.number, found.hash)
            cache.write(f"ledger:{ledger.where}", {_KEY: found.kept(), _HEAD: _said(head)})
        return Recall(ledger, found)
    except LedgerError as e:
        known = _known(ledger, cache, isinstance(e, Unbelieved)) if ledger else Digest()
        return Recall(ledger, replace(known, began=None), error=str(e))


def note(head: Anchor, ledger: Ledger, cache: Cache) -> None:
    """That this machine has read or written the entry: where no anchor is kept, or none was moved
    so far, a ledger without it has lost its end."""
    cache.write(f"ledger:{ledger.where}", {_HEAD: _said(head)})


def unseen(index: Index, ledger: Ledger, cache: Cache) -> str:
    """Why an answer lacks what this machine has read or written once, "" where it lacks nothing."""
    watch = _Watch(_seen(ledger, cache))
    if watch.seen is None:
        return ""
    here = query.entry(index, watch.seen.number)
    watch.other = here is not None and here.hash != watch.seen.hash
    losses = query.entries(index, query.Question(kinds=(EventKind.LEDGER_LOST,)))
    told = max((last_lost(one.event) for one in losses), default=0)
    return _lost(None, watch, Digest(number=query.last(index), told_lost=told))[1]


def gone(settings: LedgerSettings, root: Path, cache: Cache) -> Flaw | None:
    """What this machine has read or written and is not there now. Unlike a run it looks at what no
    key vouches for too; but only what one does may say that entries were lost. Raises LedgerError
    at another flaw."""
    signed = Ledger(open_store(settings, root), Keys(settings.signed_by))
    watch = _Watch(_seen(signed, cache))
    if watch.seen is None:
        return None
    found = digest(watch.over(Ledger(open_store(settings, root)).entries()))
    if settings.signed_by:
        found.told_lost = digest(signed.vouched()).told_lost
    entry, why = _lost(_anchor(settings, root), watch, found)
    sort = Break.TRUNCATED if entry > found.number else Break.FORKED
    return Flaw(entry, 0, why, sort) if why else None


def _said(head: Anchor) -> str:
    return f"{head.number} {head.hash}"


def _seen(ledger: Ledger, cache: Cache) -> Anchor | None:
    text = cache.read(f"ledger:{ledger.where}", [_HEAD]).get(_HEAD, "")
    number, _, digest = text.partition(" ")
    return Anchor(int(number), digest) if number.isdecimal() and digest else None


@dataclass
class _Watch:
    """Whether the entry that this machine knows is passed on the way, `other` if in its place there
    is another one."""

    seen: Anchor | None
    other: bool = False

    def over(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        for entry in entries:
            if self.seen is not None and entry.number == self.seen.number:
                self.other = entry.hash != self.seen.hash
            yield entry


def _lost(anchor: Anchor | None, watch: _Watch, found: Digest) -> tuple[int, str]:
    """The last entry that is gone, and why that is said; "" for none. It is told once: the ledger
    that goes on says so itself. An anchor that holds answers for all before it."""
    if anchor is not None and anchor.number > max(found.number, found.told_lost):
        what = f"entry {anchor.number} was there once, and the newest now is {found.number}"
        return anchor.number, what
    seen = watch.seen
    if seen is None or seen.number <= max(found.told_lost, anchor.number if anchor else 0):
        return 0, ""
    if seen.number > found.number:
        what = f"this machine knows entry {seen.number}, and the newest now is {found.number}"
        return seen.number, what
    what = f"entry {seen.number} is another one than this machine knows"
    return (seen.number, what) if watch.other else (0, "")


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


def _gathered(ledger: Ledger, cache: Cache, watch: _Watch) -> tuple[Digest, bool]:
    """And whether there is anything new in it. What was gathered before is gone on from where its
    last entry is in this very ledger."""
    known = _kept(ledger, cache)
    if known is not None and known.number:
        entries = watch.over(ledger.entries(after=known.number - 1))
        first = next(entries, None)
        if first is not None and (first.number, first.hash) == (known.number, known.hash):
            before = known.number
            found = digest(entries, known)
            return found, found.number > before
    return digest(watch.over(ledger.entries())), True


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
