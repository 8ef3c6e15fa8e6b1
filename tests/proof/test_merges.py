"""How a commit came onto the main line, and what a reader would expect of it."""

from __future__ import annotations

import pytest

from tests.proof.town import A, B, Town, asks

METHODS = ("merge", "squash", "rebase")


@pytest.mark.parametrize("method", METHODS)
def test_an_approved_pull_request_is_granted_however_it_is_merged(town: Town, method: str) -> None:
    town.begin()
    number = town.propose("alice", {A: asks(role="read")})
    town.push("alice", {A: asks(), "README.md": "More\n"}, town.branch_of(number))
    town.approve(number, "carol")
    town.merge(number, method)
    seen = town.run()
    assert seen.held == {"alice write"}
    [outcome] = [o for o in seen.authorised.outcomes if o.claim.window.contains(seen.now)]
    assert outcome.judgement
    assert outcome.judgement.approved_by == ("carol@example.com",)


@pytest.mark.parametrize("method", METHODS)
def test_an_unapproved_pull_request_is_refused_however_it_is_merged(
    town: Town, method: str
) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, method=method)
    assert (town.run().held, town.run().refused) == (set(), {A})


def test_two_files_in_two_commits_of_a_rebased_pull_request_share_its_approvals(
    town: Town,
) -> None:
    town.begin()
    number = town.propose("alice", {A: asks()})
    town.push("alice", {B: asks("bob")}, town.branch_of(number))
    town.approve(number, "carol")
    town.merge(number, "rebase")
    assert town.run().held == {"alice write", "bob write"}


@pytest.mark.parametrize("method", METHODS)
def test_each_pull_request_of_a_merge_queue_is_judged_by_itself(town: Town, method: str) -> None:
    town.begin()
    approved, unapproved = town.propose("alice", {A: asks()}), town.propose("bob", {B: asks("bob")})
    town.approve(approved, "carol")
    town.wait(minutes=1)
    town.github.queue((approved, unapproved), method)
    seen = town.run()
    assert (seen.held, seen.refused) == ({"alice write"}, {B})


def test_of_several_pull_requests_for_one_commit_one_approved_is_enough(town: Town) -> None:
    """Both have the same commit; when it reaches the main line GitHub shows both as merged."""
    town.begin()
    made = town.push("alice", {A: asks()}, "one")
    town.github.point("alice", "two", made)
    first = town.github.open_pull("alice", "one", "First")
    second = town.github.open_pull("alice", "two", "Second")
    town.approve(second, "carol")
    town.wait(minutes=1)
    town.github.point("grace", "main", made)
    assert {town.github.pulls[n].state for n in (first, second)} == {"MERGED"}
    assert town.run().held == {"alice write"}


def test_approvals_of_several_pull_requests_are_not_added_up(town: Town) -> None:
    rules = "rules:\n  - permit: two\n    approvals: [{count: 2, groups: [leads]}]\n"
    town.begin(rules)
    made = town.push("alice", {A: asks()}, "one")
    town.github.point("alice", "two", made)
    town.approve(town.github.open_pull("alice", "one", "First"), "carol")
    town.approve(town.github.open_pull("alice", "two", "Second"), "dave")
    town.wait(minutes=1)
    town.github.point("grace", "main", made)
    assert (town.run().held, town.run().refused) == (set(), {A})


def test_a_pull_request_for_another_branch_proves_nothing_on_the_main_line(town: Town) -> None:
    town.begin()
    town.github.point("grace", "release", town.github.bare.tip("main"))
    town.push("alice", {A: asks()}, "request")
    number = town.github.open_pull("alice", "request", "Please", base="release")
    town.approve(number, "carol")
    made = town.merge(number)
    town.github.point("grace", "main", made)
    seen = town.run()
    assert (seen.held, seen.refused) == (set(), {A})


