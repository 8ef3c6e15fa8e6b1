"""What GitHub knows about how a commit came in, as facts: no verdicts here."""

from __future__ import annotations

import pytest

from reconciler.model import Account, Content, Word
from reconciler.sandbox.bare import Ident
from reconciler.sandbox.github.state import ForcePush
from tests.forge.github.world import GRANT, World, logins


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_an_approved_pull_request_is_found_however_it_was_merged(world: World, method: str) -> None:
    number = world.proposed()
    world.github.review("bob", number, "APPROVED")
    head = world.github.pulls[number].head
    commit = world.github.merge("carol", number, method)
    pull = world.pull(commit)
    assert (pull.number, pull.base, pull.head) == (number, "main", head)
    assert str(pull.author) == "alice"
    assert str(pull.merged_by) == "carol"
    assert pull.merged_at is not None
    assert [(str(r.account), r.word, r.commit) for r in pull.reviews] == [
        ("bob", Word.APPROVED, head)
    ]
    assert pull.contents == (Content(head, GRANT, world.blob(commit)),)
    assert logins(pull.writers) == ["alice"]
    assert pull.unsigned == (head,)
    assert pull.title == f"Ask for {GRANT}"


def test_an_account_is_known_by_its_number(world: World) -> None:
    commit = world.github.merge("carol", world.proposed())
    assert world.pull(commit).author == Account(str(world.github.users["alice"].id), "alice")


def test_every_commit_of_a_rebase_belongs_to_its_pull_request(world: World) -> None:
    world.github.commit("alice", "two", {GRANT: "1\n"})
    world.github.commit("alice", "two", {"grants/b.yaml": "2\n"})
    number = world.github.open_pull("alice", "two", "Two commits")
    world.github.commit("bob", "main", {"other": "x"})  # so that it really must be rebased
    last = world.github.merge("carol", number, "rebase")
    first = world.github.bare.facts(last).parents[0]
    assert [world.pull(commit).number for commit in (first, last)] == [number, number]


def test_each_pull_request_of_a_merge_queue_has_its_own_commit(world: World) -> None:
    numbers = [world.proposed(path=f"grants/{name}.yaml") for name in ("a", "b", "c")]
    commits = world.github.queue(numbers)
    wanted = [world.want(c, f"grants/{n}.yaml") for c, n in zip(commits, "abc", strict=True)]
    found = {want.commit: evidence.pulls for want, evidence in world.reader.evidence(wanted)}
    assert [found[c][0].number for c in commits] == numbers
    assert all(not p.merged_by.person for (p,) in found.values() if p.merged_by)


def test_a_commit_may_have_several_pull_requests(world: World) -> None:
    oid = world.github.commit("alice", "one", {GRANT: "1\n"})
    world.github.point("alice", "other", oid)
    numbers = [world.github.open_pull("alice", b, f"From {b}") for b in ("one", "other")]
    world.github.point("carol", "main", oid)
    assert [p.number for p in world.evidence(oid).pulls] == numbers


def test_more_pull_requests_than_a_page_has(world: World) -> None:
    oid = world.github.commit("alice", "one", {GRANT: "1\n"})
    for branch in ("b", "c", "d", "e", "f", "g"):
        world.github.point("alice", branch, oid)
        world.github.open_pull("alice", branch, branch)
    world.github.point("carol", "main", oid)
    assert len(world.evidence(oid).pulls) == 6


def test_a_direct_push_has_no_pull_request(world: World) -> None:
    commit = world.github.commit("alice", "main", {GRANT: "admin\n"})
    assert world.evidence(commit).pulls == ()


def test_a_commit_that_github_does_not_have_has_no_pull_request(world: World) -> None:
    assert world.evidence("1" * 40).pulls == ()


def test_a_revert_is_proved_by_its_own_pull_request_only(world: World) -> None:
    first = world.proposed(text="admin\n")
    world.github.review("bob", first, "APPROVED")
    world.github.merge("carol", first, "squash")
    world.github.merge("carol", world.proposed(text="none\n"), "squash")
    revert = world.proposed(text="admin\n")
    commit = world.github.merge("carol", revert, "squash")
    pull = world.pull(commit)
    assert (pull.number, pull.reviews) == (revert, ())


def test_a_cherry_pick_of_an_approved_commit_has_no_pull_request(world: World) -> None:
    number = world.proposed()
    world.github.review("bob", number, "APPROVED")
    message = world.github.bare.facts(world.github.pulls[number].head).message
    picked = world.github.commit("alice", "main", {GRANT: "read\n"}, message)
    assert world.evidence(picked).pulls == ()


