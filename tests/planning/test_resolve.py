from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeVar

from reconciler.model import (
    Bundle,
    BundleRef,
    Cause,
    Claim,
    DirectoryPage,
    Entitlement,
    Grant,
    Group,
    Item,
    Person,
    Service,
    Status,
    SubjectKind,
    SubjectRef,
    Version,
)
from reconciler.planning.resolve import claims
from tests.build import HORIZON, NOW, hours

T = TypeVar("T")
READ = Item(Entitlement("aws", "account_assignment", "111122223333", "Read"))
ADMIN = Item(Entitlement("aws", "account_assignment", "111122223333", "Admin"))
ALICE, BOB = Person("alice@example.com"), Person("bob@example.com")


def version(
    content: T, merged: float = -5, gone: float | None = None, path: str = "f.yaml"
) -> Version[T]:
    end = None if gone is None else hours(gone)
    return Version(path, "blob", "commit", hours(merged), end, content)


def grant(*subjects: str, access: tuple[Item | BundleRef, ...] = (READ,), **fields: Any) -> Grant:
    refs = tuple(SubjectRef(s.removeprefix("group:"), s.startswith("group:")) for s in subjects)
    end = {} if "duration" in fields or "standing" in fields else {"expires": hours(5)}
    fields.pop("standing", None)
    return Grant("grants/a.yaml", refs, access, "because", **(end | fields))


def page(*people: Person, groups: tuple[Group, ...] = (), **kw: Any) -> Version[DirectoryPage]:
    services = kw.pop("services", ())
    return version(DirectoryPage(people, groups, services), **({"merged": -9999} | kw))


def resolved(
    grants: list[Version[Grant]],
    directory: list[Version[DirectoryPage]],
    bundles: list[Version[Bundle]] | None = None,
) -> list[Claim]:
    return list(claims(grants, bundles or [], directory, HORIZON))


def spans(found: list[Claim]) -> list[tuple[str, str, float, float | None, str]]:
    def h(at: datetime | None) -> float | None:
        return None if at is None else (at - NOW) / timedelta(hours=1)

    return sorted(
        (
            c.subject.id.split("@")[0],
            c.entitlement.role,
            h(c.window.start) or 0,
            h(c.window.end),
            c.cause,
        )
        for c in found
    )


def test_a_grant_counts_from_its_merge_to_its_end() -> None:
    found = resolved([version(grant("alice@example.com"))], [page(ALICE)])
    assert spans(found) == [("alice", "Read", -5, 5, Cause.EXPIRED)]


def test_rule_16_a_duration_counts_from_the_merge() -> None:
    g = version(grant("alice@example.com", duration=timedelta(hours=8)), merged=-2)
    assert spans(resolved([g], [page(ALICE)])) == [("alice", "Read", -2, 6, Cause.EXPIRED)]


def test_a_duration_counts_from_a_start_that_is_later_than_the_merge() -> None:
    g = version(grant("alice@example.com", duration=timedelta(hours=8), starts=hours(10)))
    assert spans(resolved([g], [page(ALICE)])) == [("alice", "Read", 10, 18, Cause.EXPIRED)]


def test_a_grant_that_was_merged_after_its_end_gives_nothing() -> None:
    g = version(grant("alice@example.com", expires=hours(-6)))
    assert resolved([g], [page(ALICE)]) == []


def test_a_deleted_grant_ended_when_it_was_deleted_and_was_withdrawn() -> None:
    g = version(grant("alice@example.com"), gone=-1)
    assert spans(resolved([g], [page(ALICE)])) == [("alice", "Read", -5, -1, Cause.WITHDRAWN)]


def test_a_grant_that_was_deleted_after_its_end_had_expired() -> None:
    g = version(grant("alice@example.com", expires=hours(-3)), gone=-1)
    assert spans(resolved([g], [page(ALICE)])) == [("alice", "Read", -5, -3, Cause.EXPIRED)]


def test_an_edit_from_admin_to_read_withdraws_admin() -> None:
    old = version(grant("alice@example.com", access=(ADMIN,)), -5, -1)
    new = version(grant("alice@example.com"), -1)
    assert spans(resolved([old, new], [page(ALICE)])) == [
        ("alice", "Admin", -5, -1, Cause.WITHDRAWN),
        ("alice", "Read", -1, 5, Cause.EXPIRED),
    ]


def test_standing_access_has_no_end_until_it_is_withdrawn() -> None:
    [c] = resolved([version(grant("alice@example.com", standing=True))], [page(ALICE)])
    assert (c.window.end, c.standing) == (None, True)
    [c] = resolved([version(grant("alice@example.com", standing=True), gone=-1)], [page(ALICE)])
    assert (c.window.end, c.cause, c.standing) == (hours(-1), Cause.WITHDRAWN, True)


def test_somebody_who_left_loses_access_when_the_directory_says_so() -> None:
    gone = Person(ALICE.id, status=Status.LEFT)
    directory = [page(ALICE, gone=-1), page(gone, merged=-1)]
    found = resolved([version(grant("alice@example.com"))], directory)
    assert spans(found) == [("alice", "Read", -5, -1, Cause.LEFT)]


