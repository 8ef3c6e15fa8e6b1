"""Who held what at a moment, as the ledger tells it, and what changed between two. Pure but for the
index; what nobody recorded (access from before the ledger, or given by others) it cannot know."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from reconciler.ledger.index import Index
from reconciler.ledger.index_rows import ADDED, EPOCH, HELD, MOVED, NOTHING, REMOVED, micros
from reconciler.ledger.query import Question, conditions, fitting
from reconciler.model import Assignment, Entitlement, Entry, EventKind, Proof

_UNDECIDED = (Proof.REFUSED.value, Proof.WAITING.value)  # these gave nobody anything
_STEPS = f"step != {NOTHING}"
_PRINCIPALS = """number IN (SELECT number FROM people WHERE word IN (
    SELECT DISTINCT e.principal FROM people p JOIN entries e USING (number)
    WHERE p.word = (SELECT id FROM words WHERE text = ?)))"""


@dataclass(frozen=True, slots=True)
class Holding:
    """An assignment that somebody held. `ours` says that we gave it; otherwise it was declared and
    there before us. `since` is when that was recorded, `until` the end it was to have then:
    past it, it is late. `rule`, `approved_by` and `pull` are those of the decision behind it,
    `number` the entry that says so."""

    assignment: Assignment
    subject: str
    since: datetime
    until: datetime | None
    native_expiry: bool
    ours: bool
    grants: tuple[str, ...]
    rule: str
    approved_by: tuple[str, ...]
    pull: str
    number: int

    def late(self, at: datetime) -> bool:
        return self.until is not None and self.until <= at


@dataclass(frozen=True, slots=True)
class Difference:
    """`gained` as held at the later moment, `lost` as held at the earlier one."""

    gained: tuple[Holding, ...]
    lost: tuple[Holding, ...]


def held_at(index: Index, at: datetime, about: Question | None = None) -> tuple[Holding, ...]:
    """Everything that was held at `at`, or what of it is about this person, system, resource, role
    and grant. Sorted by assignment."""
    about = about or Question()
    names = _Names(index)
    now = micros(at)
    last = {
        spot: one
        for spot, one in _fold(_rows(index, now, about), names).items()
        if one.until is None or one.until > now or (one.ours and not one.native)
    }
    told = {e.number: e for e in index.entries({one.number for one in last.values()})}
    decisions = _Decisions(index, now, told.values())
    found = [_holding(spot, one, told[one.number], names, decisions) for spot, one in last.items()]
    return tuple(sorted((h for h in found if _is(about, h)), key=lambda h: h.assignment))


def between(
    index: Index, earlier: datetime, later: datetime, about: Question | None = None
) -> Difference:
    before = {h.assignment.key: h for h in held_at(index, earlier, about)}
    after = {h.assignment.key: h for h in held_at(index, later, about)}
    return Difference(
        tuple(h for key, h in after.items() if key not in before),
        tuple(h for key, h in before.items() if key not in after),
    )


_Spot = tuple[int, int]  # ids of an entitlement and of a principal


@dataclass(frozen=True, slots=True)
class _Held:
    number: int
    since: int
    until: int | None
    native: bool
    ours: bool
    replaced: str = ""  # the role that was there before us, in a single-slot system


def _rows(index: Index, now: int, about: Question) -> list[Any]:
    """All that was done to the places asked for, whatever the role, the grant and the subject that
    an entry names: a role gives way to another, and a leftover is removed in nobody's name."""
    where, values = conditions(index, Question(system=about.system, resource=about.resource))
    if about.person:
        where, values = f"{where} AND {_PRINCIPALS}", (*values, about.person.casefold())
    columns = "number, at, step, entitlement, principal, until, native, replaces, restores"
    query = f"SELECT {columns} FROM entries WHERE {where} AND {_STEPS} AND at <= ? ORDER BY number"  # noqa: S608
    return index.ask(query, (*values, now))


def _is(about: Question, held: Holding) -> bool:
    principal = held.assignment.principal
    person = about.person.casefold()
    named = {name.casefold() for name in (held.subject, principal.id, principal.name)}
    if person and person not in named:
        return False
    if about.role and not fitting(about.role)(held.assignment.entitlement.role):
        return False
    return not about.grant or any(map(fitting(about.grant), held.grants))


