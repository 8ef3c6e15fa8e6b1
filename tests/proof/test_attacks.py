"""Each attack of the reference, by its number: what stops it here, or that it is seen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler import templates
from reconciler.errors import ReconcilerError
from reconciler.model import Cause
from reconciler.planning.guards import UNEXPLAINED
from reconciler.sandbox.bare import Ident
from reconciler.sandbox.github.hub import ACTIONS
from tests.proof.town import (
    CHANGES,
    CONFIGURATION,
    PEOPLE,
    POLICY,
    RULES,
    A,
    B,
    Town,
    asks,
    mail,
)


def test_attack_01_a_commit_pushed_after_the_approval_is_not_approved(town: Town) -> None:
    town.begin()
    number = town.propose("alice", {A: asks(role="read")})
    town.approve(number, "carol")
    town.push("alice", {A: asks(role="admin")}, town.branch_of(number))
    town.merge(number)
    seen = town.run()
    assert seen.held == set()
    assert "in which grants/a.yaml was not as it is now" in seen.why()


@pytest.mark.parametrize("way", ["push", "force-push", "co-author"])
def test_attack_02_a_colleague_who_wrote_in_the_pull_request_cannot_approve_it(
    town: Town, way: str
) -> None:
    town.begin()
    number = town.propose("alice", {A: asks(role="read")})
    branch, onto = town.branch_of(number), town.github.bare.tip("main")
    match way:
        case "push":
            town.push("carol", {A: asks(role="admin")}, branch)
        case "force-push":  # with alice's own commit, so that no commit is carol's
            made = town.push("alice", {A: asks(role="admin")}, "elsewhere", onto=onto)
            town.github.point("carol", branch, made)
        case _:
            text = f"Change\n\nCo-authored-by: Carol <{mail('carol')}>\n"
            town.github.commit("alice", branch, {A: asks(role="admin")}, text)
    town.approve(number, "carol")
    town.merge(number)
    seen = town.run()
    assert seen.held == set()
    assert "carol@example.com approved, and has written or pushed commits" in seen.why()


def impersonated(town: Town, who: str) -> int:
    """Alice's pull request, with a commit that says it is alice's, pushed by `who`."""
    number = town.propose("alice", {A: asks(role="read")})
    alice = town.github.users["alice"].ident
    town.wait(minutes=1)
    files = {A: asks(role="admin")}
    town.github.commit(who, town.branch_of(number), files, author=alice, committer=alice)
    return number


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_attack_02_the_impersonators_approval_does_not_count(town: Town, method: str) -> None:
    town.begin()
    number = impersonated(town, "carol")
    town.approve(number, "carol")
    town.merge(number, method)
    seen = town.run()
    assert seen.held == set()
    assert "carol@example.com approved, and has written or pushed commits" in seen.why()


def test_attack_02_the_approval_of_another_than_the_impersonator_counts(town: Town) -> None:
    town.begin()
    number = impersonated(town, "carol")
    town.approve(number, "carol", "dave")
    town.merge(number)
    assert town.run().held == {"alice admin"}


def test_attack_02_an_impersonator_whom_nobody_knows_voids_the_pull_request(town: Town) -> None:
    town.begin()
    town.github.add_user("mallory")
    number = impersonated(town, "mallory")
    town.approve(number, "carol")
    town.merge(number)
    seen = town.run()
    assert seen.held == set()
    assert "mallory wrote or pushed in" in seen.why()


@pytest.mark.parametrize("required", [False, True])
def test_attack_02_a_push_that_is_not_told_is_believed_unless_pushers_are_required(
    town: Town, required: bool
) -> None:
    town.begin(**{CONFIGURATION: town.configuration(", pushers: required" * required)})
    town.pull("alice", {B: asks("bob")}, "carol")
    number = impersonated(town, "carol")
    town.github.pulls[number].from_fork = True
    town.approve(number, "carol")
    town.merge(number)
    for _ in range(2):  # from the memory too
        seen = town.run()
        assert seen.held == {"bob write"} | ({"alice admin"} if not required else set())
        assert not required or "does not tell who pushed to" in seen.why()


@pytest.mark.parametrize("listed", [False, True])
def test_attack_03_a_bot_approves_nothing_even_as_a_leads_account(town: Town, listed: bool) -> None:
    if listed:
        town.accounts["carol"].append(str(town.github.users[ACTIONS].id))
    town.begin()
    town.pull("alice", {A: asks()}, ACTIONS)
    seen = town.run()
    assert seen.held == set()
    assert "is a bot, and a bot approves nothing" in seen.why()


@pytest.mark.parametrize(
    "path", [".github/workflows/reconcile.yml", ".schemas/grant.schema.json", "reconciler.sh"]
)
def test_attack_04_what_runs_is_not_changed_along_with_a_grant(town: Town, path: str) -> None:
    town.begin()
    town.pull("alice", {A: asks(), path: "harmless\n"}, "carol", "frank")
    seen = town.run()
    assert seen.held == set()
    assert f"changes {path} together with grants" in seen.why()


@pytest.mark.parametrize("path", [".github/CODEOWNERS", "docs/CODEOWNERS", POLICY, PEOPLE])
def test_attack_05_who_approves_is_not_changed_along_with_a_grant(town: Town, path: str) -> None:
    town.begin()
    more = {
        POLICY: RULES.replace("leads", "oncall") + CHANGES,
        PEOPLE: town.directory(leads=["bob"]),
    }
    town.pull("alice", {A: asks(), path: more.get(path, "* @bob\n")}, "bob", "carol", "frank")
    seen = town.run()
    assert seen.held == set()
    assert f"changes {path} together with grants" in seen.why()


def test_attack_05_in_two_steps_the_first_needs_the_admins(town: Town) -> None:
    town.begin()
    town.pull("alice", {PEOPLE: town.directory(leads=["bob"])}, "bob", "carol")
    town.pull("alice", {A: asks()}, "bob")
    seen = town.run()
    assert (seen.held, seen.refused) == (set(), {A, PEOPLE})


def test_attack_06_code_owners_give_no_authority_here_and_their_errors_are_told(town: Town) -> None:
    town.begin()
    town.push("grace", {".github/CODEOWNERS": "* @bob\ngrants/\n"})
    town.github.settings.codeowners_errors = [
        {"path": ".github/CODEOWNERS", "line": 2, "column": 1, "kind": "Missing owner"}
    ]
    town.pull("alice", {A: asks()}, "bob")
    seen = town.run()
    assert seen.held == set()
    assert "bob@example.com approved, and is not asked by the rule" in seen.why()
    settings = seen.authorised.changes.settings
    found = {one.name: one for one in town.reader(settings).protection()}
    assert found["CODEOWNERS is valid"].right is False
    assert ".github/CODEOWNERS:2: Missing owner" in found["CODEOWNERS is valid"].what


def test_attack_07_what_an_admin_merges_unapproved_or_pushes_gives_nothing(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, by="grace")
    town.push("grace", {B: asks("bob")})
    seen = town.run()
    assert (seen.held, seen.refused) == (set(), {A, B})
    assert "approval is missing: 1 of leads" in seen.why(A)
    assert "came by a direct push, without a pull request" in seen.why(B)


def test_attack_07_taking_away_needs_no_proof(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks(), B: asks("bob")}, "carol")
    town.push("grace", {A: None})
    seen = town.run()
    assert (seen.held, seen.refused) == ({"bob write"}, set())


def test_attack_08_a_dismissed_refusal_is_no_approval(town: Town) -> None:
    town.begin()
    number = town.propose("alice", {A: asks()})
    town.approve(number, "carol", state="CHANGES_REQUESTED")
    town.github.dismiss(number, town.github.pulls[number].reviews[0].id)
    town.merge(number)
    assert town.run().held == set()


def test_attack_08_whoever_approved_and_then_asked_for_changes_has_not_approved(
    town: Town,
) -> None:
    """Also when their last word is dismissed: what stood before does not come back."""
    town.begin()
    number = town.propose("alice", {A: asks()})
    town.approve(number, "carol")
    town.approve(number, "carol", state="CHANGES_REQUESTED")
    town.github.dismiss(number, town.github.pulls[number].reviews[1].id)
    town.merge(number)
    assert town.run().held == set()


def test_attack_09_a_commit_under_an_unknown_name_voids_the_pull_request(town: Town) -> None:
    town.begin()
    number = town.propose("alice", {A: asks(role="read")})
    stranger = Ident("Mallory", "mallory@example.com")
    branch = town.branch_of(number)
    town.github.commit("carol", branch, {A: asks()}, author=stranger, committer=stranger)
    town.approve(number, "carol")
    town.merge(number)
    seen = town.run()
    assert seen.held == set()
    assert "mallory@example.com wrote or pushed in" in seen.why()


@pytest.mark.parametrize("signed", [False, True])
def test_attack_09_where_signatures_are_asked_for_a_name_alone_is_not_believed(
    town: Town, signed: bool
) -> None:
    """Carol writes under alice's name and approves. Git would let her, and of a fork GitHub does
    not tell who pushed."""
    town.begin(**{CONFIGURATION: town.configuration(", signed: true")})
    alice = town.github.users["alice"].ident
    town.github.commit(
        "carol", "request", {A: asks()}, author=alice, committer=alice, signed=signed
    )
    number = town.github.open_pull("alice", "request", "Please")
    town.github.pulls[number].from_fork = True
    town.approve(number, "carol")
    town.merge(number)
    seen = town.run()
    assert seen.held == ({"alice write"} if signed else set())
    assert signed or "carry no verified signature" in seen.why()


def test_attack_10_another_account_of_the_same_person_is_the_same_person(town: Town) -> None:
    second = town.github.add_user("alice-two")
    town.accounts["alice"].append(str(second.id))
    town.groups["leads"].append("alice")
    town.begin()
    town.pull("bob", {A: asks("alice")}, "alice-two")  # would gain
    town.pull("alice", {B: asks("bob")}, "alice-two")  # has written it
    seen = town.run()
    assert seen.held == set()
    assert "alice@example.com approved, and would gain access by it" in seen.why(A)
    assert "alice@example.com approved, and is the author" in seen.why(B)


def test_attack_10_an_account_that_the_directory_does_not_know_is_nobodys(town: Town) -> None:
    town.github.add_user("carol-two", "carol.two@example.com")
    town.begin()
    town.pull("alice", {A: asks()}, "carol-two")
    seen = town.run()
    assert seen.held == set()
    assert "carol-two approved, and is not in the directory" in seen.why()


@pytest.mark.parametrize("how", ["edited", "renamed", "made again"])
def test_attack_11_a_chain_of_extensions_counts_from_its_first_start(town: Town, how: str) -> None:
    """All approved: it is the rule's `max_total` that ends it."""
    town.begin(RULES.replace("max_duration: 60d", "max_duration: 20h\n    max_total: 24h"))
    town.pull("alice", {A: asks(end="duration: 20h")}, "carol")
    town.wait(hours=19)
    gone = {} if how == "edited" else {A: None}
    if how == "made again":
        town.pull("alice", gone)
        gone = {}
    path = A if how == "edited" else B
    town.pull(
        "alice", {**gone, path: asks(end="duration: 19h", reason="As above, a typo")}, "carol"
    )
    seen = town.run()
    assert "and `max_total` is 1d" in seen.why(path)
    town.wait(hours=2)
    assert town.run().held == set()


