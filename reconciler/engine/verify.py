"""Looks again after writing: what is still to do has failed, whatever the system answered. Never
writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from reconciler.engine.connections import Connections
from reconciler.engine.observe import Scope, observe
from reconciler.engine.situation import Situation
from reconciler.errors import ProviderError
from reconciler.model import Change, Entitlement
from reconciler.providers.base import Outcome


def verify(
    situation: Situation, outcomes: Iterable[Outcome], connections: Connections
) -> Iterator[Outcome]:
    """One failed outcome for each change that succeeded and yet is not to be seen.

    Not asked where lists lag behind: there the writer's own confirmation, by id, is the best word.
    """
    done = [
        o.change
        for o in outcomes
        if o.error is None and not connections.can(o.change.assignment.entitlement, True).lag
    ]
    reading = observe({c.assignment.entitlement for c in done}, lambda _: True, connections)
    errors = {(u.system, u.where): u.error for u in reading.unknown}

    def scope(entitlement: Entitlement) -> Scope:
        return entitlement.system, connections.scope(entitlement)

    read = {scope(c.assignment.entitlement) for c in done} - reading.unread
    declared = {
        key: d
        for key, d in situation.says.declared.items()
        if scope(d.assignment.entitlement) in read
    }
    says = replace(situation.says, declared=declared)
    again = replace(situation, says=says, reading=reading, unknown=())
    left = {_place(c, connections): c for c in again.plan(connections).changes}
    for change in done:
        system = change.assignment.entitlement.system
        if still := left.get(_place(change, connections)):
            cause = f"it still needs: {still.action} {still.assignment}"
            yield Outcome(change, ProviderError(system, f"confirm the {change.action}", cause))
        elif cause := errors.get(scope(change.assignment.entitlement), ""):
            yield Outcome(change, ProviderError(system, "read again what was written", cause))


def _place(change: Change, connections: Connections) -> str:
    """What a change is about: the whole slot where there is only one role to hold."""
    slotted = connections.can(change.assignment.entitlement, True).slot
    return change.assignment.slot if slotted else change.assignment.key
