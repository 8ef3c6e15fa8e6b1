"""Whether policies and directory can do what they are for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.model import (
    Approvals,
    BreakGlass,
    CatalogPage,
    ChangeRule,
    DirectoryPage,
    Draft,
    Expected,
    Finding,
    Person,
    PolicyPage,
    PolicyTestPage,
    Resource,
    Rule,
    Source,
)
from reconciler.policy.soundness import findings
from tests.policy.build import HOUR, NOW, forbid, mail, one_of, permit, person
from tests.policy.test_examine import asked

GOVERNING = ("policies/**", "directory/**", "bundles/**", "catalog/**", "reviews/**",
             "reconciler.yaml")  # fmt: skip
ALL = ChangeRule("rules", GOVERNING, (one_of("leads"),))


def known(name: str, *groups: str, forge: tuple[str, ...] = (), **more: Any) -> Person:
    return person(name, *groups, forge=forge or (f"9{sum(map(ord, name))}",), **more)


PEOPLE = (known("bob", "leads"), known("carol", "leads"), known("dave", "security"))


def found(
    *rules: Rule,
    changes: tuple[ChangeRule, ...] = (ALL,),
    people: tuple[Person, ...] = PEOPLE,
    owner: str = "",
    tests: tuple[Any, ...] = (),
) -> dict[str, Finding]:
    pages = (
        PolicyPage("policies/a.yaml", rules or (permit(approvals=(one_of("leads"),)),), changes),
    )
    catalog = (CatalogPage("catalog/a.yaml", (Resource("aws", "1", owner),)),) if owner else ()
    tested = (PolicyTestPage("policies/tests/a.yaml", tests),) if tests else ()
    draft = Draft(pages, tested, catalog, (DirectoryPage(people),))
    return {one.name: one for one in findings(draft, NOW)}


def test_no_policies_are_told_and_nothing_else_is() -> None:
    (one,) = findings(Draft(), NOW)
    assert (one.name, one.right) == ("policies", False)


def test_a_sound_policy_has_nothing_wrong() -> None:
    by_name = found(tests=(asked(decision=Expected.WAITING),))
    assert {name for name, one in by_name.items() if not one.right} == set()
    assert len(by_name) == 6


def test_policies_without_tests_are_told_and_so_are_tests_that_fail() -> None:
    assert found()["policy tests"].right is False
    failing = found(tests=(asked(),))["policy tests"]
    assert failing.right is False
    assert "1 of 1 fail (a test)" in failing.what


def test_a_rule_past_its_end_and_an_expression_that_does_not_compile_are_told() -> None:
    ended = found(permit(ends=NOW))["rules in force"]
    assert ended.right is False
    assert "permit rule `may` ended" in ended.what
    assert "cannot be compiled" in found(permit(when="x"))["rules in force"].what
    assert found(permit(ends=NOW + HOUR))["rules in force"].right


@pytest.mark.parametrize("missing", GOVERNING)
def test_every_folder_that_decides_needs_a_rule_for_its_changes(missing: str) -> None:
    paths = tuple(path for path in GOVERNING if path != missing)
    one = found(changes=(replace(ALL, paths=paths),))["changes of the rules"]
    assert one.right is False
    assert f"covers {missing.removesuffix('**')}" in one.what


def test_rules_that_anybody_may_change_are_told_and_reviews_close_by_their_own_rule() -> None:
    free = found(changes=(replace(ALL, approvals=()),))["changes of the rules"]
    assert free.right is False
    assert "can make anybody an approver" in free.what
    reviews = ChangeRule("reviews", ("reviews/**",), ())
    assert found(changes=(reviews, ALL))["changes of the rules"].right


def test_a_rule_with_one_approver_leaves_one_person_without_any() -> None:
    one = found(permit(approvals=(one_of("security"),)))["enough approvers"]
    assert one.right is False
    assert "rule `may`: nobody else could approve what dave@example.com asks for" in one.what


def test_two_needs_that_the_same_two_people_must_meet_are_one_person_short() -> None:
    both = permit(approvals=(one_of("leads"), one_of("leads")))
    assert "bob@example.com or carol@example.com asks for" in found(both)["enough approvers"].what
    three = (*PEOPLE, known("erin", "leads"))
    assert found(both, people=three)["enough approvers"].right


def test_more_approvals_than_there_are_people_are_told() -> None:
    one = found(permit(approvals=(one_of("leads", count=3),)))["enough approvers"]
    assert "nobody can be approved by it" in one.what


def test_who_may_approve_themselves_needs_nobody_else() -> None:
    rule = permit(approvals=(one_of("security"),), self_approval=True)
    assert found(rule)["enough approvers"].right


def test_an_owner_who_is_one_person_is_told_and_a_manager_is_always_somebody_else() -> None:
    own = permit(approvals=(Approvals(1, Source(owner=True)),))
    one = found(own, owner=mail("bob"))["enough approvers"]
    assert "for what bob@example.com owns" in one.what
    assert found(own, owner="leads")["enough approvers"].right
    assert found(own)["enough approvers"].right is False  # the catalog names no owner at all
    managed = permit(approvals=(Approvals(1, Source(manager=True)),))
    assert found(managed)["enough approvers"].right


def test_rules_for_changes_need_enough_approvers_too() -> None:
    one = found(changes=(replace(ALL, approvals=(one_of("security"),)),))["enough approvers"]
    assert "rule `rules`" in one.what


def test_an_approver_without_an_account_is_told() -> None:
    people = (person("bob", "leads", forge=()), *PEOPLE[1:])
    one = found(people=people)["accounts of approvers"]
    assert one.right is False
    assert "bob@example.com may approve" in one.what


def test_rule_10_an_approver_known_by_a_login_alone_is_told() -> None:
    one = found(people=(person("bob", "leads"), *PEOPLE[1:]))["immutable accounts"]
    assert one.right is False
    assert "bob@example.com" in one.what
    uuid = known("bob", "leads", forge=("{11111111-1111-1111-1111-111111111111}",))
    assert "immutable accounts" not in found(people=(uuid, *PEOPLE[1:]))


def test_an_account_of_two_people_is_told() -> None:
    people = (known("bob", "leads", forge=("7",)), known("carol", "leads", forge=("7",)))
    assert found(people=people)["one person an account"].right is False


def test_managers_owners_and_reviewers_of_emergencies_are_approvers_too() -> None:
    nobody = (person("dave", forge=()), *PEOPLE[:2], known("erin", manager=mail("dave")))
    managed = permit(approvals=(Approvals(1, Source(manager=True)),))
    assert found(managed, people=nobody)["accounts of approvers"].right is False
    own = permit(approvals=(Approvals(1, Source(owner=True)),))
    assert found(own, people=nobody, owner=mail("dave"))["accounts of approvers"].right is False
    source = Source(persons=(mail("dave"),))
    glass = BreakGlass(source, HOUR, (), source, timedelta(days=3))
    assert found(permit(break_glass=glass), people=nobody)["accounts of approvers"].right is False


def test_a_forbid_rule_asks_for_nobody() -> None:
    assert found(forbid(), permit())["enough approvers"].right
