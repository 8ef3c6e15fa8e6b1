"""Access at once, for those whom a rule serves, looked at afterwards by somebody else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.render.words import closing
from tests.proof.town import (
    RULES,
    Town,
    asks,
    mail,
)

GLASS = (
    "rules:\n"
    "  - permit: emergency\n"
    '    match: {paths: ["grants/break-glass/**"]}\n'
    "    break_glass:\n"
    "      serves: {groups: [oncall]}\n"
    "      max_duration: 2h\n"
    "      wakes: [leads]\n"
    "      review: {groups: [admins, oncall], within: 3d}\n" + RULES.removeprefix("rules:\n")
)
BROKEN = "grants/break-glass/a.yaml"


def breaks(who: str = "alice", end: str = "duration: 1h", role: str = "admin") -> str:
    return asks(who, role, end, more="break_glass: true\n")


def test_broken_glass_gives_access_at_once_to_those_whom_it_serves(town: Town) -> None:
    town.begin(GLASS)
    made = town.pull("alice", {BROKEN: breaks()})
    seen = town.run()
    assert seen.held == {"alice admin"}
    [review] = seen.reviews
    assert (review.path, review.commit, review.subjects) == (BROKEN, made, (mail("alice"),))
    assert review.due == seen.now + timedelta(days=3)


@pytest.mark.parametrize(
    ("who", "by", "end"),
    [
        ("erin", "erin", "duration: 1h"),  # not served
        ("alice", "bob", "duration: 1h"),  # not for oneself
        ("alice", "alice", "duration: 3h"),  # too long
    ],
)
def test_broken_glass_gives_nothing_to_others(town: Town, who: str, by: str, end: str) -> None:
    town.begin(GLASS)
    town.pull(by, {BROKEN: breaks(who, end)}, "carol")
    seen = town.run()
    assert (seen.held, seen.refused, seen.reviews) == (set(), {BROKEN}, ())


def test_broken_glass_needs_a_pull_request(town: Town) -> None:
    town.begin(GLASS)
    town.push("alice", {BROKEN: breaks()})
    assert (town.run().held, town.run().reviews) == (set(), ())


def test_broken_glass_mixed_with_rules_gives_nothing_and_asks_for_no_review(town: Town) -> None:
    town.begin(GLASS)
    town.pull("alice", {BROKEN: breaks(), ".github/workflows/x.yml": "x\n"})
    assert (town.run().held, town.run().reviews) == (set(), ())
    town.wait(days=40)
    assert town.run().reviews == ()


def test_an_after_review_is_shown_until_it_is_closed_also_without_the_grant(town: Town) -> None:
    town.begin(GLASS)
    town.pull("alice", {BROKEN: breaks()})
    town.pull("alice", {BROKEN: None})
    assert (town.run().held, len(town.run().reviews)) == (set(), 1)
    town.wait(days=90)
    [review] = town.run().reviews
    assert review.due < town.at


def test_who_may_close_an_after_review_is_told_and_then_who_did(town: Town) -> None:
    """Those whom the rule names, without whom the access was given to."""
    town.begin(GLASS)
    made = town.pull("alice", {BROKEN: breaks()})
    [review] = town.run().reviews
    assert review.reviewers == ("bob@example.com", "frank@example.com", "grace@example.com")
    assert "bob@example.com, frank@example.com or grace@example.com opens" in closing(review)[0]
    town.pull("erin", {"reviews/a.yaml": closes(made)}, "carol", "frank")
    [closed] = town.run().authorised.reviewed
    assert closed.by == (mail("frank"),)
    assert "/pull/" in closed.pull


def closes(commit: str, grant: str = BROKEN) -> str:
    return f"grant: {grant}\ncommit: {commit}\noutcome: justified\nremarks: It was on fire\n"


@pytest.mark.parametrize(
    ("author", "approvers", "closed"),
    [
        ("grace", (), True),  # an admin writes it
        ("erin", ("frank",), True),  # an admin approves it
        ("bob", (), True),  # of the group, and had none of the access
        ("alice", (), False),  # had the access
        ("alice", ("carol",), False),  # approved by somebody whom the rule does not name
        ("erin", (), False),  # not named by the rule
    ],
)
def test_an_after_review_is_closed_by_somebody_independent(
    town: Town, author: str, approvers: tuple[str, ...], closed: bool
) -> None:
    town.begin(GLASS)
    made = town.pull("alice", {BROKEN: breaks()})
    town.pull(author, {"reviews/a.yaml": closes(made)}, *approvers)
    assert (len(town.run().reviews) == 0) is closed


def test_an_after_review_is_not_closed_past_a_pull_request(town: Town) -> None:
    town.begin(GLASS)
    made = town.pull("alice", {BROKEN: breaks()})
    town.push("grace", {"reviews/a.yaml": closes(made)})
    assert len(town.run().reviews) == 1


def test_an_after_review_closes_one_use_of_the_glass_and_no_other(town: Town) -> None:
    town.begin(GLASS)
    first = town.pull("alice", {BROKEN: breaks()})
    second = town.pull("alice", {BROKEN: breaks(role="write")})
    other = town.pull("bob", {"grants/break-glass/b.yaml": breaks("bob")})
    town.pull("grace", {"reviews/a.yaml": closes(first)})
    assert {review.commit for review in town.run().reviews} == {second, other}


def test_an_after_review_that_was_taken_out_again_closes_nothing(town: Town) -> None:
    town.begin(GLASS)
    made = town.pull("alice", {BROKEN: breaks()})
    town.pull("grace", {"reviews/a.yaml": closes(made)})
    assert town.run().reviews == ()
    town.push("alice", {"reviews/a.yaml": None})
    assert len(town.run().reviews) == 1


def test_an_after_review_that_was_rewritten_by_the_grantee_closes_nothing(town: Town) -> None:
    town.begin(GLASS)
    first = town.pull("alice", {BROKEN: breaks()})
    town.pull("grace", {"reviews/a.yaml": closes(first)})
    second = town.pull("alice", {BROKEN: breaks(role="write")})
    town.pull("alice", {"reviews/a.yaml": closes(second)})
    assert {review.commit for review in town.run().reviews} >= {second}
