"""What takes effect of a change that nobody approved: only what it takes away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model import (
    Bundle,
    DirectoryPage,
    Entitlement,
    Group,
    Item,
    Person,
    Service,
    Status,
)
from reconciler.policy.narrowed import narrowed_bundle, narrowed_page
from tests.policy.build import ALICE, BOB, PAGE, ROBOT


def after(before: Person, **change: object) -> Person:
    """What is left of one person when somebody edits them without approval."""
    edited = replace(before, **change)  # type: ignore[arg-type]
    (left,) = narrowed_page(DirectoryPage((before,)), DirectoryPage((edited,))).people
    return left


def test_who_is_added_is_not_and_who_is_taken_out_is_out() -> None:
    left = narrowed_page(DirectoryPage((ALICE,)), DirectoryPage((BOB,)))
    assert left.people == ()


@pytest.mark.parametrize(
    ("was", "said", "is_"),
    [
        (Status.ACTIVE, Status.SUSPENDED, Status.SUSPENDED),
        (Status.SUSPENDED, Status.LEFT, Status.LEFT),
        (Status.LEFT, Status.ACTIVE, Status.LEFT),
        (Status.SUSPENDED, Status.ACTIVE, Status.SUSPENDED),
    ],
)
def test_a_status_only_gets_stricter(was: Status, said: Status, is_: Status) -> None:
    assert after(replace(ALICE, status=was), status=said).status is is_


def test_of_groups_those_stay_that_both_say() -> None:
    assert after(BOB, groups=("payments", "security")).groups == ("payments",)


def test_accounts_attributes_manager_and_name_are_as_before() -> None:
    edited = {"accounts": (("forge", ("mallory",)),), "attributes": (), "manager": "", "name": "x"}
    assert after(ALICE, **edited) == ALICE


def test_of_members_those_stay_whom_both_say() -> None:
    before, edited = Group("g", ("a", "b"), (("aws", ("g",)),)), Group("g", ("b", "c"))
    left = narrowed_page(DirectoryPage((), (before,)), DirectoryPage((), (edited,)))
    assert left.groups == (Group("g", ("b",), (("aws", ("g",)),)),)


def test_a_membership_that_moved_stays_where_it_was() -> None:
    person, group = Person("a", groups=("g",)), Group("g", ("b",))
    before = DirectoryPage((person, Person("b")), (group,))
    moved = DirectoryPage((Person("a"), Person("b", groups=("g",))), (Group("g", ("a",)),))
    assert narrowed_page(before, moved) == before


def test_services_stay_as_they_were_or_go() -> None:
    edited = Service("robot", (("forge", ("other",)),))
    before = DirectoryPage(services=(ROBOT, Service("old")))
    left = narrowed_page(before, DirectoryPage(services=(edited, Service("new"))))
    assert left.services == (ROBOT,)


def test_a_page_that_did_not_change_is_the_same() -> None:
    assert narrowed_page(PAGE, PAGE) == PAGE


def test_a_page_that_was_deleted_leaves_nobody() -> None:
    assert narrowed_page(PAGE, DirectoryPage()) == DirectoryPage()


def test_of_a_bundle_what_both_hold_stays() -> None:
    one, two, three = (Item(Entitlement("aws", "k", "r", role)) for role in "abc")
    left = narrowed_bundle(Bundle("b", (one, two)), Bundle("b", (two, three)))
    assert left == Bundle("b", (two,))


def test_an_item_for_another_account_is_another_item() -> None:
    item = Item(Entitlement("aws", "k", "r", "a"), "user/alice")
    left = narrowed_bundle(Bundle("b", (item,)), Bundle("b", (replace(item, account="user/eve"),)))
    assert left.access == ()
