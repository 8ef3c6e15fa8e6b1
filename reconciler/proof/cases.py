"""What the rules are asked about a claim: for whom, beside what they hold, and how long it would be
in all. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.model import Claim, Grant, SubjectKind, Version, Window
from reconciler.policy.case import Case, SubjectFacts
from reconciler.proof.changes import Changes
from reconciler.proof.ground import Ground
from reconciler.proof.holdings import Holdings
from reconciler.proof.past import Past


@dataclass
class Cases:
    """`claims` are those of the versions that the run loaded; `past` has all the others. `judged`
    are the versions whose verdict says what is held by them."""

    changes: Changes
    claims: Mapping[int, list[Claim]]
    past: Past
    judged: set[int] = field(default_factory=set)
    _holdings: Holdings = field(default_factory=Holdings)
    _counted: set[int] = field(default_factory=set)

    def of(
        self,
        version: Version[Grant],
        claim: Claim,
        ground: Ground | None = None,
        same: list[Claim] | None = None,
    ) -> Iterator[Case]:
        """As the rules of the commit before are asked, or those of `ground`. `same` are all claims
        of the version, where it is not one of those that were loaded."""
        by = ground or self.ground(version)
        same = self.claims.get(version.id, []) if same is None else same
        return (self.case(version, claim, by, same, p) for p in self.people(claim, by))

    def ground(self, version: Version[Grant]) -> Ground:
        """What counted before it came in."""
        return self.changes.ground(self.changes.number(version.commit) - 1)

    def hold(self, version: Version[Grant], claims: Iterable[Claim]) -> None:
        """From now on these count as held beside the rest."""
        self._holdings.add(version, claims)

    def people(self, claim: Claim, ground: Ground) -> list[SubjectFacts]:
        """Who asks, by the directory of the commit before. Members of a group are judged by what
        the directory says of them now: they may have come after the grant."""
        subject = claim.subject
        if subject.kind is SubjectKind.GROUP:
            laws = self.changes.tip.laws
            members = [
                laws.subject(id) for id in sorted(self.changes.tip.roster.members(subject.id))
            ]
            return members or [
                SubjectFacts(subject.id, "group", frozenset({subject.id}), (), "", "active")
            ]
        laws = self.changes.tip.laws if claim.ref else ground.laws
        return [laws.subject(subject.id)]

    def case(
        self,
        version: Version[Grant],
        claim: Claim,
        ground: Ground,
        same: list[Claim],
        facts: SubjectFacts,
    ) -> Case:
        """For one of those whom the claim serves."""
        grant, laws = version.content, ground.laws
        holds = chain = None
        if any(rule.holds for page in ground.policies for rule in page.rules):
            holds = self._holdings.beside((facts.id, *facts.groups), claim, version, same)
        if any(rule.max_total for page in ground.policies for rule in page.rules):
            self._look_further_back(version, ground)
            chain = self._holdings.chain(claim, version)
        return Case(
            version.origin,
            grant.reason,
            grant.ticket,
            claim.said or Window(version.merged),
            version.merged,
            version.origin.startswith("standing/"),
            grant.break_glass,
            claim.entitlement,
            claim.account,
            claim.bundle,
            facts,
            laws.resource(claim.entitlement),
            holds or (),
            chain,
        )

    def _look_further_back(self, version: Version[Grant], ground: Ground) -> None:
        """A chain of extensions may reach back over versions that this run has no need of. They are
        long over and not judged again: they only make a chain longer, never access wider."""
        for earlier in self.past.earlier(version, ground):
            if earlier.id not in self.judged and earlier.id not in self._counted:
                self._counted.add(earlier.id)
                self.hold(earlier, self.past.claims([earlier]))
