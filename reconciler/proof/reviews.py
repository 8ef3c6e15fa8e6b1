"""Break-glass access is looked at afterwards: which of it still waits for that, and since when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from reconciler.forge.base import Want
from reconciler.model import (
    AfterReview,
    BreakGlass,
    ForgeKind,
    Grant,
    OpenReview,
    Source,
    Version,
)
from reconciler.policy.approvals import approvers
from reconciler.policy.roster import Roster, whose
from reconciler.proof.changes import Changes
from reconciler.proof.evidence import Dossier
from reconciler.proof.grants import Grants, Outcome

FOLDER = "grants/break-glass/"


@dataclass
class AfterReviews:
    """`closing` are the files of reviews/ that stand; `closed` those by which somebody has looked,
    as far as was asked."""

    changes: Changes
    dossier: Dossier
    grants: Grants
    closing: tuple[Version[AfterReview], ...]
    closed: list[Version[AfterReview]] = field(default_factory=list)

    def open(self, versions: Iterable[Version[Grant]]) -> Iterator[OpenReview]:
        versions = tuple(versions)
        self.grants.prepare(versions)
        for version in versions:
            taken = [o for o in self.grants.outcomes(version) if _broken(o)]
            judgement = taken[0].judgement if taken else None
            if judgement is None:
                continue
            found = self._rule(judgement.rule, self.changes.number(version.commit))
            if found is None or self._closed(version, taken, found):
                continue
            subjects = tuple(sorted({o.claim.subject.id for o in taken}))
            due = version.merged + found.review_within
            yield OpenReview(
                due,
                version.path,
                version.commit,
                subjects,
                judgement.rule,
                version.content.reason,
                judgement.pull,
                found.wakes,
            )

    def _rule(self, name: str, number: int) -> BreakGlass | None:
        rules = (r for page in self.changes.ground(number - 1).policies for r in page.rules)
        return next((r.break_glass for r in rules if r.name == name), None)

    def _closed(self, version: Version[Grant], taken: list[Outcome], rule: BreakGlass) -> bool:
        grantees = frozenset(o.claim.subject.id for o in taken)
        for review in self.closing:
            about = review.content
            counts = review.id not in self.changes.refused and about.commit == version.commit
            named = about.grant in (version.path, version.origin)
            if counts and named and self._independent(review, grantees, rule.review_by):
                self.closed.append(review)
                return True
        return False

    def _independent(
        self, review: Version[AfterReview], grantees: frozenset[str], by: Source
    ) -> bool:
        """Somebody whom the rule names, and who had none of the access, opened it or approved it."""
        number = self.changes.number(review.commit)
        settings = self.changes.forge(number)
        if settings.kind is ForgeKind.NONE or self.changes.trusts(number):
            return True
        want = Want(review.commit, review.origin, review.blob)
        evidence = self.dossier.of(settings, want)
        then, today = self.changes.ground(number - 1).roster, self.changes.tip.roster
        eligible = _people(by, then) - grantees
        for pull in evidence.pulls if evidence else ():
            found = approvers(
                pull,
                want.path,
                want.blob,
                then,
                today,
                grantees,
                self_approval=False,
                settings=settings,
            )
            author = whose(pull.author, then, today) if pull.author else ""
            if not found.void and eligible & (found.persons | {author}):
                return True
        return False


def _people(source: Source, roster: Roster) -> frozenset[str]:
    members = frozenset(id for group in source.groups for id in roster.members(group))
    return members | frozenset(id for id in source.persons if roster.active(id))


def _broken(outcome: Outcome) -> bool:
    return outcome.judgement is not None and outcome.judgement.break_glass
