"""What is wrong with the `when:` and the tickets' patterns of rules, each at its place. Evaluates
nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.errors import Problem
from reconciler.model import Effect, PolicyPage, Rule
from reconciler.policy import patterns
from reconciler.policy.cel import check_expression


def problems(pages: Iterable[PolicyPage]) -> Iterator[Problem]:
    """CEL is loaded only where there is an expression, or a pattern."""
    for page in pages:
        for rule in page.rules:
            wrong = check_expression(rule.when) if rule.when else None
            if wrong is not None:
                yield problem(rule, wrong[0])
            yield from of_ticket(rule)


def of_ticket(rule: Rule) -> Iterator[Problem]:
    pattern = rule.require.ticket
    if pattern and (why := patterns.wrong(pattern)):
        what = (
            f"`ticket` of rule `{rule.name}` is `{pattern}`, which is no regular expression: {why}"
        )
        fix = (
            "write it like `OPS-[0-9]+`, in the syntax of RE2; until then the rule permits nothing"
        )
        yield Problem(rule.require.position, what, fix, "pattern")


def problem(rule: Rule, why: str) -> Problem:
    what = f"`when` of rule `{rule.name}` cannot be compiled: {why}"
    until = (
        "forbids all that it matches otherwise"
        if rule.effect is Effect.FORBID
        else "permits nothing"
    )
    fix = f"correct the expression; until then the rule {until}"
    return Problem(rule.when_position, what, fix, "bad-expression")
