"""What a permit rule asks of a case that it matches: lengths, times, ticket, reason. Reads no clock."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from reconciler.model import Automatic, Rule
from reconciler.policy import globs, patterns
from reconciler.policy.case import Case
from reconciler.policy.matching import having
from reconciler.policy.words import length


def broken(rule: Rule, case: Case) -> Iterator[tuple[str, str]]:
    """Every limit that is not kept: what, and what to do about it."""
    yield from _lengths(rule, case)
    if rule.max_ahead is not None:
        ahead = case.window.start - case.merged
        if ahead > rule.max_ahead:
            yield (
                f"it starts {length(ahead)} after the merge, and the most is {length(rule.max_ahead)}",
                "bring it in nearer to `starts`",
            )
    yield from _required(rule, case)


def _lengths(rule: Rule, case: Case) -> Iterator[tuple[str, str]]:
    most = [("max_duration", rule.max_duration, case.length)]
    if rule.break_glass is not None:
        most.append(("break_glass.max_duration", rule.break_glass.max_duration, case.length))
    chain = case.length if case.chain is None else case.chain
    most.append(("max_total", rule.max_total, chain))
    for name, limit, has in most:
        if limit is None:
            continue
        if has is None:
            yield f"it has no end, and `{name}` is {length(limit)}", "give it an end"
        elif has > limit:
            what = "with what it extends it lasts" if name == "max_total" else "it lasts"
            yield f"{what} {length(has)}, and `{name}` is {length(limit)}", "end it sooner"
    least = rule.min_duration
    if least is not None and case.length is not None and case.length < least:
        yield (
            f"it lasts {length(case.length)}, and `min_duration` is {length(least)}",
            f"make it {length(least)} or longer",
        )


def _required(rule: Rule, case: Case) -> Iterator[tuple[str, str]]:
    pattern = rule.require.ticket
    if pattern:
        if patterns.wrong(pattern):
            yield (
                f"`require.ticket` is no regular expression: {pattern}",
                "mend the rule in a pull request of its own",
            )
        elif not patterns.fits(pattern, case.ticket):
            has = f"the ticket {case.ticket} does not fit" if case.ticket else "it has no ticket"
            yield f"{has}; the rule asks for one like {pattern}", f"add `ticket:` like {pattern}"
    least, has_ = rule.require.reason, len(case.reason.strip())
    if has_ < least:
        yield (
            f"the reason has {has_} characters, and the rule asks for {least}",
            "say in `reason:` what it is needed for",
        )


def automatic(rule: Rule, case: Case) -> bool:
    """Whether no human need approve. One that names no condition at all waives nothing."""
    asks = rule.automatic
    if asks is None or asks == Automatic():
        return False
    if asks.groups and not case.subject.groups & set(asks.groups):
        return False
    if asks.attributes and not having(asks.attributes)(case.subject.attributes):
        return False
    if asks.roles and not _roles(asks.roles)(case.entitlement.role):
        return False
    return asks.max_duration is None or (
        case.length is not None and case.length <= asks.max_duration
    )


_roles = lru_cache(1024)(globs.text)
