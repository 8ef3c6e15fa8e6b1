"""What is Bitbucket Cloud's own: cut hashes, links that an app must make, branches that are gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.forge import bitbucket
from reconciler.forge.base import Credentials, ForgeError, Want
from reconciler.forge.bitbucket.history import Head, Said, Story, reviews
from reconciler.model import Account, DirectoryPage, ForgeKind, ForgeSettings, Person, Word
from reconciler.policy.roster import Roster
from reconciler.sandbox.bitbucket_cloud import User
from reconciler.sandbox.pulls import LocalCloudPulls
from reconciler.sandbox.pulls.book import Strategy
from tests.forge.bitbucket_world import PATH, TEXT, World, cloud, new_reader, words
from tests.providers.bitbucket_build import scripted

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BOB = Account("{bob}", "bob")
ROOT = "/2.0/repositories/acme/access"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with cloud(tmp_path) as world:
        yield world


def local(world: World) -> LocalCloudPulls:
    assert isinstance(world.local, LocalCloudPulls)
    return world.local


def test_ids_are_uuids_and_hashes_whole(world: World) -> None:
    number = world.request()
    world.book.approve("bob", number)
    pull = world.proof(world.book.merge("bob", number))
    [review] = pull.reviews
    assert review.account == Account(User("bob").uuid.lower(), shown="bob")
    assert [len(hash) for hash in (pull.head, review.commit)] == [40, 40]


def test_a_nickname_names_nobody() -> None:
    """Everybody chooses his own, also one that somebody has already."""
    page = DirectoryPage((Person("bob@example.com", accounts=(("forge", ("bob",)),)),))
    mallory = Account("{00000000-0000-0000-0000-000000000666}", shown="bob")
    assert (Roster([page]).known_as(mallory), str(mallory)) == ("", "bob")


def test_a_merge_is_dated_by_its_activity_not_by_what_moves_on(world: World) -> None:
    number = world.request()
    merged = world.book.merge("bob", number)
    at = world.book.pulls[number].events[-1].at
    world.book.comment("carol", number, "Thanks")
    assert world.proof(merged).merged_at == at


def test_the_calls_are_counted(world: World) -> None:
    """1 for the commit; then for the request itself, its activity, its commits, its merge commit
    whole, and the file at its head and at each other reviewed commit."""
    number = world.request()
    world.book.approve("bob", number)
    world.book.push("alice", "ask", {PATH: TEXT + "role: reader\n"})
    world.book.approve("carol", number)
    merged = world.book.merge("dave", number)
    calls = world.calls(lambda: world.evidence(merged))
    assert len(calls) == 1 + 1 + 1 + 1 + 1 + 2
    again = world.calls(lambda: world.evidence(merged))
    assert len(again) == len(calls) - 1  # the merge commit is known whole by now


def test_a_fast_forward_needs_no_look_at_the_merge_commit(world: World) -> None:
    merged = world.book.merge("bob", world.request(), Strategy.FAST_FORWARD)
    assert len(world.calls(lambda: world.evidence(merged))) == 5


def test_without_the_links_the_error_says_what_to_install(world: World) -> None:
    merged = world.book.merge("bob", world.request())
    local(world).links = False
    with pytest.raises(ForgeError, match="Pull Request Commit Links"):
        world.evidence(merged)


def test_links_that_are_still_made_are_waited_for(world: World) -> None:
    merged = world.book.merge("bob", world.request())
    local(world).indexing = True
    with pytest.raises(ForgeError, match="still indexing"):
        world.evidence(merged)


def test_without_its_branch_a_requests_writers_are_still_known(world: World) -> None:
    number = world.request()
    world.book.push("bob", "ask", {PATH: TEXT + "role: reader\n"})
    merged = world.book.merge("carol", number)
    world.book.bare.move("ask", "")
    assert [str(a) for a in world.proof(merged).writers] == ["bob", "alice"]


def test_where_its_commits_are_gone_with_the_branch_nothing_is_concluded(world: World) -> None:
    number = world.request()
    head = world.book.pulls[number].head
    merged = world.book.merge("carol", number, Strategy.SQUASH)
    world.book.bare.move("ask", "")
    world.book.bare.forget(head)
    with pytest.raises(ForgeError, match="do not close source branches"):
        world.evidence(merged)


def test_an_approval_of_what_was_forced_away_is_bound_to_it(world: World) -> None:
    number = world.request()
    first = world.book.pulls[number].head
    world.book.approve("bob", number)
    start = world.book.bare.tip("main")
    world.book.push("alice", "ask", {PATH: TEXT + "role: admin\n"}, onto=start)
    merged = world.book.merge("alice", number)
    pull = world.proof(merged)
    assert words(pull.reviews) == [("bob", "approved", first)]
    assert {c.commit for c in pull.contents} == {first, pull.head}
    world.book.bare.forget(first)
    [(_, evidence)] = new_reader(world).evidence([world.want(merged)])
    [pull] = evidence.pulls
    assert words(pull.reviews) == [("bob", "approved", first[:12])]
    assert {c.commit for c in pull.contents} == {pull.head}


def test_an_approval_for_another_branch_is_none_for_ours(world: World) -> None:
    world.book.push("alice", "staging", {"grants/other.yaml": TEXT})
    world.book.push("alice", "ask", {PATH: TEXT}, onto=world.book.bare.tip("staging"))
    number = world.book.open_pull("alice", "ask", "Please", into="staging").number
    world.book.approve("bob", number)
    world.book.retarget("alice", number, "main")
    world.book.approve("carol", number)
    pull = world.proof(world.book.merge("alice", number))
    said = {str(r.account): r.word.value for r in pull.reviews}
    assert said == {"bob": "dismissed", "carol": "approved"}


def test_an_approval_that_the_request_no_longer_lists_was_withdrawn() -> None:
    """As a reset of approvals on change does it, should the activity keep the entry."""
    story: Story = [Head(NOON, "a"), Said(NOON + timedelta(minutes=1), BOB, Word.APPROVED)]
    assert [r.word for r in reviews(story, {BOB.id}, {BOB.id})] == [Word.APPROVED]
    assert [r.word for r in reviews(story, set(), {BOB.id})] == [Word.DISMISSED]


def test_an_approval_in_the_moment_of_a_push_was_not_for_it() -> None:
    later = NOON + timedelta(minutes=1)
    story: Story = [Head(later, "b"), Said(later, BOB, Word.APPROVED), Head(NOON, "a")]
    assert [r.commit for r in reviews(story, {BOB.id}, {BOB.id})] == ["a"]


def test_the_order_of_the_answer_does_not_matter_the_times_do() -> None:
    story: Story = [
        Said(NOON + timedelta(minutes=1), BOB, Word.APPROVED),
        Head(NOON + timedelta(minutes=2), "b"),
        Head(NOON, "a"),
    ]
    assert [r.commit for r in reviews(story, {BOB.id}, {BOB.id})] == ["a"]


def test_a_merge_commit_that_only_begins_alike_is_another(world: World) -> None:
    """Bitbucket cuts hashes to 12 characters, which can be made to collide."""
    number = world.request()
    merged = world.book.merge("bob", number)
    pushed = world.book.push("alice", "main", {"grants/evil.yaml": TEXT})
    with scripted() as server:
        settings = replace(world.settings, url=server.url)
        reader = bitbucket.open_reader(settings, Credentials("local"))
        twin = merged[:12] + pushed[12:]
        server.says(f"{ROOT}/commit/{twin}/pullrequests", {"values": [{"id": 1}]})
        server.says(f"{ROOT}/pullrequests/1", request(merged[:12]))
        server.says(f"{ROOT}/pullrequests/1/commits", {"values": [{"hash": "b" * 40}]})
        server.says(f"{ROOT}/commit/{merged[:12]}", {"hash": merged})
        [(_, evidence)] = reader.evidence([replace(world.want(merged), commit=twin)])
        assert evidence.pulls == ()


def request(merge: str) -> dict[str, object]:
    end = {"branch": {"name": "main"}, "commit": {"hash": "b" * 12}}
    return {
        "id": 1,
        "state": "MERGED",
        "source": end,
        "destination": end,
        "merge_commit": {"hash": merge},
    }


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"values": None},
        {"values": ["row"]},
        {"values": [], "next": "here"},
        {"values": [{"id": 1}], "next": "https://elsewhere.example.com/2.0/x"},
        {"values": [{"id": 1}], "next": 7},
        {"values": [{"id": 1}], "size": 2},
        [],
        "<html>",
    ],
)
def test_a_page_that_is_none_lets_nothing_be_concluded(page: object) -> None:
    with scripted() as server:
        settings = ForgeSettings(ForgeKind.BITBUCKET, "acme/access", url=server.url)
        reader = bitbucket.open_reader(settings, Credentials("local"))
        server.says(f"{ROOT}/commit/{'a' * 40}/pullrequests", page)
        with pytest.raises(ForgeError, match=r"a page|rows came|token stays|no JSON"):
            list(reader.evidence([want("a" * 40)]))


def want(commit: str) -> Want:
    return Want(commit, PATH, "")


def test_a_server_that_ignores_what_was_asked_for_finds_nothing() -> None:
    """A filter that it does not know, and a branch of the same name in a fork."""

    def row(branch: str, repository: str) -> dict[str, object]:
        source = {"branch": {"name": branch}, "repository": {"full_name": repository}}
        target = {"branch": {"name": "main"}}
        return {"id": 1, "state": "OPEN", "source": source, "destination": target}

    with scripted() as server:
        settings = ForgeSettings(ForgeKind.BITBUCKET, "acme/access", url=server.url)
        reader = bitbucket.open_reader(settings, Credentials("local"))
        page = {"values": [row("other", "acme/access"), row("ask", "eve/access")]}
        server.says(f"{ROOT}/pullrequests", page)
        assert reader.open_pull("ask") is None


def test_pages_that_go_in_circles_end(world: World) -> None:
    with scripted() as server:
        settings = replace(world.settings, url=server.url)
        reader = bitbucket.open_reader(settings, Credentials("local"))
        path = f"{ROOT}/commit/{'a' * 40}/pullrequests"
        server.says(path, {"values": [{"id": 1}], "next": server.url + path})
        with pytest.raises(ForgeError, match="leads to"):
            list(reader.evidence([want("a" * 40)]))


def test_a_file_in_lfs_is_refused_and_the_token_stays(world: World) -> None:
    merged = world.book.merge("bob", world.request(text="version https://git-lfs/spec/v1\n"))
    with pytest.raises(ForgeError, match="LFS"):
        world.evidence(merged)


def test_without_a_token_nothing_is_asked(world: World) -> None:
    with pytest.raises(ForgeError, match="no token"):
        bitbucket.open_reader(world.settings, Credentials())


def test_no_error_shows_the_token(world: World) -> None:
    credentials = Credentials("not-the-right-one", "someone@example.com")
    reader = bitbucket.open_reader(world.settings, credentials)
    with pytest.raises(ForgeError) as caught:
        reader.pull(1, ())
    assert "not-the-right-one" not in str(caught.value)
    assert "401" in str(caught.value)
