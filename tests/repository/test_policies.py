"""Policies, their tests, the catalog and reviews: what they mean, and one precise error for each
mistake in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.model import (
    AfterReview,
    Approvals,
    Automatic,
    BreakGlass,
    CatalogPage,
    ChangeRule,
    Effect,
    Entitlement,
    Expected,
    Match,
    PolicyPage,
    PolicyTestPage,
    Position,
    Require,
    Source,
)
from reconciler.repository.paths import Kind
from tests.repository.build import (
    CATALOG,
    POLICY,
    POLICY_TEST,
    REVIEW,
    changed,
    grant,
    hours,
    parsed,
)

PATHS = {
    Kind.POLICY: "policies/a.yaml",
    Kind.POLICY_TEST: "policies/tests/a.yaml",
    Kind.CATALOG: "catalog/a.yaml",
    Kind.REVIEW: "reviews/a.yaml",
    Kind.GRANT: "grants/a.yaml",
    Kind.BREAK_GLASS: "grants/break-glass/a.yaml",
    Kind.STANDING: "standing/a.yaml",
}


def document(text: str, kind: Kind) -> object:
    found = parsed(text, kind, PATHS[kind])
    assert found.problems == ()
    return found.document


def told(text: str, kind: Kind = Kind.POLICY) -> list[str]:
    """Without the path, which is always the same."""
    return [str(p).partition(":")[2] for p in parsed(text, kind, PATHS[kind]).problems]


def policy(text: str) -> PolicyPage:
    found = document(text, Kind.POLICY)
    assert isinstance(found, PolicyPage)
    return found


def rule(text: str) -> str:
    """A file of one rule, its keys on a line each."""
    return f"rules:\n  - {text.replace(chr(10), chr(10) + '    ')}\n"


# What is read


def test_a_forbid_rule_says_whom_it_stops_and_why() -> None:
    first, second, *_ = policy(POLICY).rules
    assert (first.name, first.effect) == ("contractors-never-administer", Effect.FORBID)
    assert first.match == Match(
        roles=("*admin*",),
        groups=("payments-oncall",),
        attributes=(("employment", ("contractor",)),),
    )
    assert first.reason == "Contractors administer nothing"
    assert second.holds == (Match(systems=("gcp",), roles=("*audit*",), tags=(("env", "prod"),)),)
    assert second.ends == datetime(2027, 1, 1, tzinfo=UTC)
    assert first.position == Position("policies/a.yaml", 2, 5)


def test_a_permit_rule_says_all_that_it_asks_for() -> None:
    found = policy(POLICY).rules[2]
    assert (found.name, found.effect, found.standing) == ("payments-read", Effect.PERMIT, False)
    assert found.match == Match(
        systems=("gcp", "azure*"),
        kinds=("project",),
        resources=("projects/payments-*",),
        bundles=("payments-oncall",),
        paths=("grants/payments/**",),
        tags=(("env", "prod"),),
        classification=("confidential",),
        subjects=("person",),
        attributes=(("employment", ("employee", "intern")),),
    )
    assert found.when == 'grant.ticket.startsWith("OPS-")'
    times = found.min_duration, found.max_duration, found.max_total, found.max_ahead
    assert times == (timedelta(minutes=30), *(timedelta(days=n) for n in (30, 90, 7)))
    assert found.require == Require("OPS-[0-9]+", 20)
    bob = ("bob@example.com",)
    assert found.approvals == (
        Approvals(2, Source(("payments-oncall",), bob, owner=True, manager=True)),
        Approvals(1, Source(persons=bob)),
    )
    assert found.self_approval is True
    assert found.automatic == Automatic(
        ("payments-oncall",),
        (("contract_end", ()), ("employment", ("employee",))),
        ("roles/viewer",),
        timedelta(hours=4),
    )
    assert found.notify == ("payments-oncall", "alice@example.com")


def test_break_glass_and_standing_access_have_rules_of_their_own() -> None:
    emergency, birthright = policy(POLICY).rules[3:]
    assert emergency.break_glass == BreakGlass(
        Source(("payments-oncall",), ("alice@example.com",)),
        timedelta(hours=2),
        ("payments-oncall",),
        Source(("payments-oncall",)),
        timedelta(days=3),
    )
    assert emergency.approvals == ()
    assert (birthright.standing, birthright.approvals, birthright.max_duration) == (True, (), None)


def test_a_change_rule_says_who_approves_what_is_no_grant() -> None:
    found = policy(POLICY)
    approvals = (Approvals(1, Source(("payments-oncall",))),)
    assert found.changes == (
        ChangeRule("rules-and-people", ("policies/**", "reconciler.yaml"), approvals),
    )
    assert found.auto_merge is True
    assert policy(rule("forbid: all")).auto_merge is False


def test_an_end_may_be_past_or_ahead() -> None:
    """Rule 16: whether a file is valid never depends on today."""
    for year in ("1999", "2999"):
        assert told(rule(f"forbid: all\nends: {year}-01-01T00:00:00Z")) == []


def test_a_catalog_says_whose_a_resource_is() -> None:
    found = document(CATALOG, Kind.CATALOG)
    assert isinstance(found, CatalogPage)
    first, second = found.resources
    assert (first.system, first.resource, first.owner) == (
        "gcp",
        "projects/payments-prod",
        "payments-oncall",
    )
    assert first.tags == (("cost", "4711"), ("env", "prod"))
    assert first.classification == "confidential"
    assert (second.resource, second.owner, second.tags) == ("*", "bob@example.com", ())
    assert second.position == Position("catalog/a.yaml", 7, 5)


def test_a_review_says_what_came_of_a_broken_glass() -> None:
    found = document(REVIEW, Kind.REVIEW)
    assert found == AfterReview(
        "reviews/a.yaml",
        "grants/break-glass/payments.yaml",
        "0123456789abcdef0123456789abcdef01234567",
        True,
        "The settlement batch was restarted",
    )
    misuse = document(changed("justified", "misuse", REVIEW), Kind.REVIEW)
    assert isinstance(misuse, AfterReview)
    assert misuse.justified is False


def test_a_policy_test_has_a_grant_and_what_is_known() -> None:
    found = document(POLICY_TEST, Kind.POLICY_TEST)
    assert isinstance(found, PolicyTestPage)
    [test] = found.tests
    assert (test.name, test.at, test.author) == (
        "On-call reads payments",
        hours(0),
        "alice@example.com",
    )
    assert (test.grant.path, test.grant.duration) == (
        "grants/payments/alice.yaml",
        timedelta(hours=8),
    )
    assert test.grant.position == Position("policies/tests/a.yaml", 5, 7)
    assert test.grant.access[0].position == Position("policies/tests/a.yaml", 6, 16)
    assert test.approved_by == ("bob@example.com",)
    assert test.groups == (("alice@example.com", ("payments-oncall",)),)
    assert test.attributes == (("alice@example.com", (("employment", "employee"),)),)
    assert test.holds == (Entitlement("gcp", "project", "projects/payments-prod", "roles/editor"),)
    assert (test.decision, test.rule, test.reason) == (
        Expected.GRANTED,
        "payments-read",
        "payments",
    )


@pytest.mark.parametrize(
    ("path", "old", "new", "flag"),
    [
        ("standing/alice.yaml", "      duration: 8h\n", "", False),
        (
            "grants/break-glass/alice.yaml",
            "duration: 8h",
            "duration: 8h\n      break_glass: true",
            True,
        ),
    ],
)
def test_a_test_reads_its_grant_as_its_path_asks(path: str, old: str, new: str, flag: bool) -> None:
    text = changed("grants/payments/alice.yaml", path, changed(old, new, POLICY_TEST))
    found = document(text, Kind.POLICY_TEST)
    assert isinstance(found, PolicyTestPage)
    assert found.tests[0].grant.break_glass is flag


def test_break_glass_stands_in_its_own_folder_and_is_demanded_there() -> None:
    flagged = grant() + "break_glass: true\n"
    assert parsed(flagged, Kind.BREAK_GLASS, PATHS[Kind.BREAK_GLASS]).document.break_glass  # type: ignore[union-attr]
    assert told(flagged, Kind.GRANT) == [
        "6:1: `break_glass` outside grants/break-glass/, where nobody looks for it; "
        "move the file to grants/break-glass/, or remove the key and ask for approval"
    ]
    assert told(grant(), Kind.BREAK_GLASS) == [
        "1:1: `break_glass` is missing; add `break_glass: true`"
    ]
    assert told(grant() + "break_glass: false\n", Kind.BREAK_GLASS) == [
        "6:14: `break_glass` is `false`, which is not known here; write `true`"
    ]
    [said] = told(grant(end="") + "break_glass: true\n", Kind.STANDING)
    assert said.startswith("6:1: unknown key `break_glass`; ")


def test_an_end_is_asked_for_in_every_grant_that_breaks_glass() -> None:
    [said] = told(grant(end="") + "break_glass: true\n", Kind.BREAK_GLASS)
    assert said.startswith("1:1: a grant without an end; add `expires: ")


# Mistakes

LEADS = "approvals: [{groups: [leads]}]"

MISTAKES = [
    (rule("forbid: all\nmax_duration: 8h\napprovals: []"), [
        "3:5: `max_duration` in a forbid rule, where it has no meaning; remove it, or write it in a permit rule",
        "4:5: `approvals` in a forbid rule, where it has no meaning; remove it, or write it in a permit rule"]),
    (rule(f"permit: some\nholds: [{{roles: [x]}}]\n{LEADS}"), [
        "3:5: `holds` in a permit rule, where it has no meaning; remove it, or write it in a forbid rule"]),
    (rule("match: {roles: [x]}"), [
        "2:5: one of `forbid` or `permit` is missing; add `forbid` or `permit`, as in `forbid: …`"]),
    (rule(f"forbid: a\npermit: b\n{LEADS}"), [
        "3:5: `forbid` and `permit` cannot both be set; keep one of them"]),
    (rule("permit: some"), [
        "2:5: `approvals` is missing; add `approvals: [{count: 1, groups: [payments-leads]}]`"]),
    (rule("forbid: All Admins"), [
        "2:13: `rules[0].forbid` is `All Admins`, which is no name of a rule; write it like `payments-read`"]),
    (rule("forbid: a\nmatch: {role: [x]}"), [
        "3:13: unknown key `role`; did you mean `roles`?"]),
    (rule("forbid: a\nmatch: {}"), ["3:12: `rules[0].match` has 0 entries; write at least 1"]),
    (rule("forbid: a\nmatch: {groups: []}"), [
        "3:21: `rules[0].match.groups` has 0 entries; write at least 1"]),
    (rule("forbid: a\nmatch: {systems: gcp}"), [
        "3:22: `rules[0].match.systems` is `gcp`; write a list (lines that start with `- `)"]),
    (rule("forbid: a\nmatch: {attributes: {employment: []}}"), [
        "3:38: `rules[0].match.attributes.employment` has 0 entries; write at least 1"]),
    (rule("forbid: a\nmatch: {subjects: [group]}"), [
        "3:24: `rules[0].match.subjects[0]` is `group`, which is not known here; write `person` or `service`"]),
    (rule("forbid: a\nmatch: {paths: [grant/x/**]}"), [
        "3:21: no grant can lie at `grant/x/**`; did you mean `grants`?"]),
    (rule("forbid: a\nmatch: {paths: [policies/*]}"), [
        "3:21: no grant can lie at `policies/*`; write a path such as `grants/**` or `standing/**`"]),
    (rule("forbid: a\nholds: [{groups: [x]}]"), [
        "3:14: unknown key `groups`; write one of `systems`, `kinds`, `resources`, `roles`, `tags` or `classification`"]),
    (rule("permit: a\napprovals: [{count: 0, groups: [x]}]"), [
        "3:25: `rules[0].approvals[0].count` is `0`; write at least 1"]),
    (rule("permit: a\napprovals: [{count: 2}]"), [
        "3:17: one of `groups` or `persons` or `owner` or `manager` is missing; add `groups` or `persons` or "
        "`owner` or `manager`, as in `groups: …`"]),
    (rule("permit: a\napprovals: [{count: 2, persons: [a@example.com]}]"), [
        "3:25: `count` is `2`, and `persons` names 1; write at most 1, or name more people"]),
    (rule("permit: a\napprovals: [{owner: false}]"), [
        "3:25: `rules[0].approvals[0].owner` is `false`, which is not known here; write `true`"]),
    (rule(f"permit: a\n{LEADS}\nrequire: {{}}"), ["4:14: `rules[0].require` has 0 entries; write at least 1"]),
    (rule(f"permit: a\n{LEADS}\nmin_duration: 2d\nmax_duration: 8h\nmax_total: 4h"), [
        "4:19: `min_duration` is longer than `max_duration`: nothing can be permitted; write a shorter time",
        "5:19: `max_duration` is longer than `max_total`: nothing can be permitted; write a shorter time"]),
    (rule(f"permit: a\n{LEADS}\nmax_duration: 0h"), [
        "4:19: `max_duration` is `0h`: it is no time at all; write a length such as `8h`"]),
    (rule("forbid: a\nends: 2027-02-30T00:00:00Z"), [
        "3:11: `ends` is `2027-02-30T00:00:00Z`: day is out of range for month; write a time that exists"]),
    (rule(f"permit: a\nstanding: true\n{LEADS}\nmax_duration: 8h"), [
        "5:5: `max_duration` beside `standing`, which permits access with no end; remove one of them, or write two rules"]),
    (rule(f"permit: a\n{LEADS}\nauto_approve: {{}}"), ["4:19: `rules[0].auto_approve` has 0 entries; write at least 1"]),
    (rule("permit: a\nbreak_glass: {max_duration: 2h, wakes: [x], serves: {groups: [x]}}"), [
        "3:18: `review` is missing; add `review: {groups: [security], within: 3d}`"]),
    (rule("permit: a\nbreak_glass: {max_duration: 2h, wakes: [x], serves: {}, review: {within: 3d, groups: [x]}}"), [
        "3:57: one of `groups` or `persons` is missing; add `groups` or `persons`, as in `groups: …`"]),
    ("changes: [{change: a, paths: [x], approvals: [{owner: true}]}]\n", [
        "1:47: one of `groups` or `persons` is missing; add `groups` or `persons`, as in `groups: …`",
        "1:48: unknown key `owner`; write one of `count`, `groups` or `persons`"]),
    ("rules: []\n", ["1:8: `rules` has 0 entries; write at least 1"]),
    ("auto_merge: yes\n", ["1:13: `auto_merge` is `yes`; write `true` or `false`"]),
    ("- forbid: all\n", ["1:1: the file is a list; write a mapping (`key: value` lines)"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_mistake_in_a_policy_is_told_at_its_place(text: str, said: list[str]) -> None:
    assert told(text) == said


OTHERS = [
    (Kind.CATALOG, "resources: [{system: gcp}]\n", ["1:13: `resource` is missing; add `resource: projects/payments-prod`"]),
    (Kind.CATALOG, CATALOG.replace("owner: pay", "owner: Pay"), [
        "4:12: `resources[0].owner` is `Payments-oncall`, which is no person or service; write it like `alice@example.com`"]),
    (Kind.CATALOG, CATALOG.replace("{env: prod,", "{1: prod,"), ["5:12: `1` is no name of an attribute or tag; write it like `employment`"]),
    (Kind.REVIEW, changed("justified", "fine", REVIEW), [
        "3:10: `outcome` is `fine`, which is not known here; write `justified` or `misuse`"]),
    (Kind.REVIEW, changed("89abcdef", "89ABCDEF", REVIEW), [
        "2:9: `commit` is `0123456789ABCDEF0123456789abcdef01234567`, which is no id of a commit; "
        "write it like `0123456789abcdef0123456789abcdef01234567`"]),
    (Kind.REVIEW, changed("break-glass/", "", REVIEW), [
        "1:8: `grant` is `grants/payments.yaml`, which is no path of a break-glass grant; "
        "write it like `grants/break-glass/payments-4711.yaml`"]),
    (Kind.REVIEW, changed("The settlement batch was restarted", "fine", REVIEW), [
        "4:10: `remarks` is `fine`: 4 characters; write at least 10 characters"]),
    (Kind.POLICY_TEST, changed("role: roles/viewer", "rolle: x", POLICY_TEST), ["6:49: unknown key `rolle`; did you mean `role`?"]),
    (Kind.POLICY_TEST, changed("      duration: 8h\n", "", POLICY_TEST), [
        "5:7: a grant without an end; add `expires: 2026-12-01T18:00:00Z` or `duration: 8h`, or move the file to standing/"]),
    (Kind.POLICY_TEST, changed("grants/payments/alice.yaml", "grants/sp//ace.yaml", POLICY_TEST), [
        "3:11: no grant can lie at `grants/sp//ace.yaml`; use letters, digits and . _ @ + -, and start with a letter or digit"]),
    (Kind.POLICY_TEST, changed("holds: [{system: gcp", "holds: [{system: gpc", POLICY_TEST), [
        "15:24: there is no system `gpc` in reconciler.yaml; did you mean `gcp`?"]),
    (Kind.POLICY_TEST, changed("decision: granted", "decision: yes", POLICY_TEST), [
        "16:24: `tests[0].expect.decision` is `yes`, which is not known here; write `granted`, `waiting` or `refused`"]),
    (Kind.POLICY_TEST, POLICY_TEST + POLICY_TEST.partition("\n")[2], [
        "17:11: `On-call reads payments` is already a test on line 2; give it another name"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "said"), OTHERS)
def test_a_mistake_beside_the_policies_is_told_at_its_place(
    kind: Kind, text: str, said: list[str]
) -> None:
    assert told(text, kind) == said
