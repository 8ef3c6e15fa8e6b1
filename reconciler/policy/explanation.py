"""Everything that led to a decision about one grant, for a person to read. Decides nothing anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from reconciler.model import Proof, PullRequest, Rule
from reconciler.policy.approvals import Approved
from reconciler.policy.case import Case
from reconciler.policy.judge import Judgement
from reconciler.policy.laws import Laws
from reconciler.policy.ruling import Ruling
from reconciler.policy.trace import Step, trace
from reconciler.policy.words import length, listed


@dataclass(frozen=True, slots=True)
class Explained:
    """One subject and one item. `limits` are those of the rule that decides, kept or not. `proof`
    is None where none was asked for, and `judgement` where nothing was judged: the grant came
    before proof was asked for, or the forge does not answer."""

    case: Case
    steps: tuple[Step, ...]
    ruling: Ruling
    limits: tuple[str, ...] = ()
    proof: Proof | None = None
    judgement: Judgement | None = None


@dataclass(frozen=True, slots=True)
class Weighed:
    """A pull request that brought the file in, and whose approval in it counts."""

    pull: PullRequest
    approved: Approved


@dataclass(frozen=True, slots=True)
class Explanation:
    """`commit` is "" for the working tree, and `merged` the moment of looking then. `gone` is when
    the content was replaced or deleted."""

    path: str
    commit: str
    merged: datetime
    explained: tuple[Explained, ...]
    pulls: tuple[Weighed, ...] = ()
    gone: datetime | None = None


def explained(
    laws: Laws, case: Case, proof: Proof | None = None, judgement: Judgement | None = None
) -> Explained:
    ruling = laws.decide(case)
    rule = next((r for r in laws.book.rules if r.name == ruling.rule), None)
    limits = tuple(_limits(rule)) if rule else ()
    return Explained(case, trace(laws, case), ruling, limits, proof, judgement)


def _limits(rule: Rule) -> Iterator[str]:
    """As the file says them."""
    for name, limit in (
        ("min_duration", rule.min_duration),
        ("max_duration", rule.max_duration),
        ("max_total", rule.max_total),
        ("max_ahead", rule.max_ahead),
    ):
        if limit is not None:
            yield f"{name} {length(limit)}"
    if rule.require.ticket:
        yield f"a ticket like {rule.require.ticket}"
    if rule.require.reason:
        yield f"a reason of {rule.require.reason} characters"
    if rule.break_glass is not None:
        after = rule.break_glass
        by = listed((*after.review_by.groups, *after.review_by.persons))
        yield f"break-glass for {length(after.max_duration)} at most"
        yield f"looked at by {by} within {length(after.review_within)}"
