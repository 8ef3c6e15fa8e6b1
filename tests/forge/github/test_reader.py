"""Pull requests as they are now, and how the main line is protected."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.forge.base import Finding, ForgeError
from reconciler.model import Content
from reconciler.sandbox.faults import Fault, FaultKind
from tests.forge.github.world import GRANT, World

PULL_REQUEST = {
    "required_approving_review_count": 1,
    "dismiss_stale_reviews_on_push": True,
    "require_code_owner_review": True,
    "require_last_push_approval": True,
    "required_review_thread_resolution": False,
}
RULESET: dict[str, Any] = {
    "id": 7,
    "name": "main",
    "source": "acme/access",
    "enforcement": "active",
    "bypass_actors": [],
    "rules": [
        {"type": "pull_request", "parameters": PULL_REQUEST},
        {"type": "non_fast_forward"},
        {"type": "deletion"},
        {"type": "required_signatures"},
    ],
}
CLASSIC: dict[str, Any] = {
    "required_pull_request_reviews": {
        "required_approving_review_count": 1,
        "dismiss_stale_reviews": True,
        "require_code_owner_reviews": True,
        "require_last_push_approval": True,
    },
    "enforce_admins": {"url": "https://api.github.com/x", "enabled": True},
    "allow_force_pushes": {"enabled": False},
    "allow_deletions": {"enabled": False},
    "required_signatures": {"url": "https://api.github.com/x", "enabled": True},
}
CODEOWNERS_ERROR = {
    "path": ".github/CODEOWNERS",
    "line": 3,
    "column": 1,
    "kind": "Unknown owner",
    "message": "x",
}


def test_an_open_pull_request_is_read_with_its_files(world: World) -> None:
    number = world.proposed()
    world.github.review("bob", number, "APPROVED")
    pull = world.reader.pull(number, [GRANT, "none.yaml", GRANT])
    head = world.github.pulls[number].head
    assert (pull.number, pull.merged_at, pull.base) == (number, None, "main")
    assert pull.contents == (
        Content(head, GRANT, world.blob(head)),
        Content(head, "none.yaml", ""),
    )


def test_a_pull_request_that_is_not_there_is_an_error(world: World) -> None:
    with pytest.raises(ForgeError, match="number of 99"):
        world.reader.pull(99, [])


def test_the_open_one_of_a_branch_is_found(world: World) -> None:
    number = world.proposed(branch="mine")
    found = world.reader.open_pull("mine")
    assert found
    assert (found.number, found.contents) == (number, ())
    world.github.merge("carol", number)
    assert world.reader.open_pull("mine") is None


def test_the_open_one_for_another_branch_is_not_ours(world: World) -> None:
    world.github.point("grace", "next", world.main)
    world.github.commit("alice", "mine", {GRANT: "x"})
    world.github.open_pull("alice", "mine", "Into next", base="next")
    assert world.reader.open_pull("mine") is None


def findings(world: World) -> dict[str, Finding]:
    return {finding.name: finding for finding in world.reader.protection()}


@pytest.fixture(params=["ruleset", "classic"])
def guarded(world: World, request: pytest.FixtureRequest) -> World:
    """Everything as it should be, in the one way or the other."""
    if request.param == "ruleset":
        world.github.settings.rulesets = [RULESET]
    else:
        world.github.settings.protection = CLASSIC
    world.settings = replace(world.settings, signed=True)
    return world


def test_a_guarded_branch_has_nothing_to_mend(guarded: World) -> None:
    found = findings(guarded)
    assert len(found) == 11
    assert {finding.right for finding in found.values()} == {True}


def test_an_open_branch_has_everything_to_mend(world: World) -> None:
    world.github.settings.actions_may_approve = True
    world.github.settings.codeowners_errors = [CODEOWNERS_ERROR]
    found = findings(world)
    assert len(found) == 10  # signatures are asked for only where the settings do
    assert {finding.right for finding in found.values()} == {False}
    assert all(finding.fix for finding in found.values())
    assert ".github/CODEOWNERS:3: Unknown owner" in found["CODEOWNERS is valid"].what


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("approval required", "required_approving_review_count", 0),
        ("stale approvals dismissed", "dismiss_stale_reviews_on_push", False),
        ("last push approved by another", "require_last_push_approval", False),
        ("code owners review", "require_code_owner_review", False),
    ],
)
def test_each_setting_of_a_ruleset_has_its_finding(
    world: World, name: str, key: str, value: object
) -> None:
    rules = [{"type": "pull_request", "parameters": {**PULL_REQUEST, key: value}}]
    world.github.settings.rulesets = [{**RULESET, "rules": rules + RULESET["rules"][1:]}]
    assert {n for n, finding in findings(world).items() if not finding.right} == {name}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("no force pushes", "non_fast_forward"), ("no deletion", "deletion")],
)
def test_each_rule_has_its_finding(world: World, name: str, kind: str) -> None:
    rules = [rule for rule in RULESET["rules"] if rule["type"] != kind]
    world.github.settings.rulesets = [{**RULESET, "rules": rules}]
    assert {n for n, finding in findings(world).items() if not finding.right} == {name}


@pytest.mark.parametrize(
    ("asked", "right"), [({}, False), ({"signed": True}, True), ({"pushers": True}, True)]
)
def test_the_last_push_needs_no_other_where_the_proof_sees_who_pushed(
    world: World, asked: dict[str, Any], right: bool
) -> None:
    parameters = {**PULL_REQUEST, "require_last_push_approval": False}
    rules = [{"type": "pull_request", "parameters": parameters}, *RULESET["rules"][1:]]
    world.github.settings.rulesets = [{**RULESET, "rules": rules}]
    world.settings = replace(world.settings, **asked)
    found = findings(world)["last push approved by another"]
    assert found.right is right
    assert "`pushers: required`" in (found.what + found.fix) or asked == {"signed": True}


@pytest.mark.parametrize(("status", "right"), [(0, True), (404, False), (403, None)])
def test_whether_github_tells_who_pushed_is_found_where_it_is_asked_for(
    world: World, status: int, right: bool | None
) -> None:
    assert "GitHub tells who pushed" not in findings(world)
    if status:
        world.faults.arm(Fault("github", "*/activity", FaultKind.STATUS, status, times=9))
    world.settings = replace(world.settings, pushers=True)
    found = findings(world)["GitHub tells who pushed"]
    assert (found.right, bool(found.fix)) == (right, not right)


def test_who_may_pass_by_a_ruleset_is_named(world: World) -> None:
    actors = [{"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}]
    world.github.settings.rulesets = [{**RULESET, "bypass_actors": actors}]
    found = findings(world)["nobody passes by"]
    assert found.right is False
    assert "RepositoryRole 5 can merge and push without approval" in found.what


def test_administrators_pass_by_a_branch_protection_that_leaves_them_out(world: World) -> None:
    world.github.settings.protection = {
        **CLASSIC,
        "enforce_admins": {"url": "https://api.github.com/x", "enabled": False},
    }
    found = findings(world)["nobody passes by"]
    assert (found.right, "administrators can" in found.what) == (False, True)


def test_a_second_ruleset_that_nobody_passes_by_is_enough(world: World) -> None:
    actors = [{"actor_id": 5, "actor_type": "Team", "bypass_mode": "always"}]
    world.github.settings.rulesets = [
        {**RULESET, "bypass_actors": actors},
        {**RULESET, "id": 8},
    ]
    assert findings(world)["nobody passes by"].right is True


def test_a_ruleset_that_only_evaluates_protects_nothing(world: World) -> None:
    world.github.settings.rulesets = [{**RULESET, "enforcement": "evaluate"}]
    assert findings(world)["pull request required"].right is False


def test_what_the_token_may_not_see_is_not_known(world: World) -> None:
    world.github.settings.may_administer = False
    found = findings(world)
    unknown = {name for name, finding in found.items() if finding.right is None}
    assert unknown == set(found) - {"CODEOWNERS is valid"}
    assert all("administration" in found[name].fix for name in unknown)


def test_rules_are_seen_without_administration(world: World) -> None:
    world.github.settings.may_administer = False
    world.github.settings.rulesets = [RULESET]
    found = findings(world)
    unknown = {name for name, finding in found.items() if finding.right is None}
    assert unknown == {"nobody passes by", "workflows approve nothing"}


def test_rules_are_read_to_the_last_page(world: World) -> None:
    world.github.graph.page_most = 1
    world.github.settings.rulesets = [RULESET]
    assert findings(world)["no deletion"].right is True


def test_no_codeowners_file_is_told(world: World) -> None:
    world.faults.arm(Fault("github", "*codeowners*", FaultKind.STATUS, 404))
    assert "there is none" in findings(world)["CODEOWNERS is valid"].what


def test_protection_that_cannot_be_read_at_all_is_an_error(world: World) -> None:
    world.fault(FaultKind.STATUS, 500)
    with pytest.raises(ForgeError, match="rules of main"):
        world.reader.protection()
