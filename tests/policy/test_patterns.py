"""`require.ticket`: whoever asks writes the ticket, and no ticket may stop a run."""

from __future__ import annotations

import pytest

from reconciler.model import Position, Require
from reconciler.policy import expressions
from reconciler.policy.patterns import fits, wrong
from tests.policy.build import NOW, case, laws, permit

# Each takes Python's own engine longer than anybody waits.
SLOW = [
    "(A+)+-[0-9]+",
    "(A|A)*-",
    "(A|AA)+-",
    "(.*)*-[0-9]",
    ".*.*.*.*.*.*.*.*.*.*-1",
    "(A*)*(A*)*-",
]


@pytest.mark.parametrize("pattern", SLOW)
def test_no_ticket_keeps_a_rule_busy(pattern: str) -> None:
    by = laws(permit(require=Require(pattern)))
    ruling = by.decide(case(by, ticket="A" * 200))
    assert "does not fit" in ruling.reasons[0]


def test_a_pattern_fits_the_whole_ticket_and_nothing_around_it() -> None:
    assert fits("OPS-[0-9]+", "OPS-1")
    assert fits("(?i)ops-[0-9]+|CHG", "OPS-1")
    assert fits("A|B", "B")
    for ticket in ("xOPS-1", "OPS-1x", "OPS-1\n", "\nOPS-1", "", "OPS-1 OPS-2"):
        assert not fits("OPS-[0-9]+", ticket)
    assert not fits("A|B", "AB")
    assert not fits("^A$", "B\nA\nB")


WRONG = {
    "OPS-[0-9+": "missing ]: [0-9+",
    "a)|(b": "unexpected )",
    "(?=OPS)O": "invalid perl operator: (?=",
    r"(a)\1": r"invalid escape sequence: \1",
    r"\Qab": "missing )",
    "a{1,2000}": "invalid repetition size: {1,2000}",
}


@pytest.mark.parametrize("pattern", WRONG)
def test_what_is_no_pattern_is_told_at_its_place_and_fits_nothing(pattern: str) -> None:
    assert WRONG[pattern] in wrong(pattern)
    at = Position("policies/a.yaml", 4, 23)
    by = laws(permit(require=Require(pattern, position=at)))
    assert not by.decide(case(by, ticket="b")).permitted
    [problem] = by.problems(NOW)
    assert problem.position == at
    assert f"`ticket` of rule `may` is `{pattern}`, which is no regular expression" in problem.what
    assert "until then the rule permits nothing" in problem.fix


def test_validate_and_the_rules_tell_the_same_of_a_pattern() -> None:
    by = laws(permit(require=Require("(")))
    assert tuple(expressions.of_ticket(by.book.rules[0])) == by.problems(NOW)
