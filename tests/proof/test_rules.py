"""Changes of rules, people, bundles and configuration count once they were approved by the rules before
them; what nobody approved may only take away."""

from __future__ import annotations

import pytest

from tests.proof.town import (
    CHANGES,
    PEOPLE,
    POLICY,
    RULES,
    A,
    B,
    Town,
    asks,
    item,
    mail,
)

BUNDLE = "bundles/oncall.yaml"
CATALOG = "catalog/main.yaml"


def bundle(*items: str) -> str:
    return "description: What on-call needs\naccess:\n" + "".join(f"  - {one}\n" for one in items)


# People


def test_a_member_whom_nobody_approved_gets_nothing(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks("group: oncall")}, "carol")
    town.pull("erin", {PEOPLE: town.directory(oncall=["alice", "bob", "erin"])})
    seen = town.run()
    assert (seen.held, seen.refused) == ({"alice write", "bob write"}, {PEOPLE})


def test_an_approved_member_gets_what_the_group_has(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks("group: oncall")}, "carol")
    town.pull("erin", {PEOPLE: town.directory(oncall=["alice", "bob", "erin"])}, "frank")
    assert town.run().held == {"alice write", "bob write", "erin write"}


def test_a_member_who_was_taken_out_loses_without_proof(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks("group: oncall")}, "carol")
    town.push("erin", {PEOPLE: town.directory(oncall=["alice"])})
    assert town.run().held == {"alice write"}


