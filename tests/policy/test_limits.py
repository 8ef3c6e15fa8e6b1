"""What a permit rule asks of a case that it matches. A limit that is not kept is a refusal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.model import Automatic, BreakGlass, Match, Require, Rule, Source, Window
from reconciler.policy.laws import Ruling
from tests.policy.build import HOUR, NOW, case, forbid, laws, mail, one_of, permit


def decided(*rules: Rule, **asked: Any) -> Ruling:
    by = laws(*rules)
    return by.decide(case(by, **asked))


def test_a_limit_that_is_not_kept_refuses_and_falls_through_to_nothing() -> None:
    ruling = decided(permit("short", max_duration=2 * HOUR), permit("long"), hours=8)
    assert not ruling.permitted
    assert ruling.rule == "short"
    assert ruling.reasons == (
        "rule `short` does not permit it: it lasts 8h, and `max_duration` is 2h",
    )
    assert ruling.fix == "grants/payments/a.yaml: end it sooner"


def test_a_limit_may_be_reached() -> None:
    assert decided(permit(max_duration=4 * HOUR, min_duration=4 * HOUR), hours=4).permitted


def test_a_grant_may_be_too_short() -> None:
    ruling = decided(permit(min_duration=HOUR), hours=0.5)
    assert "it lasts 30m, and `min_duration` is 1h" in ruling.reasons[0]


def test_a_chain_of_extensions_is_measured_from_its_start() -> None:
    rule = permit(max_duration=8 * HOUR, max_total=10 * HOUR)
    assert decided(rule, chain=10 * HOUR).permitted
    ruling = decided(rule, chain=12 * HOUR)
    assert "with what it extends it lasts 12h, and `max_total` is 10h" in ruling.reasons[0]


def test_what_extends_nothing_is_a_chain_of_its_own() -> None:
    assert not decided(permit(max_total=3 * HOUR), hours=4).permitted
    assert decided(permit(max_total=4 * HOUR), hours=4).permitted


def test_a_grant_may_start_only_so_far_ahead() -> None:
    rule = permit(max_ahead=timedelta(days=1))
    later = NOW + timedelta(days=1)
    assert decided(rule, window=Window(later, later + HOUR)).permitted
    ruling = decided(rule, window=Window(later + HOUR, later + 2 * HOUR))
    assert "it starts 1d1h after the merge, and the most is 1d" in ruling.reasons[0]


def test_a_ticket_must_fit_from_end_to_end() -> None:
    rule = permit(require=Require("OPS-[0-9]+"))
    assert decided(rule).permitted
    assert "it has no ticket" in decided(rule, ticket="").reasons[0]
    assert "the ticket xOPS-1 does not fit" in decided(rule, ticket="xOPS-1").reasons[0]
    assert not decided(rule, ticket="OPS-1 or so").permitted


def test_a_pattern_that_is_none_refuses() -> None:
    ruling = decided(permit(require=Require("OPS-(")))
    assert "is no regular expression: OPS-(" in ruling.reasons[0]


def test_a_reason_must_be_long_enough_without_its_blanks() -> None:
    rule = permit(require=Require(reason=10))
    ruling = decided(rule, reason="  need it       ")
    assert "the reason has 7 characters, and the rule asks for 10" in ruling.reasons[0]


def test_all_limits_are_told_at_once() -> None:
    rule = permit(max_duration=HOUR, require=Require("X", 100))
    assert len(decided(rule).reasons) == 3


# Standing access


def test_standing_rules_and_standing_grants_meet_only_each_other() -> None:
    assert decided(permit(standing=True), hours=None).permitted
    assert not decided(permit(), hours=None).permitted
    assert not decided(permit(standing=True), hours=4).permitted


def test_access_without_an_end_is_standing_whatever_it_is_called() -> None:
    assert not decided(permit(), hours=None, standing=False).permitted


def test_access_without_an_end_is_longer_than_any_limit() -> None:
    for rule in (permit(standing=True, max_duration=HOUR), permit(standing=True, max_total=HOUR)):
        assert "it has no end" in decided(rule, hours=None).reasons[0]


# No human needed


@pytest.mark.parametrize(
    "waives",
    [
        Automatic(groups=("leads", "payments")),
        Automatic(attributes=(("contract", ("own",)),)),
        Automatic(attributes=(("contract", ()),)),
        Automatic(roles=("Read*",)),
        Automatic(max_duration=4 * HOUR),
        Automatic(("payments",), (("contract", ()),), ("*",), 4 * HOUR),
    ],
    ids=str,
)
def test_approval_is_waived_when_all_that_is_given_holds(waives: Automatic) -> None:
    ruling = decided(permit(approvals=(one_of("leads"),), automatic=waives))
    assert ruling.automatic
    assert ruling.needs == ()


@pytest.mark.parametrize(
    "waives",
    [
        Automatic(groups=("leads",)),
        Automatic(attributes=(("contract", ("lent",)),)),
        Automatic(attributes=(("badge", ()),)),
        Automatic(roles=("Admin*",)),
        Automatic(max_duration=3 * HOUR),
        Automatic(groups=("payments",), max_duration=HOUR),
        Automatic(),
    ],
    ids=str,
)
def test_approval_is_not_waived_when_anything_fails(waives: Automatic) -> None:
    ruling = decided(permit(approvals=(one_of("leads"),), automatic=waives))
    assert not ruling.automatic
    assert len(ruling.needs) == 1


def test_access_without_an_end_is_not_short() -> None:
    waives = Automatic(max_duration=HOUR)
    rule = permit(standing=True, approvals=(one_of("leads"),), automatic=waives)
    assert not decided(rule, hours=None).automatic


# Break-glass


GLASS = BreakGlass(Source(groups=("payments",)), 4 * HOUR, ("security",), Source(), HOUR)


def test_break_glass_serves_at_once_whom_it_names() -> None:
    rule = permit("fire", break_glass=GLASS, approvals=(one_of("leads"),), notify=("ops",))
    ruling = decided(rule, break_glass=True)
    assert ruling.permitted
    assert ruling.needs == ()
    assert ruling.break_glass == GLASS
    assert ruling.notify == ("ops",)


def test_break_glass_rules_and_grants_meet_only_each_other() -> None:
    assert not decided(permit(), break_glass=True).permitted
    assert not decided(permit(break_glass=GLASS)).permitted


def test_break_glass_serves_nobody_else() -> None:
    ruling = decided(permit("fire", break_glass=GLASS), subject="dave", break_glass=True)
    assert not ruling.permitted
    assert "it serves payments, and dave@example.com is not among them" in ruling.reasons[1]
    named = replace(GLASS, serves=Source(persons=(mail("dave"),)))
    assert decided(permit(break_glass=named), subject="dave", break_glass=True).permitted


def test_break_glass_is_short() -> None:
    ruling = decided(permit(break_glass=GLASS), break_glass=True, hours=5)
    assert "it lasts 5h, and `break_glass.max_duration` is 4h" in ruling.reasons[0]
    assert not decided(
        permit(standing=True, break_glass=GLASS), break_glass=True, hours=None
    ).permitted


def test_break_glass_breaks_no_forbid() -> None:
    assert (
        decided(permit(break_glass=GLASS), forbid(match=Match()), break_glass=True).rule == "never"
    )
