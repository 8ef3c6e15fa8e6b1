"""What somebody tries who wants access that nobody approved, or wants others to lose theirs."""

from __future__ import annotations

import pytest

from reconciler.model import Proof
from reconciler.planning.guards import UNEXPLAINED
from tests.proof.test_break_glass import BROKEN, GLASS, breaks
from tests.proof.town import (
    CHANGES,
    PEOPLE,
    POLICY,
    RULES,
    A,
    B,
    Town,
    asks,
    mail,
)

APART = """  - forbid: both
    match: {roles: [admin]}
    holds: [{roles: [write]}]
    reason: Nobody does both
"""
FORBID = """rules:
  - forbid: admins
    match: {roles: [admin]}
    reason: Nobody administers
"""


def test_a_login_that_is_somebodys_number_is_not_that_person(town: Town) -> None:
    """Anybody may register the login "1003", and GitHub takes reviews from anybody who can read."""
    town.begin()
    stranger = town.github.add_user(town.accounts["carol"][0])
    town.pull("alice", {A: asks()}, stranger.login)
    seen = town.run()
    assert seen.held == set()
    assert "is not in the directory" in seen.why()


def _withdrawn(town: Town) -> int:
    """alice had access, which is taken away while her next request is open, approved by carol."""
    town.begin()
    town.pull("alice", {A: asks(role="admin", end="duration: 50d")}, "carol")
    number = town.propose("alice", {B: asks(role="read")})
    town.approve(number, "carol")
    town.pull("grace", {A: None})
    return number


def _kept_ours(town: Town, login: str, number: int, files: dict[str, str | None]) -> None:
    """Merges main into the branch, and keeps what the branch had: `git merge --strategy ours`."""
    bare, branch = town.github.bare, town.branch_of(number)
    town.wait(minutes=1)
    who = town.github.users[login].ident
    parents = (bare.tip(branch), bare.tip("main"))
    tree = bare.tree(parents[0], files)
    town.github.point(login, branch, bare.commit(tree, parents, "Merge", who, who, town.at))


def test_an_approval_from_when_the_branch_only_carried_a_file_along_is_none_for_it(
    town: Town,
) -> None:
    number = _withdrawn(town)
    _kept_ours(town, "alice", number, {})
    town.merge(number)
    seen = town.run()
    assert seen.held == {"alice read"}


def test_an_approval_from_before_a_rule_was_there_does_not_take_the_rule_away(town: Town) -> None:
    town.begin()
    number = town.propose("alice", {"catalog/all.yaml": "resources: []\n"})
    town.approve(number, "frank")
    town.pull("grace", {"policies/forbid.yaml": FORBID}, "frank")
    _kept_ours(town, "alice", number, {})
    town.merge(number)
    town.pull("alice", {A: asks(role="admin")}, "carol")
    seen = town.run()
    assert seen.held == set()


@pytest.mark.parametrize("path", [A, "policies/forbid.yaml"])
def test_a_merge_by_hand_does_not_bring_back_what_the_pull_request_never_changed(
    town: Town, path: str
) -> None:
    """Whoever may push to main makes the merge commit himself, with the branch's own files."""
    town.begin()
    if path == A:
        town.pull("alice", {A: asks(role="admin", end="duration: 50d")}, "carol")
        number = town.propose("alice", {B: asks(role="read")})
        town.pull("grace", {A: None})
    else:
        number = town.propose("alice", {"catalog/all.yaml": "resources: []\n"})
        town.pull("grace", {path: FORBID}, "frank")
    town.approve(number, "carol" if path == A else "frank")
    bare, who = town.github.bare, town.github.users["grace"].ident
    parents = (bare.tip("main"), bare.tip(town.branch_of(number)))
    tree = bare.tree(parents[1], {})
    town.wait(minutes=1)
    made = bare.commit(tree, parents, "Merge", who, who, town.at)
    town.github.point("grace", "main", made)
    pull = town.github.pulls[number]  # a forge may well say so
    pull.introduced, pull.merge_commit = pull.introduced | {made}, made
    if path != A:
        town.pull("alice", {A: asks(role="admin")}, "carol")
    assert town.run().held == ({"alice read"} if path == A else set())


@pytest.mark.parametrize("automatic", [False, True])
def test_an_approval_for_another_branch_is_none_for_ours(town: Town, automatic: bool) -> None:
    town.begin()
    town.push("alice", {A: asks(role="admin")}, "staging")
    town.push("alice", {B: asks(role="read")}, "request", onto=town.github.bare.tip("staging"))
    number = town.github.open_pull("alice", "request", "Please", base="staging")
    town.approve(number, "carol")
    town.wait(minutes=1)
    town.github.retarget("alice", number, "main", automatic)
    town.merge(number)
    seen = town.run()
    assert seen.held == set()


