"""The branch that keeps the ledger, on a local GitHub: by a ruleset, by the older protection."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.forge.base import ForgeError
from reconciler.sandbox.faults import FaultKind
from tests.forge.github.world import World

LEDGER = "access-ledger"
DELETION, REWRITING, WRITERS = (
    f"the ledger's branch: {what}" for what in ("no deletion", "no rewriting", "who is believed")
)


def ruleset(*kinds: str, of: str = LEDGER) -> dict[str, Any]:
    return {
        "id": 7,
        "name": "ledger",
        "source": "acme/access",
        "enforcement": "active",
        "bypass_actors": [],
        "conditions": {"ref_name": {"include": [f"refs/heads/{of}"], "exclude": []}},
        "rules": [{"type": kind} for kind in kinds],
    }


def right(world: World, signed: bool = False) -> dict[str, bool | None]:
    found = world.reader.ledger_protection(LEDGER, signed)
    assert all(one.fix for one in found if one.right is not True)
    return {one.name: one.right for one in found}


def test_an_open_branch_lets_everybody_delete_cut_and_forge_it(world: World) -> None:
    assert right(world) == dict.fromkeys((DELETION, REWRITING, WRITERS), False)
    (said,) = (f for f in world.reader.ledger_protection(LEDGER, False) if f.name == WRITERS)
    assert "whoever can push can forge what the ledger remembers" in said.what
    assert "signed_by" in said.fix


def test_each_rule_has_its_finding(world: World) -> None:
    for kind, name in (
        ("deletion", DELETION),
        ("non_fast_forward", REWRITING),
        ("update", WRITERS),
    ):
        world.github.settings.rulesets = [ruleset(kind)]
        assert {name for name, good in right(world).items() if good} == {name}
    world.github.settings.rulesets = [ruleset("deletion", "non_fast_forward", "update")]
    assert set(right(world).values()) == {True}


def test_the_main_lines_own_rules_are_not_the_ledgers(world: World) -> None:
    world.github.settings.rulesets = [ruleset("deletion", "non_fast_forward", of="main")]
    world.github.settings.protection = {"allow_deletions": {"enabled": False}}
    assert set(right(world).values()) == {False}


def test_what_is_signed_may_be_pushed_by_anybody(world: World) -> None:
    assert right(world, signed=True)[WRITERS] is True


def test_what_may_not_be_asked_is_not_known(world: World) -> None:
    world.github.settings.may_administer = False
    assert set(right(world).values()) == {None}
    assert right(world, signed=True)[WRITERS] is True
    world.github.settings.rulesets = [ruleset("deletion")]
    assert right(world)[DELETION] is True


def test_the_older_protection_is_enough(world: World) -> None:
    """The local GitHub has one, for its main line: this is looked at as if the ledger were there."""
    address = "https://api.github.com/repos/acme/access/branches/main/protection/restrictions"
    urls = dict.fromkeys(("url", "users_url", "teams_url", "apps_url"), address)
    nobody: dict[str, Any] = {"users": [], "teams": [], "apps": []}
    closed: dict[str, Any] = {"restrictions": urls | nobody}
    for key in ("allow_force_pushes", "allow_deletions"):
        closed[key] = {"enabled": False}
    world.github.settings.protection = closed
    found = world.reader.ledger_protection("main", False)
    assert {one.right for one in found} == {True}
    del closed["restrictions"]
    world.github.settings.protection = closed | {"allow_force_pushes": {"enabled": True}}
    found = world.reader.ledger_protection("main", False)
    assert [one.right for one in found] == [True, False, False]


def test_a_github_that_fails_is_no_finding(world: World) -> None:
    world.fault(FaultKind.STATUS, 500)
    with pytest.raises(ForgeError, match=f"rules of {LEDGER}"):
        world.reader.ledger_protection(LEDGER, False)
