"""Who has what until when, as git and the systems say it together. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.model import (
    Action,
    Assignment,
    Cause,
    Change,
    Declaration,
    Observed,
    Plan,
    Principal,
    Proof,
)
from reconciler.planning.basis import Named
from reconciler.planning.between import Recorded, Spell
from reconciler.planning.ownership import Can


class State(StrEnum):
    ACTIVE = "active"  # declared and live
    PENDING = "pending"  # declared, not live yet
    CHANGING = "changing"  # declared and live, with another end
    ALREADY_HELD = "already held"
    UPCOMING = "upcoming"
    WAITING = "waiting"  # the forge could not be asked: neither given nor taken
    NOT_APPROVED = "not approved"
    LEFTOVER = "leftover"  # ours, over, and still live
    HELD = "held"  # ours and undeclared; a guard keeps it
    BLOCKED = "held back"  # declared, and a guard keeps it from being given
    FOREIGN = "foreign"
    UNREAD = "not known"  # declared, and its system could not be read
    DECLARED = "declared"  # at a moment of the past, of which nothing tells what was live
    HELD_THEN = "held then"  # at a moment of the past, by what the ledger says was done


PAST = frozenset({State.DECLARED, State.HELD_THEN})
GIVEN = frozenset({State.ACTIVE, State.CHANGING, State.ALREADY_HELD}) | PAST
TO_COME = frozenset({State.PENDING, State.UPCOMING})
OVERDUE = frozenset({State.LEFTOVER, State.HELD})


@dataclass(frozen=True, slots=True)
class Line:
    """`start` is given for what is yet to come. `until` None means no end, or none that is known.

    Of what is over, `ended` says since when, None where git does not tell, and `late` how long it
    outlived that: nothing where the system itself ended it in time and only the row is left.
    """

    assignment: Assignment
    subject: str
    state: State
    start: datetime | None = None
    until: datetime | None = None
    native_expiry: bool = False
    grants: tuple[str, ...] = ()
    note: str = ""
    ended: datetime | None = None
    late: timedelta = timedelta(0)


def status(
    says: Declaration, plan: Plan, can: Can, unproved: Iterable[Named] = ()
) -> tuple[Line, ...]:
    """Everything declared now or later, everything of ours that is left, everything foreign, and
    of `unproved` what git says and does not count."""
    lines = [
        *_declared(says, plan, can),
        *_upcoming(says),
        *_rest(says, plan),
        *_unproved(unproved, plan),
    ]
    return tuple(sorted(lines, key=lambda line: (line.subject, line.assignment.key, line.state)))


def _declared(says: Declaration, plan: Plan, can: Can) -> Iterator[Line]:
    changes = {c.assignment.key: c for c in plan.changes if not c.removes}
    blocked = {h.change.assignment.key: h for h in plan.held if not h.change.removes}
    standing = {a.assignment.key: a for a in plan.already_held}
    for key, want in says.declared.items():
        state, note = State.ACTIVE, ""
        if change := changes.get(key):
            state = State.PENDING if change.action is Action.ADD else State.CHANGING
        elif back := blocked.get(key):
            state = State.BLOCKED if back.change.action is Action.ADD else State.CHANGING
            note = f"{back.guard}: {back.reason}"
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


def _unproved(unproved: Iterable[Named], plan: Plan) -> Iterator[Line]:
    """A line for each grant: another may well give the same."""
    told = {(u.path, u.subject, u.access): u.reason for u in plan.unapproved}
    for assignment, basis in unproved:
        claim, window = basis.claim, basis.claim.window
        state, note = State.WAITING, "the forge could not be asked"
        if claim.proof is Proof.REFUSED:
            said = told.get((claim.grant, claim.subject.id, str(claim.entitlement)))
            state, note = State.NOT_APPROVED, said or "; ".join(basis.refusal)
        elif claim.proof is Proof.PROVED:
            continue
        if basis.stands(plan.at):
            start = window.start if window.start > plan.at else None
            yield Line(
                assignment, claim.subject.id, state, start, window.end, False, (claim.grant,), note
            )


def _rest(says: Declaration, plan: Plan) -> Iterator[Line]:
    for change in plan.changes:
        if change.removes:
            yield _leftover(says, plan, change, State.LEFTOVER, change.cause)
    for held in plan.held:
        if held.change.removes:
            yield _leftover(says, plan, held.change, State.HELD, f"{held.guard}: {held.reason}")
    for foreign in plan.foreign:
        row = foreign.observed
        yield Line(row.assignment, "", State.FOREIGN, until=row.until, note=foreign.note)


def _leftover(says: Declaration, plan: Plan, change: Change, state: State, note: str) -> Line:
    until = change.live.until if change.live else None
    ended = _ended(says, change)
    late = timedelta(0)
    if inert(change.live, plan.at):
        note = f"{note}; the system ended it by itself, and only the row is left"
        ended = ended or until
    elif ended is not None:
        late = plan.at - ended
    return Line(
        change.assignment,
        change.subject,
        state,
        None,
        until,
        False,
        change.grants,
        note,
        ended,
        late,
    )


def _ended(says: Declaration, change: Change) -> datetime | None:
    past = says.past.get(change.assignment.key)
    return past.ended if past is not None and change.cause is not Cause.FOREIGN else None


def inert(row: Observed | None, now: datetime) -> bool:
    """Whether a row is still there that gives nothing any more."""
    return row is not None and row.until is not None and row.until <= now


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines are wanted; what is left out asks nothing. `subject` is an id or, of what nobody
    declared, a name in the system. `grant` is a path, or a folder of them. `ending` is up to when
    access ends that holds now. `late` asks for what should be gone, and gives access all the same."""

    subject: str = ""
    resource: Callable[[str], bool] | None = None
    grant: str = ""
    ending: datetime | None = None
    late: bool = False
    foreign: bool = False

    def __call__(self, line: Line) -> bool:
        return (
            (self.foreign or line.state is not State.FOREIGN)
            and (not self.subject or self.subject.casefold() in _names(line))
            and (self.resource is None or self.resource(line.assignment.entitlement.resource))
            and (not self.grant or within(self.grant, line.grants))
            and (self.ending is None or self._ends(line, self.ending))
            and (not self.late or is_late(line))
        )

    @staticmethod
    def _ends(line: Line, by: datetime) -> bool:
        held = line.state in GIVEN or line.state in (State.PENDING, State.UNREAD)
        return held and line.until is not None and line.until <= by