def test_what_was_approved_once_is_not_brought_in_again_by_pushing_its_old_commits(
    town: Town,
) -> None:
    """The branch's own commits, after its pull request was squashed and its grant taken back."""
    town.begin()
    number = town.propose("alice", {A: asks(end="duration: 50d")})
    branch = town.branch_of(number)
    town.approve(number, "carol")
    town.merge(number, "squash")
    town.pull("grace", {A: None})
    bare, who = town.github.bare, town.github.users["grace"].ident
    old, main = bare.tip(branch), bare.tip("main")
    town.wait(minutes=1)
    made = bare.commit(f"{old}^{{tree}}", (old, main), "Merge", who, who, town.at)
    town.github.point("grace", "main", made)
    town.github.pulls[number].introduced |= {old}  # GitHub tells of it: the commit was in it
    assert town.run().held == set()


def test_by_rules_that_were_not_known_yet_nothing_is_remembered(town: Town) -> None:
    """A forge may take a moment to say which pull request a commit came by."""
    town.begin()
    town.pull("grace", {PEOPLE: town.directory(leads=["dave"])}, "frank")
    late = max(town.github.pulls)
    town.pull("alice", {A: asks()}, "carol")
    told, town.github.pulls[late].introduced = town.github.pulls[late].introduced, frozenset()
    town.run()
    town.github.pulls[late].introduced = told
    assert town.run().held == set()


def test_old_commits_that_are_merged_by_hand_are_not_what_was_approved(town: Town) -> None:
    town.begin()
    number = town.propose("alice", {A: asks(end="duration: 50d")})
    town.approve(number, "carol")
    town.merge(number, "squash")
    town.pull("grace", {A: None})
    bare, who = town.github.bare, town.github.users["grace"].ident
    old, main = bare.tip(town.branch_of(number)), bare.tip("main")
    town.wait(minutes=1)
    made = bare.commit(f"{old}^{{tree}}", (main, old), "Merge", who, who, town.at)
    town.github.point("grace", "main", made)
    town.github.pulls[number].introduced |= {old, made}  # GitHub tells of it: it has been in it
    assert town.run().held == set()


def test_no_change_is_remembered_by_approvers_who_were_none_by_then(town: Town) -> None:
    town.begin()
    town.pull("grace", {PEOPLE: town.directory(admins=["grace", "erin"])}, "frank")
    late = town.github.pulls[max(town.github.pulls)]
    town.pull("alice", {POLICY: RULES.replace("leads", "oncall") + CHANGES}, "frank")
    told, late.introduced = late.introduced, frozenset()
    assert town.run().refused == {PEOPLE}
    late.introduced = told
    assert town.run().refused == {POLICY}


def test_what_was_held_beside_and_told_late_still_counts(town: Town) -> None:
    town.begin(RULES + APART)
    town.pull("alice", {A: asks(role="write")}, "carol")
    late = town.github.pulls[max(town.github.pulls)]
    town.pull("alice", {B: asks(role="admin")}, "carol")
    told, late.introduced = late.introduced, frozenset()
    assert town.run().held == {"alice admin"}
    late.introduced = told
    assert town.run().held == {"alice write"}


@pytest.mark.parametrize("state", ["CHANGES_REQUESTED", "DISMISSED", "late"])
def test_a_break_glass_review_is_closed_only_by_an_approval_before_the_merge(
    town: Town, state: str
) -> None:
    town.begin(GLASS.replace("[admins, oncall]", "[leads]"))
    taken = town.pull("alice", {BROKEN: breaks()})
    closing = f"grant: {BROKEN}\ncommit: {taken}\noutcome: justified\nremarks: All was well\n"
    number = town.propose("alice", {"reviews/one.yaml": closing})
    if state == "DISMISSED":
        town.approve(number, "carol")
        town.github.dismiss(number, town.github.pulls[number].reviews[-1].id)
    elif state != "late":
        town.approve(number, "carol", state=state)
    town.merge(number)
    if state == "late":
        town.approve(number, "carol")
    assert len(town.run().reviews) == 1


@pytest.mark.parametrize("way", ["ends", "leavers"])
def test_what_nobody_approved_takes_nothing_past_the_guards(town: Town, way: str) -> None:
    """Expired and left are never counted: else one push to main would take everything at once."""
    town.begin()
    town.pull("alice", {A: asks(end="expires: 2026-12-01T00:00:00Z")}, "carol")
    if way == "ends":
        town.push("grace", {A: asks(end="expires: 2026-11-01T09:30:00Z")})
    else:
        who = f"id: {mail('alice')}, "
        town.push("grace", {PEOPLE: town.directory().replace(who, f"{who}status: left, ")})
    town.wait(hours=1)
    seen = town.run()
    assert seen.held == set()
    over = [c for c in seen.authorised.claims if c.proof is Proof.PROVED]
    assert max(over, key=lambda c: c.window.end or town.at).cause in UNEXPLAINED
