"""Which forge is asked, from which commit on, and what a configuration that nobody approved may do."""

from __future__ import annotations

import pytest

from reconciler.errors import ReconcilerError
from reconciler.proof.authorise import Forge, authorise
from reconciler.repository.load import load
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
)


@pytest.mark.parametrize("how", ["none", "absent", "another"])
def test_a_forge_that_nobody_approved_away_is_still_asked(town: Town, how: str) -> None:
    town.begin()
    there = town.configuration()
    systems = there.partition("forge:")[0]
    other = there.replace(town.url, "http://127.0.0.1:9")
    text = {"none": systems + "forge: {provider: none}\n", "absent": systems, "another": other}[how]
    made = town.push("alice", {CONFIGURATION: text})
    town.push("alice", {A: asks()})
    seen = town.run()
    assert (seen.held, seen.refused) == (set(), {A, CONFIGURATION})
    assert seen.authorised.refused == {made}
    assert seen.authorised.notices == ()


def test_a_mode_that_nobody_approved_is_told_to_the_run(town: Town) -> None:
    """The run then reads everything again without that commit."""
    begun = town.begin()
    enforced = town.configuration().replace("workspace: acme", "workspace: acme, mode: enforce")
    made = town.push("alice", {CONFIGURATION: enforced})
    refused = town.run().authorised.refused
    assert refused == {made}
    loaded = load(town.root, town.at, "main", without=refused)
    again = authorise(loaded, town.at, Forge(town.reader, town.memory))
    assert again.refused == refused
    before = load(town.root, town.at, begun).configuration
    assert loaded.configuration == before


def test_an_approved_end_of_proof_is_told_loudly(town: Town) -> None:
    town.begin()
    systems = town.configuration().partition("forge:")[0]
    town.pull("grace", {CONFIGURATION: systems}, "frank")
    town.push("alice", {A: asks()})
    seen = town.run()
    assert seen.held == {"alice write"}
    assert "approvals are not checked: whoever can merge can grant" in seen.authorised.notices[0]


def test_without_a_forge_the_rules_still_decide_and_nobody_is_asked(town: Town) -> None:
    systems = town.configuration().partition("forge:")[0]
    town.begin(RULES.replace("60d", "1d"), **{CONFIGURATION: systems})
    town.push("alice", {A: asks(), B: asks("bob", end="duration: 2d")})
    loaded = load(town.root, town.at, "main")

    def opened(_: object) -> None:
        raise AssertionError("there is no forge to ask")

    found = authorise(loaded, town.at, Forge(opened, town.memory))  # type: ignore[arg-type]
    assert {one.path for one in found.unapproved} == {B}
    assert found.unknown == ()


def test_a_forge_that_was_changed_is_not_asked_about_what_came_before(town: Town) -> None:
    """The other forge knows none of the old pull requests."""
    town.begin()
    town.pull("alice", {A: asks(end="duration: 9d")}, "carol")
    other = Town(town.home / "other")
    moved = town.configuration().replace(town.url, other.url)
    town.pull("alice", {CONFIGURATION: moved}, "frank")
    town.forget()
    seen = town.run()
    other.close()
    assert (seen.held, seen.refused) == ({"alice write"}, set())


def test_signatures_are_asked_for_from_then_on(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks(end="duration: 9d")}, "carol")
    number = town.propose("grace", {CONFIGURATION: town.configuration(", signed: true")})
    town.approve(number, "frank")
    town.merge(number)
    town.pull("bob", {B: asks("bob")}, "carol")
    town.forget()
    assert (town.run().held, town.run().refused) == ({"alice write"}, {B})


def test_what_came_before_the_first_forge_is_trusted(town: Town) -> None:
    systems = town.configuration().partition("forge:")[0]
    town.push("grace", {CONFIGURATION: systems, PEOPLE: town.directory(), A: asks()})
    town.push("grace", {POLICY: RULES + CHANGES})
    town.push("grace", {CONFIGURATION: town.configuration()})
    town.push("bob", {B: asks("bob")})
    seen = town.run()
    assert (seen.held, seen.refused) == ({"alice write"}, {B})


def test_trust_can_be_moved_on_by_whoever_runs_it(town: Town) -> None:
    town.begin()
    trusted = town.push("bob", {B: asks("bob"), PEOPLE: town.directory(leads=["erin"])})
    town.pull("alice", {A: asks()}, "erin")
    assert town.run().held == set()
    seen = town.run(trust=trusted)
    assert (seen.held, seen.refused) == ({"alice write", "bob write"}, set())


def test_a_trusted_commit_of_another_history_is_an_error(town: Town) -> None:
    town.begin()
    with pytest.raises(ReconcilerError, match="its history was rewritten"):
        town.run(trust="0123456789abcdef0123456789abcdef01234567")
