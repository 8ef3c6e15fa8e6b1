"""Changes too dangerous to make unasked. Each guard is a pure function; GUARDS is all of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from reconciler.model import Action, Cause, Change, Entitlement, Held, Limits, Plan
from reconciler.planning.ownership import Can

# What nothing in git explains. Expired, revoked and left are the daily work and never counted.
UNEXPLAINED = frozenset({Cause.WITHDRAWN, Cause.FOREIGN, Cause.UNAPPROVED})

# Guards that a person may overrule with the hash of the plan that they saw.
RELEASABLE = frozenset({"mass-removal", "nothing-declared"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What the guards weigh a plan against.

    `declared` counts the assignments that git declares now; `own` holds, by system, the principal
    ids that the reconciler acts as; `holders` answers who holds an entitlement now, by live rows.
    """

    limits: Limits
    can: Can
    holders: Callable[[Entitlement], frozenset[str]]
    declared: int
    protected: frozenset[str] = frozenset()
    own: dict[str, frozenset[str]] = field(default_factory=dict)


Guard = Callable[[Plan, Facts], Iterator[Held]]


def mass_removal(plan: Plan, facts: Facts) -> Iterator[Held]:
    """A wrong checkout looks like a mass deletion."""
    limits = facts.limits
    owned = Counter({(k.system, k.kind): k.count for k in plan.kept})
    owned.update(_at(change) for change in plan.changes if change.live is not None)
    for (system, kind), removals in _unexplained(plan).items():
        ceiling = max(limits.floor, min(limits.count, owned[system, kind] * limits.percent / 100))
        if len(removals) > ceiling:
            reason = (
                f"would remove {len(removals)} of {owned[system, kind]} {kind} of {system} that "
                f"nothing explains (limit {ceiling:.0f}); check the checkout"
            )
            yield from (Held(change, "mass-removal", reason) for change in removals)


def _unexplained(plan: Plan) -> dict[tuple[str, str], list[Change]]:
    """The removals that nothing in git explains, by system and kind."""
    gone: dict[tuple[str, str], list[Change]] = defaultdict(list)
    for change in plan.changes:
        if change.removes and change.cause in UNEXPLAINED:
            gone[_at(change)].append(change)
    return gone


def _at(change: Change) -> tuple[str, str]:
    return change.assignment.entitlement.system, change.assignment.entitlement.kind


def nothing_declared(plan: Plan, facts: Facts) -> Iterator[Held]:
    """Git declares nothing at all: more likely an empty checkout than a company without access."""
    if facts.declared:
        return
    for (system, kind), removals in _unexplained(plan).items():
        if len(removals) > facts.limits.floor:
            reason = (
                f"git declares no access at all, and {len(removals)} {kind} of {system} would go"
            )
            yield from (Held(change, "nothing-declared", reason) for change in removals)


def protected(plan: Plan, facts: Facts) -> Iterator[Held]:
    for change in plan.changes:
        principal = change.assignment.principal
        names = {n.casefold() for n in (change.subject, principal.id, principal.name) if n}
        if _takes(change) and (hit := names & facts.protected):
            yield Held(change, "protected", f"{min(hit)} is protected in reconciler.yaml")


def own_access(plan: Plan, facts: Facts) -> Iterator[Held]:
    for change in plan.changes:
        own = facts.own.get(change.assignment.entitlement.system, frozenset())
        if _takes(change) and change.assignment.principal.id in own:
            yield Held(change, "own-access", "this is the reconciler's own access")


def last_admin(plan: Plan, facts: Facts) -> Iterator[Held]:
    """A scope without an administrator locks everybody out, us too."""
    removals: dict[Entitlement, list[Change]] = defaultdict(list)
    gains: dict[Entitlement, set[str]] = defaultdict(set)
    for change in plan.changes:
        entitlement = change.assignment.entitlement
        if change.action is Action.ADD:
            gains[entitlement].add(change.assignment.principal.id)
        elif change.removes and facts.can(entitlement, True).admin:
            removals[entitlement].append(change)
    for entitlement, changes in removals.items():
        leaving = {c.assignment.principal.id for c in changes}
        before = facts.holders(entitlement)  # whom the system itself has not cut off already
        if before & leaving and not (before | gains[entitlement]) - leaving:
            reason = f"nobody would be left with {entitlement.role} on {entitlement.resource}"
            yield from (Held(change, "last-admin", reason) for change in changes)


GUARDS: tuple[Guard, ...] = (protected, own_access, last_admin, nothing_declared, mass_removal)


def guard(plan: Plan, facts: Facts, released: frozenset[str] = frozenset()) -> Plan:
    """The plan with every dangerous change moved from `changes` to `held`; the rest goes ahead.

    A change that several guards hold is held by the first; `released` names guards to overrule.
    """
    held: dict[Change, Held] = {}
    for check in GUARDS:
        for verdict in check(plan, facts):
            if verdict.guard not in released:
                held.setdefault(verdict.change, verdict)
    return replace(
        plan,
        changes=tuple(c for c in plan.changes if c not in held),
        held=tuple(held[c] for c in plan.changes if c in held),
    )


def _takes(change: Change) -> bool:
    return change.removes or change.action is Action.SHORTEN


def names(protected: Iterable[str]) -> frozenset[str]:
    """`protected:` as written, folded for comparison."""
    return frozenset(name.casefold() for name in protected)
