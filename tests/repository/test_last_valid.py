"""Rule 23: an invalid file grants nothing new and loses nothing, the configuration included."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.repository import load
from tests.repository.build import CONFIGURATION, GRANT, Repository, changed, grant
from tests.repository.versions import BROKEN, NOW, READ, WRITE, clock, history, loaded


def test_rule_23_an_invalid_edit_leaves_the_last_valid_version_standing(repo: Repository) -> None:
    repo.commit(1, ("grants/a.yaml", READ))
    repo.commit(2, ("grants/a.yaml", BROKEN))
    found = loaded(repo)
    assert history(found) == [("grants/a.yaml", "viewer", 1, None)]
    assert [p.rule for p in found.problems] == ["unknown-key"]


def test_rule_23_through_several_invalid_edits_and_past_the_horizon(repo: Repository) -> None:
    repo.commit(1, ("grants/a.yaml", READ))
    for i in range(2, 6):
        repo.commit(i, ("grants/a.yaml", f"{BROKEN}# {i}\n"))
    assert history(loaded(repo, since=100)) == [("grants/a.yaml", "viewer", 1, None)]
    repo.commit(6, ("grants/a.yaml", WRITE))
    assert history(loaded(repo, since=6)) == [
        ("grants/a.yaml", "viewer", 1, 6),
        ("grants/a.yaml", "editor", 6, None),
    ]


def test_rule_23_deleting_the_invalid_file_ends_it(repo: Repository) -> None:
    repo.commit(1, ("grants/a.yaml", READ))
    repo.commit(2, ("grants/a.yaml", BROKEN))
    repo.commit(3, ("grants/a.yaml", None))
    assert history(loaded(repo)) == [("grants/a.yaml", "viewer", 1, 3)]


def test_rule_23_what_still_stands_is_not_blamed_for_the_file_that_replaced_it(
    repo: Repository,
) -> None:
    repo.commit(1, ("grants/a.yaml", grant(who="mallory")))
    repo.commit(2, ("grants/a.yaml", "- a list\n"))
    assert [p.rule for p in loaded(repo).problems] == ["type"]


def test_a_file_that_was_never_valid_grants_nothing(repo: Repository) -> None:
    repo.commit(1, ("grants/a.yaml", BROKEN))
    repo.commit(2, ("grants/a.yaml", f"{BROKEN}#\n"))
    assert loaded(repo).grants == ()


def test_a_bad_file_stops_only_itself(repo: Repository) -> None:
    """Rule 11."""
    repo.commit(1, ("grants/a.yaml", READ), ("grants/b.yaml", "\x00"), ("grants/c.yaml", WRITE))
    found = loaded(repo)
    assert [v.path for v in found.grants] == ["grants/a.yaml", "grants/c.yaml"]
    assert [str(p.position) for p in found.problems] == ["grants/b.yaml:1:1"]


@pytest.mark.parametrize("new", ["grants/a.yml", "grants/a b.yaml", "standing/a.yaml"])
def test_rule_23_a_move_to_where_it_is_refused_loses_nothing(repo: Repository, new: str) -> None:
    repo.commit(1, ("grants/a.yaml", READ))
    repo.move("grants/a.yaml", new) if new.startswith("grants") else repo.commit(
        2, ("grants/a.yaml", None), (new, READ)
    )
    if new.startswith("grants"):
        repo.commit(2)
    found = loaded(repo)
    assert [(clock(v.merged), v.gone) for v in found.grants] == [(1, None)]
    assert {p.position.path for p in found.problems} == {new}


def test_a_move_out_of_the_known_folders_withdraws(repo: Repository) -> None:
    repo.commit(1, ("grants/a.yaml", READ))
    repo.commit(2, ("grants/a.yaml", None), ("attic/a.yaml", READ))
    assert history(loaded(repo)) == [("grants/a.yaml", "viewer", 1, 2)]


def test_rule_23_a_symbolic_link_in_its_place_loses_nothing(repo: Repository) -> None:
    repo.commit(1, ("grants/a.yaml", READ), ("other.yaml", WRITE))
    repo.remove("grants/a.yaml")
    (repo.root / "grants/a.yaml").symlink_to("../other.yaml")
    repo.commit(2)
    found = loaded(repo)
    assert history(found) == [("grants/a.yaml", "viewer", 1, None)]
    assert [p.rule for p in found.problems] == ["irregular-file"]


def test_rule_23_holds_for_directory_and_bundles(repo: Repository) -> None:
    repo.commit(1, ("directory/people.yaml", "people: [{id: nobody}]\n"))
    repo.commit(2, ("bundles/payments-oncall.yaml", "access: []\n"))
    found = loaded(repo)
    assert [(clock(v.merged), v.gone) for v in found.directory] == [(0, None)]
    assert [(v.content.name, v.gone) for v in found.bundles] == [("payments-oncall", None)]
    assert {p.position.path for p in found.problems} == {
        "directory/people.yaml",
        "bundles/payments-oncall.yaml",
    }


def test_rule_23_holds_for_the_configuration(repo: Repository) -> None:
    repo.commit(1, ("reconciler.yaml", CONFIGURATION + "lookback: 3d\n"))
    repo.commit(2, ("reconciler.yaml", CONFIGURATION + "lookback: soon\n"))
    found = load(repo.root, NOW)
    assert found.configuration is not None
    assert found.configuration.lookback.days == 3
    assert (NOW - found.horizon).days == 3
    assert [str(p.position) for p in found.problems] == ["reconciler.yaml:5:11"]


def test_a_configuration_that_nobody_approved_does_not_count(repo: Repository) -> None:
    """Nor do the ones that were built upon it, if they were not approved either."""
    repo.commit(1, ("reconciler.yaml", CONFIGURATION + "lookback: 3d\n"))
    two = repo.commit(2, ("reconciler.yaml", CONFIGURATION + "lookback: 4d\n"))
    three = repo.commit(3, ("reconciler.yaml", CONFIGURATION + "lookback: 5d\n"))

    def lookback(*without: str) -> int:
        found = load(repo.root, NOW, without=frozenset(without))
        assert found.problems == ()
        assert found.configuration is not None
        return found.configuration.lookback.days

    assert lookback() == 5
    assert lookback(three) == 4
    assert lookback(three, two) == 3
    assert lookback(two) == 5


def test_no_approved_configuration_at_all_is_none(repo: Repository) -> None:
    first = repo.git("rev-parse", "HEAD").strip()
    found = load(repo.root, NOW, without=frozenset({first}))
    assert (found.configuration, found.archive) == (None, None)


def test_what_is_wrong_with_an_unapproved_configuration_is_told(repo: Repository) -> None:
    last = repo.commit(1, ("reconciler.yaml", CONFIGURATION + "lookback: soon\n"))
    found = load(repo.root, NOW, without=frozenset({last}))
    assert [str(p.position) for p in found.problems] == ["reconciler.yaml:5:11"]
    assert found.configuration is not None


def test_files_are_read_by_the_configuration_that_counts(repo: Repository) -> None:
    """Both ways: an unapproved one makes nothing valid, and takes nothing along."""
    aliased = CONFIGURATION.replace("payments-prod", "payments-prod, next: payments-next")
    last = repo.commit(1, ("reconciler.yaml", aliased.replace("payments-prod,", "payments-dev1,")))
    repo.commit(2, ("grants/a.yaml", READ), ("grants/b.yaml", READ.replace("payments", "next")))
    found = loaded(repo, without=frozenset({last}))
    resources = {v.path: [i.entitlement.resource for i in v.content.access] for v in found.grants}  # type: ignore[union-attr]
    assert resources["grants/a.yaml"] == ["projects/payments-prod"]


def test_what_an_unapproved_configuration_made_valid_is_not_kept(repo: Repository) -> None:
    gone = repo.commit(1, ("reconciler.yaml", CONFIGURATION.replace("gcp:", "gone:", 1)))
    repo.commit(2, ("grants/a.yaml", READ.replace("system: gcp", "system: gone")))
    repo.commit(3, ("reconciler.yaml", CONFIGURATION))
    [version] = loaded(repo).grants
    assert version.content.access == ()  # it stands, without what is gone
    assert loaded(repo, without=frozenset({gone})).grants == ()


def test_a_content_that_came_while_an_unapproved_configuration_stood_is_kept(
    repo: Repository,
) -> None:
    """It was valid by the one that counted, before the next one took its alias away."""
    aliased = CONFIGURATION.replace("payments-prod", "payments-prod, old: payments-old1")
    repo.commit(1, ("reconciler.yaml", aliased))
    between = repo.commit(2, ("reconciler.yaml", CONFIGURATION + "lookback: 4d\n"))
    repo.commit(3, ("grants/a.yaml", grant().replace("project: payments", "project: old")))
    repo.commit(4, ("reconciler.yaml", CONFIGURATION))
    found = loaded(repo, without=frozenset({between}))
    assert [i.entitlement.resource for v in found.grants for i in v.content.access] == [  # type: ignore[union-attr]
        "projects/payments-old1"
    ]


def test_a_configuration_that_was_never_valid_is_none(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "access", empty=True)
    repo.commit(1, ("reconciler.yaml", "systems: []\n"), ("grants/a.yaml", READ))
    found = loaded(repo)
    assert (found.configuration, found.grants) == (None, ())
    assert [str(p.position) for p in found.problems] == ["reconciler.yaml:1:10"]


def test_a_system_that_goes_takes_only_its_own_items_along(repo: Repository) -> None:
    """Else taking one system out of reconciler.yaml would revoke access in all the others."""
    repo.commit(1, ("grants/a.yaml", GRANT))
    repo.commit(
        2,
        (
            "reconciler.yaml",
            "systems: {azure: {provider: azure, tenant: "
            + "0" * 8
            + "-0000-0000-0000-000000000000}}\n",
        ),
    )
    found = loaded(repo)
    [version] = found.grants
    assert (clock(version.merged), version.gone) == (1, None)
    assert [i.entitlement.system for i in version.content.access] == ["azure"]  # type: ignore[union-attr]
    assert "unknown-system" in {p.rule for p in found.problems}


def test_an_alias_that_goes_takes_no_access_along(repo: Repository) -> None:
    ours = changed(
        "  - system: gcp\n    project: payments", "  - system: azure\n    subscription: pay", GRANT
    )
    aliased = CONFIGURATION.replace(
        "pim: false", "pim: false, subscriptions: {pay: 00000000-0000-0000-0000-000000000002}"
    )
    repo.commit(
        1,
        ("reconciler.yaml", aliased),
        ("grants/a.yaml", changed("roles/cloudsql.viewer", "Owner", ours)),
    )
    before = loaded(repo)
    assert before.problems == ()
    repo.commit(2, ("reconciler.yaml", CONFIGURATION))
    after = loaded(repo)
    assert [v.content for v in after.grants] == [v.content for v in before.grants]
    assert [p.rule for p in after.problems] == ["access-item"]


def test_a_configuration_from_before_the_merge_makes_nothing_valid(repo: Repository) -> None:
    """Rule 23: what was invalid when it came grants nothing, whatever once was configured."""
    aliased = CONFIGURATION.replace("payments-prod", "payments-prod, old: payments-old1")
    repo.commit(1, ("reconciler.yaml", aliased.replace("gcp:", "gone:", 1)))
    repo.commit(2, ("reconciler.yaml", CONFIGURATION))
    repo.commit(3, ("grants/a.yaml", READ.replace("system: gcp", "system: gone")))
    found = loaded(repo)
    assert found.grants == ()
    assert [p.rule for p in found.problems] == ["unknown-system"]


def test_an_unknown_person_is_a_problem_and_not_an_invalid_grant(repo: Repository) -> None:
    """Whoever leaves the directory must lose access, not keep it for an invalid file's sake."""
    repo.commit(1, ("grants/a.yaml", grant(who="mallory")))
    found = loaded(repo)
    assert len(found.grants) == 1
    assert [str(p) for p in found.problems] == [
        "grants/a.yaml:1:10: nobody in directory/ is `mallory@example.com`; "
        "add the person or service to directory/"
    ]


def test_a_renamed_bundle_is_another_bundle(repo: Repository) -> None:
    repo.move("bundles/payments-oncall.yaml", "bundles/on-call.yaml")
    repo.commit(1)
    assert [
        (v.content.name, clock(v.merged), v.gone and clock(v.gone)) for v in loaded(repo).bundles
    ] == [
        ("payments-oncall", 0, 1),
        ("on-call", 1, None),
    ]
