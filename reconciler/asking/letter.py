"""The words of a pull request that asks for access. They prove nothing: the file does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.asking.weighing import Answer, Approval
from reconciler.model import BundleRef, Grant, Item
from reconciler.policy.words import length, moment
from reconciler.policy.words import what as named

_LONGEST = 120  # characters of a title


@dataclass(frozen=True, slots=True)
class Letter:
    """`title` is the commit's first line, too."""

    title: str
    body: str


def asking(answer: Answer, approvals: Sequence[Approval], kind: str = "") -> Letter:
    """`kind` says what is asked for, where that is not plain access."""
    grant = answer.grant
    who = names(grant)
    kind = kind or ("Break-glass access" if grant.break_glass else "Access")
    first, more = what(grant.access[0]), len(grant.access) - 1
    title = f"{kind} for {who}: {first}" + (f" and {more} more" if more else "")
    facts = [
        ("Who", _code(who)),
        ("What", "; ".join(whole(one, answer) for one in grant.access)),
        ("Until", until(answer)),
        *([("Ticket", _code(grant.ticket))] if grant.ticket else []),
        ("File", _code(grant.path)),
        ("Rule", ", ".join(map(_code, answer.rules)) or "none: there are no policies yet"),
        ("Must approve", _must(answer, approvals)),
    ]
    if answer.emergency is not None:
        facts.append(("Afterwards", afterwards(answer)))
    return Letter(_cut(title), f"{_list(facts)}\n\n**Why**\n\n{_block(grant.reason)}\n")


def done(grant: Grant) -> Letter:
    who = names(grant)
    facts = [
        ("Who", _code(who)),
        ("What", ", ".join(_code(what(one)) for one in grant.access)),
        ("File", _code(grant.path)),
    ]
    body = (
        f"{_list(facts)}\n\nThis is no longer needed. The pull request only takes access away: by "
        "policy it needs nobody's approval.\n"
    )
    return Letter(_cut(f"{who} no longer needs {what(grant.access[0])}"), body)


def names(grant: Grant) -> str:
    return ", ".join(ref.id for ref in grant.subjects)


def what(one: Item | BundleRef) -> str:
    if isinstance(one, BundleRef):
        return f"bundle {one.name}"
    return named(one.entitlement)


def whole(one: Item | BundleRef, answer: Answer) -> str:
    """With everything that comes with a bundle."""
    within = answer.items(one.name) if isinstance(one, BundleRef) else ()
    more = ", ".join(_code(named(each)) for each in within)
    return _code(what(one)) + (f" ({more})" if more else "")


def until(answer: Answer) -> str:
    """When it ends, and from when that is counted."""
    grant, end = answer.grant, answer.window.end
    assert end is not None  # a grant has an end
    if grant.duration is None:
        return moment(end)
    since = f"from {moment(grant.starts)}" if grant.starts else "from the merge"
    return f"{length(grant.duration)} {since}, which is {moment(end)} if it is merged now"


def afterwards(answer: Answer) -> str:
    """Who is woken by a break-glass grant, and who must look at it afterwards."""
    rule = answer.emergency
    assert rule is not None
    by = (*rule.review_by.groups, *rule.review_by.persons)
    reviewers = ", ".join(by) or "whoever the rule names"
    wakes = f"{', '.join(rule.wakes)} will be woken. " if rule.wakes else ""
    return f"{wakes}Somebody of {reviewers} must review it within {length(rule.review_within)}."


def _must(answer: Answer, approvals: Sequence[Approval]) -> str:
    if not approvals:
        return "nobody" + (": the rule approves it by itself" if answer.automatic else "")
    return "; ".join(
        f"{each.words} ({', '.join(map(_code, each.candidates))})" for each in approvals
    )


def _list(facts: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"- **{name}:** {value}" for name, value in facts)


def _code(text: str) -> str:
    """A value that means nothing to Markdown: nobody is called by it, and nothing is hidden."""
    return "`{}`".format(re.sub(r"[`\s]+", " ", text).strip())


def _block(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _cut(title: str) -> str:
    title = " ".join(title.split())
    return title if len(title) <= _LONGEST else f"{title[: _LONGEST - 1]}…"
