"""Policies, their tests, the catalog and reviews: what they mean, and one precise error for each
mistake in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

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
from reconciler.repository import check, load
from reconciler.repository.paths import Kind
from tests.repository.build import (
    CATALOG,
    POLICY,
    POLICY_TEST,
    REVIEW,
    Repository,
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


# What they say of other files


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    repo = Repository(tmp_path / "access")
    repo.write("policies/10-payments.yaml", POLICY)
    repo.write("policies/tests/payments.yaml", POLICY_TEST)
    repo.write("catalog/gcp.yaml", CATALOG)
    repo.write("reviews/payments.yaml", REVIEW)
    return repo


def both(repo: Repository) -> list[str]:
    """What `validate` tells of the working tree, and a run of the commit."""
    checked = [str(p) for p in check(repo.root).problems]
    repo.commit(1)
    assert [str(p) for p in load(repo.root, hours(9)).problems] == checked
    return checked


def test_names_that_are_defined_are_no_mistake(repo: Repository) -> None:
    assert both(repo) == []


def test_every_name_in_a_policy_must_be_one_that_a_file_defines(repo: Repository) -> None:
    repo.write("policies/10-payments.yaml", "rules:\n" + "".join((
        "  - {forbid: a, match: {groups: [payment-oncall], systems: [gpc, 'x*', GCP]}}\n",
        "  - {forbid: b, holds: [{systems: [bitbucket]}]}\n",
        "  - {permit: c, approvals: [{groups: [leads], persons: [Rob@example.com]}], notify: [leads, eve@example.com]}\n",
        "  - permit: payments-read\n",
        "    break_glass: {serves: {groups: [x]}, max_duration: 2h, wakes: [y],\n",
        "                  review: {persons: [z@example.com], within: 1d}}\n",
        "    auto_approve: {groups: [w]}\n",
        "changes: [{change: d, paths: [x], approvals: [{groups: [v]}]}]\n",
    )))  # fmt: skip
    assert [s.removeprefix("policies/10-payments.yaml:") for s in both(repo)] == [
        "2:34: there is no group `payment-oncall` in directory/; did you mean `payments-oncall`?",
        "2:61: there is no system `gpc` in reconciler.yaml; did you mean `gcp`?",
        "3:36: there is no system `bitbucket` in reconciler.yaml; add it under `systems:` in reconciler.yaml",
        "4:39: there is no group `leads` in directory/; add the group to directory/",
        "4:57: nobody in directory/ is `rob@example.com`; did you mean `bob@example.com`?",
        "4:86: there is no group `leads` in directory/; add the group to directory/",
        "4:93: nobody in directory/ is `eve@example.com`; add the person to directory/",
        "6:37: there is no group `x` in directory/; add the group to directory/",
        "6:68: there is no group `y` in directory/; add the group to directory/",
        "7:38: nobody in directory/ is `z@example.com`; add the person to directory/",
        "8:29: there is no group `w` in directory/; add the group to directory/",
        "9:57: there is no group `v` in directory/; add the group to directory/",
    ]


def test_a_rule_has_its_name_for_itself_over_all_files(repo: Repository) -> None:
    repo.write(
        "policies/20-more.yaml", "rules: [{forbid: a}, {forbid: payments-read}, {forbid: a}]\n"
    )
    repo.write("policies/30-more.yaml", "changes: [{change: a, paths: [x], approvals: []}]\n")
    assert both(repo) == [
        "policies/20-more.yaml:1:31: `payments-read` is already the name of a rule in policies/10-payments.yaml; give it another name",
        "policies/20-more.yaml:1:56: `a` is already the name of a rule on line 1; give it another name",
        "policies/30-more.yaml:1:20: `a` is already the name of a rule in policies/20-more.yaml; give it another name",
    ]


def test_a_resource_is_listed_once_over_all_files(repo: Repository) -> None:
    repo.write(
        "catalog/more.yaml",
        "resources:\n  - {system: gcp, resource: projects/payments-prod, owner: leads}\n  - {system: gpc, resource: x}\n",
    )
    assert both(repo) == [
        "catalog/more.yaml:2:29: `projects/payments-prod` of `gcp` is already listed in catalog/gcp.yaml; keep one of them",
        "catalog/more.yaml:2:60: there is no group `leads` in directory/; add the group to directory/",
        "catalog/more.yaml:3:14: there is no system `gpc` in reconciler.yaml; did you mean `gcp`?",
    ]


def test_a_test_expects_a_rule_that_there_is(repo: Repository) -> None:
    repo.write(
        "policies/tests/payments.yaml",
        changed("rule: payments-read", "rule: payments-reed", POLICY_TEST),
    )
    said = "policies/tests/payments.yaml:16:39: there is no rule `payments-reed` in policies/; did you mean `payments-read`?"
    assert both(repo) == [said]
    repo.write("policies/10-payments.yaml", "rules: x\n")  # then nobody knows which rules there are
    assert [p.position.path for p in check(repo.root).problems] == ["policies/10-payments.yaml"]


def test_a_broken_directory_makes_nobody_in_a_policy_unknown(repo: Repository) -> None:
    repo.write("directory/people.yaml", "people: x\n")
    assert [p.position.path for p in check(repo.root).problems] == ["directory/people.yaml"]
    repo.commit(0)
    repo.commit(1, ("directory/people.yaml", "people: y\n"))
    paths = [p.position.path for p in load(repo.root, hours(9)).problems]
    assert paths == ["directory/people.yaml"]


# History


def test_policies_catalog_reviews_and_tests_have_versions(repo: Repository) -> None:
    repo.commit(1)
    repo.commit(2, ("policies/10-payments.yaml", None), ("catalog/gcp.yaml", CATALOG + "# x\n"))
    repo.commit(3, ("reviews/payments.yaml", None), ("policies/tests/payments.yaml", None))
    found = load(repo.root, hours(9), horizon=hours(-1))
    gone = [
        [v.gone for v in one] for one in (found.policies, found.catalog, found.reviews, found.tests)
    ]
    assert gone == [[hours(2)], [hours(2), None], [hours(3)], [hours(3)]]
    assert isinstance(found.policies[0].content, PolicyPage)
    assert found.policies[0].content.path == "policies/10-payments.yaml"


def test_rule_23_an_invalid_policy_leaves_the_last_valid_one_standing(repo: Repository) -> None:
    repo.commit(1)
    repo.commit(2, ("policies/10-payments.yaml", "rules: x\n"))
    found = load(repo.root, hours(9))
    assert [(v.merged, v.gone) for v in found.policies] == [(hours(1), None)]


def test_a_renamed_policy_is_another_since_names_are_the_order(repo: Repository) -> None:
    repo.commit(1)
    repo.move("policies/10-payments.yaml", "policies/05-payments.yaml")
    last = repo.commit(2)
    old, new = load(repo.root, hours(9), horizon=hours(-1)).policies
    assert (old.path, old.gone) == ("policies/10-payments.yaml", hours(2))
    assert (new.path, new.commit, new.previous) == ("policies/05-payments.yaml", last, old.id)
    assert new.content.path == "policies/05-payments.yaml"


def test_a_grant_that_moves_to_where_glass_is_broken_is_another(repo: Repository) -> None:
    """Its content is judged by where it lies, and the cache must not mix the two up."""
    repo.commit(1, ("grants/a.yaml", grant() + "break_glass: true\n"))

    repo.move("grants/a.yaml", "grants/break-glass/a.yaml")
    repo.commit(2)
    for _ in range(2):
        found = load(repo.root, hours(9), horizon=hours(-1), cache=repo.root.parent / "cache")
        [version] = found.grants
        assert (version.merged, version.content.break_glass) == (hours(2), True)
        assert found.problems == ()


def test_an_uncommitted_policy_is_told(repo: Repository) -> None:
    from reconciler.repository.uncommitted import uncommitted

    repo.commit(1)
    repo.write("policies/20-more.yaml", "x")
    repo.write("reviews/payments.yaml", "x")
    assert uncommitted(repo.root) == ("policies/20-more.yaml", "reviews/payments.yaml")