def test_attack_12_long_and_far_off_and_vague_windows_are_refused(town: Town) -> None:
    town.begin(RULES.replace("max_duration: 60d", "max_duration: 2d\n    max_ahead: 7d"))
    far = "starts: 2027-11-01T09:00:00Z\nduration: 8h"
    ends = {
        "grants/long.yaml": "duration: 30d",
        "grants/far.yaml": far,
        "grants/vague.yaml": "expires: 2026-11-01T18:00:00",
    }
    town.pull("alice", {path: asks(end=end) for path, end in ends.items()}, "carol")
    seen = town.run()
    assert seen.held == set()
    assert "`max_duration` is 2d" in seen.why("grants/long.yaml")
    assert "after the merge, and the most is 7d" in seen.why("grants/far.yaml")
    assert "grants/vague.yaml" not in {c.grant for c in seen.authorised.claims}


@pytest.mark.parametrize("approvers", [(), ("carol",)])
def test_attack_13_a_revert_brings_nothing_back_that_is_over(
    town: Town, approvers: tuple[str, ...]
) -> None:
    town.begin()
    over = asks(end="expires: 2026-11-01T12:00:00Z")
    town.pull("alice", {A: over}, "carol")
    town.pull("alice", {A: None})
    town.wait(hours=4)
    town.pull("alice", {A: over}, *approvers)
    assert town.run().held == set()


