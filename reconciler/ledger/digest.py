"""What a run needs of the ledger, gathered in one pass over its entries: what is remembered, and
what need not be written down again. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.ledger.recall import follow, remember
from reconciler.model import Entry, Event, EventKind, Recollection, Remembered

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
)


@dataclass
class Digest:
    began: datetime | None = None
    last: Entry | None = None
    told_lost: bool = False
    _of: dict[str, Recollection] = field(default_factory=dict)
    _left: dict[str, Event] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)

    @property
    def remembered(self) -> Remembered:
        return Remembered(self.began, self._of, tuple(self._left.values()))

    def take(self, entry: Entry) -> None:
        event = entry.event
        if self.began is None:
            self.began = event.at
        self.last = entry
        self.told_lost = self.told_lost or event.kind is EventKind.LEDGER_LOST
        remember(self._of, event)
        follow(self._left, event)
        if event.kind in _ONCE or event.kind in _DAILY:
            self._told.add(about(event))
        if event.kind is EventKind.DONE and event.assignment is not None and not event.error:
            # What is there now may come back, or be held, another time.
            for kind in (EventKind.CAME_BACK, EventKind.ALREADY_HELD):
                self._told.discard(f"{kind}\0{event.assignment.key}")

    def news(self, events: Iterable[Event]) -> tuple[Event, ...]:
        """Without what was told before."""
        found: dict[str, Event] = {}
        for event in events:
            if event.kind not in _ONCE and event.kind not in _DAILY:
                found[f"{len(found)}"] = event
            elif (key := about(event)) not in self._told:
                found.setdefault(key, event)
        return tuple(found.values())


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


def digest(entries: Iterable[Entry]) -> Digest:
    found = Digest()
    for entry in entries:
        found.take(entry)
    return found
