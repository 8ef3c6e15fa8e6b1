"""Changes too dangerous to make unasked. They are held, never dropped. Each guard is a pure
function; GUARDS is all of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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

    `declared` counts the assignments that git declares now. `holders` answers with the principal
    id of every live row that gives an entitlement, another controller's left out. By system, `own`
    has the principal ids that we act as and `shielded` those of the protected, None where they
    could not be found out; `strangers` says, where somebody that git names was not recognised,
    who. `protected` is as written, case-folded. `separated` answers why somebody may not have an
    entitlement beside what the systems show of them, "" where they may.
    """

    limits: Limits
    can: Can
    holders: Callable[[Entitlement], Sequence[str]]
    declared: int
    protected: frozenset[str] = frozenset()
    shielded: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    own: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    strangers: Mapping[str, str] = field(default_factory=dict)
    separated: Callable[[Change], str] = lambda change: ""


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
        shielded = facts.shielded.get(_at(change)[0], frozenset())
        bare = principal.id.partition(":")[2]
        names = {n.casefold() for n in (change.subject, principal.id, bare, principal.name) if n}
        if not _takes(change):
            continue
        if names & facts.protected or (shielded is not None and principal.id in shielded):
            yield Held(change, "protected", f"{principal} is protected in reconciler.yaml")
        elif shielded is None and change.cause in UNEXPLAINED:
            reason = "who is protected here could not be found out"
            yield Held(change, "protected", reason)


def own_access(plan: Plan, facts: Facts) -> Iterator[Held]:
    for change in plan.changes:
        own = facts.own.get(_at(change)[0], frozenset())
        if own is None:
            if _takes(change) and change.cause in UNEXPLAINED:
                yield Held(change, "own-access", "who we are here could not be found out")
        elif _takes(change) and change.assignment.principal.id in own:
            yield Held(change, "own-access", "this is the reconciler's own access")


def unrecognised(plan: Plan, facts: Facts) -> Iterator[Held]:
    """Somebody whom git names was not found in the system: the row that nothing seems to declare
    may be theirs. What expired, or was taken from somebody who left, is sure and goes."""
    for change in plan.changes:
        if change.removes and change.cause in UNEXPLAINED and _at(change)[0] in facts.strangers:
            who = facts.strangers[_at(change)[0]]
            reason = f"not recognised here, so this may be theirs: {who}; mend that first"
            yield Held(change, "unrecognised", reason)


def last_admin(plan: Plan, facts: Facts) -> Iterator[Held]:
    """A scope without an administrator locks everybody out, us too. Who is only about to become
    one does not count: the removal waits until the system shows the other."""
    removals: dict[Entitlement, list[Change]] = defaultdict(list)
    for change in plan.changes:
        entitlement = change.assignment.entitlement
        if change.removes and _holds_still(change, plan) and facts.can(entitlement, True).admin:
            removals[entitlement].append(change)
    for entitlement, changes in removals.items():
        left = Counter(facts.holders(entitlement))
        left.subtract(c.assignment.principal.id for c in changes)
        if not +left:
            reason = f"nobody would be left with {entitlement.role} on {entitlement.resource}"
            yield from (Held(change, "last-admin", reason) for change in changes)


def separation(plan: Plan, facts: Facts) -> Iterator[Held]:
    """What somebody holds past git was not known when their grant was approved."""
    for change in plan.changes:
        if change.action is Action.ADD and (why := facts.separated(change)):
            yield Held(change, "separation", why)


def _holds_still(change: Change, plan: Plan) -> bool:
    """Whether the row to be removed still gives anything: the system may have ended it itself."""
    until = change.live.until if change.live else None
    return until is None or until > plan.at


GUARDS: tuple[Guard, ...] = (
    protected,
    own_access,
    unrecognised,
    last_admin,
    separation,
    nothing_declared,
    mass_removal,
)


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
