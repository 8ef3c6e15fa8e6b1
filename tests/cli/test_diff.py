"""`reconciler diff` on a real history, its proof and its ledger."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.town_hall import ALICE, BOB, WRITE, A, B, told, town_hall
from tests.e2e.company import grant
from tests.e2e.hosted import Hosted


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    """Not to be changed: alice's eight hours were approved, bob's were not; both runs were made."""
    with town_hall(tmp_path_factory.mktemp("hall"), ledger=True) as made:
        time.sleep(1)  # git's times are whole seconds
        made.request("alice", {A: grant(ALICE, WRITE)}, "carol")
        made.request("bob", {B: grant(BOB, WRITE)})
        made.apply()
        made.apply(at=9)
        yield made


def diff(hall: Hosted, *asked: str, at: float = 20) -> dict[str, Any]:
    done = hall.run("diff", *asked, "--format", "json", at=at)
    assert (done.code, done.err) == (0, "")
    found: dict[str, Any] = told(done, "diff")
    return found


def turns(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["turn"], row["subject"]) for row in rows]


@pytest.mark.parametrize(
    ("earlier", "later", "declared", "done"),
    [
        (-1, 4, [("gained", ALICE)], [("gained", ALICE)]),
        (4, 20, [("lost", ALICE)], [("lost", ALICE)]),
        (4, 8.5, [("lost", ALICE)], []),  # declared over, and nothing had taken it away yet
        (-1, 20, [("came and went", ALICE)], [("came and went", ALICE)]),
        (4, 5, [], []),
        (-5, -1, [], []),
    ],
)
def test_who_gained_and_lost_what_by_git_and_by_the_ledger(
    hall: Hosted,
    earlier: float,
    later: float,
    declared: list[tuple[str, str]],
    done: list[tuple[str, str]],
) -> None:
    found = diff(hall, "--from", hall.time(earlier), "--to", hall.time(later))
    assert (turns(found["declared"]), turns(found["done"])) == (declared, done)


def test_what_was_done_is_told_with_the_rule_and_who_approved(hall: Hosted) -> None:
    [row] = diff(hall, "--from", hall.time(-1), "--to", hall.time(4))["done"]
    assert (row["rule"], row["approved_by"]) == ("payments-work", ["carol@example.com"])
    said = hall.run("diff", "--from", hall.time(-1), "--to", hall.time(4), at=20).out
    assert "+ gained  alice@example.com  write" in said
    assert "Declared: 1 gained, 0 lost, 0 came and went." in said
    assert "(expired)" not in said  # it was still to come
    over = hall.run("diff", "--from", hall.time(-1), "--to", hall.time(9), at=20).out
    assert "(expired)" in over
    whole = hall.run("diff", "--from", hall.time(-1), at=20).out.partition("Done, by the ledger")[2]
    assert re.search(r"± came and went +alice@example.com +write .* from .* to .* \(to end ", whole)


def test_commits_stand_for_the_moment_at_which_they_came_in(hall: Hosted) -> None:
    root = hall.git("rev-list", "--max-parents=0", "HEAD").split()[0]
    assert turns(diff(hall, "--from", root[:10], "--to", "HEAD", at=1)["declared"]) == [
        ("gained", ALICE)
    ]
    assert turns(diff(hall, "--from", "HEAD", at=20)["declared"]) == [("lost", ALICE)]


def test_one_person_is_asked_about_alone(hall: Hosted) -> None:
    window = ("--from", hall.time(-1), "--to", hall.time(4))
    mine = diff(hall, *window, "--subject", "ALICE@example.com")
    assert (turns(mine["declared"]), turns(mine["done"])) == ([("gained", ALICE)],) * 2
    others = diff(hall, *window, "--subject", BOB)
    assert (others["declared"], others["done"]) == ([], [])
    nobody = hall.run("diff", *window, "--subject", "alcie@example.com")
    assert (nobody.code, "did you mean alice@example.com?" in nobody.err) == (2, True)


def test_it_can_be_asked_by_system_place_and_file(hall: Hosted) -> None:
    window = ("--from", hall.time(-1), "--to", hall.time(4))
    for asked in (("--system", "bitbucket"), ("--resource", "payments-*"), ("--grant", A)):
        found = diff(hall, *window, *asked)
        assert (turns(found["declared"]), turns(found["done"])) == ([("gained", ALICE)],) * 2
    for asked in (("--system", "gcp"), ("--resource", "web"), ("--grant", B)):
        found = diff(hall, *window, *asked)
        assert (found["declared"], found["done"]) == ([], [])
    slip = hall.run("diff", *window, "--grant", "payments/a.yaml")
    assert "no grant is or was lately at payments/a.yaml" in slip.err
    slip = hall.run("diff", *window, "--system", "bitbuckit")
    assert (slip.code, "write one of bitbucket, gcp" in slip.err) == (2, True)


def test_what_was_held_at_both_moments_is_told_where_it_is_asked_for(hall: Hosted) -> None:
    window = ("--from", hall.time(3), "--to", hall.time(4))
    found = diff(hall, *window)
    assert (found["declared"], found["done"]) == ([], [])
    found = diff(hall, *window, "--kept")
    assert (turns(found["declared"]), turns(found["done"])) == ([("kept", ALICE)],) * 2
    assert found["done"][0]["approved_by"] == ["carol@example.com"]
    assert diff(hall, *window, "--kept", "--subject", BOB)["done"] == []
    said = hall.run("diff", *window, "--kept", at=20).out
    assert "= kept  alice@example.com  write" in said
    assert "Declared: 0 gained, 0 lost, 0 came and went, 1 kept." in said


def test_a_slip_is_told_with_what_to_write(hall: Hosted) -> None:
    branch = hall.git("rev-parse", "HEAD^2").strip()
    for words, error in (
        (["--from", "yesterday"], "there is no commit 'yesterday'"),
        (["--from", "yesterday"], "or a time like 2026-12-01T18:00:00Z"),
        (["--from", "2026-12-01T10:00:00"], "has no UTC offset"),
        (["--from", hall.time(2), "--to", hall.time(1)], "write them the other way"),
        (["--from", branch], "is not on this main line"),
        ([], "Missing option '--from'"),
    ):
        done = hall.run("diff", *words)
        assert (done.code, error in done.err) == (2, True), done.err


def test_a_forge_that_is_down_leaves_the_answer_open(hall: Hosted) -> None:
    shutil.rmtree(hall.cache)  # what was proved once is remembered there
    hall.breaks("github", status=500)
    done = hall.run("diff", "--from", hall.time(-1), at=1)
    hall.heals()
    assert done.code == 1
    assert "HTTP 500" in done.out
