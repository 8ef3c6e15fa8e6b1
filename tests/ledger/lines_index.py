"""Events with short names, and a ledger of them in memory: for what asks, exports and ships."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from reconciler.ledger.chain import chained
from reconciler.model import Action, Assignment, Entitlement, Entry, Event, EventKind, Principal
from tests.build import NOW

GRANT = "grants/payments/alice.yaml"


def at(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


def of(who: str = "alice", role: str = "read", on: str = "projects/vault") -> Assignment:
    return Assignment(Entitlement("gcp", "project", on, role), Principal(f"user:{who}-1", who))


def event(kind: EventKind, hour: float = 0, about: Assignment | None = None, **more: Any) -> Event:
    subject = f"{about.principal.name}@example.com" if about else ""
    usual = {"run": f"run-{hour:g}", "subject": subject, "assignment": about}
    return Event(kind, at(hour), **{**usual, **more})


def added(about: Assignment, hour: float = 0, until: float | None = 8, **more: Any) -> Event:
    end = None if until is None else at(until)
    return _done(Action.ADD, about, hour, cause="declared", until=end, **more)


def extended(about: Assignment, hour: float, until: float, **more: Any) -> Event:
    return _done(Action.EXTEND, about, hour, cause="declared", until=at(until), **more)


def removed(about: Assignment, hour: float, cause: str = "expired", **more: Any) -> Event:
    return _done(Action.REMOVE, about, hour, cause=cause, **more)


def decided(about: Assignment, hour: float = 0, outcome: str = "granted", **more: Any) -> Event:
    usual = {"path": GRANT, "commit": "c" * 40, "rule": "payments-read", "outcome": outcome,
             "approved_by": ("bob@example.com",), "pull": "17", "reason": "Settlement fails"}  # fmt: skip
    return event(EventKind.DECIDED, hour, about, **{**usual, **more})


def _done(action: Action, about: Assignment, hour: float, **more: Any) -> Event:
    usual = {"action": action.value, "grants": (GRANT,)}
    return event(EventKind.DONE, hour, about, **{**usual, **more})


@dataclass
class Lines:
    """Counts how many entries were read from it."""

    kept: tuple[Entry, ...] = ()
    read: int = 0

    def write(self, *events: Event) -> tuple[Entry, ...]:
        more = chained(events, self.kept[-1] if self.kept else None)
        self.kept += more
        return more

    def entries(self, after: int = 0) -> Iterator[Entry]:
        for entry in self.kept[after:]:
            self.read += 1
            yield entry

    def rewritten(self, events: Iterable[Event]) -> None:
        self.kept = chained(events, None)


def renamed(event: Event, **more: Any) -> Event:
    return replace(event, **more)
