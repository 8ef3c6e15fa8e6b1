"""Draws up the guarded plan of a situation, and says which of it may be carried out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from reconciler.engine.connections import Connections
from reconciler.engine.situation import Situation
from reconciler.errors import ProviderError
from reconciler.model import Change, Limits, Mode, Plan, Warning
from reconciler.planning.guards import Facts, guard


@dataclass(frozen=True, slots=True)
class Safety:
    """What the guards are told by reconciler.yaml and the command line."""

    limits: Limits
    protected: frozenset[str] = frozenset()
    released: frozenset[str] = frozenset()


def draw_up(situation: Situation, connections: Connections, safety: Safety) -> Plan:
    """The plan with the guards' verdicts."""
    drawn = situation.plan(connections)
    own, warnings = _own(drawn, connections)
    facts = Facts(
        safety.limits,
        connections.can,
        situation.holders,
        len(situation.says.declared),
        safety.protected,
        own,
    )
    guarded = guard(drawn, facts, safety.released)
    return replace(guarded, warnings=tuple(sorted({*guarded.warnings, *warnings})))


def _own(
    drawn: Plan, connections: Connections
) -> tuple[dict[str, frozenset[str]], tuple[Warning, ...]]:
    """Who we are, asked only where something would be taken away."""
    systems = {c.assignment.entitlement.system for c in drawn.changes if c.live is not None}
    own: dict[str, frozenset[str]] = {}
    warnings: list[Warning] = []
    answers = connections.each(sorted(systems), lambda s: s, lambda s: connections.reader(s).own())
    for system, answer in answers:
        if isinstance(answer, ProviderError):
            text = f"own access is not guarded, we cannot tell who we are: {answer.cause}"
            warnings.append(Warning(system, text))
        else:
            own[system] = answer
    return own, tuple(warnings)


def enforced(changes: Iterable[Change], connections: Connections) -> tuple[Change, ...]:
    """The changes that may be carried out: a new system only reports until it is switched on."""
    return tuple(
        c for c in changes if connections.mode(c.assignment.entitlement.system) is Mode.ENFORCE
    )
