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


@dataclass(frozen=True, slots=True)
class Closed:
    """A file of reviews/ that closes an emergency: who of those that may have looked, and in which
    pull request. Both are empty where no proof is asked for."""

    review: AfterReview
    by: tuple[str, ...] = ()
    pull: str = ""


@dataclass
class AfterReviews:
    """`closing` are the files of reviews/ that stand; `closed` those by which somebody has looked,
    as far as was asked."""

    changes: Changes
    dossier: Dossier
    grants: Grants
    closing: tuple[Version[AfterReview], ...]
    closed: list[Closed] = field(default_factory=list)

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
            may = _people(found.review_by, self.changes.tip.roster) - {*subjects}
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
                tuple(sorted(may)),
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
            if not counts or not named:
                continue
            if closed := self._independent(review, grantees, rule.review_by):
                self.closed.append(closed)
                return True
        return False

    def _independent(
        self, review: Version[AfterReview], grantees: frozenset[str], by: Source
    ) -> Closed | None:
        """Somebody whom the rule names, and who had none of the access, opened it or approved it."""
        number = self.changes.number(review.commit)
        settings = self.changes.forge(number)
        if settings.kind is ForgeKind.NONE or self.changes.trusts(number):
            return Closed(review.content)
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
            if not found.void and (who := eligible & (found.persons | {author})):
                return Closed(review.content, tuple(sorted(who)), pull.url)
        return None


def _people(source: Source, roster: Roster) -> frozenset[str]:
    members = frozenset(id for group in source.groups for id in roster.members(group))
    return members | frozenset(id for id in source.persons if roster.active(id))


def _broken(outcome: Outcome) -> bool:
    return outcome.judgement is not None and outcome.judgement.break_glass
