"""What the rules of the main line say of each file that a pull request changes, and who is still to
approve it. Decides nothing anew: it words what the judge and the rules decided."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from reconciler.forge.base import Want
from reconciler.model import ForgeKind, Grant, Proof, PullRequest, Version
from reconciler.model.checked import Answer, Asked, Ruled
from reconciler.policy.judge import Judgement, Verdict, judge_change
from reconciler.policy.roster import whose
from reconciler.policy.ruling import Need, Ruling
from reconciler.policy.words import listed, some
from reconciler.proof.authorise import Authorised
from reconciler.proof.carried import Carried
from reconciler.proof.changes import Changes
from reconciler.proof.check_pull import Answers
from reconciler.proof.grants import Outcome
from reconciler.proof.ground import GOVERNING, Event, Ground, events

_NO_RULES = "the main line has no rules for it, so nobody need approve it"
_ANSWERS = {
    Verdict.GRANTED: Answer.GRANTED,
    Verdict.WAITING: Answer.WAITING,
    Verdict.REFUSED: Answer.REFUSED,
}


@dataclass(frozen=True)
class Rules:
    """`pull` None: nobody was asked about approvals, so all are missing. `unweighed` are paths
    for which approvals cannot be weighed, for another reason that is told."""

    authorised: Authorised
    answers: Answers
    pull: PullRequest | None
    unweighed: frozenset[str] = frozenset()

    @property
    def changes(self) -> Changes:
        return self.authorised.changes

    @property
    def _before(self) -> Ground:
        """The rules of the main line as it is."""
        return self.changes.ground(self.changes.last - 1)

    def grants(self) -> tuple[Ruled, ...]:
        """Of the files of grants that the merge on trial brings in."""
        versions = self.authorised.grants.versions
        ours = [
            (versions[o.claim.version], o)
            for o in self.authorised.outcomes
            if versions[o.claim.version].commit == self.answers.commit
        ]
        self._hold(ours)
        return _joined(self._grant(version, outcome) for version, outcome in ours)

    def others(self) -> tuple[Ruled, ...]:
        """Of the files that decide over grants."""
        archive, last = self.changes.archive, self.changes.last
        found = events(archive.traces(GOVERNING), archive)
        return tuple(self._other(event) for event in found if event.number == last)

    def _hold(self, ours: Iterable[tuple[Version[Grant], Outcome]]) -> None:
        """What waits for approval counts as held beside the rest: once it is approved it is."""
        for version, outcome in ours:
            if outcome.proof is Proof.REFUSED:
                self.authorised.grants.cases.hold(version, [outcome.claim])

    def _grant(self, version: Version[Grant], outcome: Outcome) -> Ruled:
        claim, judgement = outcome.claim, outcome.judgement
        about = ((claim.subject.id, str(claim.entitlement)),)
        if outcome.proof is Proof.WAITING:
            return Ruled(version.path, about, Answer.UNKNOWN)
        if judgement is None:
            return Ruled(version.path, about, Answer.GRANTED, reasons=(_NO_RULES,))
        grants, before = self.authorised.grants, self._before
        rulings = [before.laws.decide(case) for case in grants.cases.of(version, claim)]
        worst = max(rulings, key=lambda r: (not r.permitted, sum(n.count for n in r.needs)))
        own = any(ruling.self_approval for ruling in rulings)
        barred = frozenset() if own else before.grantees(version.content) | self._hands()
        if not worst.permitted or self._is_unweighed(version.path):
            return self._by_rule(version.path, about, worst, barred)
        return self._by_judgement(version.path, about, judgement, barred)

    def _other(self, event: Event) -> Ruled:
        changes, path = self.changes, event.path
        if changes.unsure:
            return Ruled(path, (), Answer.UNKNOWN)
        if changes.trusts(event.number):
            return Ruled(path, (), Answer.GRANTED, reasons=(_NO_RULES,))
        before = self._before
        evidence = self.answers.evidence
        assert evidence is not None  # the merge is on trial
        asked = before.laws.change(path)
        if asked is not None and self._is_unweighed(path):
            rule, needs = asked
            ruling = Ruling(True, rule, (f"rule `{rule}` says who approves changes",), needs)
            return self._by_rule(path, (), ruling, self._hands())
        today = changes.tip.roster if changes.refusals else before.roster
        origin, blob, then = event.origin, event.blob, before.roster
        evidence = Carried(changes.archive).own(evidence, Want(event.commit, origin, blob))
        found = judge_change(
            before.laws, path, origin, blob, evidence, then, today, changes.settings
        )
        return self._by_judgement(path, (), found, self._hands())

    def _is_unweighed(self, path: str) -> bool:
        asked = self.changes.settings.kind is not ForgeKind.NONE
        return asked and (self.pull is None or path in self.unweighed)

    def _by_rule(
        self,
        path: str,
        about: tuple[tuple[str, str], ...],
        ruling: Ruling,
        barred: frozenset[str],
    ) -> Ruled:
        """Whatever was approved."""
        answer = Answer.WAITING if ruling.needs else Answer.GRANTED
        missing = _asked(ruling.needs, barred) if ruling.permitted else ()
        return Ruled(
            path,
            about,
            answer if ruling.permitted else Answer.REFUSED,
            ruling.rule,
            ruling.reasons,
            self._ask(missing) if missing else ruling.fix,
            missing=missing,
            break_glass=ruling.break_glass is not None,
            automatic=ruling.automatic,
        )

    def _by_judgement(
        self,
        path: str,
        about: tuple[tuple[str, str], ...],
        judgement: Judgement,
        barred: frozenset[str],
    ) -> Ruled:
        missing = _asked(judgement.missing, barred | set(judgement.approved_by))
        return Ruled(
            path,
            about,
            _ANSWERS[judgement.verdict],
            judgement.rule,
            judgement.reasons,
            self._ask(missing) if missing else judgement.fix,
            judgement.approved_by,
            missing,
            judgement.break_glass,
            judgement.automatic,
        )

    def _ask(self, missing: Sequence[Asked]) -> str:
        if any(len(asked.candidates) < asked.count for asked in missing):
            return (
                "nobody is left who can give that approval: let somebody else open the pull "
                "request, or have the rule, the catalog or the directory corrected first"
            )
        whom = listed((some(asked.candidates) for asked in missing), "and")
        return f"ask {whom} to approve {self.pull.url if self.pull else 'the pull request'}"

    def _hands(self) -> frozenset[str]:
        """Who wrote it."""
        if self.pull is None:
            return frozenset()
        then, today = self._before.roster, self.changes.tip.roster
        accounts = (a for a in (self.pull.author, *self.pull.writers) if a is not None)
        return frozenset(whose(account, then, today) for account in accounts) - {""}


def _asked(needs: Iterable[Need], barred: frozenset[str]) -> tuple[Asked, ...]:
    return tuple(Asked(n.count, n.words, tuple(sorted(n.persons - barred))) for n in needs)


def _joined(found: Iterable[Ruled]) -> tuple[Ruled, ...]:
    """One for everything in a file that has one answer."""
    groups: dict[Ruled, list[tuple[str, str]]] = {}
    for each in found:
        groups.setdefault(replace(each, about=()), []).extend(each.about)
    rows = (replace(one, about=tuple(sorted(set(about)))) for one, about in groups.items())
    return tuple(sorted(rows, key=lambda r: (r.path, r.about)))
