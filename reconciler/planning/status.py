"""Who has what until when, as git and the systems say it together. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.model import Action, Assignment, Change, Declaration, Plan
from reconciler.planning.ownership import Can


class State(StrEnum):
    ACTIVE = "active"  # declared and live
    PENDING = "pending"  # declared, not live yet
    CHANGING = "changing"  # declared and live, with another end
    ALREADY_HELD = "already held"
    UPCOMING = "upcoming"
    LEFTOVER = "leftover"  # ours, over, and still live
    HELD = "held"  # ours and undeclared; a guard keeps it
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Line:
    """`start` is given for what is yet to come. `until` None means no end, or none that is known."""

    assignment: Assignment
    subject: str
    state: State
    start: datetime | None = None
    until: datetime | None = None
    native_expiry: bool = False
    grants: tuple[str, ...] = ()
    note: str = ""


def status(says: Declaration, plan: Plan, can: Can) -> tuple[Line, ...]:
    """Everything declared now or later, everything of ours that is left, everything foreign."""
    lines = [*_declared(says, plan, can), *_upcoming(says), *_rest(plan)]
    return tuple(sorted(lines, key=lambda line: (line.subject, line.assignment.key, line.state)))


def _declared(says: Declaration, plan: Plan, can: Can) -> Iterator[Line]:
    changes = {c.assignment.key: c for c in plan.changes if not c.removes}
    standing = {a.assignment.key: a for a in plan.already_held}
    for key, want in says.declared.items():
        state, note = State.ACTIVE, ""
        if change := changes.get(key):
            state = State.PENDING if change.action is Action.ADD else State.CHANGING
        elif held := standing.get(key):
            state, note = State.ALREADY_HELD, held.note
        ending = want.until is not None
        native = ending and can(want.assignment.entitlement, True).native_expiry
        yield Line(
            want.assignment, want.subject, state, None, want.until, native, want.grants, note
        )


def _upcoming(says: Declaration) -> Iterator[Line]:
    for soon in says.upcoming.values():
        yield Line(
            soon.assignment, soon.subject, State.UPCOMING, start=soon.start, grants=soon.grants
        )


def _rest(plan: Plan) -> Iterator[Line]:
    for change in plan.changes:
        if change.removes:
            yield _leftover(change, State.LEFTOVER, change.cause)
    for held in plan.held:
        if held.change.removes:
            yield _leftover(held.change, State.HELD, held.reason)
    for foreign in plan.foreign:
        row = foreign.observed
        yield Line(row.assignment, "", State.FOREIGN, until=row.until, note=foreign.note)


def _leftover(change: Change, state: State, note: str) -> Line:
    until = change.live.until if change.live else None
    return Line(
        change.assignment, change.subject, state, None, until, grants=change.grants, note=note
    )
