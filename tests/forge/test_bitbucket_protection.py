"""What `doctor` learns of either Bitbucket's settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.forge import bitbucket, bitbucket_dc
from reconciler.forge.base import Credentials, Finding, ForgeError
from reconciler.sandbox.pulls import LocalCloudPulls, LocalDcPulls
from reconciler.sandbox.pulls.book import token
from tests.forge.bitbucket_world import World, cloud, data_center

CHECKS = (
    "force",
    "delete",
    "reset_pullrequest_approvals_on_change",
    "enforce_merge_checks",
    "restrict_merges",
)


@pytest.fixture
def on_cloud(tmp_path: Path) -> Iterator[World]:
    with cloud(tmp_path) as world:
        yield world


@pytest.fixture
def on_dc(tmp_path: Path) -> Iterator[World]:
    with data_center(tmp_path) as world:
        yield world


def right(world: World) -> dict[str, bool | None]:
    return {finding.name: finding.right for finding in world.reader.protection()}


def rule(kind: str, pattern: str = "main", **more: object) -> dict[str, Any]:
    empty: dict[str, object] = {"users": [], "groups": [], "value": None}
    return {"kind": kind, "branch_match_kind": "glob", "pattern": pattern, **empty, **more}


def every(pattern: str = "main") -> list[dict[str, Any]]:
    rules = [rule(kind, pattern) for kind in (*CHECKS, "push")]
    return [*rules, rule("require_approvals_to_merge", pattern, value=1)]


def restrict(world: World, rows: list[dict[str, Any]] | None) -> None:
    assert isinstance(world.local, LocalCloudPulls | LocalDcPulls)
    world.local.restrictions = rows


def test_an_open_branch_has_everything_to_set(on_cloud: World) -> None:
    found = on_cloud.reader.protection()
    assert [finding.right for finding in found] == [False] * 7
    assert all(finding.fix for finding in found)


@pytest.mark.parametrize("pattern", ["main", "*", "m*n"])
def test_a_protected_branch_has_nothing_to_set(on_cloud: World, pattern: str) -> None:
    restrict(on_cloud, every(pattern))
    assert set(right(on_cloud).values()) == {True}


@pytest.mark.parametrize("pattern", ["mai", "m.in", "main2", "next"])
def test_rules_for_other_branches_protect_nothing(on_cloud: World, pattern: str) -> None:
    restrict(on_cloud, every(pattern))
    assert set(right(on_cloud).values()) == {False}


def test_the_branching_model_tells_which_branch_is_meant(on_cloud: World) -> None:
    assert isinstance(on_cloud.local, LocalCloudPulls)
    model = {"branch_match_kind": "branching_model", "branch_type": "production", "pattern": ""}
    restrict(on_cloud, [rule("force") | model])
    assert right(on_cloud)["rewriting"] is False
    on_cloud.local.model = {"production": {"branch": {"name": "main"}}}
    assert right(on_cloud)["rewriting"] is True


def test_who_may_push_past_the_rule_is_named(on_cloud: World) -> None:
    restrict(on_cloud, [rule("push", users=[{"display_name": "Bob"}], groups=[{"name": "Ops"}])])
    [finding] = [f for f in on_cloud.reader.protection() if f.name == "direct pushes"]
    assert (finding.right, finding.what) == (
        False,
        "Bob, Ops may push to main without review",
    )


def test_no_approvals_required_is_not_enough(on_cloud: World) -> None:
    restrict(on_cloud, [rule("require_approvals_to_merge", value=0)])
    assert right(on_cloud)["approvals"] is False


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_may_not_be_asked_is_not_known(on_cloud: World, on_dc: World, status: int) -> None:
    for world, path in ((on_cloud, "*restrictions*"), (on_dc, "*restrictions*")):
        world.fail(f"GET {path}", status=status)
        unknown = [f for f in world.reader.protection() if f.right is None]
        assert len(unknown) >= 3
        assert all(f.fix and str(status) in f.what for f in unknown)


@pytest.mark.parametrize("status", [500])
def test_a_forge_that_fails_is_no_finding(on_cloud: World, on_dc: World, status: int) -> None:
    for world in (on_cloud, on_dc):
        world.fail("GET *restrictions*", status=status)
        with pytest.raises(ForgeError):
            world.reader.protection()


def test_signatures_cannot_be_had(on_cloud: World, on_dc: World) -> None:
    for world, package in ((on_cloud, bitbucket), (on_dc, bitbucket_dc)):
        settings = replace(world.settings, signed=True)
        found = package.open_reader(settings, Credentials(token())).protection()
        assert [f.right for f in found if f.name == "signed commits"] == [False]


def permission(type: str, kind: str = "BRANCH", id: str = "refs/heads/main", **more: object) -> Any:
    matcher = {"id": id, "displayId": id, "type": {"id": kind}}
    return {"type": type, "matcher": matcher, "users": [], "groups": [], "accessKeys": [], **more}


TYPES = ("pull-request-only", "fast-forward-only", "no-deletes")


def test_an_open_data_center_branch_has_everything_to_set(on_dc: World) -> None:
    assert right(on_dc) == dict.fromkeys(
        ("direct pushes", "rewriting", "deletion", "approvals", "stale approvals", "objections"),
        False,
    )


@pytest.mark.parametrize(
    ("kind", "id", "protects"),
    [
        ("BRANCH", "refs/heads/main", True),
        ("PATTERN", "ma*", True),
        ("PATTERN", "refs/heads/*", True),
        ("ANY_REF", "*", True),
        ("BRANCH", "refs/heads/next", False),
        ("PATTERN", "next*", False),
        ("MODEL_BRANCH", "production", False),
    ],
)
def test_permissions_protect_what_they_match(
    on_dc: World, kind: str, id: str, protects: bool
) -> None:
    restrict(on_dc, [permission(type, kind, id) for type in TYPES])
    found = right(on_dc)
    assert {found[n] for n in ("direct pushes", "rewriting", "deletion")} == {protects}


def test_an_exemption_is_named_unless_another_rule_has_none(on_dc: World) -> None:
    exempt = permission("pull-request-only", users=[{"name": "bob"}], groups=["ops"])
    restrict(on_dc, [exempt])
    [finding] = [f for f in on_dc.reader.protection() if f.name == "direct pushes"]
    assert (finding.right, finding.what) == (False, "bob, ops may, without review")
    restrict(on_dc, [exempt, permission("pull-request-only")])
    assert right(on_dc)["direct pushes"] is True


@pytest.mark.parametrize(
    ("required", "enough"),
    [(2, True), (0, False), (None, False), ({"enabled": True, "count": "1"}, True),
     ({"enabled": False, "count": "3"}, False)],
)  # fmt: skip
def test_required_approvals_are_read_as_old_and_new_versions_say_them(
    on_dc: World, required: object, enough: bool
) -> None:
    assert isinstance(on_dc.local, LocalDcPulls)
    on_dc.local.settings = {"requiredApprovers": required, "unapproveOnUpdate": True}
    on_dc.local.hooks = (
        "com.atlassian.bitbucket.server.bitbucket-bundled-hooks:needs-work-merge-check",
    )
    found = right(on_dc)
    assert (found["approvals"], found["stale approvals"], found["objections"]) == (
        enough,
        True,
        True,
    )


def test_findings_sort_and_read_well(on_cloud: World) -> None:
    assert sorted(on_cloud.reader.protection())[0] == Finding(
        "approvals",
        False,
        "a pull request can be merged with no approval",
        "Repository settings, Branch restrictions, main: set a minimum of 1 approval",
    )


def ledger(world: World, signed: bool = False) -> list[bool | None]:
    """Deletion, rewriting, who is believed."""
    found = world.reader.ledger_protection("access-ledger", signed)
    assert all(one.fix for one in found if one.right is not True)
    return [one.right for one in found]


def test_the_ledgers_branch_has_restrictions_of_its_own(on_cloud: World) -> None:
    restrict(on_cloud, every("main"))
    assert ledger(on_cloud) == [False, False, False]
    restrict(on_cloud, [rule("delete", "access-*")])
    assert ledger(on_cloud) == [True, False, False]
    restrict(on_cloud, [rule("delete", "*"), rule("force", "access-ledger")])
    assert ledger(on_cloud) == [True, True, False]
    assert ledger(on_cloud, signed=True) == [True, True, True]
    restrict(on_cloud, [rule("push", "access-ledger")])
    assert ledger(on_cloud) == [False, False, True]


def test_the_ledgers_branch_has_permissions_of_its_own(on_dc: World) -> None:
    here = {"kind": "BRANCH", "id": "refs/heads/access-ledger"}
    restrict(on_dc, [permission(type) for type in (*TYPES, "read-only")])
    assert ledger(on_dc) == [False, False, False]
    restrict(on_dc, [permission("no-deletes", **here), permission("read-only", **here)])
    assert ledger(on_dc) == [True, False, True]
    restrict(on_dc, [permission("fast-forward-only", **here)])
    assert ledger(on_dc) == [False, True, False]
    exempt = permission("no-deletes", **here, users=[{"name": "bob"}])
    restrict(on_dc, [exempt])
    assert ledger(on_dc, signed=True) == [False, False, True]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_of_the_ledgers_branch_too_what_may_not_be_asked_is_not_known(
    on_cloud: World, on_dc: World, status: int
) -> None:
    for world in (on_cloud, on_dc):
        world.fail("GET *restrictions*", status=status)
        assert ledger(world) == [None, None, None]