def test_attack_13_a_revert_of_what_is_not_over_needs_its_own_approval(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    town.pull("alice", {A: None})
    town.pull("alice", {A: asks()})
    seen = town.run()
    assert (seen.held, seen.refused) == (set(), {A})


def test_attack_14_a_history_that_was_rewritten_is_not_believed(town: Town) -> None:
    first = town.github.bare.tip("main")
    begun = town.begin()
    assert town.run(trust=begun).held == set()
    setup = {
        CONFIGURATION: town.configuration(),
        PEOPLE: town.directory(leads=["bob"]),
        POLICY: RULES + CHANGES,
    }
    town.push("bob", setup, onto=first)  # by force
    town.pull("alice", {A: asks()}, "bob")
    with pytest.raises(ReconcilerError, match="is not on this main line"):
        town.run(trust=begun)


def test_attack_15_what_came_between_is_judged_by_itself(town: Town) -> None:
    town.begin()
    planned = town.pull("alice", {A: asks()}, "carol")
    town.push("bob", {B: asks("bob")})
    assert town.run(commit=planned).held == {"alice write"}
    assert town.run().held == {"alice write"}


def test_attack_16_a_pull_request_too_large_to_be_told_proves_nothing(town: Town) -> None:
    """GitHub lists 250 commits and counts the others: somebody else may have written in those."""
    town.begin()
    town.github.graph.most_commits = 3
    number = town.propose("alice", {A: asks()})
    for n in range(3):
        town.push("alice", {"README.md": f"{n}\n"}, town.branch_of(number))
    town.approve(number, "carol")
    town.merge(number)
    town.pull("bob", {B: asks("bob")}, "carol")
    seen = town.run()
    assert seen.held == {"bob write"}
    assert "it has 4 commits, of which GitHub tells 3" in seen.unknown


def test_attack_17_what_runs_in_the_access_repository_is_pinned(tmp_path: Path) -> None:
    project = templates.Project(
        "acme/access-reconciler", "0123456789abcdef0123456789abcdef01234567"
    )
    for forge in templates.Forge:
        for file in templates.access_repository("acme", forge, ("aws", "gcp", "azure"), project):
            for line in file.text.splitlines():
                if re.match(r"\s*(- )?uses: ", line):
                    assert re.search(r"@[0-9a-f]{40}( #|$)", line), (file.path, line)


def test_attack_18_a_mass_deletion_needs_no_proof_and_is_unexplained_to_the_guards(
    town: Town,
) -> None:
    town.begin()
    paths = [f"grants/g{n}.yaml" for n in range(4)]
    roles = ("read", "write", "admin", "read")
    people = ("alice", "alice", "alice", "bob")
    files = {p: asks(w, r) for p, w, r in zip(paths, people, roles, strict=True)}
    town.pull("alice", files, "carol")
    assert len(town.run().held) == 4
    town.push("bob", dict.fromkeys(paths))
    seen = town.run()
    assert seen.held == set()
    assert {claim.cause for claim in seen.authorised.claims} == {Cause.WITHDRAWN} <= UNEXPLAINED
