"""The short words that every rendering shares: one wording for one thing. Prints nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

from reconciler.model import (
    Action,
    Assignment,
    Cause,
    Change,
    OpenReview,
    Plan,
    Unapproved,
)
from reconciler.planning.guards import RELEASABLE
from reconciler.policy.words import short, some
from reconciler.providers.base import Outcome

SIGNS = {Action.ADD: "+", Action.EXTEND: "~", Action.SHORTEN: "~", Action.REMOVE: "-"}
_LINE = 300


def printable(text: str) -> str:
    """Text from outside without what steers a terminal or hides a character."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)


def moment(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%MZ")


def who(subject: str, assignment: Assignment) -> str:
    return subject or str(assignment.principal)


def what(assignment: Assignment) -> str:
    """The role, cut where it is a whole policy document."""
    return short(assignment.entitlement.role)


def role_of(change: Change) -> str:
    """The role, and what it takes the place of or gives way to."""
    role = what(change.assignment)
    if change.replaces:
        return f"{role} (instead of {change.replaces})"
    if change.restores:
        return f"{role} (back to {change.restores})"
    return role


def ends(change: Change) -> str:
    """When access ends and who sees to it, or why it goes."""
    if change.removes:
        exclusive = change.cause is Cause.FOREIGN
        return "undeclared, and exclusive" if exclusive else str(change.cause)
    if change.until is None:
        return "no end"
    by = "by the system" if change.native_expiry else "by the reconciler"
    return f"until {moment(change.until)}, ended {by}"


def brief(error: str) -> str:
    """An SDK's page of explanation as one line that fits a table."""
    line = printable(" ".join(error.split()))
    return line if len(line) <= _LINE else f"{line[: _LINE - 1]}…"


UNAPPROVED = "Not approved: nothing is given for it"


@dataclass(frozen=True, slots=True)
class Row:
    """One refusal, for one file and reason, however many it concerns."""

    title: str
    lines: tuple[str, ...]


def grouped(found: Iterable[Unapproved]) -> Iterator[Row]:
    """Refusals of one file for one reason are told once, with everything that they concern."""
    groups: dict[tuple[str, ...], list[Unapproved]] = {}
    for one in found:
        groups.setdefault((one.path, one.commit, one.rule, one.reason, one.fix), []).append(one)
    for (path, commit, rule, reason, fix), rows in groups.items():
        what = "this change does not count: the version before stands"
        if rows[0].subject:
            access = [f"{row.subject}: {short(row.access)}" for row in rows]
            more = f" and {len(access) - 3} more" if len(access) > 3 else ""
            what = "; ".join(access[:3]) + more
        by = f" (rule `{rule}`)" if rule else ""
        title = f"{path} at {commit[:10]}: {what}"
        yield Row(
            title, tuple(line for line in (f"{reason}{by}", f"do: {fix}" if fix else "") if line)
        )


def emergency(review: OpenReview, hint: str = " (`reconciler review` says how)") -> str:
    who = ", ".join(review.subjects)
    return (
        f"break-glass by {who}: {review.path} at {review.commit[:10]}, `{short(review.reason)}`; "
        f"to be looked at by {moment(review.due)}{hint}"
    )


def closing(review: OpenReview) -> tuple[str, ...]:
    """What to write, whole: an id that was cut cannot be copied."""
    who = some(review.reviewers) or "somebody whom the rule names under `review`"
    return (
        f"to close it: {who} opens or approves a pull request that brings in "
        f"reviews/{PurePosixPath(review.path).name} (and has the approvals that `changes:` in "
        "policies/ asks for reviews/):",
        f"grant: {review.path}",
        f"commit: {review.commit}",
        "outcome: justified  # or misuse",
        "remarks: what was done with it, in ten characters or more",
    )


UNKNOWN = "Could not be read or recognised: nothing is planned there"
_DONE = {"add": "added", "extend": "extended", "shorten": "shortened", "remove": "removed"}


def done(outcomes: Iterable[Outcome], skipped: Sequence[Change]) -> str:
    """ "5 added, 1 removed; 2 failed; 3 only planned (mode: report)"."""
    made = Counter(o.change.action.value for o in outcomes if o.error is None)
    failed = sum(1 for o in outcomes if o.error)
    parts = [", ".join(f"{made[a]} {word}" for a, word in _DONE.items() if made[a]) or "nothing"]
    parts += [f"{failed} failed"] if failed else []
    parts += [f"{len(skipped)} only planned (mode: report)"] if skipped else []
    return "; ".join(parts)


def release(plan: Plan) -> str:
    """How a person overrules the guards that may be overruled; empty where there is nothing to."""
    if not any(held.guard in RELEASABLE for held in plan.held):
        return ""
    return f"If this is right: reconciler apply --release-held --expect-hash {plan.hash}"


def counts(plan: Plan) -> str:
    """ "2 to add, 1 to remove; 5 as declared"."""
    by_action = dict.fromkeys(Action, 0)
    for change in plan.changes:
        by_action[change.action] += 1
    changes = [f"{n} to {action}" for action, n in by_action.items() if n]
    kept = sum(k.count for k in plan.kept)
    parts = [", ".join(changes) or "nothing to change", f"{kept} as declared"]
    for count, word in (
        (len(plan.to_record), "to write down as ours"),
        (len(plan.already_held), "already held"),
        (len(plan.held), "held back"),
        (len(plan.unapproved), "not approved"),
        (len(plan.unknown), "unknown"),
        (len(plan.foreign), "foreign"),
    ):
        if count:
            parts.append(f"{count} {word}")
    return "; ".join(parts)
