"""Every rule, and why it did or did not match."""

from __future__ import annotations

from reconciler.model import Effect, Match, Position, Rule
from reconciler.policy.trace import Step, trace
from tests.policy.build import HOUR, case, forbid, laws, permit

AT = Position("policies/a.yaml", 4, 3)


def steps(*rules: Rule) -> list[tuple[str, str, str]]:
    by = laws(*rules)
    return [(step.rule, step.outcome, step.why) for step in trace(by, case(by))]


def test_rules_are_told_in_the_order_in_which_they_are_asked() -> None:
    found = steps(
        permit("a", Match(systems=("gcp",))), permit("b"), permit("c"), forbid("d", when="false")
    )
    assert found == [
        ("d", "does not match", "its `when` does not hold: false"),
        ("a", "does not match", "it asks for system gcp, here it is aws"),
        ("b", "matches", ""),
        ("c", "not reached", ""),
    ]


def test_where_something_forbids_no_permit_is_reached_and_every_forbid_is() -> None:
    found = steps(permit("a"), forbid("b"), forbid("c"))
    assert [(rule, outcome) for rule, outcome, _ in found] == [
        ("b", "matches"),
        ("c", "matches"),
        ("a", "not reached"),
    ]


def test_all_that_does_not_fit_is_told() -> None:
    ((_, _, why),) = steps(permit(match=Match(roles=("Admin",), groups=("leads",))))
    assert why == (
        "it asks for role Admin, here it is ReadOnly; it asks for groups leads, here it is payments "
        "for alice@example.com"
    )


def test_the_rule_that_decides_tells_the_limits_that_are_not_kept() -> None:
    found = steps(permit("a", max_duration=HOUR), permit("b"))
    assert found[0] == ("a", "matches", "it lasts 4h, and `max_duration` is 1h")
    assert found[1][1] == "not reached"


def test_a_step_says_where_its_rule_stands() -> None:
    by = laws(permit("a", position=AT))
    assert trace(by, case(by)) == (Step("a", Effect.PERMIT, AT, "matches"),)
    assert trace(by, case(by))[0].position == AT


def test_a_trace_agrees_with_the_decision() -> None:
    for rules in ((permit(),), (forbid(), permit()), (permit(match=Match(kinds=("x",))),)):
        by = laws(*rules)
        matching = [step.rule for step in trace(by, case(by)) if step.outcome == "matches"]
        assert by.decide(case(by)).rule == (matching[0] if matching else "")
