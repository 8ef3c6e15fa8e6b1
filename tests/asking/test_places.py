"""Where a new grant may lie, and what it is called."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconciler.asking.places import numbered, places, stem
from reconciler.model import BundleRef, Effect, Entitlement, Item, Match, PolicyPage, Rule
from reconciler.policy.laws import Laws
from reconciler.policy.roster import Roster

AT = datetime(2026, 12, 1, 9, tzinfo=UTC)


def laws(*rules: Rule) -> Laws:
    return Laws([PolicyPage("policies/x.yaml", rules)], [], Roster([]))


def permit(name: str, *paths: str, standing: bool = False) -> Rule:
    return Rule(name, Effect.PERMIT, Match(paths=paths), standing=standing)


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("grants/payments/**", "grants/payments/alice-x.yaml"),
        ("grants/payments/*", "grants/payments/alice-x.yaml"),
        ("grants/payments/*.yaml", "grants/payments/alice-x.yaml"),
        ("grants/**/*.yaml", "grants/alice-x.yaml"),
        ("grants/*/oncall-*.yaml", "grants/alice/oncall-alice-x.yaml"),
        ("grants/payments/one.yaml", "grants/payments/one.yaml"),
    ],
)
def test_a_rule_says_where_its_grants_lie(glob: str, path: str) -> None:
    [first, *_] = places(laws(permit("it", glob)), "alice-x", break_glass=False)
    assert (first.path, first.rule) == (path, "it")


def test_the_rules_are_tried_in_their_order_and_then_no_rules_place() -> None:
    found = places(laws(permit("b", "grants/b/**"), permit("a", "grants/a/**")), "x",
                   break_glass=False)  # fmt: skip
    assert [place.path for place in found] == [
        "grants/b/x.yaml",
        "grants/a/x.yaml",
        "grants/x.yaml",
    ]


def test_break_glass_lies_by_itself() -> None:
    rules = laws(permit("work", "grants/**"), permit("fire", "grants/break-glass/pay/**"))
    broken = [place.path for place in places(rules, "x", break_glass=True)]
    assert broken == ["grants/break-glass/pay/x.yaml", "grants/break-glass/x.yaml"]
    assert [place.path for place in places(rules, "x", break_glass=False)] == ["grants/x.yaml"]


def test_no_place_is_outside_the_grants() -> None:
    rules = laws(
        permit("far", "../**", "/etc/**", "standing/**", "policies/**", "grants/{a,b}/**"),
        permit("standing", "grants/standing/**", standing=True),
    )
    assert [place.path for place in places(rules, "x", break_glass=False)] == ["grants/x.yaml"]


def test_a_name_says_who_what_and_when() -> None:
    viewer = Item(Entitlement("gcp", "project", "projects/Payments_Prod", "roles/viewer"))
    assert stem("Alice.Archer@example.com", viewer, AT) == "alice-archer-payments-prod-2026-12-01"
    assert stem("oncall", BundleRef("payments"), AT) == "oncall-payments-2026-12-01"
    odd = Item(Entitlement("aws", "policy", "日本語", "x"))
    assert stem("ünï@example.com", odd, AT) == "n-2026-12-01"


def test_a_name_that_is_taken_is_numbered() -> None:
    assert numbered("a", lambda name: name in {"a", "a-2"}) == "a-3"
