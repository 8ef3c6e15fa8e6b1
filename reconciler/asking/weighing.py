"""A grant that nobody has merged yet -> what the rules would say of it if it came in now. Asks no
forge, and opens no file but those that the history needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.model import BreakGlass, Claim, Effect, Entitlement, Grant, Rule, Version, Window
from reconciler.policy.case import Case
from reconciler.policy.laws import Laws
from reconciler.policy.ruling import Ruling
from reconciler.proof.authorise import Authorised
from reconciler.proof.holdings import by_version


@dataclass(frozen=True, slots=True)
class Said:
    """What the rules say of one subject and one entitlement. `most` is for how long it can be had
    at the most from now on, None where no rule decided or the one that did sets no limit."""

    subject: str
    entitlement: Entitlement | None
    ruling: Ruling
    most: timedelta | None = None
    bundle: str = ""  # that it came with


@dataclass(frozen=True, slots=True)
class Approval:
    """`count` people out of `candidates` (ids), without those whose word would not count."""

    count: int
    words: str
    candidates: tuple[str, ...]

    @property
    def possible(self) -> bool:
        return len(self.candidates) >= self.count


@dataclass(frozen=True, slots=True)
class Answer:
    """`grantees` are the ids of all who would have the access, the members of groups among them."""

    grant: Grant
    window: Window
    said: tuple[Said, ...]
    grantees: frozenset[str]

    @property
    def permitted(self) -> bool:
        return bool(self.said) and all(each.ruling.permitted for each in self.said)

    @property
    def refusals(self) -> tuple[Said, ...]:
        return tuple(each for each in self.said if not each.ruling.permitted)

    @property
    def rules(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.ruling.rule for each in self.said if each.ruling.rule))

    def items(self, bundle: str) -> tuple[Entitlement, ...]:
        """What comes with a bundle."""
        found = (each.entitlement for each in self.said if each.bundle == bundle)
        return tuple(dict.fromkeys(one for one in found if one is not None))

    @property
    def most(self) -> timedelta | None:
        return min((each.most for each in self.said if each.most is not None), default=None)

    @property
    def emergency(self) -> BreakGlass | None:
        return next((e.ruling.break_glass for e in self.said if e.ruling.break_glass), None)

    @property
    def automatic(self) -> bool:
        """Whether it is a rule's waiver that makes an approval unnecessary."""
        return any(each.ruling.automatic for each in self.said)

    def approvals(self, author: str) -> tuple[Approval, ...]:
        """Each different one once. `author` opens the pull request, and so cannot approve it."""
        found: dict[tuple[int, str], Approval] = {}
        for each in self.said:
            for need in each.ruling.needs:
                out = frozenset() if each.ruling.self_approval else self.grantees | {author}
                who = tuple(sorted(need.persons - out))
                found.setdefault((need.count, need.words), Approval(need.count, need.words, who))
        return tuple(found.values())


def weigh(
    grants: Sequence[Grant], authorised: Authorised, now: datetime, laws: Laws | None = None
) -> tuple[Answer, ...]:
    """One answer for each, in order. `laws` instead of those that count: to see what would be."""
    versions = [
        Version(grant.path, "", "", now, None, grant, grant.path, id=-2 - i)
        for i, grant in enumerate(grants)
    ]
    claims = by_version(authorised.grants.past.claims(versions))
    return tuple(_answer(v, claims.get(v.id, []), authorised, now, laws) for v in versions)


def longest(rule: Rule, case: Case) -> timedelta | None:
    """For how long the rule permits what the case asks for, from its start; None: no limit."""
    limits = [rule.max_duration]
    if rule.break_glass is not None:
        limits.append(rule.break_glass.max_duration)
    if rule.max_total is not None:
        before = timedelta(0)
        if case.chain is not None and case.length is not None:
            before = case.chain - case.length
        limits.append(max(rule.max_total - before, timedelta(0)))
    return min((limit for limit in limits if limit is not None), default=None)


def _answer(
    version: Version[Grant],
    claims: list[Claim],
    authorised: Authorised,
    now: datetime,
    laws: Laws | None,
) -> Answer:
    changes = authorised.changes
    tip = laws or changes.tip.laws
    free = changes.root is None and not changes.tip.policies
    said: list[Said] = []
    for claim in claims:
        for case in authorised.grants.cases.of(version, claim, changes.tip, claims):
            ruling = _FREE if free else tip.decide(case)
            rule = permit(tip, ruling.rule)
            most = longest(rule, case) if rule else None
            said.append(Said(case.subject.id, claim.entitlement, ruling, most, claim.bundle))
    grant = version.content
    said += _absent(grant, claims, tip)
    return Answer(grant, grant.window(now), tuple(said), changes.tip.grantees(grant))


_FREE = Ruling(True, "", ("there are no policies yet: whoever can merge can grant",))


def permit(laws: Laws, name: str) -> Rule | None:
    """The permit rule of this name, if there is one."""
    rules = (r for r in laws.book.rules if r.name == name and r.effect is Effect.PERMIT)
    return next(rules, None)


def _absent(grant: Grant, claims: Iterable[Claim], laws: Laws) -> list[Said]:
    """Subjects to whom the grant would give nothing at all, with the reason."""
    there = {claim.ref or claim.subject.id for claim in claims}
    found: list[Said] = []
    for ref in grant.subjects:
        if ref.id in there:
            continue
        status = "" if ref.group else laws.subject(ref.id).status
        if ref.group:
            reason = f"group {ref.id} has no active member in directory/"
            fix = "ask for a group that has members, or for a person"
        elif not status:
            reason = f"{ref.id} is not in directory/ on the main line"
            fix = f"add {ref.id} to directory/ first, in a pull request of its own"
        elif status != "active":
            reason = f"{ref.id} is {status} in directory/"
            fix = "ask for somebody who is active, or have the directory corrected first"
        else:
            reason = f"{grant.path} gives {ref.id} nothing"
            fix = "ask for a bundle that has items"
        found.append(Said(ref.id, None, Ruling(False, "", (reason,), fix=fix)))
    return found
