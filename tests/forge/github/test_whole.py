"""A read is whole or it fails, in as few calls as can be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.forge.base import Credentials, ForgeError, Want
from reconciler.forge.github import open_reader
from reconciler.model import Evidence, Word
from reconciler.sandbox.faults import Fault, FaultKind
from tests.forge.github.world import FAST, GRANT, World

QUESTION, LOG = "POST /graphql", "GET /repos/acme/access/activity"


def pushed(world: World, count: int) -> list[Want]:
    """As many commits on main, each without a pull request."""
    commits = [
        world.github.commit("alice", "main", {f"grants/{n}.yaml": "x"}) for n in range(count)
    ]
    return [world.want(commit, f"grants/{n}.yaml") for n, commit in enumerate(commits)]


def test_fifty_wants_take_one_call(world: World) -> None:
    wanted = pushed(world, 51)
    assert len(list(world.reader.evidence(wanted[:50]))) == 50
    assert world.calls() == [QUESTION]
    assert {want for want, _ in world.reader.evidence(wanted)} == set(wanted)
    assert world.calls() == [QUESTION] * 3


def test_fifty_wants_with_merged_pull_requests_take_one_call(world: World) -> None:
    numbers = [world.proposed(path=f"grants/{n}.yaml") for n in range(10)]
    for number in numbers:
        world.github.review("bob", number, "APPROVED")
    commits = world.github.queue(numbers)
    wanted = [world.want(c, f"grants/{n}.yaml") for n, c in enumerate(commits)]
    found = dict(world.reader.evidence(wanted))
    assert sum(len(evidence.pulls) for evidence in found.values()) == 10
    assert world.calls() == [QUESTION, LOG]


def test_nothing_wanted_takes_no_call(world: World) -> None:
    assert list(world.reader.evidence([])) == []
    assert world.calls() == []


def test_two_wants_of_one_commit_share_its_evidence(world: World) -> None:
    other = "grants/bob.yaml"
    world.github.commit("alice", "both", {GRANT: "1", other: "2"})
    number = world.github.open_pull("alice", "both", "Both")
    commit = world.github.merge("carol", number)
    wanted = [world.want(commit), world.want(commit, other)]
    (first, one), (second, two) = world.reader.evidence([*wanted, wanted[0]])
    assert {first, second} == set(wanted)
    assert one == two
    assert {c.path for c in one.pulls[0].contents} == {GRANT, other}
    assert world.calls() == [QUESTION, LOG]


def test_more_than_a_hundred_reviews_are_all_read(world: World) -> None:
    number = world.proposed()
    for _ in range(160):
        world.github.review("bob", number, "CHANGES_REQUESTED")
    world.github.review("bob", number, "APPROVED")
    pull = world.pull(world.github.merge("carol", number))
    assert len(pull.reviews) == 161
    assert pull.reviews[-1].word is Word.APPROVED
    assert len(world.questions()) == 3


def test_more_than_a_hundred_commits_are_all_read(world: World) -> None:
    for n in range(129):
        world.github.commit("alice", "long", {GRANT: f"{n}\n"})
    world.github.commit("bob", "long", {GRANT: "last\n"})
    number = world.github.open_pull("alice", "long", "Long")
    pull = world.pull(world.github.merge("carol", number, "squash"))
    assert [str(writer) for writer in pull.writers] == ["alice", "bob"]
    assert len(pull.unsigned) == 130
    assert len(world.questions()) == 3


def test_commits_that_github_does_not_list_leave_only_their_own_want_open(world: World) -> None:
    world.github.graph.most_commits = 3
    for n in range(4):
        world.github.commit("alice", "long", {GRANT: f"{n}\n"})
    number = world.github.open_pull("alice", "long", "Long")
    long = world.github.merge("carol", number, "squash")
    short = world.github.merge("carol", world.proposed(path="grants/b.yaml"), "squash")
    wanted = [world.want(long), world.want(short, "grants/b.yaml")]
    found: list[tuple[Want, Evidence]] = []
    with pytest.raises(ForgeError, match="has 4 commits, of which GitHub tells 3"):
        found.extend(world.reader.evidence(wanted))
    assert [want for want, _ in found] == [wanted[1]]


def test_more_than_ten_co_authors_are_all_writers(world: World) -> None:
    trailers = "\n".join(f"Co-authored-by: P{n} <p{n}@example.com>" for n in range(12))
    world.github.commit("alice", "many", {GRANT: "x"}, f"Ask\n\n{trailers}")
    number = world.github.open_pull("alice", "many", "Many")
    assert len(world.pull(world.github.merge("carol", number)).writers) == 13


def test_many_events_are_all_read(world: World) -> None:
    number = world.proposed()
    for _ in range(60):
        world.github.dismiss(number, world.github.review("bob", number, "APPROVED"))
    pull = world.pull(world.github.merge("carol", number))
    assert [r.word for r in pull.reviews] == [Word.APPROVED, Word.DISMISSED] * 60


def test_small_pages_change_nothing(world: World) -> None:
    for name in ("alice", "dave", "erin"):
        world.github.commit(name, "mine", {GRANT: name})
    number = world.github.open_pull("alice", "mine", "Mine")
    for name in ("bob", "carol", "bob"):
        world.github.dismiss(number, world.github.review(name, number, "APPROVED"))
    commit = world.github.merge("grace", number)
    whole = world.evidence(commit)
    world.github.graph.page_most = 1
    assert world.evidence(commit) == whole


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (FaultKind.STATUS, 500),
        (FaultKind.STATUS, 502),
        (FaultKind.STATUS, 503),
        (FaultKind.STATUS, 403),
        (FaultKind.STATUS, 401),
        (FaultKind.STATUS, 429),
        (FaultKind.HALF, 0),
        (FaultKind.DROP, 0),
    ],
)
def test_no_whole_answer_concludes_nothing(world: World, kind: FaultKind, status: int) -> None:
    wanted = pushed(world, 3)
    world.fault(kind, status)
    with pytest.raises(ForgeError, match="the forge: cannot read"):
        next(iter(world.reader.evidence(wanted)))


def test_a_page_that_lost_its_rows_is_an_error(world: World) -> None:
    commit = world.github.merge("carol", world.proposed())
    world.fault(FaultKind.EMPTY)
    with pytest.raises(ForgeError):
        world.evidence(commit)


def test_an_error_later_loses_nothing_that_was_answered(world: World) -> None:
    wanted = pushed(world, 60)
    world.faults.arm(Fault("github", QUESTION, FaultKind.STATUS, 500, times=99, skip=1))
    found: list[tuple[Want, Evidence]] = []
    with pytest.raises(ForgeError):
        found.extend(world.reader.evidence(wanted))
    assert len(found) == 50


def test_an_error_in_a_further_page_loses_nothing_that_was_answered(world: World) -> None:
    number = world.proposed()
    for _ in range(60):
        world.github.review("bob", number, "APPROVED")
    long = world.github.merge("carol", number, "squash")
    short = world.github.merge("carol", world.proposed(path="grants/b.yaml"), "squash")
    world.faults.arm(Fault("github", QUESTION, FaultKind.STATUS, 500, times=99, skip=1))
    found: list[tuple[Want, Evidence]] = []
    with pytest.raises(ForgeError):
        found.extend(world.reader.evidence([world.want(long), world.want(short, "grants/b.yaml")]))
    assert [want.commit for want, _ in found] == [short]


def test_what_is_too_much_for_github_is_asked_in_halves(world: World) -> None:
    wanted = pushed(world, 4)
    world.fault(FaultKind.STATUS, 502, times=1 + FAST.tries)
    assert len(list(world.reader.evidence(wanted))) == 4


def test_a_passing_limit_is_waited_for(world: World) -> None:
    wanted = pushed(world, 1)
    world.faults.arm(Fault("github", QUESTION, FaultKind.STATUS, 403, retry_after=1))
    assert len(list(world.reader.evidence(wanted))) == 1
    assert world.calls() == [QUESTION] * 2


def test_a_long_limit_is_not_waited_for(world: World) -> None:
    world.faults.arm(Fault("github", QUESTION, FaultKind.STATUS, 403, retry_after=3000, times=9))
    with pytest.raises(ForgeError, match="asks to wait 3000 s"):
        world.evidence(world.main)
    assert world.calls() == [QUESTION]


def test_a_repository_that_is_not_there_says_what_to_check(world: World) -> None:
    world.settings = replace(world.settings, repository="acme/elsewhere")
    with pytest.raises(ForgeError, match=r"acme/elsewhere.*check `repository`"):
        world.evidence(world.main)


def test_a_wrong_token_says_where_the_right_one_goes_and_is_not_shown(world: World) -> None:
    reader = open_reader(world.settings, Credentials("not-a-token"), FAST)
    with pytest.raises(ForgeError, match="GITHUB_TOKEN") as caught:
        list(reader.evidence([Want(world.main, GRANT, "")]))
    assert "not-a-token" not in str(caught.value)


def test_no_token_and_no_tls_are_refused_before_any_call(world: World) -> None:
    with pytest.raises(ForgeError, match="there is no token"):
        open_reader(world.settings, Credentials(""))
    plain = replace(world.settings, url="http://github.example.com")
    with pytest.raises(ForgeError, match="is not https"):
        open_reader(plain, Credentials("some"))


def test_a_former_name_is_not_followed(world: World) -> None:
    """Once it is somebody else's, that repository would be asked for our proofs."""
    world.github.settings.former_names = frozenset({"acme/former"})
    world.settings = replace(world.settings, repository="acme/former")
    with pytest.raises(ForgeError, match="check `repository`"):
        world.evidence(world.main)
