"""What is written to GitHub, and what is left alone."""

from __future__ import annotations

import pytest

from reconciler.forge.base import Draft, ForgeError, State
from reconciler.sandbox.faults import Fault, FaultKind
from tests.forge.github.world import GRANT, World

HIDDEN = "<!-- access-reconciler: check -->"


def test_a_comment_is_written_once_and_then_updated(world: World) -> None:
    number = world.proposed()
    for text in ("first", "second", "second"):
        world.writer.comment(number, text, "check")
    world.writer.comment(number, "of its own", "other")
    assert [(c.author.login, c.body) for c in world.github.comments] == [
        ("reconciler", f"{HIDDEN}\nsecond"),
        ("reconciler", "<!-- access-reconciler: other -->\nof its own"),
    ]
    assert sum("PATCH" in call for call in world.calls()) == 1


def test_somebody_elses_comment_with_our_mark_is_left_alone(world: World) -> None:
    number = world.proposed()
    world.github.comment("alice", number, f"{HIDDEN}\nall approved")
    world.writer.comment(number, "not approved", "check")
    assert [c.body for c in world.github.comments] == [
        f"{HIDDEN}\nall approved",
        f"{HIDDEN}\nnot approved",
    ]


def test_the_comment_is_found_on_a_later_page(world: World) -> None:
    world.github.graph.page_most = 2
    number = world.proposed()
    for _ in range(3):
        world.github.comment("alice", number, "hello")
    world.writer.comment(number, "first", "check")
    world.writer.comment(number, "second", "check")
    assert [c.body for c in world.github.comments][3:] == [f"{HIDDEN}\nsecond"]


def test_a_comment_that_is_too_long_is_cut_and_says_so(world: World) -> None:
    number = world.proposed()
    world.writer.comment(number, "x" * 70_000, "check")
    (comment,) = world.github.comments
    assert len(comment.body) == 65_536
    assert comment.body.startswith(HIDDEN)
    assert "cut off" in comment.body[-80:]


def test_comments_that_cannot_be_read_are_not_written_either(world: World) -> None:
    number = world.proposed()
    world.faults.arm(Fault("github", "GET *comments", FaultKind.HALF, times=9))
    with pytest.raises(ForgeError, match="read the comments"):
        world.writer.comment(number, "text", "check")
    assert world.github.comments == []


def test_a_status_is_set_and_kept_short(world: World) -> None:
    world.writer.status(world.main, State.PENDING, "y" * 200)
    (status,) = world.github.statuses
    assert (status.commit, status.state, status.context) == (
        world.main,
        "pending",
        "access-reconciler",
    )
    assert len(status.description) == 140


def test_a_pull_request_is_opened_with_its_reviewers(world: World) -> None:
    world.github.commit("alice", "mine", {GRANT: "x"})
    pull = world.writer.open(Draft("mine", "Ask", "Because", ("bob", "carol")))
    made = world.github.pulls[pull.number]
    assert (made.title, made.body, made.base, made.author.login) == (
        "Ask",
        "Because",
        "main",
        "reconciler",
    )
    assert made.asked == ["bob", "carol"]


def test_a_reviewer_who_is_known_by_an_immutable_id_is_asked_under_todays_login(
    world: World,
) -> None:
    world.github.commit("alice", "mine", {GRANT: "x"})
    known = str(world.github.users["bob"].id)
    world.github.rename_user("bob", "robert")
    pull = world.writer.open(Draft("mine", "Ask", "", (known, "carol", "999999")))
    assert world.github.pulls[pull.number].asked == ["robert", "carol"]


def test_reviewers_that_github_refuses_are_left_out(world: World) -> None:
    world.github.commit("alice", "mine", {GRANT: "x"})
    draft = Draft("mine", "Ask", "", ("reconciler", "bob", "stranger"))
    assert world.github.pulls[world.writer.open(draft).number].asked == ["bob"]


def test_the_pull_request_that_is_open_already_is_found(world: World) -> None:
    number = world.proposed(branch="mine")
    assert world.writer.open(Draft("mine", "Again", "", ("bob",))).number == number
    assert world.github.pulls[number].asked == ["bob"]


def test_a_branch_with_nothing_in_it_is_an_error(world: World) -> None:
    world.github.point("alice", "empty", world.main)
    with pytest.raises(ForgeError, match="No commits between main and empty"):
        world.writer.open(Draft("empty", "Ask", ""))


@pytest.mark.parametrize("method", ["MERGE", "SQUASH", "REBASE"])
def test_a_merge_is_done_as_the_repository_does_it(world: World, method: str) -> None:
    world.github.settings.merge_method = method
    number = world.proposed()
    world.writer.merge(number, world.github.pulls[number].head)
    assert world.github.pulls[number].state == "MERGED"
    assert len(world.github.bare.facts(world.github.bare.tip("main")).parents) == (
        2 if method == "MERGE" else 1
    )


def test_another_head_is_not_merged(world: World) -> None:
    number = world.proposed(branch="mine")
    head = world.github.pulls[number].head
    world.github.commit("alice", "mine", {GRANT: "admin"})
    with pytest.raises(ForgeError, match="Head branch was modified"):
        world.writer.merge(number, head)
    assert world.github.pulls[number].state == "OPEN"


def test_a_write_that_was_not_answered_is_not_sent_again(world: World) -> None:
    """It may have been done: a second comment would be one too many."""
    number = world.proposed()
    world.faults.arm(Fault("github", "POST *comments", FaultKind.DROP, times=9))
    with pytest.raises(ForgeError, match="no whole answer"):
        world.writer.comment(number, "text", "check")
    assert len(world.github.comments) == 1


def test_a_write_that_was_held_back_by_a_limit_is_sent_again(world: World) -> None:
    world.faults.arm(Fault("github", "POST *statuses*", FaultKind.STATUS, 403, retry_after=1))
    world.writer.status(world.main, State.SUCCESS, "fine")
    assert len(world.github.statuses) == 1