def _fold(rows: Iterable[Any], names: _Names) -> dict[_Spot, _Held]:
    """As `recall` remembers, by the ids of the index."""
    held: dict[_Spot, _Held] = {}
    for number, at, step, entitlement, principal, until, native, replaces, restores in rows:
        spot = (entitlement, principal)
        was = held.get(spot)
        now = _Held(number, at, until, bool(native), True)
        if step == ADDED:
            replaced = replaces
            if replaces:
                other = held.pop((names.beside(entitlement, replaces), principal), None)
                replaced = other.replaced if other and other.ours else replaces
            held[spot] = replace(now, replaced=replaced)
        elif step == MOVED:
            held[spot] = replace(
                now, since=was.since if was else at, replaced=was.replaced if was else ""
            )
        elif step == REMOVED:
            replaced = was.replaced if was else ""
            held.pop(spot, None)
            if restores and restores != replaced:
                beside = (names.beside(entitlement, restores), principal)
                held[beside] = replace(now, until=None, native=False, replaced=replaced)
        elif step == HELD and not (was and was.ours):
            held[spot] = replace(now, since=was.since if was else at, ours=False)
    return held


class _Names:
    """The entitlements of the index by their ids."""

    def __init__(self, index: Index) -> None:
        rows = index.ask("SELECT id, system, kind, resource, role FROM entitlements")
        self._by_id: dict[int, Entitlement] = {n: Entitlement(*names) for n, *names in rows}
        self._ids = {entitlement: number for number, entitlement in self._by_id.items()}

    def of(self, number: int) -> Entitlement:
        return self._by_id[number]

    def beside(self, number: int, role: str) -> int:
        """The same place with another role; one that no entry names gets a number of its own."""
        other = replace(self._by_id[number], role=role)
        found = self._ids.setdefault(other, -1 - len(self._ids))
        self._by_id[found] = other
        return found


class _Decisions:
    """The last decision for a file, a subject and an entitlement, of those that gave access."""

    def __init__(self, index: Index, now: int, told: Iterable[Entry]) -> None:
        self._found: dict[tuple[str, str, Entitlement | None], Entry] = {}
        subjects = {e.event.subject.casefold() for e in told if not e.event.rule} - {""}
        for entry in index.entries(_last_decisions(index, now, subjects)):
            of = entry.event
            entitlement = of.assignment.entitlement if of.assignment else None
            for path in {of.path, *of.grants}:
                self._found[path, of.subject.casefold(), entitlement] = entry

    def of(self, entry: Entry, entitlement: Entitlement) -> Entry:
        """The entry itself where it says the rule, or where there is no decision."""
        event = entry.event
        if event.rule:
            return entry
        subject = event.subject.casefold()
        keys = ((path, subject, e) for path in event.grants for e in (entitlement, None))
        return next((self._found[key] for key in keys if key in self._found), entry)


def _last_decisions(index: Index, now: int, subjects: Iterable[str]) -> set[int]:
    query = """
        SELECT max(e.number) FROM people p JOIN entries e USING (number) JOIN files f USING (number)
        WHERE p.word IN (SELECT id FROM words WHERE text IN (SELECT value FROM json_each(?)))
          AND e.kind = (SELECT id FROM words WHERE text = ?) AND e.at <= ?
          AND (e.outcome IS NULL OR e.outcome NOT IN (SELECT id FROM words WHERE text IN (?, ?)))
        GROUP BY f.word, e.subject, e.entitlement"""
    values = (json.dumps(sorted(subjects)), EventKind.DECIDED.value, now, *_UNDECIDED)
    return {number for (number,) in index.ask(query, values)}


def _holding(
    spot: _Spot, one: _Held, entry: Entry, names: _Names, decisions: _Decisions
) -> Holding:
    event, entitlement = entry.event, names.of(spot[0])
    assert event.assignment is not None  # see `step`
    came_back = event.assignment.entitlement != entitlement  # then the grants are the other role's
    decision = decisions.of(entry, entitlement).event
    return Holding(
        Assignment(entitlement, event.assignment.principal),
        event.subject,
        EPOCH + timedelta(microseconds=one.since),
        None if one.until is None else EPOCH + timedelta(microseconds=one.until),
        one.native,
        one.ours,
        () if came_back else event.grants,
        "" if came_back else decision.rule,
        () if came_back else decision.approved_by,
        "" if came_back else decision.pull,
        one.number,
    )
