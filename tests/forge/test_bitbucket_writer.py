"""What is written to either Bitbucket: comments, statuses, pull requests, merges."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.forge.base import Draft, ForgeError, State
from reconciler.sandbox.bitbucket_cloud import User
from reconciler.sandbox.pulls import LocalCloudPulls
from tests.forge.bitbucket_world import PATH, TEXT, WORLDS, World, signed_in

MARK = "<!-- access-reconciler: check -->"


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with WORLDS[request.param](tmp_path) as world:
        yield world


def named(world: World, *logins: str) -> tuple[str, ...]:
    cloud = isinstance(world.local, LocalCloudPulls)
    return tuple(User(login).uuid if cloud else login for login in logins)


def test_one_comment_for_each_mark_is_kept_up_to_date(world: World) -> None:
    number = world.request()
    world.book.comment("bob", number, "Looks fine")
    world.writer.comment(number, f"First\n{MARK}", MARK)
    world.writer.comment(number, f"Second\n{MARK}", MARK)
    world.writer.comment(number, "Of another mark", "<!-- other -->")
    texts = [(c.who.login, c.text) for c in world.book.pulls[number].comments]
    assert texts == [
        ("bob", "Looks fine"),
        ("reconciler", f"Second\n{MARK}"),
        ("reconciler", "Of another mark\n\n<!-- other -->"),
    ]


def test_another_accounts_comment_with_our_mark_is_left_alone(world: World) -> None:
    number = world.request()
    world.book.comment("bob", number, f"Approved by all! {MARK}")
    world.writer.comment(number, f"Not yet\n{MARK}", MARK)
    texts = [(c.who.login, c.text) for c in world.book.pulls[number].comments]
    assert texts == [
        ("bob", f"Approved by all! {MARK}"),
        ("reconciler", f"Not yet\n{MARK}"),
    ]


@pytest.mark.parametrize(
    ("state", "word"),
    [(State.SUCCESS, "SUCCESSFUL"), (State.PENDING, "INPROGRESS"), (State.FAILURE, "FAILED")],
)
def test_a_commit_has_one_status_of_ours(world: World, state: State, word: str) -> None:
    world.request()
    head = world.book.bare.tip("ask")
    world.writer.status(head, State.PENDING, "wait")
    world.writer.status(head, state, "x" * 1000)
    [(key, body)] = world.book.statuses.items()
    assert key == (head, "access-reconciler")
    assert (body["state"], len(body["description"])) == (word, 255)


def test_a_request_is_opened_with_its_reviewers(world: World) -> None:
    world.book.push("alice", "ask", {PATH: TEXT})
    draft = Draft("ask", "Access", "Please", named(world, "bob", "carol"))
    made = world.writer.open(draft)
    kept = world.book.pulls[made.number]
    assert (made.head, made.base, made.title) == (kept.head, "main", "Access")
    assert [member.login for member in kept.reviewers] == ["bob", "carol"]
    assert (kept.body, str(made.author)) == ("Please", "reconciler")
    assert world.writer.open(draft).number == made.number
    assert len(world.book.pulls) == 1


def test_who_cannot_review_is_left_out_and_the_rest_are_asked(world: World) -> None:
    world.book.push("alice", "ask", {PATH: TEXT})
    stranger = named(world, "stranger")
    reviewers = (*named(world, "bob", "reconciler"), *stranger, *named(world, "carol"))
    made = world.writer.open(Draft("ask", "Access", "Please", reviewers))
    asked = [member.login for member in world.book.pulls[made.number].reviewers]
    assert asked == ["bob", "carol"]


def test_another_refusal_is_not_taken_for_one_of_reviewers(world: World) -> None:
    with pytest.raises(ForgeError):
        world.writer.open(Draft("no-such-branch", "Access", "Please", named(world, "bob")))
    assert world.book.pulls == {}


def test_a_merge_is_of_the_head_that_was_judged(world: World) -> None:
    number = world.request()
    judged = world.book.pulls[number].head
    later = world.book.push("alice", "ask", {PATH: TEXT + "role: admin\n"})
    with pytest.raises(ForgeError, match=f"its last commit is {later} by now"):
        world.writer.merge(number, judged)
    assert world.book.pulls[number].merged == ""
    world.writer.merge(number, later)
    merged = world.book.pulls[number].merged
    assert merged == world.book.bare.tip("main")
    world.writer.merge(number, later)
    assert world.book.bare.tip("main") == merged


def test_a_slow_merge_is_waited_for(world: World) -> None:
    if isinstance(world.local, LocalCloudPulls):
        world.local.slow_merges = True
    number = world.request()
    world.writer.merge(number, world.book.pulls[number].head)
    assert world.book.pulls[number].merged


def test_somebody_elses_writer_signs_with_their_name(world: World) -> None:
    number = world.request()
    signed_in(world, "bob").comment(number, "Mine", MARK)
    world.writer.comment(number, "Ours", MARK)
    signed_in(world, "bob").comment(number, "Mine again", MARK)
    assert [c.text for c in world.book.pulls[number].comments] == [
        f"Mine again\n\n{MARK}",
        f"Ours\n\n{MARK}",
    ]


@pytest.mark.parametrize("status", [500, 403])
def test_a_refused_write_says_so(world: World, status: int) -> None:
    number = world.request()
    world.fail("POST *", status=status)
    with pytest.raises(ForgeError, match=str(status)):
        world.writer.comment(number, "text", MARK)
    with pytest.raises(ForgeError, match=str(status)):
        world.writer.status("a" * 40, State.SUCCESS, "fine")
