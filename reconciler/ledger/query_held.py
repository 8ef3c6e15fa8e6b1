"""Who held what at a moment, as the ledger tells it, and what changed between two. Pure but for the
index; what nobody recorded (access from before the ledger, or given by others) it cannot know."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from reconciler.ledger.index import Index
from reconciler.ledger.index_rows import ADDED, EPOCH, HELD, MOVED, NOTHING, REMOVED, micros
from reconciler.ledger.query import Question, conditions, fitting, folded
from reconciler.model import Assignment, Entitlement, Entry, EventKind, Proof

_UNDECIDED = (Proof.REFUSED.value, Proof.WAITING.value)  # these gave nobody anything
Former = Mapping[str, str]  # leads from a system's former names to its name now
_NEVER: Former = {}
_STEPS = f"step != {NOTHING}"
_PRINCIPALS = """number IN (SELECT number FROM people WHERE word IN (
    SELECT DISTINCT e.principal FROM people p JOIN entries e USING (number)
    WHERE p.word = (SELECT id FROM words WHERE text = ?)))"""


@dataclass(frozen=True, slots=True)
class Holding:
    """An assignment that somebody held. `ours` says that we gave it; otherwise it was declared and
    there before us. `since` is when that was recorded, `until` the end it was to have then:
    past it, it is late. `rule`, `approved_by` and `pull` are those of the decision behind it,
    `number` the entry that says so. `gone` is when it was over, None while it is not."""

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
    gone: datetime | None = None

    def late(self, at: datetime) -> bool:
        return self.until is not None and self.until <= at


@dataclass(frozen=True, slots=True)
class Difference:
    """`gained` and `kept` as held at the later moment, `lost` as held at the earlier one, `passed` as begun
    and over in between: each time of it, also of what was gained or lost or kept as well."""

    gained: tuple[Holding, ...]
    lost: tuple[Holding, ...]
    passed: tuple[Holding, ...] = ()
    kept: tuple[Holding, ...] = ()


def held_at(
    index: Index, at: datetime, about: Question | None = None, former: Former = _NEVER
) -> tuple[Holding, ...]:
    """Everything that was held at `at`, or what of it is about this person, system, resource, role
    and grant. Sorted by assignment."""
    about = about or Question()
    names = _Names(index, former)
    now = micros(at)
    held, _ = _fold(_rows(index, now, about), names)
    last = [(spot, one) for spot, one in held.items() if not one.ended(now)]
    return _told(index, now, about, names, last)


def _told(
    index: Index, now: int, about: Question, names: _Names, found: Sequence[tuple[_Spot, _Held]]
) -> tuple[Holding, ...]:
    """With the decisions as they were at `now`. Sorted by assignment."""
    told = {e.number: e for e in index.entries({one.number for _, one in found})}
    decisions = _Decisions(index, now, told.values(), names)
    rows = [_holding(spot, one, told[one.number], names, decisions) for spot, one in found]
    return tuple(sorted((h for h in rows if _is(about, h)), key=lambda h: h.assignment))


def between(
    index: Index,
    earlier: datetime,
    later: datetime,
    about: Question | None = None,
    former: Former = _NEVER,
) -> Difference:
    before = {h.assignment.key: h for h in held_at(index, earlier, about, former)}
    after = {h.assignment.key: h for h in held_at(index, later, about, former)}
    names = _Names(index, former)
    passed = _passed(index, micros(earlier), micros(later), about or Question(), names)
    return Difference(
        tuple(h for key, h in after.items() if key not in before),
        tuple(h for key, h in before.items() if key not in after),
        tuple(passed),
        tuple(h for key, h in after.items() if key in before),
    )


def _passed(
    index: Index, start: int, end: int, about: Question, names: _Names
) -> Iterator[Holding]:
    """What began after `start` and was over at `end`."""
    held, over = _fold(_rows(index, end, about), names)
    over += [(spot, replace(one, gone=one.until)) for spot, one in held.items() if one.ended(end)]
    within = [(spot, one) for spot, one in over if one.since > start]
    # By the decisions of then: the same file may have been approved again, by others.
    for gone, group in groupby(sorted(within, key=lambda row: row[1].gone or end), _gone):
        yield from _told(index, gone or end, about, names, [*group])


def _gone(row: tuple[_Spot, _Held]) -> int | None:
    return row[1].gone


_Spot = tuple[int, int]  # ids of an entitlement and of a principal


@dataclass(frozen=True, slots=True)
class _Held:
    number: int
    since: int
    until: int | None
    native: bool
    ours: bool
    replaced: str = ""  # the role that was there before us, in a single-slot system
    gone: int | None = None

    def ended(self, now: int) -> bool:
        """By itself: what we have to take away is held until that is done."""
        by_itself = self.native or not self.ours
        return by_itself and self.until is not None and self.until <= now

    def over(self, at: int) -> _Held:
        """Taken away then, or ended by itself before."""
        return replace(self, gone=self.until if self.ended(at) else at)


def _rows(index: Index, now: int, about: Question) -> list[Any]:
    """All that was done to the places asked for, whatever the role, the grant and the subject that
    an entry names: a role gives way to another, and a leftover is removed in nobody's name. So it is
    with the system, which may be called otherwise in some."""
    where, values = conditions(index, Question(resource=about.resource))
    if about.person:
        where, values = f"{where} AND {_PRINCIPALS}", (*values, folded(about.person))
    columns = "number, at, step, entitlement, principal, until, native, replaces, restores"
    query = f"SELECT {columns} FROM entries WHERE {where} AND {_STEPS} AND at <= ? ORDER BY number"  # noqa: S608
    return index.ask(query, (*values, now))


def _is(about: Question, held: Holding) -> bool:
    principal = held.assignment.principal
    person = about.person.casefold()
    named = {name.casefold() for name in (held.subject, principal.id, principal.name)}
    if person and person not in named:
        return False
    if about.system and not fitting(about.system)(held.assignment.entitlement.system):
        return False
    if about.role and not fitting(about.role)(held.assignment.entitlement.role):
        return False
    return not about.grant or any(map(fitting(about.grant), held.grants))


def _fold(
    rows: Iterable[Any], names: _Names
) -> tuple[dict[_Spot, _Held], list[tuple[_Spot, _Held]]]:
    """As `recall` remembers, by the ids of the index; and what is over."""
    held: dict[_Spot, _Held] = {}
    over: list[tuple[_Spot, _Held]] = []
    for number, at, step, named, principal, until, native, replaces, restores in rows:
        entitlement = names.now(named)
        spot = (entitlement, principal)
        was = held.get(spot)
        now = _Held(number, at, until, bool(native), True)
        if step in (ADDED, HELD) and was and was.ended(at):
            over.append((spot, was.over(at)))
            was = None
        if step == ADDED:
            replaced = replaces
            if replaces:
                beside = (names.beside(entitlement, replaces), principal)
                other = held.pop(beside, None)
                replaced = other.replaced if other and other.ours else replaces
                over += [(beside, other.over(at))] if other else []
            held[spot] = replace(now, replaced=replaced)
        elif step == MOVED:
            held[spot] = replace(
                now, since=was.since if was else at, replaced=was.replaced if was else ""
            )
        elif step == REMOVED:
            replaced = was.replaced if was else ""
            held.pop(spot, None)
            over += [(spot, was.over(at))] if was else []
            if restores and restores != replaced:
                beside = (names.beside(entitlement, restores), principal)
                held[beside] = replace(now, until=None, native=False, replaced=replaced)
        elif step == HELD and not (was and was.ours):
            held[spot] = replace(now, since=was.since if was else at, ours=False)
    return held, over


class _Names:
    """The entitlements of the index by their ids, under the names that systems have now: what was
    given before a system was renamed, and taken away after, is over."""

    def __init__(self, index: Index, former: Former) -> None:
        rows = index.ask("SELECT id, system, kind, resource, role FROM entitlements ORDER BY id")
        self._by_id: dict[int, Entitlement] = {
            n: Entitlement(former.get(system, system), *names) for n, system, *names in rows
        }
        self._former = former
        self._ids: dict[Entitlement, int] = {}
        for number, entitlement in self._by_id.items():
            self._ids.setdefault(entitlement, number)

    def now(self, number: int) -> int:
        """The one id of what may have several, by the names that its system had."""
        return self._ids[self._by_id[number]]

    def called(self, of: Entitlement) -> Entitlement:
        return replace(of, system=self._former.get(of.system, of.system))

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

    def __init__(self, index: Index, now: int, told: Iterable[Entry], names: _Names) -> None:
        self._found: dict[tuple[str, str, Entitlement | None], Entry] = {}
        subjects = {e.event.subject.casefold() for e in told if not e.event.rule} - {""}
        for entry in index.entries(_last_decisions(index, now, subjects)):
            of = entry.event
            entitlement = names.called(of.assignment.entitlement) if of.assignment else None
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
    came_back = (
        names.called(event.assignment.entitlement) != entitlement
    )  # then the grants are the other role's
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
        None if one.gone is None else EPOCH + timedelta(microseconds=one.gone),
    )
