"""The installed command in a real git repository, against all local systems, in numbered scenarios."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reconciler.sandbox.faults import Fault, FaultKind
from tests.e2e.company import Company, grant, standing

AWS = "system: aws, account: payments, permission_set: ReadOnlyAccess"
POLICY = (
    "system: aws, account: payments, user: alice, "
    'statements: [{Effect: Allow, Action: "s3:GetObject", Resource: "*"}]'
)
GCP = "system: gcp, project: payments-prod, role: roles/cloudsql.viewer"
AZURE = (
    "system: azure, scope: /subscriptions/00000000-0000-0000-0000-00000000000a, role: Contributor"
)
READ = "system: bitbucket, repository: payments-api, permission: read"
WRITE = "system: bitbucket, repository: payments-api, permission: write"
DC = "system: bitbucket-dc, project: PAY, repository: ledger, permission: read"
EVERYWHERE = (AWS, POLICY, GCP, AZURE, WRITE, DC)

ALICE, BOB = "alice@example.com", "bob@example.com"
G = "grants/a.yaml"


def test_01_a_merged_request_becomes_access_in_every_system(company: Company) -> None:
    company.merge({G: grant(ALICE, *EVERYWHERE)})
    first = company.converge()
    assert len(first.json["outcomes"]) == 6
    gained = company.gained()
    assert {word.split()[0] for word in gained} == {
        "aws", "gcp", "azure", "bitbucket", "bitbucket-dc",
    }  # fmt: skip
    assert len(gained) == 6
    assert company.lost() == set()


def test_02_a_second_run_plans_nothing_and_writes_nothing(company: Company) -> None:
    company.merge({G: grant(ALICE, *EVERYWHERE)})
    company.converge()
    company.heals()  # forgets the calls
    assert company.converge().changes == []
    calls = [c.call for c in company.sandbox.calls()]
    assert [c for c in calls if c.startswith(("PUT", "DELETE", "RPC Projects/Set"))] == []
    assert len(calls) <= 35, calls


def test_03_a_later_end_is_written_where_the_system_holds_it(company: Company) -> None:
    company.merge({G: grant(ALICE, GCP, AZURE, end=f"expires: {company.time(4)}")})
    company.converge()
    company.merge({G: grant(ALICE, GCP, AZURE, end=f"expires: {company.time(9)}")}, at=1)
    assert company.plan(at=1).changes == [f"extend {ALICE} roles/cloudsql.viewer (declared)"]
    company.converge(at=1)
    assert [r.until for r in company.sandbox.rows() if r.principal == f"user:{ALICE}"] == [
        company.time(9)
    ]
    assert company.converge(at=5).changes == []


def test_04_expired_access_is_removed_everywhere(company: Company) -> None:
    company.merge({G: grant(ALICE, *EVERYWHERE)})
    company.converge()
    result = company.converge(at=8.1)
    assert {c["cause"] for c in result.json["changes"]} == {"expired"}
    assert (company.gained(), company.lost()) == (set(), set())
    assert company.converge(at=8.2).changes == []


def test_05_a_deleted_grant_is_withdrawn(company: Company) -> None:
    company.merge({G: grant(ALICE, *EVERYWHERE)})
    company.converge()
    company.merge({G: None}, at=1)
    result = company.converge(at=1)
    assert {c["cause"] for c in result.json["changes"]} == {"withdrawn"}
    assert (company.gained(), company.lost()) == (set(), set())


def test_06_an_edit_withdraws_what_it_no_longer_says(company: Company) -> None:
    company.merge({G: grant(ALICE, AZURE, DC)})
    company.converge()
    company.merge({G: grant(ALICE, AZURE)}, at=1)
    assert company.plan(at=1).changes == [f"remove {ALICE} read (withdrawn)"]


def test_07_a_standing_permission_comes_back_after_a_temporary_one(company: Company) -> None:
    company.merge({"standing/a.yaml": standing(ALICE, READ)})
    company.converge()
    company.merge({G: grant(ALICE, WRITE)}, at=1)
    company.converge(at=1)
    assert company.gained() == {"bitbucket write alice"}
    ended = company.converge(at=10)
    assert [c["restores"] for c in ended.json["changes"]] == ["read"]
    assert company.gained() == {"bitbucket read alice"}
    assert company.converge(at=11).changes == []


def test_08_of_two_overlapping_grants_the_later_end_counts(company: Company) -> None:
    company.merge(
        {G: grant(ALICE, AWS, GCP), "grants/b.yaml": grant(ALICE, AWS, GCP, end="duration: 2h")}
    )
    company.converge()
    assert company.converge(at=3).changes == []
    assert len(company.converge(at=9).changes) == 2
    assert company.gained() == set()


def test_09_access_that_was_there_before_is_not_ours(company: Company) -> None:
    local = company.sandbox._systems["gcp"]
    local.give("projects/payments-prod", "roles/cloudsql.viewer", f"user:{ALICE}")  # type: ignore[attr-defined]
    company.merge({G: grant(ALICE, GCP)})
    during = company.converge()
    assert [a["subject"] for a in during.json["already_held"]] == [ALICE]
    assert company.converge(at=9).changes == []
    assert company.gained() == {f"gcp roles/cloudsql.viewer user:{ALICE}"}


def test_10_a_renamed_file_changes_nothing(company: Company) -> None:
    company.merge({G: grant(ALICE, GCP, AWS)})
    company.converge()
    company.git("mv", G, "grants/renamed.yaml")
    company.git("commit", "-q", "-m", "rename", at=5)
    assert company.converge(at=5).changes == []
    assert len(company.converge(at=8.1).changes) == 2


def test_11_rule_11_a_bad_file_stops_only_itself(company: Company) -> None:
    company.merge({G: grant(ALICE, GCP), "grants/bad.yaml": "subject: [\n"})
    result = company.apply()
    assert result.code == 2
    assert "grants/bad.yaml:2:1: " in result.err
    assert company.gained() == {f"gcp roles/cloudsql.viewer user:{ALICE}"}


def test_12_rule_23_an_edit_that_breaks_a_grant_loses_nothing_and_gives_nothing(
    company: Company,
) -> None:
    company.merge({G: grant(ALICE, GCP)})
    company.converge()
    broken = grant(ALICE, GCP, AZURE, end="duration: 90h") + "expire: never\n"
    company.merge({G: broken}, at=1)
    result = company.apply(at=1)
    assert (result.code, result.changes) == (2, [])
    assert "did you mean" in result.err
    assert company.apply(at=8.1).changes == [f"remove {ALICE} roles/cloudsql.viewer (expired)"]


def test_13_one_system_down_stops_only_itself(company: Company) -> None:
    company.merge({G: grant(ALICE, GCP, AZURE, DC)})
    company.breaks("azure", "GET *roleAssignments*")
    result = company.apply()
    assert result.code == 1
    assert [u["system"] for u in result.json["unknown"]] == ["azure"]
    assert len(company.gained()) == 2
    company.heals()
    assert company.converge().changes == [f"add {ALICE} Contributor (declared)"]


def test_14_rule_4_nothing_is_removed_where_nothing_could_be_read(company: Company) -> None:
    company.merge({G: grant(ALICE, DC)})
    company.converge()
    company.breaks("bitbucket-dc", "GET *permissions*", status=403)
    result = company.apply(at=9)
    assert (result.code, result.changes) == (1, [])
    assert company.gained() == {"bitbucket-dc REPO_READ alice"}


def test_15_rule_5_a_plan_sends_no_write(company: Company) -> None:
    company.merge({G: grant(ALICE, *EVERYWHERE)})
    company.heals()
    assert len(company.plan().changes) == 6
    calls = [c.call for c in company.sandbox.calls()]
    verbs = ("PUT", "DELETE", "PATCH", "RPC Projects/Set", "POST SSOAdmin.Create", "POST IAM.Put")
    assert [c for c in calls if c.startswith(verbs)] == []
    assert company.gained() == set()


def test_16_rule_6_a_mass_deletion_is_held_until_a_person_releases_it(company: Company) -> None:
    people = [f"{n}@example.com" for n in ("alice", "bob", "carol", "dave", "erin", "frank")]
    company.merge({f"grants/{p}.yaml": grant(p, AZURE) for p in people})
    company.converge()
    company.merge({f"grants/{p}.yaml": None for p in people}, at=1)
    held = company.apply(at=1)
    assert (held.code, held.changes, len(held.json["held"])) == (3, [], 6)
    assert company.run("apply", "--release-held", at=1).code == 2
    released = company.apply("--release-held", "--expect-hash", held.json["hash"], at=1)
    assert (released.code, len(released.changes)) == (0, 6)
    assert company.gained() == set()


def test_17_rule_7_a_system_in_report_mode_is_planned_and_left_alone(company: Company) -> None:
    text = (company.root / "reconciler.yaml").read_text()
    head, _, gcp = text.partition("  gcp:")
    company.merge(
        {
            G: grant(ALICE, GCP, AZURE),
            "reconciler.yaml": head + "  gcp:" + gcp.replace("    mode: enforce\n", "", 1),
        }
    )
    result = company.apply()
    assert len(result.changes) == 2
    assert [c["system"] for c in result.json["reported_only"]] == ["gcp"]
    assert company.gained() == {"azure Contributor alice@example.com"}


def test_18_another_plan_than_the_expected_one_is_refused(company: Company) -> None:
    company.merge({G: grant(ALICE, GCP)})
    seen = company.plan().json["hash"]
    assert company.apply("--expect-hash", "0" * 64).code == 1
    assert company.gained() == set()
    assert company.apply("--expect-hash", seen).code == 0


def test_18_the_same_plan_for_a_system_that_is_set_up_otherwise_is_another(
    company: Company,
) -> None:
    """An addition has no live row that would tell the one place from the other."""
    company.merge({G: grant(ALICE, GCP)})
    seen = company.plan()
    text = (company.root / "reconciler.yaml").read_text()
    head, _, gcp = text.partition("  gcp:")
    other = gcp.replace("    mode: enforce\n", "    mode: enforce\n    projects: {a: b-prod}\n", 1)
    company.merge({"reconciler.yaml": f"{head}  gcp:{other}"})
    assert company.plan().json["changes"] == seen.json["changes"]
    assert company.apply("--expect-hash", seen.json["hash"]).code == 1
    assert company.gained() == set()


def test_19_the_future_can_be_looked_at(company: Company) -> None:
    company.merge({G: grant(ALICE, GCP)})
    company.converge()
    assert company.plan("--detailed-exit-code").code == 0
    future = company.plan("--at", company.time(8), "--detailed-exit-code")
    assert (future.code, future.changes) == (
        10,
        [f"remove {ALICE} roles/cloudsql.viewer (expired)"],
    )


def test_20_somebody_who_left_loses_everything(company: Company) -> None:
    company.merge({G: grant(ALICE, *EVERYWHERE)})
    company.converge()
    people = (company.root / "directory/people.yaml").read_text()
    left = people.replace("  name: Alice\n", "  name: Alice\n  status: left\n")
    company.merge({"directory/people.yaml": left}, at=1)
    result = company.converge(at=1)
    assert {c["cause"] for c in result.json["changes"]} == {"left"}
    assert company.gained() == set()


def test_21_a_bundle_gives_access_across_systems_and_takes_it_when_it_shrinks(
    company: Company,
) -> None:
    kit = f"description: What on-call needs\naccess:\n  - {{{GCP}}}\n  - {{{DC}}}\n"
    company.merge({"bundles/kit.yaml": kit, G: grant(ALICE, "bundle: kit")})
    company.converge()
    assert len(company.gained()) == 2
    company.merge({"bundles/kit.yaml": kit.replace(f"  - {{{DC}}}\n", "")}, at=1)
    assert company.converge(at=1).changes == [f"remove {ALICE} read (withdrawn)"]


def test_22_a_group_of_the_directory_is_its_members(company: Company) -> None:
    text = grant("x", GCP).replace("subject: x", "group: payments-oncall")
    company.merge({G: text})
    company.converge()
    assert company.gained() == {
        f"gcp roles/cloudsql.viewer user:{ALICE}",
        f"gcp roles/cloudsql.viewer user:{BOB}",
    }


def test_23_what_is_not_committed_is_not_granted(company: Company) -> None:
    company.write(G, grant(ALICE, GCP))
    result = company.plan()
    assert (result.code, result.changes) == (0, [])
    assert f"not in it: {G}" in result.err


def test_24_a_shallow_clone_is_refused_with_the_depth_to_set(
    company: Company, tmp_path: Path
) -> None:
    company.merge({G: grant(ALICE, GCP)})
    url = f"file://{company.root}"
    subprocess.run(["git", "clone", "-q", "--depth", "1", url, tmp_path / "s"], check=True)
    result = company.run("plan", cwd=tmp_path / "s")
    assert result.code == 2
    assert "fetch-depth: 0" in result.err


def test_25_the_answer_that_got_lost_is_found_by_looking_again(company: Company) -> None:
    company.merge({G: grant(ALICE, DC)})
    company.sandbox.arm(Fault("bitbucket-dc", "PUT *", FaultKind.DROP))
    company.apply()
    assert company.gained() == {"bitbucket-dc REPO_READ alice"}
    assert company.converge().changes == []


def test_26_status_tells_who_has_what_until_when(company: Company) -> None:
    company.merge({G: grant(ALICE, GCP, AZURE, end=f"expires: {company.time(4)}")})
    company.breaks("azure", "PUT *")
    company.apply()
    company.heals()
    result = company.run("status", "--subject", ALICE)
    assert result.code == 0
    gcp, azure = (
        next(line for line in result.out.splitlines() if word in line) for word in ("gcp", "azure")
    )
    assert "active" in gcp
    assert "(by the system)" in gcp
    assert "pending" in azure


@pytest.mark.parametrize("command", ["plan", "apply", "status", "validate"])
def test_27_a_folder_that_is_no_access_repository_is_a_clear_error(
    company: Company, tmp_path: Path, command: str
) -> None:
    (tmp_path / "empty").mkdir()
    result = company.run(command, cwd=tmp_path / "empty")
    assert result.code == 2
    assert len(result.err.strip().splitlines()) == 1, result.err


def test_28_rule_4_somebody_who_cannot_be_looked_up_now_keeps_what_git_gives(
    company: Company,
) -> None:
    company.merge({G: grant(ALICE, AZURE), "grants/b.yaml": grant(BOB, AZURE)})
    company.converge()
    company.breaks("azure", "GET /v1.0/users*alice*")
    result = company.apply(at=1)
    assert (result.code, result.changes) == (1, [])
    assert [h["guard"] for h in result.json["held"]] == ["unrecognised"]
    assert company.gained() == {f"azure Contributor {ALICE}", f"azure Contributor {BOB}"}
    company.heals()
    assert company.converge(at=1).changes == []


def test_29_a_time_at_the_end_of_the_calendar_stops_nobody_elses_access_from_ending(
    company: Company,
) -> None:
    company.merge({"grants/b.yaml": grant(BOB, GCP)})
    company.converge()
    far = grant(ALICE, GCP) + "starts: 9999-12-31T23:00:00Z\n"
    company.merge({G: far}, at=1)
    assert company.apply(at=9).changes == [f"remove {BOB} roles/cloudsql.viewer (expired)"]


def test_30_what_we_gave_long_ago_is_still_ours_after_an_edit_before_the_look_back(
    company: Company,
) -> None:
    """Identity Center dates a membership; the version of the grant that it is from is long gone."""
    text = standing(ALICE, "system: aws, group: platform-admins")
    company.merge({"standing/a.yaml": text})
    company.converge()
    company.merge({"standing/a.yaml": text.replace("settlement", "yearly settlement")}, at=24)
    company.merge({"standing/a.yaml": None}, at=42 * 24)
    plan = company.plan(at=42 * 24 + 1)
    assert plan.changes == [f"remove {ALICE} member (withdrawn)"]
    applied = company.apply("--expect-hash", plan.json["hash"], at=42 * 24 + 1)
    assert (applied.code, company.gained()) == (0, set())


def test_31_rule_23_a_bundle_that_was_deleted_under_its_grants_takes_nothing(
    company: Company,
) -> None:
    kit = f"description: What on-call for payments needs\naccess:\n  - {{{GCP}}}\n"
    company.merge({"bundles/kit.yaml": kit, G: grant(ALICE, "bundle: kit")})
    company.converge()
    company.merge({"bundles/kit.yaml": None}, at=1)
    result = company.apply(at=1)
    assert (result.code, result.changes) == (2, [])
    assert company.apply(at=9).changes == [f"remove {ALICE} roles/cloudsql.viewer (expired)"]


def test_32_rule_6_a_protected_person_is_protected_by_id_in_every_system(
    company: Company,
) -> None:
    company.merge({G: grant(BOB, DC, READ)})
    company.converge()
    items = {
        "bitbucket": "{repository: payments-api, permission: admin}",
        "bitbucket-dc": "{project: PAY, permission: admin}",
    }
    text = (company.root / "reconciler.yaml").read_text()
    for system, item in items.items():
        text = text.replace(f"  {system}:\n", f"  {system}:\n    exclusive: [{item}]\n")
    company.merge({"reconciler.yaml": text}, at=1)
    unprotected = company.plan(at=1).changes
    assert len([c for c in unprotected if "(foreign)" in c]) == 0  # the last admins stay anyway
    assert {h["guard"] for h in company.plan(at=1).json["held"]} == {"last-admin"}
    company.merge({"reconciler.yaml": text + "protected: [grace@example.com]\n"}, at=2)
    assert {h["guard"] for h in company.plan(at=2).json["held"]} == {"protected"}


def test_33_an_interrupted_apply_says_what_it_did_and_the_next_one_goes_on(
    company: Company,
) -> None:
    people = ("alice", "bob", "carol", "dave", "erin", "frank")
    company.merge({f"grants/{p}.yaml": grant(f"{p}@example.com", DC) for p in people})
    company.sandbox.arm(Fault("bitbucket-dc", "PUT *", FaultKind.DELAY, seconds=0.5, times=100))
    result = company.interrupted("apply", when="PUT *")
    assert result.code == 130
    assert "run apply again" in result.err
    assert 0 < len(company.gained()) < 6
    company.heals()
    assert len(company.converge().changes) + len(company.gained()) >= 6
    assert len(company.gained()) == 6


def test_34_one_apply_at_a_time(company: Company) -> None:
    company.merge({G: grant(ALICE, DC)})
    company.sandbox.arm(Fault("bitbucket-dc", "PUT *", FaultKind.DELAY, seconds=6, times=1))
    with company.started("apply", when="PUT *"):
        second = company.apply()
    assert second.code == 1
    assert "another apply runs" in second.err


@pytest.mark.parametrize("out", ["nowhere/plan.json", "grants"])
def test_35_a_plan_that_cannot_be_written_is_a_clear_error(company: Company, out: str) -> None:
    company.merge({G: grant(ALICE, DC)})
    result = company.run("plan", "--out", out)
    assert result.code == 2
    assert result.err.startswith(("error: --out", "Usage"))


def test_36_rule_8_absent_empty_and_deleted_are_three_different_things(company: Company) -> None:
    whole = grant(ALICE, DC)
    company.merge({G: whole, "grants/b.yaml": grant(BOB, DC)})
    company.converge()
    item = whole.partition("access:\n")[2].splitlines()[0] + "\n"
    for broken in (whole.replace(f"access:\n{item}", ""), whole.replace(f"\n{item}", " []\n")):
        company.merge({G: broken}, at=1)
        result = company.apply(at=1)
        assert (result.code, result.changes) == (2, [])
        assert f"{G}:" in result.err
    company.merge({G: None}, at=2)
    assert company.converge(at=2).changes == [f"remove {ALICE} read (withdrawn)"]


def test_37_rule_9_only_its_place_lets_a_file_grant_and_only_known_keys_count(
    company: Company,
) -> None:
    company.merge(
        {
            "extra/a.yaml": grant(ALICE, DC),  # no place that grants
            "grants/endless.yaml": standing(ALICE, DC),
            "standing/ends.yaml": grant(ALICE, DC),
            "grants/a.yml": grant(ALICE, DC),  # another extension
            "grants/key.yaml": grant(ALICE, DC) + "expire: 2026-12-01T00:00:00Z\n",
            "policies/a.yaml": "permit: []\n",  # nothing reads policies yet
        }
    )
    result = company.plan()
    assert (result.code, result.changes) == (2, [])
    named = {line.partition(":")[0] for line in result.err.splitlines()}
    assert named == {
        "grants/endless.yaml",
        "standing/ends.yaml",
        "grants/a.yml",
        "grants/key.yaml",
        "policies/a.yaml",
    }


def test_38_a_wrong_name_fails_runs_only_until_it_is_withdrawn(company: Company) -> None:
    wrong = (
        AZURE.replace("Contributor", "Contributr"),
        AWS.replace("ReadOnlyAccess", "ReadOnlyAcces"),
        "system: aws, group: nobodies",
    )
    company.merge({G: grant(ALICE, *wrong, GCP)})
    result = company.apply()
    assert (result.code, len(result.json["unknown"]), len(result.changes)) == (1, 3, 1)
    assert all(G in u["where"] for u in result.json["unknown"])
    company.merge({G: None}, at=1)
    assert company.converge(at=1).changes == [f"remove {ALICE} roles/cloudsql.viewer (withdrawn)"]
