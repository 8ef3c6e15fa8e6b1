"""Facts that both Bitbuckets tell of how a commit came onto the main line. What follows from them
is decided elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.forge.base import ForgeError, Want
from reconciler.model import Account
from reconciler.sandbox.bare import Ident
from reconciler.sandbox.faults import FaultKind
from reconciler.sandbox.pulls.book import Strategy
from tests.forge.bitbucket_world import LOGINS, PATH, TEXT, WORLDS, World, new_reader, words


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with WORLDS[request.param](tmp_path) as world:
        yield world


def names(accounts: tuple[Account, ...]) -> list[str]:
    return sorted(str(account) for account in accounts)


def test_an_approved_and_merged_request_is_told_whole(world: World) -> None:
    number = world.request()
    world.book.approve("bob", number)
    merged = world.book.merge("carol", number)
    pull = world.proof(merged)
    head = world.book.pulls[number].head
    assert (pull.number, pull.base, pull.head) == (number, "main", head)
    assert (str(pull.author), str(pull.merged_by)) == ("alice", "carol")
    assert words(pull.reviews) == [("bob", "approved", head)]
    assert names(pull.writers) == ["alice"]
    blob = world.book.bare.blob(merged, PATH)
    assert [(c.commit, c.path, c.blob) for c in pull.contents] == [(head, PATH, blob)]
    assert pull.unsigned == (head,)
    assert pull.merged_at == world.book.pulls[number].events[-1].at
    assert pull.reviews[0].at < pull.merged_at
    assert pull.title == "Access for ask"
    assert pull.url.endswith(f"/pull-requests/{number}")


def test_an_approval_before_a_push_is_for_what_was_there_before(world: World) -> None:
    number = world.request()
    first = world.book.pulls[number].head
    world.book.approve("bob", number)
    second = world.book.push("alice", "ask", {PATH: TEXT + "role: admin\n"})
    pull = world.proof(world.book.merge("alice", number))
    assert words(pull.reviews) == [("bob", "approved", first)]
    assert pull.head == second
    blobs = {c.commit: c.blob for c in pull.contents}
    assert set(blobs) == {first, second}
    assert blobs[first] != blobs[second]


def test_an_approval_after_the_last_push_is_for_the_head(world: World) -> None:
    number = world.request()
    head = world.book.push("alice", "ask", {PATH: TEXT + "role: reader\n"})
    world.book.approve("bob", number)
    pull = world.proof(world.book.merge("bob", number))
    assert words(pull.reviews) == [("bob", "approved", head)]


def test_an_approval_after_the_merge_is_dated_after_it(world: World) -> None:
    number = world.request()
    merged = world.book.merge("alice", number)
    world.book.approve("bob", number)
    world.book.comment("carol", number, "late")
    pull = world.proof(merged)
    assert pull.merged_at is not None
    assert [review.at > pull.merged_at for review in pull.reviews] == [True]


def test_an_approval_that_was_taken_back_is_none(world: World) -> None:
    number = world.request()
    world.book.approve("bob", number)
    world.book.unapprove("bob", number)
    pull = world.proof(world.book.merge("alice", number))
    assert [r.word.value for r in pull.reviews][-1:] in ([], ["dismissed"])


def test_requested_changes_are_somebodys_last_word(world: World) -> None:
    number = world.request()
    world.book.approve("bob", number)
    world.book.request_changes("bob", number)
    world.book.approve("carol", number)
    pull = world.proof(world.book.merge("alice", number))
    last = {str(r.account): r.word.value for r in pull.reviews}
    assert last == {"bob": "changes requested", "carol": "approved"}


def test_a_push_by_a_colleague_makes_a_writer_of_the_pusher_too(world: World) -> None:
    """Carol commits in alice's name, and bob pushes it to alice's request."""
    number = world.request()
    alice = Ident("Alice", "alice@example.com")
    world.book.push("bob", "ask", {PATH: TEXT + "role: admin\n"}, author=alice)
    message = "More\n\nCo-authored-by: Dora <dora@example.com>\n"
    world.book.push("alice", "ask", {PATH: TEXT + "role: owner\n"}, message)
    pull = world.proof(world.book.merge("carol", number))
    assert names(pull.writers) == ["alice", "bob", "dora@example.com"]


def test_who_edits_a_title_or_merges_is_no_writer(world: World) -> None:
    number = world.request()
    world.book.edit("carol", number, "A better title")
    pull = world.proof(world.book.merge("bob", number))
    assert names(pull.writers) == ["alice"]


def test_an_unknown_author_is_a_writer_by_address(world: World) -> None:
    stranger = Ident("Zoe", "zoe@elsewhere.example.com")
    world.book.push("alice", "ask", {PATH: TEXT}, author=stranger)
    number = world.book.open_pull("alice", "ask", "Ask").number
    pull = world.proof(world.book.merge("bob", number))
    [writer] = pull.writers
    assert (writer.id, writer.email) == ("", "zoe@elsewhere.example.com")


@pytest.mark.parametrize("strategy", [Strategy.SQUASH, Strategy.FAST_FORWARD])
def test_squashed_and_fast_forwarded_requests_are_found(world: World, strategy: Strategy) -> None:
    number = world.request()
    world.book.push("alice", "ask", {PATH: TEXT + "role: reader\n"})
    world.book.approve("bob", number)
    merged = world.book.merge("bob", number, strategy)
    pull = world.proof(merged)
    head = world.book.pulls[number].head
    assert words(pull.reviews) == [("bob", "approved", head)]
    assert (merged == head) is (strategy is Strategy.FAST_FORWARD)


def test_each_commit_of_a_fast_forward_came_in_by_it(world: World) -> None:
    number = world.request()
    first = world.book.pulls[number].head
    world.book.push("alice", "ask", {"grants/other.yaml": TEXT})
    world.book.merge("bob", number, Strategy.FAST_FORWARD)
    assert world.proof(first).number == number


def test_a_direct_push_has_no_pull_request(world: World) -> None:
    pushed = world.book.push("alice", "main", {PATH: TEXT})
    assert world.evidence(pushed).pulls == ()


@pytest.mark.parametrize("strategy", Strategy)
def test_what_was_reviewed_once_and_then_pushed_by_hand_came_in_by_no_request(
    world: World, strategy: Strategy
) -> None:
    """Approved, taken out of the request by a forced push, and put onto the main line past it."""
    number = world.request()
    reviewed = world.book.pulls[number].head
    world.book.approve("bob", number)
    start = world.book.bare.tip("main")
    world.book.push("alice", "ask", {"README": "nothing\n"}, onto=start)
    world.book.merge("alice", number, strategy)
    assert world.book.bare.full(reviewed) == reviewed
    assert world.evidence(reviewed).pulls == ()


def test_a_request_for_another_branch_or_still_open_is_left_out(world: World) -> None:
    world.book.bare.move("next", world.book.bare.tip("main"))
    world.book.push("alice", "ask", {PATH: TEXT})
    other = world.book.open_pull("alice", "ask", "Ask", into="next")
    still_open = world.book.open_pull("alice", "ask", "Ask too")
    head = world.book.pulls[other.number].head
    world.book.merge("bob", other.number)
    assert still_open.head == head
    assert world.evidence(head).pulls == ()


def test_a_deleted_account_is_none_and_says_nothing_for_others(world: World) -> None:
    number = world.request()
    world.book.approve("bob", number)
    world.book.approve("carol", number)
    merged = world.book.merge("dave", number)
    for login in ("alice", "bob", "dave"):
        world.book.delete_account(login)
    pull = world.proof(merged)
    assert (pull.author, pull.merged_by) == (None, None)
    assert [(str(r.account or "deleted"), r.word.value) for r in pull.reviews] == [
        ("deleted", "approved"),
        ("carol", "approved"),
    ]
    assert names(pull.writers) == ["alice@example.com"]


def test_a_bot_is_no_person(world: World) -> None:
    world.book.add("robot", person=False)
    number = world.request()
    world.book.approve("robot", number)
    world.book.approve("bob", number)
    pull = world.proof(world.book.merge("alice", number))
    assert [r.account.person for r in pull.reviews if r.account] == [False, True]


def test_accounts_are_told_by_an_id_that_outlives_the_name(world: World) -> None:
    number = world.request()
    pull = world.proof(world.book.merge("alice", number))
    assert pull.author is not None
    assert pull.author.id not in ("", "alice")
    assert pull.author == pull.writers[0] or pull.author.id == pull.writers[0].id


def test_long_histories_are_read_to_the_first_page(world: World) -> None:
    world.local.page_most = 4
    number = world.request()
    first = world.book.pulls[number].head
    world.book.approve("bob", number)
    for n in range(9):
        world.book.push("alice", "ask", {f"grants/{n}.yaml": TEXT})
        world.book.comment("carol", number, f"note {n}")
    pull = world.proof(world.book.merge("alice", number))
    assert words(pull.reviews) == [("bob", "approved", first)]
    assert len(pull.unsigned) == 10


def test_several_requests_for_one_commit_are_all_told(world: World) -> None:
    number = world.request()
    again = world.book.open_pull("bob", "ask", "The same").number
    world.book.merge("alice", number, Strategy.FAST_FORWARD)
    world.book.pulls[again].merged = world.book.pulls[number].merged
    world.book.pulls[again].events = world.book.pulls[number].events
    evidence = world.evidence(world.book.pulls[number].head)
    assert [pull.number for pull in evidence.pulls] == [number, again]


def test_all_that_is_wanted_of_a_commit_is_one_look(world: World) -> None:
    world.book.push("alice", "ask", {PATH: TEXT, "grants/b.yaml": TEXT})
    number = world.book.open_pull("alice", "ask", "Two").number
    merged = world.book.merge("bob", number)
    pull = world.proof(merged, PATH, "grants/b.yaml")
    assert [c.path for c in pull.contents] == [PATH, "grants/b.yaml"]


def test_a_file_that_was_taken_away_has_no_blob(world: World) -> None:
    world.book.push("alice", "main", {PATH: TEXT})
    world.book.push("alice", "ask", {PATH: None})
    number = world.book.open_pull("alice", "ask", "Done").number
    world.book.approve("bob", number)
    pull = world.proof(world.book.merge("bob", number))
    assert [c.blob for c in pull.contents] == [""]


@pytest.mark.parametrize(
    "path",
    ["grants/a b.yaml", "grants/ä%2F.yaml", "grants/q?x=#1.yaml", "grants/-n&m+[*].yaml"],
)
def test_odd_paths_are_read_as_they_are(world: World, path: str) -> None:
    number = world.request(path=path, text="odd\n")
    merged = world.book.merge("bob", number)
    pull = world.proof(merged, path)
    assert [c.blob for c in pull.contents] == [world.book.bare.blob(merged, path)]


def test_a_file_that_no_grant_can_be_is_not_read_whole(world: World) -> None:
    number = world.request(text="x" * (1 << 21))
    merged = world.book.merge("bob", number)
    with pytest.raises(ForgeError, match="no grant is that long"):
        world.evidence(merged)


@pytest.mark.parametrize("status", [500, 403, 401, 404])
def test_a_forge_that_refuses_lets_nothing_be_concluded(world: World, status: int) -> None:
    """404 too: it is also said of what the token may not see."""
    number = world.request()
    merged = world.book.merge("bob", number)
    world.fail("GET *commit*/pull*requests", status=status)
    with pytest.raises(ForgeError, match=r"500|403|401|repository"):
        world.evidence(merged)


@pytest.mark.parametrize("kind", [FaultKind.HALF, FaultKind.EMPTY])
@pytest.mark.parametrize("match", ["*commit*/pull*requests", "*/activit*", "*/1/commits"])
def test_half_a_list_lets_nothing_be_concluded(world: World, match: str, kind: FaultKind) -> None:
    number = world.request()
    merged = world.book.merge("bob", number)
    world.fail(f"GET {match}", kind)
    with pytest.raises(ForgeError):
        world.evidence(merged)


def test_a_file_is_only_missing_where_its_commit_is_there(world: World) -> None:
    """404 is said of a commit that cannot be read as well: of that nothing is known."""
    number = world.request()
    head = world.book.pulls[number].head
    merged = world.book.merge("bob", number)
    world.fail("GET *alice.yaml", status=404)
    assert [c.blob for c in world.proof(merged).contents] == [""]
    world.fail(f"GET *commit*/{head}", status=404)
    fresh = new_reader(world)
    with pytest.raises(ForgeError, match="can no longer be read"):
        list(fresh.evidence([world.want(merged)]))


def test_half_a_file_lets_nothing_be_concluded(world: World) -> None:
    number = world.request(text=TEXT * 50)
    merged = world.book.merge("bob", number)
    world.fail("GET *alice.yaml", FaultKind.HALF)
    with pytest.raises(ForgeError, match="no whole answer"):
        world.evidence(merged)


def test_what_was_told_before_an_error_is_kept_and_no_more_is_asked(world: World) -> None:
    numbers = [world.request(f"ask{n}", path=f"grants/{n}.yaml") for n in range(3)]
    commits = [world.book.merge("bob", number) for number in numbers]
    world.fail(f"GET *{commits[1]}/pull*requests", status=403)
    told: list[Want] = []
    with pytest.raises(ForgeError):
        told.extend(want for want, _ in world.reader.evidence([world.want(c) for c in commits]))
    assert [want.commit for want in told] == commits[:1]
    assert not [call for call in world.faults.calls() if commits[2] in call.call]


def test_what_can_never_be_told_of_one_commit_does_not_hide_the_next(world: World) -> None:
    one, two = world.request("one", "x" * (1 << 21)), world.request("two", path="grants/2.yaml")
    commits = [world.book.merge("bob", one), world.book.merge("bob", two)]
    told: list[Want] = []
    with pytest.raises(ForgeError, match="no grant is that long"):
        told.extend(want for want, _ in world.reader.evidence([world.want(c) for c in commits]))
    assert [want.commit for want in told] == commits[1:]


def test_a_pull_request_as_it_is_now(world: World) -> None:
    number = world.request()
    world.book.approve("bob", number)
    pull = world.reader.pull(number, [PATH])
    assert (pull.merged_at, pull.merged_by) == (None, None)
    assert words(pull.reviews) == [("bob", "approved", pull.head)]
    assert [c.path for c in pull.contents] == [PATH]


def test_the_open_one_of_a_branch_is_found_and_no_other(world: World) -> None:
    odd = 'ask "me" \\ too'
    assert world.reader.open_pull(odd) is None
    world.book.push("alice", odd.replace(" ", "-").replace("\\", "+"), {PATH: TEXT})
    branch = odd.replace(" ", "-").replace("\\", "+")
    number = world.book.open_pull("alice", branch, "Ask").number
    world.request("another")
    found = world.reader.open_pull(branch)
    assert found is not None
    assert (found.number, found.contents) == (number, ())
    world.book.merge("bob", number)
    assert world.reader.open_pull(branch) is None


def test_nobody_is_invented(world: World) -> None:
    assert {member.login for member in world.book.members.values()} == set(LOGINS)