def within(grant: str, paths: Iterable[str]) -> bool:
    """Whether one of the files is this one, or lies in this folder."""
    return any(path == grant or path.startswith(f"{grant.rstrip('/')}/") for path in paths)


def is_late(line: Line) -> bool:
    """Also where nothing tells for how long: what is ours, undeclared and live is never in time."""
    return line.state in OVERDUE and (line.ended is None or line.late > timedelta(0))


def _names(line: Line) -> frozenset[str]:
    if line.subject:
        return frozenset({line.subject.casefold()})
    principal = line.assignment.principal
    return frozenset(name.casefold() for name in (principal.id, principal.name) if name)


def foretold(
    lines: Iterable[Line], at: datetime, enforced: Callable[[str], bool]
) -> tuple[Line, ...]:
    """As it will be `at` a time to come, if the runs until then do their work: what is to be given
    is there, what is over is gone, but for what a guard keeps for good. In a system that is not
    `enforced` no run does anything. The lines are of a plan for that time."""
    found = []
    for line in lines:
        works = enforced(line.assignment.entitlement.system)
        if line.state in OVERDUE and works and line.note.partition(":")[0] not in _LASTING:
            continue
        if line.until is not None and line.until <= at and line.state in (State.FOREIGN, *OVERDUE):
            continue
        if line.state in (State.PENDING, State.CHANGING) and works and not line.note:
            line = replace(line, state=State.ACTIVE)
        found.append(line)
    return tuple(found)


def declared_then(found: Iterable[Spell], at: datetime) -> tuple[Line, ...]:
    """By git and its proof alone: the principals are the names by which they would be looked for."""
    return tuple(
        Line(
            Assignment(spell.entitlement, Principal("", spell.account or spell.subject)),
            spell.subject,
            State.DECLARED,
            spell.start,
            spell.end,
            grants=spell.grants,
        )
        for spell in found
        if spell.contains(at)
    )


def held_then(found: Iterable[Recorded], at: datetime) -> tuple[Line, ...]:
    """By the ledger: what was done, and not undone until `at`."""
    return tuple(_held_then(one, at) for one in found)


def _held_then(one: Recorded, at: datetime) -> Line:
    over = one.ours and one.until is not None and one.until <= at
    line = Line(
        one.assignment,
        one.subject,
        State.HELD_THEN if one.ours else State.ALREADY_HELD,
        one.since,
        one.until,
        one.native_expiry,
        one.grants,
        by(one),
    )
    if not over or one.until is None:
        return line
    return replace(line, state=State.LEFTOVER, ended=one.until, late=at - one.until)


def by(one: Recorded) -> str:
    """The decision behind it, in a few words."""
    rule = f"rule `{one.rule}`" if one.rule else ""
    people = f"approved by {', '.join(one.approved_by)}" if one.approved_by else ""
    return ", ".join(filter(None, (rule, people, one.pull)))


_LASTING = frozenset({"protected", "own-access", "last-admin"})  # guards that no run gets past