def test_an_approval_shows_the_file_as_the_reviewer_saw_it(world: World) -> None:
    number = world.proposed(text="read\n", branch="mine")
    seen = world.github.pulls[number].head
    world.github.review("bob", number, "APPROVED")
    head = world.github.commit("alice", "mine", {GRANT: "admin\n"})
    pull = world.pull(world.github.merge("carol", number))
    assert [r.commit for r in pull.reviews] == [seen]
    assert set(pull.contents) == {
        Content(head, GRANT, world.blob(head)),
        Content(seen, GRANT, world.blob(seen)),
    }


def test_who_force_pushed_is_a_writer(world: World) -> None:
    number = world.proposed(branch="mine")
    ident = world.github.users["alice"].ident
    world.github.commit("bob", "mine", {GRANT: "x"}, onto=world.main, author=ident, committer=ident)
    pull = world.pull(world.github.merge("carol", number))
    assert logins(pull.writers) == ["alice", "bob"]


def test_a_force_push_after_the_merge_makes_nobody_a_writer(world: World) -> None:
    number = world.proposed(branch="mine")
    commit = world.github.merge("carol", number, "squash")
    world.github.pulls[number].events.append(ForcePush(world.github.users["bob"], world.clock()))
    assert logins(world.pull(commit).writers) == ["alice"]


def test_co_authors_and_committers_are_writers(world: World) -> None:
    text = "Ask\n\nCo-authored-by: Bob <bob@example.com>\nCo-authored-by: X <x@elsewhere.example>"
    dave = world.github.users["dave"].ident
    world.github.commit("alice", "mine", {GRANT: "x"}, text, committer=dave)
    number = world.github.open_pull("alice", "mine", "Mine")
    pull = world.pull(world.github.merge("carol", number))
    assert logins(pull.writers) == ["alice", "bob", "x@elsewhere.example", "dave"]
    assert pull.writers[2] == Account("", email="x@elsewhere.example")


def test_githubs_own_committer_is_no_writer(world: World) -> None:
    own = Ident("GitHub", "noreply@github.com")
    world.github.commit("alice", "mine", {GRANT: "x"}, committer=own, signed=True)
    number = world.github.open_pull("alice", "mine", "Edited in the browser")
    pull = world.pull(world.github.merge("carol", number))
    assert logins(pull.writers) == ["alice"]
    assert pull.unsigned == ()


def test_an_unknown_committer_is_known_by_the_address(world: World) -> None:
    someone = Ident("Someone", "someone@elsewhere.example")
    world.github.commit("alice", "mine", {GRANT: "x"}, committer=someone)
    number = world.github.open_pull("alice", "mine", "Mine")
    pull = world.pull(world.github.merge("carol", number))
    assert pull.writers[1] == Account("", email="someone@elsewhere.example")


def test_a_merge_past_the_rules_shows_no_approval(world: World) -> None:
    world.github.settings.required_approvals = 1
    number = world.proposed()
    pull = world.pull(world.github.merge("grace", number, admin=True))
    assert (pull.reviews, str(pull.merged_by)) == ((), "grace")


def test_deleted_accounts_are_nobody(world: World) -> None:
    number = world.proposed()
    world.github.review("bob", number, "APPROVED")
    commit = world.github.merge("carol", number)
    for login in ("alice", "bob", "carol"):
        world.github.delete_user(login)
    pull = world.pull(commit)
    assert (pull.author, pull.merged_by, pull.reviews[0].account) == (None, None, None)
    assert pull.writers == (
        Account("", email="alice@example.com"),
        Account("", shown="a deleted account"),  # who pushed it
    )


def test_a_renamed_login_keeps_its_number(world: World) -> None:
    number = world.proposed()
    world.github.review("bob", number, "APPROVED")
    commit = world.github.merge("carol", number)
    before = world.pull(commit).reviews[0].account
    world.github.rename_user("bob", "robert")
    after = world.pull(commit).reviews[0].account
    assert before
    assert after
    assert (before.id, before.login, after.login) == (after.id, "bob", "robert")


def test_a_bots_review_is_no_persons(world: World) -> None:
    number = world.proposed()
    world.github.review("github-actions", number, "APPROVED")
    account = world.pull(world.github.merge("carol", number)).reviews[0].account
    assert account
    assert (account.login, account.person) == ("github-actions[bot]", False)


