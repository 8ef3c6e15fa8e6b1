"""What became of changes that a run died over, or that failed: the live systems tell. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from reconciler.engine.connections import Connections
from reconciler.engine.observe import Reading
from reconciler.model import (
    Action,
    Assignment,
    Declaration,
    Entitlement,
    Event,
    Principal,
    Recollection,
    Remembered,
)
from reconciler.model.access import SEPARATOR
from reconciler.planning.ownership import CLOCK_SKEW


def died_over(memory: Remembered, connections: Connections) -> frozenset[Entitlement]:
    """Of the systems that take part in this run."""
    found = (e.assignment.entitlement for e in memory.unfinished if e.assignment is not None)
    return frozenset(e for e in found if _is_here(e, connections))


def _is_here(entitlement: Entitlement, connections: Connections) -> bool:
    return entitlement.system in connections.systems and connections.knows(entitlement)


def given(memory: Remembered, connections: Connections) -> frozenset[Entitlement]:
    """What we gave and have not taken since, whatever git still knows of it."""
    found: set[Entitlement] = set()
    for key, known in memory.of.items():
        if _lasts(known):
            system, kind, resource, role, _ = key.split(SEPARATOR, 4)
            found.add(Entitlement(system, kind, resource, role))
    return frozenset(e for e in found if _is_here(e, connections))


def gone(
    memory: Remembered,
    says: Declaration,
    reading: Reading,
    connections: Connections,
    now: datetime,
) -> tuple[tuple[Assignment, str], ...]:
    """What we gave, and what went without us: its system ended it, or somebody took it. Whoever
    gives it again gives something of their own, and until then its scope need not be read. Nothing
    is concluded from a list that may not show yet what was given. With the role of ours that is
    back in its place, if there is one."""
    live = {row.assignment.key for row in reading.rows if not row.via}
    found: list[Assignment] = []
    for key in memory.of.keys() - live - says.declared.keys() - says.waiting.keys():
        added = memory.of[key].added
        if added is None or not _lasts(memory.of[key]):
            continue
        *parts, principal = key.split(SEPARATOR, 4)
        entitlement = Entitlement(*parts)
        if not _is_here(entitlement, connections):
            continue
        unread = (entitlement.system, connections.scope(entitlement)) in reading.unread
        lag = max(timedelta(seconds=connections.can(entitlement, True).lag), CLOCK_SKEW)
        if not unread and added + lag < now:
            found.append(Assignment(entitlement, Principal(principal)))
    back = _back(memory, reading) if found else {}
    return tuple((of, back.get((of.slot, memory.of[of.key].added), "")) for of in sorted(found))


def _back(memory: Remembered, reading: Reading) -> dict[tuple[str, datetime | None], str]:
    """The live roles of ours in whose place another was put, by where and when that was."""
    rows = (row.assignment for row in reading.rows if row.assignment.key in memory.of)
    went = ((of, memory.of[of.key]) for of in rows)
    return {
        (of.slot, was.removed): of.entitlement.role for of, was in went if was.added and was.removed
    }


def _lasts(known: Recollection) -> bool:
    return known.added is not None and (known.removed is None or known.removed < known.added)


def made(event: Event, reading: Reading, connections: Connections) -> bool | None:
    """Whether the change was made all the same; None where its scope was not read."""
    if event.assignment is None:
        return None
    entitlement = event.assignment.entitlement
    if not _is_here(entitlement, connections):
        return None
    if (entitlement.system, connections.scope(entitlement)) in reading.unread:
        return None
    rows = [
        row
        for row in reading.rows
        if row.assignment == event.assignment and not row.via and row.controller is None
    ]
    if event.action in (Action.EXTEND, Action.SHORTEN):
        return any(row.until == event.until for row in rows)
    return bool(rows) is not (event.action == Action.REMOVE)


def settled(memory: Remembered, reading: Reading, connections: Connections) -> Remembered:
    """The memory as it will be once it is written down what was found."""
    if not memory.unfinished:
        return memory
    of = dict(memory.of)
    for event in memory.unfinished:
        assert event.assignment is not None  # only changes are intended
        key = event.assignment.key
        was = of.get(key, Recollection())
        outcome = made(event, reading, connections)
        if outcome is None and event.action == Action.ADD:
            outcome = True  # it may be ours: then it is not somebody else's for ever
        if outcome and event.action == Action.ADD:
            of[key] = replace(was, added=event.at, removed=None, replaced=event.replaces)
        elif outcome and event.action == Action.REMOVE:
            of[key] = replace(was, removed=event.at, replaced="")
            if event.restores and event.restores != was.replaced:  # as the ledger will say it
                back = Recollection(event.at, replaced=was.replaced)
                of[_beside(event.assignment, event.restores).key] = back
    return replace(memory, of=of)


def _beside(a: Assignment, role: str) -> Assignment:
    """The same slot with another role in it."""
    return replace(a, entitlement=replace(a.entitlement, role=role))
