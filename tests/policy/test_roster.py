"""Who is who on the forge and in the directory."""

from __future__ import annotations

from reconciler.model import Account, DirectoryPage, Group, Service, Status
from reconciler.policy.roster import Roster, whose
from tests.policy.build import ALICE, ROSTER, account, mail, person, roster


def test_groups_come_from_people_and_from_groups_together() -> None:
    who = Roster([DirectoryPage((ALICE,)), DirectoryPage((), (Group("oncall", (ALICE.id,)),))])
    assert who.groups_of(ALICE.id) == {"payments", "oncall"}
    assert who.members("oncall") == {ALICE.id}


def test_members_are_the_active_ones() -> None:
    assert ROSTER.members("leads") == {mail("bob"), mail("carol")}
    assert ROSTER.members("nobody") == frozenset()


def test_a_member_whom_the_directory_lacks_is_none() -> None:
    who = Roster([DirectoryPage((), (Group("oncall", (mail("ghost"),)),))])
    assert who.members("oncall") == frozenset()


def test_ids_are_compared_without_regard_to_case() -> None:
    assert ROSTER.person("Alice@Example.com") == ALICE
    assert "leads" in ROSTER.groups_of("BOB@example.com")


def test_somebody_of_whom_two_pages_differ_is_nobody() -> None:
    left = person("alice", status=Status.LEFT)
    who = Roster([DirectoryPage((ALICE,)), DirectoryPage((left,))])
    assert who.person(ALICE.id) is None
    assert who.members("payments") == frozenset()
    assert Roster([DirectoryPage((ALICE,)), DirectoryPage((ALICE,))]).person(ALICE.id) == ALICE


def test_a_login_is_compared_without_regard_to_case() -> None:
    assert ROSTER.known_as(account("ALICE")) == mail("alice")
    assert ROSTER.known_as(account("mallory")) == ""


def test_a_service_is_known_by_its_accounts() -> None:
    assert ROSTER.known_as(Account("41", "robot[bot]", person=False)) == "robot"


def test_rule_10_who_lists_an_id_is_known_by_ids_alone() -> None:
    who = roster(person("alice", forge=("501", "alice")))
    assert who.known_as(Account("501", "renamed")) == mail("alice")
    assert who.known_as(Account("666", "alice")) == "", "somebody took the login over"


def test_rule_10_an_id_in_braces_is_an_id() -> None:
    who = roster(person("alice", forge=("{5C3A-11}", "alice")))
    assert who.known_as(Account("{5c3a-11}", "")) == mail("alice")
    assert who.known_as(Account("{0000}", "alice")) == ""


def test_an_account_that_two_claim_is_nobodys() -> None:
    who = roster(person("alice", forge=("shared",)), person("dave", forge=("Shared",)))
    assert who.known_as(account("shared")) == ""


def test_an_account_claimed_by_id_and_by_login_is_nobodys() -> None:
    who = roster(person("alice", forge=("501",)), person("dave", forge=("octo",)))
    assert who.known_as(Account("501", "octo")) == ""


def test_an_account_claimed_by_a_person_and_a_service_is_nobodys() -> None:
    page = DirectoryPage((ALICE,), (), (Service("job", (("forge", ("alice",)),)),))
    assert Roster([page]).known_as(account("alice")) == ""


def test_a_commit_author_without_an_account_is_known_by_address() -> None:
    assert ROSTER.known_as(Account("", email="Alice@Example.com")) == mail("alice")
    assert ROSTER.known_as(Account("", email="a@elsewhere.example.com")) == ""
    assert ROSTER.known_as(Account("")) == ""


def test_an_account_with_an_id_is_never_known_by_its_address() -> None:
    assert ROSTER.known_as(Account("666", "mallory", email=mail("alice"))) == ""


def test_identity_is_that_of_the_time_and_else_todays() -> None:
    then = roster(person("alice", forge=("alice",)))
    today = roster(person("alice", forge=("alice-new",)), person("dave", forge=("alice",)))
    assert whose(account("alice-new"), then, today) == mail("alice"), "the directory followed"
    assert whose(account("alice"), then, today) == mail("alice"), "the time's own word is first"


def test_what_was_ambiguous_at_the_time_is_not_settled_by_today() -> None:
    then = roster(person("alice", forge=("x",)), person("dave", forge=("x",)))
    assert whose(account("x"), then, roster(person("alice", forge=("x",)))) == ""