def test_an_approved_revert_of_a_deletion_is_granted_as_any_other(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    town.pull("alice", {A: None})
    assert town.run().held == set()
    town.pull("alice", {A: asks()}, "dave")
    seen = town.run()
    assert (seen.held, seen.refused) == ({"alice write"}, set())
    assert str(seen.until("alice write")) == "2026-11-01 17:09:00+00:00"  # counted anew


def test_an_unapproved_revert_of_an_edit_does_not_bring_the_longer_end_back(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks(end="duration: 9d")}, "carol")
    town.pull("alice", {A: asks(end="duration: 8h")}, "carol")
    short = town.run().until("alice write")
    town.pull("alice", {A: asks(end="duration: 9d")})
    seen = town.run()
    assert (seen.until("alice write"), seen.refused) == (short, {A})


def test_a_cherry_pick_needs_an_approval_of_its_own(town: Town) -> None:
    """The same content on a new commit is another request."""
    town.begin()
    number = town.propose("alice", {A: asks()})
    town.approve(number, "carol")
    town.push("bob", {A: asks()})
    seen = town.run()
    assert seen.held == set()
    assert "came by a direct push" in seen.why()


def test_a_force_pushed_branch_needs_a_new_approval(town: Town) -> None:
    town.begin()
    start = town.github.bare.tip("main")
    number = town.propose("alice", {A: asks(role="read")})
    town.approve(number, "carol")
    town.push("alice", {A: asks()}, town.branch_of(number), onto=start)
    town.approve(number, "dave")
    town.merge(number)
    seen = town.run()
    assert seen.held == {"alice write"}
    [outcome] = [o for o in seen.authorised.outcomes if o.claim.window.contains(seen.now)]
    assert outcome.judgement
    assert outcome.judgement.approved_by == ("dave@example.com",)


def test_a_force_push_that_leaves_the_file_as_it_was_keeps_the_approval(town: Town) -> None:
    town.begin()
    start = town.github.bare.tip("main")
    number = town.propose("alice", {A: asks()})
    town.approve(number, "carol")
    town.push("alice", {A: asks(), "README.md": "More\n"}, town.branch_of(number), onto=start)
    town.merge(number)
    assert town.run().held == {"alice write"}


def test_a_main_line_that_was_forced_back_loses_what_is_no_longer_there(town: Town) -> None:
    begun = town.begin()
    town.pull("alice", {A: asks()}, "carol")
    assert town.run().held == {"alice write"}
    town.github.point("grace", "main", begun)
    assert town.run(trust=begun).held == set()


def test_what_a_merge_made_of_two_edits_was_approved_by_nobody(town: Town) -> None:
    """Git joins both edits; neither pull request had that content."""
    town.begin()
    lines = [f"  - {{system: bitbucket, repository: r{n}, permission: read}}\n" for n in range(9)]
    text = "subject: alice@example.com\naccess:\n{}duration: 8h\nreason: The batch fails\n"
    town.pull("alice", {A: text.format("".join(lines))}, "carol")
    one, two = lines.copy(), lines.copy()
    one[0], two[8] = one[0].replace("read", "write"), two[8].replace("read", "write")
    first = town.propose("alice", {A: text.format("".join(one))})
    second = town.propose("bob", {A: text.format("".join(two))})
    for number in (first, second):
        town.approve(number, "carol")
        town.merge(number)
    seen = town.run()
    assert "was merged with another content than" in seen.why()
    assert not {held for held in seen.held if "write on" in held and "r8" in held}


def test_an_approval_after_the_merge_does_not_count(town: Town) -> None:
    town.begin()
    number = town.propose("alice", {A: asks()})
    town.merge(number)
    town.approve(number, "carol")
    seen = town.run()
    assert seen.held == set()
    assert "approvals after the merge do not count" in seen.unapproved[0].fix


def test_an_approval_that_is_dismissed_after_the_merge_still_counts(town: Town) -> None:
    town.begin()
    number = town.propose("alice", {A: asks()})
    town.approve(number, "carol")
    town.merge(number)
    town.wait(minutes=1)
    town.github.dismiss(number, town.github.pulls[number].reviews[0].id)
    assert town.run().held == {"alice write"}


def test_an_approval_that_is_dismissed_before_the_merge_does_not_count(town: Town) -> None:
    town.begin()
    number = town.propose("alice", {A: asks()})
    town.approve(number, "carol")
    town.wait(minutes=1)
    town.github.dismiss(number, town.github.pulls[number].reviews[0].id)
    town.merge(number)
    assert town.run().held == set()
