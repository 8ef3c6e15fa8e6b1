"""`when:` of a rule. An error is a no."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model import Match, Position, Resource
from reconciler.policy.cel import check_expression
from tests.policy.build import NOW, PATH, READ, case, forbid, laws, permit

VAULT = Resource("aws", READ.resource, "leads", (("env", "prod"),), "secret")

HOLDS = [
    f"grant.path == '{PATH}' && grant.ticket.startsWith('OPS-')",
    "grant.reason.contains('batch') && !grant.standing && !grant.break_glass",
    "grant.duration == duration('4h') && grant.expires - grant.starts == grant.duration",
    "grant.starts.getHours('Europe/Zurich') == 13 && grant.starts.getDayOfWeek() == 0",
    "subject.id == 'alice@example.com' && subject.kind == 'person' && subject.status == 'active'",
    "'payments' in subject.groups && subject.manager == 'dave@example.com'",
    "subject.attributes['contract'] == 'own' && !has(subject.attributes.badge)",
    "access.system == 'aws' && access.kind == 'account_assignment' && access.account == 'user/a'",
    "access.resource.matches('^[0-9]{12}$') && access.role == 'ReadOnly' && access.bundle == 'b'",
    "resource.owner == 'leads' && resource.tags.env == 'prod'",
    "resource.classification in ['secret', 'internal']",
]


@pytest.mark.parametrize("when", HOLDS)
def test_an_expression_sees_the_grant_the_subject_the_access_and_the_resource(when: str) -> None:
    for text, permitted in ((when, True), (f"!({when})", False)):
        by = laws(permit(when=text), catalog=(VAULT,))
        assert by.decide(case(by, account="user/a", bundle="b")).permitted is permitted
        by = laws(forbid(when=text), permit(), catalog=(VAULT,))
        assert by.decide(case(by, account="user/a", bundle="b")).permitted is not permitted


WRONG = [
    (
        "subject.grups == ['a']",
        "undefined field 'grups' not found in `subject`, which has id, kind, groups, attributes, "
        "manager and status (column 8)",
        8,
    ),
    (
        "subjekt.id == 'a'",
        "undeclared reference to 'subjekt.id'; an expression sees grant, subject, access and "
        "resource (column 8)",
        8,
    ),
    ("subject.id ==", "Syntax error", 14),
    ("grant.ticket", "it gives string, and must give true or false", 1),
    ("dyn(true)", "it gives dyn, and must give true or false", 1),
    ("grant.duration > 8", "no matching overload", 16),
    ("true &&\n  grant.x", "starts, expires and duration (line 2, column 8)", 8),
]


@pytest.mark.parametrize(("text", "words", "column"), WRONG)
def test_a_wrong_expression_is_told_with_its_column(text: str, words: str, column: int) -> None:
    found = check_expression(text)
    assert found is not None
    assert words in found[0]
    assert found[1] == column
    assert "\n" not in found[0]


def test_a_right_expression_is_right() -> None:
    assert check_expression("grant.duration <= duration('8h')") is None


@pytest.mark.parametrize("when", [text for text, _, _ in WRONG])
def test_a_wrong_expression_permits_nothing_and_forbids_all(when: str) -> None:
    by = laws(permit(when=when))
    assert not by.decide(case(by)).permitted
    by = laws(forbid(when=when), permit())
    assert by.decide(case(by)).rule == "never"


def test_a_wrong_expression_is_a_problem_of_its_rule() -> None:
    at = Position("policies/a.yaml", 2, 1)
    by = laws(
        forbid(when="x", when_position=at),
        permit(when="y", when_position=at),
        permit("ok", when="true"),
    )
    one, two = by.problems(NOW)
    assert "`when` of rule `may` cannot be compiled: undeclared reference to 'y'" in one.what
    assert "permits nothing" in one.fix
    assert "forbids all that it matches otherwise" in two.fix
    assert one.position == at


ERRORS = [
    ("subject.attributes['badge'] == 'x'", 'Key not found in map : "badge"'),
    ("subject.id.matches('(')", "invalid regular expression"),
    ("grant.starts > timestamp('tomorrow')", "String to Timestamp conversion failed"),
    ("grant.starts.getHours('Nowhere') > 3", "Invalid timezone"),
    ("1 / (size(subject.groups) - 1) > 0", "divide by zero"),
]


@pytest.mark.parametrize(("when", "message"), ERRORS)
def test_an_expression_that_fails_permits_nothing_and_says_why(when: str, message: str) -> None:
    by = laws(permit(when=when))
    ruling = by.decide(case(by))
    assert not ruling.permitted
    assert f"its `when` failed: {message}" in ruling.reasons[1]


def test_a_rule_that_was_passed_over_for_its_error_is_told_beside_the_one_that_decides() -> None:
    by = laws(permit("broken", when="1 / 0 > 0"), permit("whole"))
    ruling = by.decide(case(by))
    assert ruling.permitted
    assert ruling.rule == "whole"
    assert ruling.reasons[1] == "rule `broken` was passed over: its `when` failed: divide by zero"


@pytest.mark.parametrize(("when", "message"), ERRORS)
def test_an_expression_that_fails_forbids_and_says_why(when: str, message: str) -> None:
    by = laws(forbid(when=when), permit())
    ruling = by.decide(case(by))
    assert not ruling.permitted
    assert f"its `when` failed: {message}" in ruling.reasons[0]


def test_an_expression_is_asked_only_where_the_rule_matches_otherwise() -> None:
    by = laws(forbid(match=Match(systems=("gcp",)), when="1/0 == 1"), permit())
    assert by.decide(case(by)).permitted


def test_access_without_an_end_is_longer_than_any_length() -> None:
    by = laws(forbid(when="grant.duration > duration('8760h')"), permit(standing=True))
    assert by.decide(case(by, hours=None)).rule == "never"
    by = laws(
        forbid(when="grant.expires > timestamp('2030-01-01T00:00:00Z')"), permit(standing=True)
    )
    assert by.decide(case(by, hours=None)).rule == "never"


def test_a_time_far_ahead_is_a_time() -> None:
    by = laws(permit(when="grant.duration > duration('8h')"))
    asked = case(by, hours=24 * 3000)
    assert by.decide(replace(asked, merged=NOW)).permitted
