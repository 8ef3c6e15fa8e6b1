"""One person, and why they may do what they may: what gives it, what the system shows, what was
refused, and what comes next. Pure: concludes from a plan, and plans nothing itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from reconciler.model import (
    Assignment,
    Entitlement,
    Event,
    Mode,
    Plan,
    Principal,
    Proof,
)
from reconciler.planning.answer import Answer, Facts, Holds, Next, Row, Turn
from reconciler.planning.basis import Basis
from reconciler.planning.guards import UNEXPLAINED
from reconciler.planning.status import Line, State, inert

_Told = TypeVar("_Told")


def explain(facts: Facts, wanted: Callable[[Entitlement], bool]) -> tuple[Answer, ...]:
    """What is held first, then what is to come, then what is over."""
    answers = _Answers(facts)
    found = [answers.of(of) for of in answers.known() if any(map(wanted, answers.spelled(of)))]
    order = list(Holds)
    return tuple(sorted(found, key=lambda a: (order.index(a.holds), a.assignment)))


class _Answers:
    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._lines = _by_key((line.assignment, line) for line in facts.lines)
        self._bases = _by_key(facts.named)
        done = [(e.assignment, e) for e in facts.events if e.assignment]
        self._events = _by_key((of, e) for of, e in done if of.principal.id)
        self._decided = _by_key((of, e) for of, e in done if not of.principal.id)
        notes = {id(f.observed): f.note for f in facts.plan.foreign}
        standing = {a.assignment.key: a.note for a in facts.plan.already_held}
        self._rows: dict[str, list[Row]] = defaultdict(list)
        self._slots: dict[str, list[Row]] = defaultdict(list)
        for row in facts.rows:
            of = row.assignment
            note = notes.get(id(row), "")
            ours = id(row) not in notes and of.key not in standing
            told = Row(row, ours, not inert(row, facts.plan.at), note or standing.get(of.key, ""))
            self._rows[of.key].append(told)
            self._slots[of.slot].append(told)

    def known(self) -> Iterator[Assignment]:
        facts, told = self._facts, set()
        every = [of for of, _ in facts.named]
        every += [line.assignment for line in facts.lines]
        every += [row.assignment for row in facts.rows]
        done = [event.assignment for event in facts.events if event.assignment]
        every += [of for of in done if of.principal.id]  # a decision names nobody in the system
        for of in (*every, *facts.asked):
            if of.key not in told and facts.about(of):
                told.add(of.key)
                yield of

    def of(self, assignment: Assignment) -> Answer:
        key = assignment.key
        lines, bases = tuple(self._lines[key]), tuple(self._bases[key])
        rows = tuple(self._rows[key])
        subject = self._subject(assignment, bases, lines)
        unread = self._unread(assignment, subject)
        ways = tuple(self._ways(assignment))
        return Answer(
            assignment,
            subject,
            self._holds(assignment, (*rows, *ways), bases, unread),
            lines,
            bases,
            rows,
            tuple(r for r in self._slots[assignment.slot] if r not in rows),
            ways,
            () if unread else tuple(self._coming(assignment, lines, bases)),
            self._since(key, rows),
            self._told(assignment, subject),
            unread,
            self._facts.ways_unread.get(assignment.slot, ""),
        )

    def _instead(self, of: Assignment) -> str:
        """What is active without a row of its own is part of a higher role in its place."""
        if self._rows[of.key]:
            return ""
        higher = (r.observed.assignment for r in self._slots[of.slot] if r.effective)
        return next((f"{row.entitlement.role}, which includes it, is held" for row in higher), "")

    def _subject(self, of: Assignment, bases: tuple[Basis, ...], lines: tuple[Line, ...]) -> str:
        said = [b.claim.subject.id for b in bases] + [line.subject for line in lines]
        return next(filter(None, said), self._facts.whose.get(of.key, self._facts.who))

    def spelled(self, of: Assignment) -> frozenset[Entitlement]:
        """As its system spells it, and as the files do."""
        return frozenset({of.entitlement, *(b.claim.entitlement for b in self._bases[of.key])})

    def _told(self, of: Assignment, subject: str) -> tuple[Event, ...]:
        """What was decided is written down as the file spells it, what was done as the system."""
        keys = [Assignment(e, Principal("")).key for e in self.spelled(of)]
        decided = [event for key in keys for event in self._decided.get(key, ())]
        decided = [event for event in decided if event.subject in ("", subject)]
        return tuple(sorted((*decided, *self._events[of.key]), key=lambda event: event.at))

    def _unread(self, of: Assignment, subject: str) -> str:
        e = of.entitlement
        whole = (e.system, self._facts.scope(e))
        parts = (f"{subject}, in ", f"{e.role} on {e.resource}, in ")
        for unknown in self._facts.plan.unknown:
            if (unknown.system, unknown.where) == whole:
                return unknown.error
            if (
                unknown.system == e.system
                and not of.principal.id
                and unknown.where.startswith(parts)
            ):
                return unknown.error
        return ""

    def _ways(self, of: Assignment) -> Iterator[Row]:
        at = self._facts.plan.at
        for row in self._facts.ways.get(of.slot, ()):
            yield Row(row, ours=False, effective=not inert(row, at), note=row.via)

    def _holds(
        self, of: Assignment, rows: tuple[Row, ...], bases: tuple[Basis, ...], unread: str
    ) -> Holds:
        """By whatever way, but in this very role. A way that may give nothing leaves it open."""
        rows = tuple(
            r for r in rows if r.observed.assignment.entitlement.role == of.entitlement.role
        )
        live = [row.observed for row in rows if row.effective]
        if any(not seen.unsure for seen in live):
            return Holds.HAS
        if live or unread or self._facts.ways_unread.get(of.slot):
            return Holds.UNKNOWN
        at = self._facts.plan.at
        ended = any(b.proof is Proof.PROVED and b.claim.window.ended(at) for b in bases)
        known = self._facts.memory.get(of.key)
        if rows or ended or (known is not None and known.added):
            return Holds.HAD
        return Holds.HAS_NOT

    def _since(self, key: str, rows: tuple[Row, ...]) -> datetime | None:
        known = self._facts.memory.get(key)
        if known and known.added and not (known.removed and known.removed > known.added):
            return known.added
        if known and known.already_held and rows:
            return known.already_held
        return min((r.observed.since for r in rows if r.observed.since), default=None)

    def _coming(
        self, of: Assignment, lines: tuple[Line, ...], bases: tuple[Basis, ...]
    ) -> Iterator[Next]:
        fixes = {b.claim.grant: b.fix for b in bases if b.proof is Proof.REFUSED}
        ends: list[datetime | None] = []
        for line in lines:
            ends += [line.until] if line.state in _DECLARED else []
            idle = self._facts.modes.get(line.assignment.entitlement.system) is not Mode.ENFORCE
            for coming in _of_line(line, idle, fixes, self._facts.plan):
                included = coming.turn is Turn.ENDS and line.state is State.ACTIVE
                yield replace(coming, why=self._instead(of)) if included else coming
        if ends:
            yield from _again(bases, self._facts.plan.at, ends)


_DECLARED = frozenset(
    {State.ACTIVE, State.PENDING, State.CHANGING, State.ALREADY_HELD, State.BLOCKED}
)


def _of_line(line: Line, idle: bool, fixes: Mapping[str, str], plan: Plan) -> Iterator[Next]:
    match line.state:
        case State.PENDING:
            yield Next(Turn.GIVEN, idle=idle)
        case State.CHANGING:
            yield Next(Turn.MOVES, line.until, line.note, idle=idle)
        case State.UPCOMING:
            yield Next(Turn.STARTS, line.start)
        case State.LEFTOVER:
            yield Next(Turn.REMOVED, None, _removal(line, plan), idle=idle)
        case State.HELD | State.BLOCKED:
            yield Next(Turn.GUARDED, None, line.note)
        case State.ALREADY_HELD | State.FOREIGN:
            yield Next(Turn.STAYS, None, line.note)
            return
        case State.NOT_APPROVED:
            fix = next((fixes[grant] for grant in line.grants if grant in fixes), "")
            yield Next(Turn.UNAPPROVED, line.start, line.note, fix)
            return
        case State.WAITING:
            yield Next(Turn.UNASKED, line.start, line.note)
            return
    if line.state in _DECLARED and line.until is not None:
        yield Next(Turn.ENDS, line.until, by_system=line.native_expiry, idle=idle)


def _removal(line: Line, plan: Plan) -> str:
    """What nothing in git explains also depends on what else a run would remove."""
    causes = {c.cause for c in plan.changes if c.removes and c.assignment == line.assignment}
    if causes & UNEXPLAINED:
        return f"{line.note}, unless the run would remove too much at once"
    return line.note


def _again(bases: Iterable[Basis], now: datetime, ends: list[datetime | None]) -> Iterator[Next]:
    """What is declared for a time after the one that is going on."""
    if None in ends:
        return
    last = max(end for end in ends if end is not None)
    starts = {b.claim.window.start for b in bases if b.proof is Proof.PROVED and b.stands(now)}
    yield from (Next(Turn.STARTS, start) for start in sorted(starts) if start > last)


def _by_key(
    pairs: Iterable[tuple[Assignment, _Told]],
) -> dict[str, list[_Told]]:
    found: dict[str, list[_Told]] = defaultdict(list)
    for of, told in pairs:
        found[of.key].append(told)
    return found
