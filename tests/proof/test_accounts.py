"""Accounts that were deleted, renamed or given away, and very many reviews."""

from __future__ import annotations

from tests.proof.town import PEOPLE, RULES, A, B, Town, asks


def test_a_pull_request_by_a_deleted_account_proves_nothing(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    town.github.delete_user("alice")
    seen = town.run()
    assert seen.held == set()
    assert "is a deleted account" in seen.why()


def test_the_approval_of_a_deleted_account_does_not_count(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    town.pull("bob", {B: asks("bob")}, "carol", "dave")
    town.github.delete_user("carol")
    seen = town.run()
    assert seen.held == {"bob write"}
    assert "an approval by a deleted account does not count" in seen.why()


def test_an_account_deleted_after_the_verdict_changes_nothing(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    assert town.run().held == {"alice write"}
    for login in ("alice", "carol"):
        town.github.delete_user(login)
    assert town.run().held == {"alice write"}


def test_an_approver_who_left_since_had_approved(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    left = town.directory().replace(
        "carol@example.com, manager", "carol@example.com, status: left, manager"
    )
    town.pull("grace", {PEOPLE: left}, "frank")
    town.pull("bob", {B: asks("bob")}, "carol")
    seen = town.run()
    assert (seen.held, seen.refused) == ({"alice write"}, {B})
    assert "carol@example.com approved, and is no active person" in seen.why(B)


def test_more_than_a_hundred_reviews_are_all_read(town: Town) -> None:
    town.begin()
    number = town.propose("alice", {A: asks()})
    for _ in range(119):
        town.github.review("erin", number, "APPROVED")
    town.approve(number, "carol")
    town.merge(number)
    assert town.run().held == {"alice write"}


def test_after_more_than_a_hundred_reviews_the_last_word_counts(town: Town) -> None:
    town.begin()
    number = town.propose("alice", {A: asks()})
    town.approve(number, "carol")
    for _ in range(119):
        town.github.review("erin", number, "APPROVED")
    town.approve(number, "carol", state="CHANGES_REQUESTED")
    town.merge(number)
    assert town.run().held == set()


def test_who_is_known_by_an_id_may_change_the_login(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    town.github.rename_user("carol", "carola")
    town.pull("bob", {B: asks("bob")}, "carola")
    assert town.run().held == {"alice write", "bob write"}


def test_whoever_takes_a_given_up_login_is_not_who_had_it(town: Town) -> None:
    town.begin()
    town.github.rename_user("carol", "carola")
    town.github.add_user("carol", "mallory@example.com")
    town.pull("alice", {A: asks()}, "carol")
    seen = town.run()
    assert seen.held == set()
    assert "carol approved, and is not in the directory" in seen.why()


def test_an_id_beside_a_login_makes_the_login_worth_nothing(town: Town) -> None:
    town.accounts["carol"].append("carol")
    town.begin()
    town.github.rename_user("carol", "carola")
    town.github.add_user("carol", "mallory@example.com")
    town.pull("alice", {A: asks()}, "carol")
    town.pull("bob", {B: asks("bob")}, "carola")
    assert town.run().held == {"bob write"}


def test_who_is_known_by_a_login_alone_is_nobody_after_a_rename(town: Town) -> None:
    town.accounts["carol"] = ["carol"]
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    town.github.rename_user("carol", "carola")
    seen = town.run()
    assert seen.held == set()
    assert "carola approved, and is not in the directory" in seen.why()


def test_a_directory_that_followed_the_rename_knows_the_old_approvals_again(town: Town) -> None:
    town.accounts["carol"] = ["carol"]
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    town.github.rename_user("carol", "carola")
    town.accounts["carol"] = ["carola"]
    town.pull("grace", {PEOPLE: town.directory()}, "frank")
    town.pull("bob", {B: asks("bob")}, "carola")
    assert town.run().held == {"alice write", "bob write"}


def test_a_rule_change_approved_under_a_login_that_was_renamed_since_counts_again(
    town: Town,
) -> None:
    town.accounts["frank"] = ["frank"]
    town.begin()
    town.pull("grace", {PEOPLE: town.directory(leads=["erin"])}, "frank")
    town.github.rename_user("frank", "francis")
    town.pull("alice", {A: asks()}, "erin")
    assert town.run().held == set()
    town.accounts["frank"], town.groups["leads"] = ["francis"], ["erin"]
    town.pull("bob", {PEOPLE: town.directory()}, "grace")
    assert town.run().held == {"alice write"}


def test_an_account_that_two_people_claim_is_nobodys(town: Town) -> None:
    town.accounts["erin"].append(town.accounts["carol"][0])
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    assert town.run().held == set()


def test_a_person_has_one_last_word_over_all_accounts(town: Town) -> None:
    second = town.github.add_user("carol-two")
    town.accounts["carol"].append(str(second.id))
    town.begin()
    number = town.propose("alice", {A: asks()})
    town.approve(number, "carol")
    town.approve(number, "carol-two", state="CHANGES_REQUESTED")
    town.merge(number)
    assert town.run().held == set()


def test_a_person_with_two_accounts_is_one_approver(town: Town) -> None:
    second = town.github.add_user("carol-two")
    town.accounts["carol"].append(str(second.id))
    town.begin(RULES.replace("count: 1", "count: 2"))
    town.pull("alice", {A: asks()}, "carol", "carol-two")
    assert (town.run().held, town.run().refused) == (set(), {A})