def test_somebody_taken_out_of_the_directory_is_withdrawn_so_that_the_guards_count_it() -> None:
    directory = [page(ALICE, BOB, gone=-1), page(BOB, merged=-1)]
    found = resolved([version(grant("alice@example.com"))], directory)
    assert spans(found) == [("alice", "Read", -5, -1, Cause.WITHDRAWN)]


def test_an_unrelated_edit_of_the_directory_changes_nothing() -> None:
    directory = [page(ALICE, gone=-1), page(ALICE, BOB, merged=-1, gone=0), page(ALICE, merged=0)]
    found = resolved([version(grant("alice@example.com"))], directory)
    assert spans(found) == [("alice", "Read", -5, 5, Cause.EXPIRED)]


def test_a_suspended_person_who_comes_back_has_a_gap() -> None:
    away = Person(ALICE.id, status=Status.SUSPENDED)
    directory = [page(ALICE, gone=-3), page(away, merged=-3, gone=-1), page(ALICE, merged=-1)]
    found = resolved([version(grant("alice@example.com"))], directory)
    assert spans(found) == [
        ("alice", "Read", -5, -3, Cause.LEFT),
        ("alice", "Read", -1, 5, Cause.EXPIRED),
    ]


ONCALL = Group("oncall", ("alice@example.com", "bob@example.com"))


def test_a_group_without_an_account_means_its_members() -> None:
    found = resolved([version(grant("group:oncall"))], [page(ALICE, BOB, groups=(ONCALL,))])
    assert [s[:2] for s in spans(found)] == [("alice", "Read"), ("bob", "Read")]


def test_a_group_with_an_account_in_the_system_is_one_principal_there() -> None:
    known = Group("oncall", ONCALL.members, (("aws", ("oncall-sso",)),))
    [c] = resolved([version(grant("group:oncall"))], [page(ALICE, BOB, groups=(known,))])
    assert (c.subject.kind, c.subject.accounts) == (SubjectKind.GROUP, ("oncall-sso",))


def test_membership_may_be_said_by_the_person() -> None:
    carol = Person("carol@example.com", groups=("oncall",))
    found = resolved([version(grant("group:oncall"))], [page(carol, groups=(Group("oncall"),))])
    assert [s[0] for s in spans(found)] == ["carol"]


def test_a_person_who_leaves_a_group_loses_what_the_group_gave() -> None:
    less = Group("oncall", ("bob@example.com",))
    directory = [
        page(ALICE, BOB, groups=(ONCALL,), gone=-1),
        page(ALICE, BOB, groups=(less,), merged=-1),
    ]
    assert spans(resolved([version(grant("group:oncall"))], directory)) == [
        ("alice", "Read", -5, -1, Cause.WITHDRAWN),
        ("bob", "Read", -5, 5, Cause.EXPIRED),
    ]


def test_an_item_that_leaves_a_bundle_is_withdrawn() -> None:
    bundles = [
        version(Bundle("kit", (READ, ADMIN)), -99, -1),
        version(Bundle("kit", (READ,)), -1),
    ]
    g = version(grant("alice@example.com", access=(BundleRef("kit"),)))
    assert spans(resolved([g], [page(ALICE)], bundles)) == [
        ("alice", "Admin", -5, -1, Cause.WITHDRAWN),
        ("alice", "Read", -5, 5, Cause.EXPIRED),
    ]


def test_a_changed_account_withdraws_the_old_one() -> None:
    old = Person(ALICE.id, accounts=(("aws", ("a1",)),))
    new = Person(ALICE.id, accounts=(("aws", ("a2",)),))
    found = resolved(
        [version(grant("alice@example.com"))], [page(old, gone=-1), page(new, merged=-1)]
    )
    assert [(c.subject.accounts, c.window.end, c.cause) for c in found] == [
        (("a1",), hours(-1), Cause.WITHDRAWN),
        (("a2",), hours(5), Cause.EXPIRED),
    ]


def test_a_service_is_a_subject_like_any_other() -> None:
    bot = Service("deployer", (("aws", ("role/deploy",)),))
    [c] = resolved([version(grant("deployer"))], [page(services=(bot,))])
    assert (c.subject.kind, c.subject.accounts) == (SubjectKind.SERVICE, ("role/deploy",))


def test_a_subject_that_no_directory_knows_claims_nothing() -> None:
    assert resolved([version(grant("mallory@example.com"))], [page(ALICE)]) == []


def test_what_a_directory_said_before_the_look_back_is_taken_to_have_always_been_so() -> None:
    month = 24 * 40
    g = version(grant("alice@example.com"), merged=-2 * month)
    [c] = resolved([g], [page(ALICE, merged=-month)])
    assert c.window.start == hours(-2 * month)


def test_what_was_deleted_in_the_second_of_its_merge_was_declared_all_the_same() -> None:
    g = version(grant("alice@example.com"), merged=-1, gone=-1)
    assert spans(resolved([g], [page(ALICE)])) == [("alice", "Read", -1, -1, Cause.WITHDRAWN)]


def test_what_was_withdrawn_before_it_began_never_was() -> None:
    g = version(grant("alice@example.com", starts=hours(1)), gone=-1)
    assert resolved([g], [page(ALICE)]) == []
