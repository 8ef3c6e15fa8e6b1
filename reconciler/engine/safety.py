"""Draws up the guarded plan of a situation, and says which of it may be carried out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.engine.connections import Connections
from reconciler.engine.situation import Situation
from reconciler.errors import ProviderError, UnknownPrincipal
from reconciler.model import Change, Limits, Mode, Plan, Subject
from reconciler.planning.guards import Facts, guard


@dataclass(frozen=True, slots=True)
class Safety:
    """What the guards are told by reconciler.yaml, the directory and the command line: `subjects`
    are the protected ones that the directory knows, by system."""

    limits: Limits
    protected: frozenset[str] = frozenset()
    subjects: Mapping[str, tuple[Subject, ...]] = field(default_factory=dict)
    released: frozenset[str] = frozenset()


def draw_up(situation: Situation, connections: Connections, safety: Safety) -> Plan:
    """The plan with the guards' verdicts."""
    drawn = situation.plan(connections)
    taken = [c for c in drawn.changes if c.live is not None]
    facts = Facts(
        safety.limits,
        connections.can,
        situation.holders,
        len(situation.says.declared),
        safety.protected,
        _shielded(taken, safety, connections),
        _own(taken, connections),
        situation.strangers,
    )
    return guard(drawn, facts, safety.released)


def _own(taken: Iterable[Change], connections: Connections) -> dict[str, frozenset[str] | None]:
    """Who we are, asked only where something would be taken away; None where nobody could say."""
    systems = sorted({c.assignment.entitlement.system for c in taken})
    answers = connections.each(systems, lambda s: s, lambda s: connections.reader(s).own())
    return {s: None if isinstance(answer, ProviderError) else answer for s, answer in answers}


def _shielded(
    taken: Iterable[Change], safety: Safety, connections: Connections
) -> dict[str, frozenset[str] | None]:
    """The ids of the protected in each system where something would be taken away: people are
    compared by immutable id. None where the system could not say."""
    asked = {
        (subject, change.assignment.entitlement, account)
        for change in taken
        for subject in safety.subjects.get(change.assignment.entitlement.system, ())
        for account in ("", *subject.accounts)
    }
    found: dict[str, frozenset[str] | None] = {}
    answers = connections.each(
        asked,
        lambda who: who[1].system,
        lambda who: connections.reader(who[1].system).principal(*who),
    )
    for (_, entitlement, _), answer in answers:
        before = found.get(entitlement.system, frozenset())
        if isinstance(answer, UnknownPrincipal):
            found[entitlement.system] = before  # has no such account here, so none to protect
        elif isinstance(answer, ProviderError) or before is None:
            found[entitlement.system] = None
        else:
            found[entitlement.system] = before | {answer.id}
    return found


def enforced(changes: Iterable[Change], connections: Connections) -> tuple[Change, ...]:
    """The changes that may be carried out: a new system only reports until it is switched on."""
    return tuple(
        c for c in changes if connections.mode(c.assignment.entitlement.system) is Mode.ENFORCE
    )
