"""What a rule asks of more than one grant: duties that are kept apart, chains of extensions, groups,
bundles, break-glass, and grants that come along with rules."""

from __future__ import annotations

from datetime import timedelta

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
BUNDLE = "bundles/oncall.yaml"


def bundle(*items: str) -> str:
    return "description: What on-call needs\naccess:\n" + "".join(f"  - {one}\n" for one in items)


def breaks(who: str = "alice", end: str = "duration: 1h", role: str = "admin") -> str:
    return asks(who, role, end, more="break_glass: true\n")


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


# Break-glass


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
