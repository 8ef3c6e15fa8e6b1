"""Ruling + evidence -> is it granted, does it wait, or is it refused, and why. Asks nobody.

One pull request must bring all the approvals that are needed: they are never added up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from reconciler.model import Evidence, ForgeKind, ForgeSettings, PullRequest
from reconciler.policy.approvals import Approved, approvers, missing
from reconciler.policy.case import Case
from reconciler.policy.laws import Laws
from reconciler.policy.roster import Roster, whose
from reconciler.policy.ruling import Need, Ruling
from reconciler.policy.words import listed, some


class Verdict(StrEnum):
    GRANTED = "granted"
    WAITING = "waiting"  # nothing but approvals is missing
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Judgement:
    """`rule` decided ("" for none); `reasons` and `fix` are sentences. `approved_by` are ids of the
    people whose approval was needed and given, `pull` the address of the pull request that was
    weighed, "" for none."""

    verdict: Verdict
    rule: str = ""
    reasons: tuple[str, ...] = ()
    fix: str = ""
    approved_by: tuple[str, ...] = ()
    missing: tuple[Need, ...] = ()
    pull: str = ""
    break_glass: bool = False
    automatic: bool = False


def judge(
    laws: Laws,
    case: Case,
    ruling: Ruling,
    evidence: Evidence,
    origin: str,
    blob: str,
    then: Roster,
    today: Roster,
    grantees: frozenset[str],
    settings: ForgeSettings,
) -> Judgement:
    """`ruling` is what `laws`, those of the commit before the change, say of `case`. The file came
    in at the path `origin` with the content `blob`; `grantees` are the ids of all who would gain,
    the members of its groups among them."""
    emergency = ruling.break_glass is not None
    if not ruling.permitted:
        return Judgement(Verdict.REFUSED, ruling.rule, ruling.reasons, ruling.fix)
    if settings.kind is ForgeKind.NONE:
        return Judgement(
            Verdict.GRANTED,
            ruling.rule,
            (*ruling.reasons, _TRUSTED),
            break_glass=emergency,
            automatic=ruling.automatic,
        )
    gain = grantees | {case.subject.id}
    own = ruling.self_approval

    def weigh(pull: PullRequest) -> Judgement:
        found = approvers(
            pull, origin, blob, then, today, gain, self_approval=own, settings=settings
        )
        refused = _void(pull, found, ruling.rule, settings)
        if refused is None and emergency:
            refused = _not_own(pull, case, ruling.rule, then, today)
        return refused or _weighed(pull, found, ruling, emergency)

    return _best(evidence, origin, ruling.rule, weigh)


def judge_change(
    laws: Laws,
    path: str,
    origin: str,
    blob: str,
    evidence: Evidence,
    then: Roster,
    today: Roster,
    settings: ForgeSettings,
) -> Judgement:
    """Of a file that is no grant. An empty `blob` says that it was taken away."""
    asked = laws.change(path)
    if asked is None:
        reason = f"no rule under `changes:` of policies/ covers {path}, so nobody may change it"
        return Judgement(Verdict.REFUSED, "", (reason,), _uncovered(path))
    rule, needs = asked
    reasons = (f"rule `{rule}` says who approves changes of {path}",)
    if settings.kind is ForgeKind.NONE:
        return Judgement(Verdict.GRANTED, rule, (*reasons, _TRUSTED))
    ruling = Ruling(True, rule, reasons, needs)

    def weigh(pull: PullRequest) -> Judgement:
        nobody: frozenset[str] = frozenset()
        found = approvers(
            pull, origin, blob, then, today, nobody, self_approval=False, settings=settings
        )
        return _void(pull, found, rule, settings) or _weighed(pull, found, ruling, False)

    return _best(evidence, origin, rule, weigh)


_TRUSTED = "reconciler.yaml names no forge, so being on the branch is all the proof there is"
_RANKS = {Verdict.GRANTED: 0, Verdict.WAITING: 1, Verdict.REFUSED: 2}


def _uncovered(path: str) -> str:
    return f"add a rule for {path} under `changes:` in policies/, in a pull request of its own"


def _best(
    evidence: Evidence, path: str, rule: str, weigh: Callable[[PullRequest], Judgement]
) -> Judgement:
    """Of several pull requests that brought the same commit in, the one that proves most."""
    if evidence.untold:
        fix = f"take {path} out, and bring it in by a pull request that the forge tells whole"
        return Judgement(Verdict.REFUSED, rule, (evidence.untold,), fix)
    if not evidence.pulls:
        reason = f"commit {evidence.commit[:10]} came by a direct push, without a pull request"
        fix = f"take {path} out, and bring it in by a pull request that is approved"
        return Judgement(Verdict.REFUSED, rule, (reason,), fix)
    pulls = sorted(evidence.pulls, key=lambda pull: pull.number)
    return min(
        (weigh(pull) for pull in pulls),
        key=lambda j: (_RANKS[j.verdict], sum(need.count for need in j.missing)),
    )


def _void(
    pull: PullRequest, found: Approved, rule: str, settings: ForgeSettings
) -> Judgement | None:
    """The refusal of a pull request that proves nothing."""
    if pull.base != settings.branch:
        reason = f"{pull.url} is for the branch {pull.base}, and {settings.branch} is what counts"
        fix = f"open a pull request for {settings.branch}"
        return Judgement(Verdict.REFUSED, rule, (reason,), fix, pull=pull.url)
    if found.void:
        return Judgement(Verdict.REFUSED, rule, (found.void,), found.mend, pull=pull.url)
    return None


def _not_own(
    pull: PullRequest, case: Case, rule: str, then: Roster, today: Roster
) -> Judgement | None:
    """Break-glass is for oneself: nobody gives it to somebody else."""
    author = whose(pull.author, then, today) if pull.author else ""
    if author == case.subject.id:
        return None
    reason = f"{pull.url} is by {author or 'nobody known'}, and break-glass is asked for by oneself"
    fix = f"let {case.subject.id} open the pull request, or ask without `break_glass`"
    return Judgement(Verdict.REFUSED, rule, (reason,), fix, pull=pull.url)


def _weighed(pull: PullRequest, found: Approved, ruling: Ruling, emergency: bool) -> Judgement:
    left = missing(ruling.needs, found.persons)
    asked = frozenset(person for need in ruling.needs for person in need.persons)
    approved = tuple(sorted(found.persons & asked))
    if not left:
        by = f"approved by {listed(approved, 'and')}" if approved else "no approval is needed"
        return Judgement(
            Verdict.GRANTED,
            ruling.rule,
            (*ruling.reasons, by),
            approved_by=approved,
            pull=pull.url,
            break_glass=emergency,
            automatic=ruling.automatic,
        )
    outside = found.persons - asked
    remarks = [f"{person} approved, and is not asked by the rule" for person in sorted(outside)]
    return Judgement(
        Verdict.WAITING,
        ruling.rule,
        (*(f"approval is missing: {need.words}" for need in left), *found.remarks, *remarks),
        _ask(pull, left, found.persons),
        approved,
        left,
        pull.url,
    )


def _ask(pull: PullRequest, left: Sequence[Need], persons: frozenset[str]) -> str:
    if any(not need.persons - persons for need in left):
        return "nobody can give that approval: correct the rule, the catalog or the directory first"
    who = _listed_candidates(left, persons)
    if pull.merged_at is None:
        return f"ask {who} to approve {pull.url}"
    return (
        f"{pull.url} was merged without it, and approvals after the merge do not count: bring the "
        f"change in again by a pull request that {who} approves before it is merged"
    )


def _listed_candidates(left: Iterable[Need], persons: frozenset[str]) -> str:
    return listed((some(need.persons - persons) for need in left), "and")
