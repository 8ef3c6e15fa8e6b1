"""What a run needs of the ledger, gathered in one pass over its entries: what is remembered, and
what need not be written down again. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from reconciler.ledger import wire
from reconciler.ledger.base import LedgerError
from reconciler.ledger.recall import follow, made, remember
from reconciler.model import Entry, Event, EventKind, Recollection, Remembered

_LAYOUT = 5  # of the text that is kept
_BETWEEN = ","
LOST = "lost"  # in `counts`: the number of the entry that was there once
# What goes on for as long as it is so: told once a day, not in every run.
_DAILY = (EventKind.HELD_BACK, EventKind.UNKNOWN)
# What is told once for what it is about.
_ONCE = (
    EventKind.DECIDED,
    EventKind.ALREADY_HELD,
    EventKind.CAME_BACK,
    EventKind.UNAPPROVED,
    EventKind.BREAK_GLASS,
    EventKind.REVIEWED,
    EventKind.NOTIFIED,
)


@dataclass
class Digest:
    """Up to the entry `number`, which has `hash`. Can be kept as text, and gone on from. What was
    given before `began` need not be in here: then the ledger began, or its end was lost.
    `told_lost` is the highest entry of which it says that it was lost."""

    began: datetime | None = None
    number: int = 0
    hash: str = ""
    told_lost: int = 0
    applied: str = ""  # the commit of the last run that wrote here
    first: str = ""  # that of the first one since it `began`
    _of: dict[str, Recollection] = field(default_factory=dict)
    _left: dict[str, Event] = field(default_factory=dict)
    _unpacked: set[str] = field(default_factory=set)
    _packed: str = ""  # more of what was told: who only reads never asks

    @property
    def remembered(self) -> Remembered:
        return Remembered(self.began, self._of, tuple(self._left.values()))

    @property
    def _told(self) -> set[str]:
        if self._packed:
            self._unpacked.update(self._packed.split(_BETWEEN))
            self._packed = ""
        return self._unpacked

    def take(self, entry: Entry) -> None:
        event = entry.event
        if self.began is None or event.kind is EventKind.LEDGER_LOST:
            self.began, self.first = event.at, ""
        self.number, self.hash = entry.number, entry.hash
        if event.kind is EventKind.LEDGER_LOST:
            self.told_lost = max(self.told_lost, last_lost(event))
        if event.kind is EventKind.RUN_STARTED:
            self.applied = event.commit
            self.first = self.first or event.commit
        remember(self._of, event)
        follow(self._left, event)
        if event.kind in _ONCE or event.kind in _DAILY:
            self._told.add(_short(about(event)))
        if event.assignment is not None and made(event):
            # What is there now may come back, or be held, another time.
            for kind in (EventKind.CAME_BACK, EventKind.ALREADY_HELD):
                self._told.discard(_short(f"{kind}\0{event.assignment.key}"))

    def news(self, events: Iterable[Event]) -> tuple[Event, ...]:
        """Without what was told before."""
        found: dict[str, Event] = {}
        for event in events:
            if event.kind not in _ONCE and event.kind not in _DAILY:
                found[f"{len(found)}"] = event
            elif (key := about(event)) and _short(key) not in self._told:
                found.setdefault(key, event)
        return tuple(found.values())

    def kept(self) -> str:
        """As text."""
        of = [
            [key, _time(r.added), _time(r.removed), _time(r.already_held), r.replaced]
            for key, r in self._of.items()
        ]
        head = [_LAYOUT, self.number, self.hash, _time(self.began), self.told_lost]
        head += [self.applied, self.first]
        left = [wire.encode(wire.sealed(1, "", event)).decode() for event in self._left.values()]
        return json.dumps(
            [head, of, _BETWEEN.join(sorted(self._told)), left], separators=(",", ":")
        )


def restored(text: str) -> Digest | None:
    """None for a text that this version did not write, or that came to harm."""
    try:
        (layout, number, hash, began, told_lost, applied, first), of, told, left = json.loads(text)
        if layout != _LAYOUT or not isinstance(told, str):
            return None
        known = {
            str(key): Recollection(_moment(a), _moment(r), _moment(h), str(replaced))
            for key, a, r, h, replaced in of
        }
        died = [wire.decode(str(line).encode()).event for line in left]
        over = {event.assignment.key: event for event in died if event.assignment}
        head = _moment(began), int(number), str(hash), int(told_lost), str(applied), str(first)
        return Digest(*head, known, over, set(), told)
    except (ValueError, TypeError, LedgerError):
        return None


def last_lost(event: Event) -> int:
    """The last entry of those that it says are gone."""
    return dict(event.counts).get(LOST, 0)


def _time(at: datetime | None) -> str:
    return at.isoformat() if at else ""


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _short(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:24]


def about(event: Event) -> str:
    """What makes one event of a kind the same as another."""
    key = event.assignment.key if event.assignment else ""
    if event.kind in (EventKind.ALREADY_HELD, EventKind.CAME_BACK):
        return f"{event.kind}\0{key}"
    day = f"{event.at:%Y-%m-%d}" if event.kind in _DAILY else ""
    said = (
        event.kind,
        event.commit,
        event.path,
        event.subject,
        key,
        event.outcome,
        event.rule,
        day,
    )
    return "\0".join((*said, event.reason if event.kind in _DAILY else ""))


def digest(entries: Iterable[Entry], found: Digest | None = None) -> Digest:
    """`found` is gone on from."""
    found = found or Digest()
    for entry in entries:
        found.take(entry)
    return found
