"""What takes effect of a change that nobody approved: only what it takes away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


# Whatever the pages are


def few_of(of: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(of, max_size=3, unique=True).map(tuple)


few = st.sampled_from("abc")
statuses = st.sampled_from(Status)
people = st.lists(
    st.builds(Person, few, status=statuses, groups=few_of(st.sampled_from("gh")), manager=few),
    max_size=3,
    unique_by=lambda person: person.id,
).map(tuple)
group_lists = st.lists(
    st.builds(Group, st.sampled_from("gh"), few_of(few)),
    max_size=2,
    unique_by=lambda group: group.id,
).map(tuple)
services = st.lists(st.builds(Service, few), max_size=2, unique_by=lambda service: service.id).map(
    tuple
)
pages = st.builds(DirectoryPage, people, group_lists, services)
ORDER = [Status.ACTIVE, Status.SUSPENDED, Status.LEFT]


def memberships(page: DirectoryPage) -> set[tuple[str, str]]:
    said = {(person.id, group) for person in page.people for group in person.groups}
    return said | {(member, group.id) for group in page.groups for member in group.members}


IDS: list[Callable[[DirectoryPage], set[str]]] = [
    lambda page: {person.id for person in page.people},
    lambda page: {group.id for group in page.groups},
    lambda page: {service.id for service in page.services},
]


@given(pages, pages)
def test_a_narrowed_page_has_nothing_that_either_lacks(
    before: DirectoryPage, after: DirectoryPage
) -> None:
    left = narrowed_page(before, after)
    for ids in IDS:
        assert ids(left) == ids(before) & ids(after)
    assert memberships(left) <= memberships(before) & memberships(after)
    for person in left.people:
        versions = [p for page in (before, after) for p in page.people if p.id == person.id]
        assert ORDER.index(person.status) == max(ORDER.index(p.status) for p in versions)
        assert person.manager == versions[0].manager


@given(pages, pages)
def test_narrowing_loses_no_membership_of_who_stays(
    before: DirectoryPage, after: DirectoryPage
) -> None:
    left = narrowed_page(before, after)
    stay = {person.id for person in left.people}, {group.id for group in left.groups}
    kept = {
        m for m in memberships(before) & memberships(after) if m[0] in stay[0] and m[1] in stay[1]
    }
    assert kept <= memberships(left)


@given(pages)
def test_narrowing_to_the_same_changes_nothing(page: DirectoryPage) -> None:
    assert narrowed_page(page, page) == page


entitlements = st.builds(Entitlement, st.just("aws"), st.just("k"), st.just("r"), few)
items = st.lists(st.builds(Item, entitlements, st.sampled_from(["", "user/a"])), max_size=4).map(
    tuple
)


@given(items, items)
def test_a_narrowed_bundle_has_nothing_that_either_lacks(
    before: tuple[Item, ...], after: tuple[Item, ...]
) -> None:
    left = narrowed_bundle(Bundle("b", before), Bundle("b", after))
    assert set(left.access) == set(before) & set(after)
