"""What a rule asks of more than one grant: duties that are kept apart, chains of extensions, groups,
bundles, and grants that come along with rules."""

from __future__ import annotations

import pytest

from tests.proof.town import (
    CHANGES,
    PEOPLE,
    RULES,
    A,
    B,
    Town,
    asks,
    item,
    mail,
)

C = "grants/c.yaml"
APART = (
    "rules:\n"
    "  - forbid: deploy-and-audit\n"
    "    match: {roles: [write]}\n"
    "    holds: [{roles: [admin]}]\n" + RULES.removeprefix("rules:\n")
)
TOTAL = RULES.replace("max_duration: 60d", "max_duration: 20d\n    max_total: 30d")
BUNDLE = "bundles/oncall.yaml"


def bundle(*items: str) -> str:
    return "description: What on-call needs\naccess:\n" + "".join(f"  - {one}\n" for one in items)


# Duties that are kept apart


def test_whoever_holds_one_duty_does_not_get_the_other(town: Town) -> None:
    town.begin(APART)
    town.pull("alice", {A: asks(role="admin")}, "carol")
    town.pull("alice", {B: asks(role="write")}, "carol")
    seen = town.run()
    assert (seen.held, seen.refused) == ({"alice admin"}, {B})
    assert "alice@example.com has or asks for" in seen.why(B)


@pytest.mark.parametrize("files", ["one", "two"])
def test_both_duties_asked_for_at_once_are_not_both_given(town: Town, files: str) -> None:
    town.begin(APART)
    both = {A: asks(items=[item("admin"), item("write")])}
    if files == "two":
        both = {A: asks(role="admin"), B: asks(role="write")}
    town.pull("alice", both, "carol")
    assert town.run().held == {"alice admin"}


def test_a_duty_held_through_a_group_counts(town: Town) -> None:
    town.begin(APART)
    town.pull("alice", {A: asks("group: oncall", "admin")}, "carol")
    town.pull("alice", {B: asks("alice", "write"), C: asks("erin", "write")}, "carol")
    assert town.run().held == {"alice admin", "bob admin", "erin write"}


def test_a_duty_that_is_over_before_the_other_begins_does_not_count(town: Town) -> None:
    town.begin(APART)
    town.pull("alice", {A: asks(role="admin", end="duration: 1h")}, "carol")
    town.wait(hours=2)
    town.pull("alice", {B: asks(role="write")}, "carol")
    assert town.run().held == {"alice write"}


def test_a_duty_that_an_unapproved_edit_left_in_force_counts(town: Town) -> None:
    town.begin(APART)
    town.pull("alice", {A: asks(role="admin")}, "carol")
    town.push("alice", {A: asks(role="admin", reason="Something quite different")})
    town.pull("alice", {B: asks(role="write")}, "carol")
    assert (town.run().held, town.run().refused) == ({"alice admin"}, {A, B})


def test_a_duty_that_was_refused_does_not_count(town: Town) -> None:
    town.begin(APART)
    town.pull("alice", {A: asks(role="admin")})
    town.pull("alice", {B: asks(role="write")}, "carol")
    assert town.run().held == {"alice write"}


def test_a_duty_from_before_proof_was_asked_for_counts(town: Town) -> None:
    town.begin(APART, **{A: asks(role="admin")})
    town.pull("alice", {B: asks(role="write")}, "carol")
    assert town.run().held == {"alice admin"}


# Chains of extensions


def test_a_chain_counts_over_several_files(town: Town) -> None:
    town.begin(TOTAL)
    town.pull("alice", {A: asks(end="duration: 20d")}, "carol")
    town.wait(days=19)
    town.pull("alice", {B: asks(end="duration: 10d")}, "carol")
    assert town.run().refused == set()
    town.wait(days=9)
    town.pull("alice", {C: asks(end="duration: 2d")}, "carol")
    assert town.run().refused == {C}
    assert "with what it extends it lasts" in town.run().why(C)


@pytest.mark.parametrize("kept", [False, True])
def test_a_chain_counts_beyond_the_look_back(town: Town, kept: bool) -> None:
    total = TOTAL.replace("20d", "40d").replace("30d", "60d")
    town.begin(total)
    town.pull("alice", {A: asks(end="duration: 40d")}, "carol")
    town.wait(days=40)
    town.pull("alice", {B: asks(end="duration: 15d"), **({} if kept else {A: None})}, "carol")
    town.wait(days=14)
    town.pull("alice", {C: asks(end="duration: 10d"), **({} if kept else {B: None})}, "carol")
    town.wait(days=5)
    assert town.run().refused == {C}


def test_after_a_day_without_it_a_chain_begins_anew(town: Town) -> None:
    town.begin(TOTAL)
    town.pull("alice", {A: asks(end="duration: 20d")}, "carol")
    town.wait(days=21, hours=1)
    town.pull("alice", {B: asks(end="duration: 20d")}, "carol")
    assert town.run().held == {"alice write"}


def test_somebody_elses_grant_is_no_link_of_a_chain(town: Town) -> None:
    town.begin(TOTAL)
    town.pull("bob", {A: asks("bob", end="duration: 20d")}, "carol")
    town.wait(days=15)
    town.pull("alice", {B: asks("alice", end="duration: 20d")}, "carol")
    assert town.run().held == {"alice write", "bob write"}


# Groups