def test_comments_say_nothing(world: World) -> None:
    number = world.proposed()
    world.github.review("bob", number, "COMMENTED")
    assert world.pull(world.github.merge("carol", number)).reviews == ()


def test_a_dismissal_before_the_merge_is_the_last_word(world: World) -> None:
    number = world.proposed()
    review = world.github.review("bob", number, "APPROVED")
    world.github.dismiss(number, review)
    pull = world.pull(world.github.merge("carol", number))
    assert [r.word for r in pull.reviews] == [Word.APPROVED, Word.DISMISSED]
    assert pull.merged_at
    assert all(r.at < pull.merged_at and str(r.account) == "bob" for r in pull.reviews)


def test_a_dismissal_after_the_merge_is_dated_after_it(world: World) -> None:
    number = world.proposed()
    review = world.github.review("bob", number, "APPROVED")
    commit = world.github.merge("carol", number)
    world.github.dismiss(number, review)
    pull = world.pull(commit)
    assert pull.merged_at
    assert [(r.word, r.at < pull.merged_at) for r in pull.reviews] == [
        (Word.APPROVED, True),
        (Word.DISMISSED, False),
    ]


def test_a_dismissed_refusal_was_a_refusal(world: World) -> None:
    number = world.proposed()
    review = world.github.review("bob", number, "CHANGES_REQUESTED")
    world.github.dismiss(number, review)
    pull = world.pull(world.github.merge("carol", number))
    assert [r.word for r in pull.reviews] == [Word.CHANGES_REQUESTED, Word.DISMISSED]


def test_words_are_in_the_order_in_which_they_were_said(world: World) -> None:
    number = world.proposed()
    first = world.github.review("bob", number, "APPROVED")
    world.github.review("carol", number, "APPROVED")
    world.github.dismiss(number, first)
    pull = world.pull(world.github.merge("carol", number))
    assert [(str(r.account), r.word) for r in pull.reviews] == [
        ("bob", Word.APPROVED),
        ("carol", Word.APPROVED),
        ("bob", Word.DISMISSED),
    ]


@pytest.mark.parametrize("later", ["APPROVED", "CHANGES_REQUESTED"])
def test_dismissing_an_old_review_leaves_what_was_said_since(world: World, later: str) -> None:
    number = world.proposed()
    old = world.github.review("bob", number, "APPROVED")
    world.github.review("bob", number, later)
    world.github.dismiss(number, old)
    pull = world.pull(world.github.merge("carol", number))
    assert pull.reviews[-1].word.name == later


def test_an_approval_of_a_commit_that_is_gone_names_none(world: World) -> None:
    number = world.proposed()
    world.github.review("bob", number, "APPROVED", commit="2" * 40)
    pull = world.pull(world.github.merge("carol", number))
    assert pull.reviews[0].commit == ""


def test_a_pull_request_for_another_branch_does_not_count(world: World) -> None:
    world.github.point("grace", "next", world.main)
    oid = world.github.commit("alice", "mine", {GRANT: "x"})
    number = world.github.open_pull("alice", "mine", "Into next", base="next")
    world.github.review("bob", number, "APPROVED")
    world.github.merge("carol", number)
    world.github.point("alice", "main", oid)  # and past it, onto the main line
    assert world.evidence(oid).pulls == ()


def test_an_open_pull_request_does_not_count(world: World) -> None:
    number = world.proposed()
    assert world.evidence(world.github.pulls[number].head).pulls == ()


def test_a_file_that_is_taken_away_has_no_blob(world: World) -> None:
    world.github.merge("carol", world.proposed(), "squash")
    world.github.commit("alice", "gone", {GRANT: None})
    number = world.github.open_pull("alice", "gone", "Take it away")
    commit = world.github.merge("carol", number, "squash")
    assert world.want(commit).blob == ""
    assert [c.blob for c in world.pull(commit).contents] == [""]


@pytest.mark.parametrize(
    "path",
    [
        'grants/a "quoted" one.yaml',
        "grants/über/日本.yaml",
        "grants/:(top)x.yaml",
        "grants/$p0 }{.yaml",
        "grants/back\\slash.yaml",
        "grants/*.yaml",
    ],
)
def test_odd_paths_are_read_as_they_are(world: World, path: str) -> None:
    commit = world.github.merge("carol", world.proposed(path=path), "squash")
    (content,) = world.pull(commit, path).contents
    assert (content.path, content.blob) == (path, world.blob(commit, path))
    assert content.blob
