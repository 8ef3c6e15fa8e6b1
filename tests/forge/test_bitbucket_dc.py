"""What is Bitbucket Data Center's own: the commit noted with a word, rescopes, service users."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.forge import bitbucket_dc
from reconciler.forge.base import Credentials, ForgeError, Want
from reconciler.forge.bitbucket.history import Head, Said, pushers, reviews
from reconciler.forge.bitbucket_dc import answers
from reconciler.model import Account, ForgeKind, ForgeSettings, Word
from reconciler.sandbox.pulls.book import Strategy
from tests.forge.bitbucket_world import PATH, TEXT, World, data_center, words
from tests.providers.bitbucket_build import scripted

ROOT = "/rest/api/1.0/projects/ACC/repos/access"
A, B, C = "a" * 40, "b" * 40, "c" * 40
BOB = {"id": 7, "name": "bob", "slug": "bob", "type": "NORMAL", "emailAddress": "bob@example.com"}
EVE = {"id": 8, "name": "eve", "slug": "eve", "type": "NORMAL"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with data_center(tmp_path) as world:
        yield world


def pull(status: str = "APPROVED", seen: str = "", head: str = B) -> dict[str, Any]:
    noted = {"lastReviewedCommit": seen} if seen else {}
    bob = {"user": BOB, "role": "REVIEWER", "status": status, **noted}
    return {
        "createdDate": 1_000,
        "fromRef": {"latestCommit": head},
        "reviewers": [bob],
        "participants": [],
    }


def approved(at: int) -> dict[str, Any]:
    return {"action": "APPROVED", "createdDate": at, "user": BOB}


def rescoped(at: int, before: str, after: str, who: object = EVE) -> dict[str, Any]:
    row = {"action": "RESCOPED", "createdDate": at, "user": who, "fromHash": after}
    return {**row, "previousFromHash": before, "toHash": C, "previousToHash": C}


def told(row: dict[str, Any], *newest_first: dict[str, Any]) -> list[tuple[str, str, str]]:
    return words(reviews(answers.story(row, newest_first), *answers.listed(row)))


def test_ids_are_numbers_that_outlive_the_name(world: World) -> None:
    number = world.request()
    world.book.approve("bob", number)
    [review] = world.proof(world.book.merge("bob", number)).reviews
    assert review.account == Account("102", "bob", email="bob@example.com")


def test_the_calls_are_counted(world: World) -> None:
    """1 for the commit; then for the request its activities, its commits, and the file at its head
    and at each other reviewed commit."""
    number = world.request()
    world.book.approve("bob", number)
    world.book.push("alice", "ask", {PATH: TEXT + "role: reader\n"})
    world.book.approve("carol", number)
    merged = world.book.merge("dave", number)
    assert len(world.calls(lambda: world.evidence(merged))) == 1 + 1 + 1 + 2


def test_the_order_binds_where_no_commit_is_noted() -> None:
    assert told(pull(), approved(3_000), rescoped(2_000, A, B)) == [("bob", "approved", B)]
    assert told(pull(), rescoped(3_000, A, B), approved(2_000)) == [("bob", "approved", A)]


def test_the_noted_commit_binds_an_approval_to_less_than_the_order_does() -> None:
    """Given on a page that was older than the push before it."""
    row = pull(seen=A)
    assert told(row, approved(3_000), rescoped(2_000, A, B)) == [("bob", "approved", A)]


def test_a_noted_commit_that_came_only_later_is_not_believed() -> None:
    row = pull(seen=B)
    assert told(row, rescoped(3_000, A, B), approved(2_000)) == [("bob", "approved", A)]


def test_the_noted_commit_is_that_of_the_last_word_only() -> None:
    """The last one came from a page that was old by then, the one before it did not."""
    row = pull(seen=A)
    found = told(row, approved(5_000), approved(4_000), rescoped(3_000, A, B))
    assert found == [("bob", "approved", B), ("bob", "approved", A)]


def test_an_approval_that_the_request_no_longer_lists_was_withdrawn() -> None:
    row = pull(status="UNAPPROVED")
    assert told(row, rescoped(3_000, A, B), approved(2_000)) == [("bob", "dismissed", A)]


def test_a_push_to_the_target_alone_makes_nobody_a_writer() -> None:
    row = pull()
    target = rescoped(2_500, B, B)
    story = answers.story(row, [target, rescoped(2_000, A, B, BOB)])
    assert [str(account) for account in pushers(story)] == ["bob"]
    assert [event.commit for event in story if isinstance(event, Head)] == [A, B]


def test_words_come_oldest_first_whatever_the_answers_order() -> None:
    objected = {"action": "REVIEWED", "createdDate": 1_500, "user": BOB}
    story = answers.story(pull(head=A), [approved(2_000), objected])
    said = [event.word for event in story if isinstance(event, Said)]
    assert said == [Word.CHANGES_REQUESTED, Word.APPROVED]


def test_a_token_of_the_repository_is_no_person(world: World) -> None:
    assert answers.account({**BOB, "type": "SERVICE"}) == Account(
        "7", "bob", False, "bob@example.com"
    )


def test_an_unapproval_is_a_dismissal_dated_when_it_was(world: World) -> None:
    number = world.request()
    world.book.approve("bob", number)
    world.book.unapprove("bob", number)
    found = world.proof(world.book.merge("alice", number))
    assert [r.word for r in found.reviews] == [Word.APPROVED, Word.DISMISSED]
    assert found.reviews[0].at < found.reviews[1].at


def test_an_unapproval_after_the_merge_does_not_change_what_was(world: World) -> None:
    number = world.request()
    world.book.approve("bob", number)
    merged = world.book.merge("alice", number)
    world.book.unapprove("bob", number)
    found = world.proof(merged)
    assert found.merged_at is not None
    before = [r.word for r in found.reviews if r.at < found.merged_at]
    assert before == [Word.APPROVED]


def test_a_reviewed_commit_that_is_gone_has_no_contents(world: World) -> None:
    number = world.request()
    first = world.book.pulls[number].head
    world.book.approve("bob", number)
    start = world.book.bare.tip("main")
    world.book.push("alice", "ask", {"README": "x\n"}, onto=start)
    merged = world.book.merge("alice", number, Strategy.MERGE_COMMIT)
    world.book.bare.forget(first)
    found = world.proof(merged)
    assert words(found.reviews) == [("bob", "approved", first)]
    assert [(c.commit, c.blob) for c in found.contents] == [(found.head, "")]


@pytest.mark.parametrize(
    "page",
    [
        {"values": []},
        {"isLastPage": True},
        {"values": ["row"], "isLastPage": True},
        {"values": [], "isLastPage": False},
        {"values": [], "isLastPage": False, "nextPageStart": 0},
        {"values": [], "isLastPage": "yes"},
        [],
        "<html>",
    ],
)
def test_a_page_that_is_none_lets_nothing_be_concluded(page: object) -> None:
    with scripted() as server:
        settings = ForgeSettings(ForgeKind.BITBUCKET_DC, "ACC/access", url=server.url)
        reader = bitbucket_dc.open_reader(settings, Credentials("local"))
        server.says(f"{ROOT}/commits/{A}/pull-requests", page)
        with pytest.raises(ForgeError, match=r"a page|the page|no JSON"):
            list(reader.evidence([Want(A, PATH, "")]))


def test_a_request_without_commits_rules_nobody_out(world: World) -> None:
    with scripted() as server:
        settings = replace(world.settings, url=server.url)
        reader = bitbucket_dc.open_reader(settings, Credentials("local"))
        row = {"id": 1, "state": "MERGED", "toRef": {"id": "refs/heads/main"}, **pull()}
        last = {"isLastPage": True}
        server.says(f"{ROOT}/commits/{A}/pull-requests", {"values": [row], **last})
        server.says(f"{ROOT}/pull-requests/1/activities", {"values": [], **last})
        server.says(f"{ROOT}/pull-requests/1/commits", {"values": [], **last})
        with pytest.raises(ForgeError, match="nobody can be ruled out"):
            list(reader.evidence([Want(A, PATH, "")]))


def test_a_server_that_ignores_what_was_asked_for_finds_nothing() -> None:
    def row(branch: str, slug: str) -> dict[str, Any]:
        repository = {"slug": slug, "project": {"key": "ACC"}}
        source = {"id": f"refs/heads/{branch}", "repository": repository}
        return {"id": 1, "state": "OPEN", "fromRef": source, "toRef": {"id": "refs/heads/main"}}

    with scripted() as server:
        settings = ForgeSettings(ForgeKind.BITBUCKET_DC, "ACC/access", url=server.url)
        reader = bitbucket_dc.open_reader(settings, Credentials("local"))
        page = {"values": [row("other", "access"), row("ask", "a-fork")], "isLastPage": True}
        server.says(f"{ROOT}/pull-requests", page)
        assert reader.open_pull("ask") is None


def test_the_address_is_needed() -> None:
    settings = ForgeSettings(ForgeKind.BITBUCKET_DC, "ACC/access")
    with pytest.raises(ForgeError, match="write the server's as `url`"):
        bitbucket_dc.open_reader(settings, Credentials("local"))
