"""Draws up the guarded plan of a situation, and says which of it may be carried out. Carries out
nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from reconciler.engine.connections import Connections
from reconciler.engine.situation import Situation
from reconciler.errors import ProviderError, UnknownPrincipal
from reconciler.model import Change, Entitlement, Limits, Mode, Plan, Subject
from reconciler.planning.guards import Facts, guard

Separated = Callable[[str, Entitlement, str, tuple[Entitlement, ...]], str]
"""(subject, entitlement, file, what the subject holds) -> why not."""


@dataclass(frozen=True, slots=True)
class Safety:
    """What the guards are told by reconciler.yaml, the directory, the policies and the command line:
    `subjects` are the protected ones that the directory knows, by system. `separated` says why a
    subject may not have what a file gives beside what they hold, "" where they may; None where no
    rule separates duties."""

    limits: Limits
    protected: frozenset[str] = frozenset()
    subjects: Mapping[str, tuple[Subject, ...]] = field(default_factory=dict)
    released: frozenset[str] = frozenset()
    separated: Separated | None = None


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
        _beside(drawn, situation, safety.separated) if safety.separated else _nobody,
    )
    modes = {system: connections.mode(system) for system in connections.systems}
    reported = frozenset(name for name, mode in modes.items() if mode is not Mode.ENFORCE)
    return replace(guard(drawn, facts, safety.released), reported=reported)


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


def _nobody(change: Change) -> str:
    return ""


def _beside(plan: Plan, situation: Situation, separated: Separated) -> Callable[[Change], str]:
    """What the systems show of a subject, in all of them, without what this plan takes away."""
    gone = {c.assignment.key for c in plan.changes if c.removes}
    accounts: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for of, claim in situation.pairs:
        accounts[claim.subject.id].add((of.entitlement.system, of.principal.id))
    holds: dict[tuple[str, str], list[Entitlement]] = defaultdict(list)
    for row in situation.reading.rows:
        of = row.assignment
        if of.key not in gone and (row.until is None or row.until > situation.now):
            holds[of.entitlement.system, of.principal.id].append(of.entitlement)

    def why(change: Change) -> str:
        held = {e for account in accounts[change.subject] for e in holds.get(account, ())}
        file = change.grants[0] if change.grants else ""
        return separated(change.subject, change.assignment.entitlement, file, tuple(sorted(held)))

    return why


def enforced(changes: Iterable[Change], connections: Connections) -> tuple[Change, ...]:
    """The changes that may be carried out: a new system only reports until it is switched on."""
    return tuple(
        c for c in changes if connections.mode(c.assignment.entitlement.system) is Mode.ENFORCE
    )
