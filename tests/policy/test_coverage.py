"""What a policy leaves open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.model import Bundle, CatalogPage, Draft, Item, Match, PolicyPage, Resource, Rule
from reconciler.policy.case import Case
from reconciler.policy.coverage import Coverage, Granted, coverage
from reconciler.policy.examine import examine
from reconciler.policy.laws import Laws
from tests.policy.build import HOUR, PAGE, PATH, READ, ROSTER, case, forbid, permit
from tests.policy.test_examine import asked

ADMIN = replace(READ, role="Admin")
KIT = Bundle("kit", (Item(ADMIN),))


def covered(
    *rules: Rule,
    granted: tuple[dict[str, Any], ...] = (),
    standing: bool = True,
    active: bool = True,
    tested: bool = False,
    **more: Any,
) -> Coverage:
    """`granted` are changes of alice's case, one for each grant that was ever asked for."""
    draft = Draft((PolicyPage("policies/a.yaml", rules),), directory=(PAGE,), **more)
    laws = Laws(draft.policies, draft.catalog, ROSTER)
    cases: list[Case] = [case(laws, **one) for one in granted]
    tests = (examine(asked(), draft),) if tested else ()
    return coverage(draft, laws, tests, [Granted(c, PATH, standing, active) for c in cases])


def names(found: Coverage) -> list[str]:
    return [rule.name for rule in found.unreached]


def test_a_rule_that_nothing_reaches_is_told() -> None:
    assert names(covered(forbid("a", Match(roles=("x",))), permit("b"), permit("c"))) == [
        "a", "b", "c",
    ]  # fmt: skip


def test_a_test_reaches_the_rule_that_decides_and_not_the_one_behind_it() -> None:
    assert names(covered(permit("a"), permit("b"), tested=True)) == ["b"]


def test_a_grant_that_is_long_gone_reaches_rules_too() -> None:
    found = covered(permit("a"), permit("b"), granted=({},), standing=False, active=False)
    assert names(found) == ["b"]


def test_a_rule_that_decides_against_a_grant_is_reached() -> None:
    found = covered(permit("a", max_duration=HOUR), granted=({},), active=False)
    assert names(found) == []


def test_a_bundle_with_what_no_rule_permits_is_told() -> None:
    (one,) = covered(permit(match=Match(roles=("ReadOnly",))), bundles=(KIT,)).uncovered
    assert one.access == "aws: Admin on 111122223333"
    assert one.why == "no rule permits it to anybody"
    assert one.where == ("bundles/kit.yaml",)


@pytest.mark.parametrize(
    "match",
    [Match(), Match(groups=("nobody",)), Match(paths=("grants/x/**",)), Match(bundles=("k*",))],
)
def test_what_somebody_could_get_is_covered_whoever_and_wherever_that_is(match: Match) -> None:
    assert covered(permit(match=match), bundles=(KIT,)).uncovered == ()


def test_a_rule_for_another_bundle_does_not_cover() -> None:
    assert covered(permit(match=Match(bundles=("other",))), bundles=(KIT,)).uncovered


def test_what_is_forbidden_to_everybody_is_told_and_what_is_forbidden_to_some_is_not() -> None:
    def why(rule: Rule) -> list[str]:
        return [one.why for one in covered(rule, permit(), bundles=(KIT,)).uncovered]

    assert why(forbid("no-admin", Match(roles=("admin",)))) == [
        "rule `no-admin` forbids it to everybody"
    ]
    assert why(forbid("some", Match(roles=("admin",), groups=("leads",)))) == []
    assert why(forbid("some", Match(roles=("admin",)), when="grant.standing")) == []
    assert why(forbid("some", holds=(Match(),))) == []


def test_a_standing_grant_of_what_no_rule_permits_is_told_and_one_that_is_gone_is_not() -> None:
    rule = permit(match=Match(roles=("ReadOnly",)))
    asked_for: tuple[dict[str, Any], ...] = ({"entitlement": ADMIN},)
    (one,) = covered(rule, granted=asked_for, active=False).uncovered
    assert one.where == (PATH,)
    assert covered(rule, granted=asked_for, active=False, standing=False).uncovered == ()


def catalog(resource: str, system: str = "aws") -> tuple[CatalogPage, ...]:
    return (CatalogPage("catalog/a.yaml", (Resource(system, resource),)),)


def test_a_resource_of_the_catalog_of_which_nobody_could_get_anything_is_told() -> None:
    rule = permit(match=Match(resources=("1111*",), roles=("ReadOnly",)))
    assert covered(rule, catalog=catalog("111122223333")).uncovered == ()
    (one,) = covered(rule, catalog=catalog("999988887777")).uncovered
    assert (one.access, one.where) == ("aws: 999988887777", ("catalog/a.yaml",))


def test_one_forbidden_role_does_not_close_a_resource_and_a_pattern_says_nothing() -> None:
    rules = (forbid(match=Match(roles=("Admin",))), permit())
    assert covered(*rules, catalog=catalog("111122223333")).uncovered == ()
    assert covered(forbid(), permit(), catalog=catalog("111122223333")).uncovered
    assert covered(catalog=catalog("*")).uncovered == ()


def test_an_active_grant_that_would_be_refused_today_is_told_with_how_to_end_it() -> None:
    (one,) = covered(permit("brief", max_duration=HOUR), granted=({},)).outlived
    assert one.path == PATH
    assert "it lasts 4h, and `max_duration` is 1h" in one.reason
    assert one.fix == (
        "it stands until 2026-03-01T16:00:00Z, by the rules of its time; to end it now, take it "
        "out of grants/payments/a.yaml in a pull request"
    )


def test_a_grant_that_is_over_or_permitted_is_not_told() -> None:
    assert covered(permit(max_duration=HOUR), granted=({},), active=False).outlived == ()
    assert covered(permit(), granted=({},)).outlived == ()


def test_nothing_left_open_is_whole() -> None:
    assert covered(permit(), granted=({},)).whole
    assert not covered(permit()).whole