def test_who_was_suspended_without_proof_loses_and_does_not_come_back_without(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    active = town.directory()
    town.push(
        "erin", {PEOPLE: active.replace(f"{mail('alice')}, m", f"{mail('alice')}, status: left, m")}
    )
    assert town.run().held == set()
    town.push("erin", {PEOPLE: active + "# back\n"})
    assert town.run().held == set()
    town.pull("erin", {PEOPLE: active}, "frank")
    assert town.run().held == {"alice write"}


def test_a_changed_account_moves_no_access_to_somebody_else(town: Town) -> None:
    people = town.directory().replace(
        'accounts: {forge: ["1001"]', "accounts: {bitbucket: '{alice}', forge: [\"1001\"]"
    )
    town.begin(**{PEOPLE: people})
    town.pull("alice", {A: asks()}, "carol")
    town.push("erin", {PEOPLE: people.replace("'{alice}'", "'{mallory}'")})
    seen = town.run()
    accounts = {c.subject.accounts for c in seen.authorised.claims if c.window.contains(seen.now)}
    assert (seen.held, accounts) == ({"alice write"}, {("{alice}",)})


def test_a_forge_account_that_nobody_approved_gives_no_approval(town: Town) -> None:
    mallory = town.github.add_user("mallory")
    town.begin()
    town.accounts["carol"].append(str(mallory.id))
    town.pull("alice", {PEOPLE: town.directory()})
    town.pull("alice", {A: asks()}, "mallory")
    seen = town.run()
    assert (seen.held, seen.refused) == (set(), {A, PEOPLE})


def test_a_new_page_of_people_that_nobody_approved_says_nothing(town: Town) -> None:
    town.begin()
    page = f"groups:\n  - {{id: leads, members: [{mail('bob')}]}}\n"
    town.push("bob", {"directory/more.yaml": page})
    town.pull("alice", {A: asks()}, "bob")
    assert (town.run().held, town.run().refused) == (set(), {A, "directory/more.yaml"})


def test_a_deleted_page_of_people_takes_access_but_no_authority(town: Town) -> None:
    town.begin(**{"directory/more.yaml": "people:\n  - {id: zoe@example.com}\n"})
    town.pull("alice", {A: asks("zoe"), B: asks()}, "carol")
    assert town.run().held == {"zoe write", "alice write"}
    town.push("bob", {"directory/more.yaml": None})
    assert town.run().held == {"alice write"}
    town.push("bob", {PEOPLE: None})
    town.pull("alice", {"grants/c.yaml": asks(role="read")}, "carol")
    seen = town.run()
    assert seen.held == set()
    assert PEOPLE in seen.refused  # who approves is still known, and that of c is good
    assert "grants/c.yaml" not in seen.refused


def test_a_page_that_was_moved_stands_beside_a_new_one_at_its_old_path(town: Town) -> None:
    town.begin()
    town.push("bob", {PEOPLE: None, "directory/all.yaml": town.directory()})
    town.pull("alice", {PEOPLE: "people:\n  - {id: zoe@example.com}\n"}, "frank")
    town.pull("alice", {A: asks(), B: asks("zoe")}, "carol")
    seen = town.run()
    assert (seen.held, seen.refused) == ({"alice write", "zoe write"}, set())


def test_a_refused_change_is_not_laundered_by_moving_the_file(town: Town) -> None:
    changes = """changes:
  - change: people
    paths: [directory/people.yaml, "policies/**", reconciler.yaml]
    approvals: [{count: 1, groups: [admins]}]
  - change: others
    paths: ["directory/**"]
    approvals: [{count: 1, groups: [leads]}]
"""
    town.begin(changes=changes)
    appointed = town.directory(leads=["bob"])
    town.pull("alice", {PEOPLE: appointed}, "carol")
    assert town.run().refused == {PEOPLE}
    town.push("alice", {PEOPLE: None, "directory/other.yaml": appointed})
    town.pull("alice", {A: asks()}, "bob")
    assert town.run().held == set()


# Bundles


def test_an_item_that_nobody_approved_is_in_no_bundle(town: Town) -> None:
    town.begin(**{BUNDLE: bundle(item("write"))})
    town.pull("alice", {A: asks(items=["{bundle: oncall}"])}, "carol")
    town.pull("bob", {BUNDLE: bundle(item("write"), item("admin"))}, "carol")
    seen = town.run()
    assert (seen.held, seen.refused) == ({"alice write"}, {BUNDLE})


def test_an_item_that_was_taken_out_of_a_bundle_goes_without_proof(town: Town) -> None:
    town.begin(**{BUNDLE: bundle(item("write"), item("admin"))})
    town.pull("alice", {A: asks(items=["{bundle: oncall}"])}, "carol")
    town.push("bob", {BUNDLE: bundle(item("write"))})
    assert town.run().held == {"alice write"}


def test_a_bundle_that_nobody_approved_is_empty(town: Town) -> None:
    town.begin()
    town.push("alice", {BUNDLE: bundle(item("admin"))})
    town.pull("alice", {A: asks(items=["{bundle: oncall}"])}, "carol")
    assert (town.run().held, town.run().refused) == (set(), {BUNDLE})


def test_a_bundle_does_not_become_another_by_its_name(town: Town) -> None:
    town.begin(**{BUNDLE: bundle(item("read")), "bundles/admins.yaml": bundle(item("admin"))})
    town.pull("alice", {A: asks(items=["{bundle: oncall}"])}, "carol")
    admins = bundle(item("admin"))
    town.push("alice", {BUNDLE: admins, "bundles/admins.yaml": bundle(item("read"))})
    assert "alice admin" not in town.run().held


# Rules


@pytest.mark.parametrize("approvers", [(), ("carol",), ("grace",)])
def test_a_policy_counts_once_the_admins_approved_it(
    town: Town, approvers: tuple[str, ...]
) -> None:
    town.begin()
    town.pull("alice", {POLICY: RULES.replace("leads", "oncall") + CHANGES}, *approvers)
    town.pull("alice", {A: asks()}, "bob")
    approved = approvers == ("grace",)
    assert town.run().held == ({"alice write"} if approved else set())
    assert town.run().refused == (set() if approved else {A, POLICY})


def test_a_policy_is_never_judged_by_itself(town: Town) -> None:
    """It appoints bob in the very pull request that bob approves."""
    town.begin()
    appoints = CHANGES.replace("admins", "oncall")
    town.pull("alice", {POLICY: RULES + appoints}, "bob")
    town.pull("alice", {PEOPLE: town.directory(leads=["bob"])}, "bob")
    assert town.run().refused == {POLICY, PEOPLE}


@pytest.mark.parametrize("method", ["squash", "rebase"])
def test_a_policy_in_an_earlier_commit_of_the_pull_request_appoints_nobody(
    town: Town, method: str
) -> None:
    town.begin()
    number = town.propose("alice", {POLICY: RULES.replace("leads", "oncall") + CHANGES})
    town.push("alice", {A: asks()}, town.branch_of(number))
    town.approve(number, "bob")
    town.merge(number, method)
    assert (town.run().held, town.run().refused) == (set(), {A, POLICY})


def test_a_deleted_policy_stands_on(town: Town) -> None:
    town.begin(
        **{"policies/10-forbid.yaml": "rules:\n  - forbid: admin\n    match: {roles: [admin]}\n"}
    )
    town.push("alice", {"policies/10-forbid.yaml": None})
    town.pull("alice", {A: asks(role="admin")}, "carol")
    seen = town.run()
    assert (seen.held, seen.refused) == (set(), {A, "policies/10-forbid.yaml"})
    assert "rule `admin` forbids it" in seen.why()


@pytest.mark.parametrize(
    "to", ["policies/99-forbid.yaml", "policies/tests/forbid.yaml", "bundles/forbid.yaml"]
)
def test_a_policy_that_was_moved_away_stands_on(town: Town, to: str) -> None:
    rules = "rules:\n  - forbid: admin\n    match: {roles: [admin]}\n"
    town.begin(**{"policies/10-forbid.yaml": rules})
    town.push("alice", {"policies/10-forbid.yaml": None, to: rules})
    town.pull("alice", {A: asks(role="admin")}, "carol")
    assert town.run().held == set()


def test_a_policy_that_was_deleted_or_moved_with_approval_is_gone(town: Town) -> None:
    forbid = "policies/10-forbid.yaml"
    rules = "rules:\n  - forbid: admin\n    match: {roles: [admin]}\n"
    town.begin(**{forbid: rules})
    town.pull("alice", {forbid: None, "policies/20-forbid.yaml": rules}, "frank")
    town.pull("alice", {A: asks(role="admin")}, "carol")
    assert town.run().refused == {A}
    town.pull("alice", {"policies/20-forbid.yaml": None}, "frank")
    town.pull("alice", {B: asks(role="admin")}, "carol")
    seen = town.run()
    assert (seen.held, seen.refused) == ({"alice admin"}, {A})


def test_a_policy_made_anew_takes_the_place_of_the_one_that_went_unapproved(town: Town) -> None:
    forbid = "policies/10-forbid.yaml"
    rules = "rules:\n  - forbid: admin\n    match: {roles: [admin]}\n"
    town.begin(**{forbid: rules})
    town.push("alice", {forbid: None, "policies/99-forbid.yaml": rules})
    town.push("alice", {"policies/99-forbid.yaml": None})
    town.pull("alice", {forbid: rules.replace("admin", "write")}, "frank")
    town.pull("alice", {A: asks(role="admin"), B: asks(role="write")}, "carol")
    seen = town.run()
    assert seen.held == {"alice admin"}
    assert "rule `write` forbids it" in seen.why(B)


def test_an_invalid_policy_leaves_the_one_before_in_force(town: Town) -> None:
    town.begin()
    town.pull("alice", {POLICY: "rules: everything\n"}, "frank")
    town.pull("alice", {A: asks()}, "carol")
    town.pull("alice", {B: asks("bob")})
    assert (town.run().held, town.run().refused) == ({"alice write"}, {B})


def test_a_chain_of_rule_changes_is_judged_link_by_link(town: Town) -> None:
    town.begin()
    town.pull("alice", {PEOPLE: town.directory(admins=["erin"])}, "frank")
    town.groups["admins"] = ["erin"]
    town.pull("alice", {POLICY: RULES.replace("count: 1", "count: 2") + CHANGES}, "frank")
    town.pull("alice", {A: asks()}, "carol")
    assert (town.run().held, town.run().refused) == ({"alice write"}, {POLICY})
    town.pull("alice", {POLICY: RULES.replace("leads", "oncall") + CHANGES}, "erin")
    town.pull("alice", {B: asks(role="read")}, "bob")
    assert town.run().held == {"alice write", "alice read"}


def test_a_link_that_does_not_count_takes_those_that_hang_on_it_along(town: Town) -> None:
    town.begin()
    town.pull("alice", {PEOPLE: town.directory(admins=["bob"])}, "bob")
    town.pull("alice", {POLICY: RULES.replace("leads", "oncall") + CHANGES}, "bob")
    town.pull("alice", {A: asks()}, "bob")
    assert (town.run().held, town.run().refused) == (set(), {A, POLICY, PEOPLE})


def test_what_no_rule_covers_nobody_may_change(town: Town) -> None:
    changes = CHANGES.replace('"directory/**", ', "")
    town.begin(changes=changes)
    town.pull("alice", {PEOPLE: town.directory(leads=["bob"])}, "frank", "carol")
    assert "no rule under `changes:`" in town.run().why(PEOPLE)


def test_an_owner_whom_nobody_approved_approves_nothing(town: Town) -> None:
    owned = RULES.replace("groups: [leads]", "owner: true")
    page = "resources:\n  - {{system: bitbucket, resource: payments-api, owner: {}}}\n"
    town.begin(owned, **{CATALOG: page.format(mail("carol"))})
    town.pull("alice", {A: asks()}, "carol")
    town.pull("alice", {CATALOG: page.format(mail("bob"))})
    town.pull("alice", {B: asks(role="read")}, "bob")
    seen = town.run()
    assert (seen.held, seen.refused) == ({"alice write"}, {B, CATALOG})


def test_rules_are_those_of_the_commit_before_for_ever(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks(end="duration: 9d")}, "carol")
    town.pull("grace", {POLICY: RULES.replace("count: 1", "count: 2") + CHANGES}, "frank")
    town.pull("bob", {B: asks("bob")}, "carol")
    town.forget()
    assert (town.run().held, town.run().refused) == ({"alice write"}, {B})