def test_a_group_is_judged_member_by_member(town: Town) -> None:
    rules = RULES.replace(
        "rules:\n", "rules:\n  - forbid: contractors\n    match: {groups: [contractors]}\n"
    )
    town.groups["contractors"] = ["bob"]
    town.begin(rules)
    town.pull("alice", {A: asks("group: oncall")}, "carol")
    seen = town.run()
    assert seen.held == {"alice write"}
    assert {one.subject for one in seen.unapproved} == {mail("bob")}


def test_a_late_member_is_judged_by_what_is_known_of_them_now(town: Town) -> None:
    rules = RULES.replace(
        "rules:\n", "rules:\n  - forbid: contractors\n    match: {groups: [contractors]}\n"
    )
    town.groups["contractors"] = ["erin"]
    town.begin(rules)
    town.pull("alice", {A: asks("group: oncall")}, "carol")
    town.run()
    town.pull("bob", {PEOPLE: town.directory(oncall=["alice", "bob", "erin", "frank"])}, "frank")
    assert town.run().held == {"alice write", "bob write", "frank write"}


def test_whoever_approved_for_a_group_gains_nothing_by_joining_it(town: Town) -> None:
    """And the others lose nothing, with or without memory."""
    town.begin()
    town.pull("alice", {A: asks("group: oncall", end="duration: 9d")}, "dave")
    town.pull("alice", {PEOPLE: town.directory(oncall=["alice", "bob", "dave"])}, "frank")
    assert town.run().held == {"alice write", "bob write"}
    town.forget()
    seen = town.run()
    assert seen.held == {"alice write", "bob write"}
    assert "dave@example.com approved, and would gain access by it" in seen.why()


def test_a_member_cannot_approve_for_the_group(town: Town) -> None:
    town.groups["leads"].append("bob")
    town.begin()
    town.pull("alice", {A: asks("group: oncall")}, "bob")
    assert (town.run().held, town.run().refused) == (set(), {A})


def test_a_group_that_is_one_principal_serves_all_or_none(town: Town) -> None:
    rules = RULES.replace(
        "rules:\n", "rules:\n  - forbid: contractors\n    match: {groups: [contractors]}\n"
    )
    people = town.directory(contractors=["bob"]).replace(
        "{id: oncall,", "{id: oncall, accounts: {bitbucket: payments-oncall},"
    )
    town.begin(rules, **{PEOPLE: people})
    town.pull("alice", {A: asks("group: oncall")}, "carol")
    assert (town.run().held, town.run().refused) == (set(), {A})
    town.pull(
        "alice",
        {
            PEOPLE: people.replace(
                f"contractors, members: [{mail('bob')}", "contractors, members: ["
            )
        },
        "frank",
    )
    assert town.run().held == {"oncall write"}


# Bundles


def test_a_bundle_is_judged_item_by_item(town: Town) -> None:
    rules = RULES.replace("rules:\n", "rules:\n  - forbid: admin\n    match: {roles: [admin]}\n")
    town.begin(rules, **{BUNDLE: bundle(item("write"), item("admin"))})
    town.pull("alice", {A: asks(items=["{bundle: oncall}"])}, "carol")
    seen = town.run()
    assert (seen.held, seen.refused) == ({"alice write"}, {A})


def test_an_item_added_later_is_judged_too(town: Town) -> None:
    rules = RULES.replace("rules:\n", "rules:\n  - forbid: admin\n    match: {roles: [admin]}\n")
    town.begin(rules, **{BUNDLE: bundle(item("write"))})
    town.pull("alice", {A: asks(items=["{bundle: oncall}"])}, "carol")
    town.run()
    more = bundle(item("write"), item("read", "ledger"), item("admin"))
    town.pull("alice", {BUNDLE: more}, "frank")
    assert town.run().held == {"alice write", "alice read on ledger"}


def test_a_bundle_may_have_a_rule_of_its_own(town: Town) -> None:
    rules = "rules:\n  - permit: oncall\n    match: {bundles: [oncall]}\n    approvals: []\n"
    town.begin(rules, **{BUNDLE: bundle(item("write"))})
    town.pull("alice", {A: asks(items=["{bundle: oncall}"]), B: asks(role="read")}, "carol")
    assert (town.run().held, town.run().refused) == ({"alice write"}, {B})


# Grants that come along with rules


@pytest.mark.parametrize(
    "path",
    ["policies/new.yaml", "directory/new.yaml", "catalog/new.yaml", "reconciler.yaml"],
)
def test_a_commit_that_changes_rules_brings_no_grant_in(town: Town, path: str) -> None:
    texts = {
        "policies/new.yaml": "rules:\n  - forbid: admin\n    match: {roles: [admin]}\n",
        "directory/new.yaml": "people:\n  - {id: zoe@example.com}\n",
        "catalog/new.yaml": "resources:\n  - {system: bitbucket, resource: x, owner: leads}\n",
        "reconciler.yaml": town.configuration() + "# more\n",
    }
    town.begin(changes=CHANGES)
    town.pull("alice", {A: asks(), path: texts[path]}, "carol", "frank")
    seen = town.run()
    assert (seen.held, seen.refused) == (set(), {A})
    assert f"changes {path} together with grants" in seen.why()


def test_a_commit_that_changes_rules_may_take_grants_away(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    town.pull("alice", {A: None, PEOPLE: town.directory(leads=["erin"])}, "frank")
    town.pull("alice", {B: asks()}, "erin")
    assert (town.run().held, town.run().refused) == ({"alice write"}, set())
