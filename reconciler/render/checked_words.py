"""The words in which a check is told, one wording for text and markdown. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.model import Window
from reconciler.model.checked import AccessChange, Answer, Asked, Checked, Ruled, Step
from reconciler.policy.words import many, short
from reconciler.render.words import moment

SIGNS = {
    Step.ADDED: "+",
    Step.EXTENDED: "~",
    Step.MOVED: "~",
    Step.SHORTENED: "~",
    Step.REMOVED: "-",
}
MARKS = {
    Answer.GRANTED: "✓",
    Answer.WAITING: "…",
    Answer.REFUSED: "✗",
    Answer.INVALID: "✗",
    Answer.UNKNOWN: "?",
}
UNJUDGED = "Not judged here: the forge's own protection decides"
_FEW = 3
_MANY = 10  # members of a group that are told one by one
_MINUTE = 60
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))


@dataclass(frozen=True, slots=True)
class Row:
    """One line about access; `who` may be all the members of a group."""

    step: Step
    who: str
    role: str
    resource: str
    system: str
    when: str
    grants: str


def headline(checked: Checked) -> str:
    """What stands against the merge, in one short line."""
    match checked.answer:
        case Answer.UNKNOWN:
            return "cannot be judged: the forge did not answer"
        case Answer.INVALID:
            return f"{many(len(checked.mistakes), 'mistake')} in its files"
        case Answer.REFUSED:
            return f"refused: {_refusal(checked)}"
        case Answer.WAITING:
            return f"waits for approval: {', '.join(_missing(checked.ruled))}"
        case Answer.GRANTED:
            needed = any(each.approved_by for each in checked.ruled)
            return "may be merged" + (": all approvals are there" if needed else "")


def _refusal(checked: Checked) -> str:
    if checked.refusals:
        return checked.refusals[0].what
    refused = [r for r in checked.ruled if r.answer is Answer.REFUSED]
    more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    reasons = refused[0].reasons
    return f"{refused[0].path}: {reasons[0] if reasons else 'no rule permits it'}{more}"


def _missing(ruled: Iterable[Ruled]) -> Iterator[str]:
    words = [asked.words for each in ruled for asked in each.missing]
    each = list(dict.fromkeys(words))
    yield from each[:_FEW]
    if len(each) > _FEW:
        yield f"and {len(each) - _FEW} more"


def rows(checked: Checked) -> Iterator[Row]:
    """Members of a large group for whom all is alike are told as one."""
    groups: dict[tuple[object, ...], list[AccessChange]] = {}
    for change in checked.changes:
        alike = (change.ref, change.entitlement, change.step, change.before, change.after)
        key = alike if change.ref else (change.subject, change.account, *alike)
        groups.setdefault(key, []).append(change)
    for found in groups.values():
        if len(found) > _MANY:
            yield _row(found[0], f"{len(found)} members of {found[0].ref}", checked.at)
        else:
            yield from (_row(change, _who(change), checked.at) for change in found)


def _row(change: AccessChange, who: str, at: datetime) -> Row:
    e = change.entitlement
    when, grants = times(change, at), ", ".join(change.grants)
    return Row(change.step, who, short(e.role), e.resource, e.system, when, grants)


def _who(change: AccessChange) -> str:
    name = f"{change.subject} as {change.account}" if change.account else change.subject
    return f"{name} (of {change.ref})" if change.ref else name


def times(change: AccessChange, at: datetime) -> str:
    """ "until A -> until B: 19 days longer"."""
    was, will = _spans(change.before, at), _spans(change.after, at)
    gained = change.gained
    match change.step:
        case Step.ADDED:
            return f"{will} ({length(gained)})" if gained is not None else will
        case Step.REMOVED:
            return f"was {was}"
        case Step.SHORTENED:
            return f"{was} -> {will}"
    longer = f"{length(gained)} longer" if gained is not None else "now without an end"
    if change.step is Step.MOVED and gained is not None:
        longer = f"{length(gained)} that were not there before"
    return f"{was} -> {will}: {longer}"


def _spans(windows: Sequence[Window], at: datetime) -> str:
    return " and ".join(_span(window, at) for window in windows)


def _span(window: Window, at: datetime) -> str:
    start = "" if window.start <= at else f"from {moment(window.start)} "
    end = "without an end" if window.end is None else f"until {moment(window.end)}"
    return start + end


def length(time: timedelta) -> str:
    """In words, the two largest units: "1 day 12 hours"."""
    seconds = int(time.total_seconds())
    if seconds >= _MINUTE:  # eight hours, measured a moment later, are eight hours
        seconds = round(seconds / _MINUTE) * _MINUTE
    parts: list[str] = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(many(count, unit))
    return " ".join(parts[:2]) or "less than a minute"


def title(ruled: Ruled) -> str:
    """The file, and for whom and what in it the answer holds."""
    about = [f"{subject}: {short(access)}" for subject, access in ruled.about]
    more = f" and {len(about) - _FEW} more" if len(about) > _FEW else ""
    return f"{ruled.path}: {'; '.join(about[:_FEW])}{more}" if about else ruled.path


def verdict(ruled: Ruled) -> str:
    by = f" (rule `{ruled.rule}`)" if ruled.rule else ""
    match ruled.answer:
        case Answer.UNKNOWN:
            return "not known: the forge did not answer"
        case Answer.WAITING:
            return f"waits for {' and '.join(a.words for a in ruled.missing)}{by}"
        case Answer.GRANTED:
            return _granted(ruled) + by
    return f"refused{by}"


def _granted(ruled: Ruled) -> str:
    if ruled.break_glass:
        return "break-glass: given at the merge, and looked at afterwards"
    if ruled.approved_by:
        return f"approved by {', '.join(ruled.approved_by)}"
    return "needs no approval"


def details(ruled: Ruled) -> Iterator[str]:
    """Reasons that the verdict does not say, who could approve, who did, and what to do."""
    granted = ruled.answer is Answer.GRANTED
    if not granted:
        told = {f"approval is missing: {asked.words}" for asked in ruled.missing}
        yield from (reason for reason in ruled.reasons if reason not in told)
        if ruled.approved_by:
            yield f"approved by {', '.join(ruled.approved_by)}"
        yield from map(_candidates, ruled.missing)
        if ruled.fix:
            yield f"do: {ruled.fix}"


def _candidates(asked: Asked) -> str:
    names = ", ".join(asked.candidates[:_MANY])
    more = len(asked.candidates) - _MANY
    rest = f" and {more} more" if more > 0 else ""
    return f"{asked.words} can still be given by: {names or 'nobody'}{rest}"
