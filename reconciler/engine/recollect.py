"""What became of changes that a run died over, or that failed: the live systems tell. Pure."""

from __future__ import annotations

from dataclasses import replace

from reconciler.engine.connections import Connections
from reconciler.engine.observe import Reading
from reconciler.model import Action, Assignment, Entitlement, Event, Recollection, Remembered
from reconciler.model.access import SEPARATOR


def died_over(memory: Remembered, connections: Connections) -> frozenset[Entitlement]:
    """Of the systems that take part in this run."""
    found = (e.assignment.entitlement for e in memory.unfinished if e.assignment is not None)
    return frozenset(e for e in found if e.system in connections.systems)


def given(memory: Remembered, connections: Connections) -> frozenset[Entitlement]:
    """What we gave and have not taken since, whatever git still knows of it."""
    found: set[Entitlement] = set()
    for key, known in memory.of.items():
        lasts = known.added is not None and (known.removed is None or known.removed < known.added)
        system, kind, resource, role, _ = key.split(SEPARATOR, 4)
        if lasts and system in connections.systems:
            found.add(Entitlement(system, kind, resource, role))
    return frozenset(found)


def made(event: Event, reading: Reading, connections: Connections) -> bool | None:
    """Whether the change was made all the same; None where its scope was not read."""
    if event.assignment is None:
        return None
    entitlement = event.assignment.entitlement
    if entitlement.system not in connections.systems:
        return None
    if (entitlement.system, connections.scope(entitlement)) in reading.unread:
        return None
    live = any(
        row.assignment == event.assignment and not row.via and row.controller is None
        for row in reading.rows
    )
    return live is not (event.action == Action.REMOVE)


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
