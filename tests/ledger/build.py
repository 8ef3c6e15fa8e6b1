"""Events, entries and batches for the tests of the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.ledger import chain
from reconciler.ledger.base import Taken
from reconciler.model import Action, Assignment, Entitlement, Entry, Event, EventKind, Principal

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def assignment(
    who: str = "alice", role: str = "read", resource: str = "payments-api"
) -> Assignment:
    entitlement = Entitlement("bitbucket", "repository", resource, role)
    return Assignment(entitlement, Principal(f"user:{who}", who))


def event(kind: EventKind = EventKind.DONE, minutes: int = 0, **fields: Any) -> Event:
    return Event(kind, NOON + timedelta(minutes=minutes), fields.pop("run", "run-1"), **fields)


def added(minutes: int = 0, a: Assignment | None = None, **fields: Any) -> Event:
    a = a or assignment()
    return event(minutes=minutes, assignment=a, action=Action.ADD, **fields)


def removed(minutes: int = 0, a: Assignment | None = None, **fields: Any) -> Event:
    a = a or assignment()
    return event(minutes=minutes, assignment=a, action=Action.REMOVE, **fields)


def entries(*events: Event) -> tuple[Entry, ...]:
    return chain.chained(events, None)


def batches(sizes: Sequence[int], run: str = "run-1") -> list[tuple[int, bytes]]:
    """A whole ledger: so many entries in each batch."""
    found: list[tuple[int, bytes]] = []
    last: Entry | None = None
    for number, size in enumerate(sizes, 1):
        events = [event(minutes=10 * number + i, run=run, reason=f"é {i}") for i in range(size)]
        made = chain.chained(events, last)
        last = made[-1]
        found.append((number, chain.written(made)))
    return found


class Shelf:
    """A store that hands out what it is given."""

    where = "a shelf"

    def __init__(self, batches: Sequence[tuple[int, bytes]] = ()) -> None:
        self.held = dict(batches)

    def last(self) -> int:
        return max(self.held, default=0)

    def batches(self, after: int = 0) -> Iterator[tuple[int, bytes]]:
        yield from ((n, self.held[n]) for n in sorted(self.held) if n > after)

    def put(self, number: int, data: bytes) -> None:
        if number in self.held:
            raise Taken(f"batch {number} is there already")
        self.held[number] = data
