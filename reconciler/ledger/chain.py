"""Events -> chained entries, and what is wrong with a chain that was read. Pure: no store, no IO."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Protocol

from reconciler.ledger import wire
from reconciler.ledger.base import Anchor, LedgerError
from reconciler.model import Entry, Event


class Break(StrEnum):
    ALTERED = "altered"  # what it says is not what its hash says
    REMOVED = "removed"  # numbers are missing
    REORDERED = "reordered"  # it stands behind entries that came later
    REPEATED = "repeated"  # it is there a second time
    TRUNCATED = "truncated"  # the end is missing, says the anchor
    FORKED = "forked"  # it carries on another history than the one before it
    UNREADABLE = "unreadable"  # it is no entry
    UNSIGNED = "unsigned"  # no key that is known vouches for it
    FORGED = "forged"  # it bears a signature that the key which it names did not make


@dataclass(frozen=True, slots=True)
class Flaw:
    """The entry `number` in the `batch`, as counted by those before where it bears none; `what` is
    a sentence for people."""

    number: int
    batch: int
    what: str
    sort: Break
    through: int = 0  # the last of several in a row, 0 for one


def chained(events: Iterable[Event], after: Entry | None) -> tuple[Entry, ...]:
    """The events, cleaned, each with the hash of the one before."""
    number, before = (after.number, after.hash) if after else (0, "")
    entries: list[Entry] = []
    for event in events:
        number += 1
        entries.append(wire.sealed(number, before, wire.cleaned(event)))
        before = entries[-1].hash
    return tuple(entries)


def written(entries: Iterable[Entry]) -> bytes:
    """One batch, as it is stored: a line for each entry."""
    return b"".join(wire.encode(entry) + b"\n" for entry in entries)


def read(batch: int, data: bytes, number: int, before: str) -> Iterator[Entry]:
    """The entries of one batch, the first of which is `number` and carries on the hash `before`
    (0 for any); LedgerError at the first that does not fit."""
    for line in lines(data):
        try:
            entry = wire.decode(line)
        except LedgerError as e:
            raise LedgerError(f"batch {batch}, behind entry {max(number - 1, 0)}: {e}") from None
        if wire.true_hash(line) != entry.hash:
            raise LedgerError(f"batch {batch}: entry {entry.number} was altered")
        if number and (entry.number, entry.before) != (number, before):
            what = f"entry {entry.number} does not carry on entry {number - 1}"
            raise LedgerError(f"batch {batch}: {what}")
        yield entry
        number, before = entry.number + 1, entry.hash


def lines(data: bytes) -> Iterator[bytes]:
    """A batch that was cut short ends in a line that is no entry."""
    found = data.split(b"\n")
    if found[-1] == b"" and len(found) > 1:
        del found[-1]
    else:
        found[-1] += b" (cut short)"
    yield from found


class Witness(Protocol):
    """Sees every entry of a pass that is what its hash says, and finds flaws of its own."""

    def take(self, batch: int, entry: Entry) -> None: ...

    def flaws(self) -> Iterable[Flaw]: ...


def flaws(
    batches: Iterable[tuple[int, bytes]], anchor: Anchor | None, witness: Witness | None = None
) -> tuple[Flaw, ...]:
    """Everything that is wrong with the batches of a whole ledger."""
    walk = _Walk(anchor, witness)
    for batch, data in batches:
        walk.enter(batch)
        for line in lines(data):
            walk.take(line)
    walk.end()
    walk.found += witness.flaws() if witness else ()
    return tuple(_joined(sorted(walk.found, key=lambda flaw: (flaw.batch, flaw.number))))


_MISSING, _BROKEN = 0, 1  # in place of what is remembered of a hash
_FARTHEST = 10_000_000  # no ledger lacks so many: a number like that was made up


class _Walk:
    """Where a pass over a ledger stands. Of each hash it remembers 8 bytes, to tell a copy from a
    second history."""

    def __init__(self, anchor: Anchor | None, witness: Witness | None) -> None:
        self.anchor = anchor
        self.witness = witness
        self.found: list[Flaw] = []
        self.batch = 0
        self.skipped = ""  # batches that are not there
        self.next = 1
        self.before: str | None = ""  # the hash of the entry before; None where it is not known
        self.lines = 0  # so far
        self.unread = 0  # lines since that entry of which nobody can say which they were
        self.seen = array("Q")  # by number - 1
        self.gaps: dict[int, int] = {}  # number of the first that is missing -> batch

    def enter(self, batch: int) -> None:
        first, last = self.batch + 1, batch - 1
        if first == last:
            self.skipped = f"batch {first} is missing"
        elif first < last:
            self.skipped = f"batches {first} to {last} are missing"
        self.batch = batch

    def take(self, line: bytes) -> None:
        self.lines += 1
        number = self.next + self.unread
        try:
            entry = wire.decode(line)
        except LedgerError as e:
            self._say(number, Break.UNREADABLE, f"entry {number} cannot be read: {e}")
            self.unread += 1
            return
        if wire.true_hash(line) == entry.hash and entry.number - self.lines < _FARTHEST:
            self._place(entry)
            if self.witness:
                self.witness.take(self.batch, entry)
            return
        in_place = entry.number == self.next or entry.before == self.before
        number = self.next if in_place else entry.number if self._lacks(entry.number) else number
        self._say(number, Break.ALTERED, f"entry {number} is not what its hash says")
        if in_place:
            self._advance(number, _BROKEN, None)
        elif self._lacks(number):
            self.seen[number - 1] = _BROKEN
        else:
            self.unread += 1

    def end(self) -> None:
        last = self.next - 1 + self.unread
        if self.anchor and self.anchor.number > last:
            what = f"the end is missing: entry {self.anchor.number} was anchored"
            self._say(last + 1, Break.TRUNCATED, f"{what}, and the last one here is {last}")
        for start, stop in pairwise((*sorted(self.gaps), self.next)):
            batch = self.gaps[start]
            for first, last in self._holes(start, stop):
                what = f"entry {first} is" if first == last else f"entries {first} to {last} are"
                flaw = Flaw(first, batch, f"{what} missing", Break.REMOVED)
                self.found.append(replace(flaw, through=last if last > first else 0))

    def _place(self, entry: Entry) -> None:
        number, digest = entry.number, max(int(entry.hash[:16], 16), 2)
        if number < self.next:
            self._late(number, digest)
            return
        if number == self.next:
            if self.skipped:
                self._say(number, Break.REMOVED, f"{self.skipped}, though no entry is")
            if self.before is not None and entry.before != self.before:
                what = f"entry {number} carries on another entry {number - 1} than the one here"
                self._say(number, Break.FORKED, what if number > 1 else "entry 1 is no beginning")
        else:
            self.seen.extend([_BROKEN] * min(self.unread, number - self.next))
            if (first := len(self.seen) + 1) < number:
                self.gaps[first] = self.batch
                self.seen.extend(array("Q", [_MISSING]) * (number - first))
        if self.anchor and self.anchor.number == number and self.anchor.hash != entry.hash:
            self._say(number, Break.FORKED, f"entry {number} is not the one that was anchored")
        self._advance(number, digest, entry.hash)

    def _late(self, number: int, digest: int) -> None:
        if self._lacks(number):
            what = f"entry {number} stands behind entry {self.next - 1}"
            self._say(number, Break.REORDERED, what)
            self.seen[number - 1] = digest
        elif self.seen[number - 1] == digest:
            self._say(number, Break.REPEATED, f"entry {number} is here a second time")
        else:
            what = f"a second entry {number}, and another one than the first: two histories"
            self._say(number, Break.FORKED, what)

    def _lacks(self, number: int) -> bool:
        return number < self.next and self.seen[number - 1] == _MISSING

    def _advance(self, number: int, digest: int, before: str | None) -> None:
        self.seen.append(digest)
        self.next, self.before = number + 1, before
        self.unread, self.skipped = 0, ""

    def _holes(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """What is still missing of the gap that began at `start`: (first, last) of each part."""
        first = 0
        for number in range(start, stop):
            if self.seen[number - 1] == _MISSING:
                first = first or number
            elif first:
                yield first, number - 1
                first = 0
        if first:
            yield first, stop - 1

    def _say(self, number: int, sort: Break, what: str) -> None:
        self.found.append(Flaw(number, self.batch, what, sort))


_WHOLE = (Break.REMOVED, Break.TRUNCATED, Break.UNSIGNED)  # these say themselves how far they go


def _joined(found: Iterable[Flaw]) -> Iterator[Flaw]:
    """One flaw for several of a sort in a row."""
    held: Flaw | None = None
    for flaw in found:
        last = (held.through or held.number) if held else 0
        if held and (flaw.sort, flaw.batch, flaw.number) == (held.sort, held.batch, last + 1):
            held = replace(held, through=flaw.through or flaw.number)
            continue
        if held:
            yield _told(held)
        held = flaw
    if held:
        yield _told(held)


def _told(flaw: Flaw) -> Flaw:
    several = flaw.through and flaw.sort not in _WHOLE
    through = f"; so are those behind it, through {flaw.through}" if several else ""
    return replace(flaw, what=flaw.what + through)
