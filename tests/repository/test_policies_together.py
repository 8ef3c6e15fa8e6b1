"""Policies, their tests, the catalog and reviews: what they say of other files, and their versions."""

from __future__ import annotations

import pytest

from reconciler.model import (
    PolicyPage,
)
from reconciler.repository import check, load
from tests.repository.build import (
    CATALOG,
    POLICY,
    POLICY_TEST,
    REVIEW,
    Repository,
    changed,
    grant,
    hours,
)


@pytest.fixture
def repo(repo: Repository) -> Repository:
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
    with uncommitted(repo.root) as answer:
        assert answer() == ("policies/20-more.yaml", "reviews/payments.yaml")
    repo.write("policies/\u202e\x1b[2J.yaml", "x")
    with uncommitted(repo.root) as answer:
        assert answer()[-2] == "policies/\\u202e\\u001b[2J.yaml"
