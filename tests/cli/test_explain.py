"""`reconciler explain` on local systems: why somebody has some access, or has not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.town_hall import ALICE, BOB, DEV, READ, VIEWER, WRITE, A, B, told, town_hall
from tests.e2e.company import grant
from tests.e2e.hosted import Hosted


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hosted]:
    with town_hall(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    """Not to be changed: alice has what she asked for."""
    with town_hall(tmp_path_factory.mktemp("settled")) as made:
        made.request("alice", {A: grant(ALICE, VIEWER, WRITE)}, "carol")
        made.converge()
        yield made


def asked(hall: Hosted, who: str, *more: str, at: float = 0) -> dict[str, dict[str, Any]]:
    """By system and role."""
    done = hall.run("explain", who, *more, "--format", "json", at=at)
    assert (done.code, done.err) == (0, "")
    access = told(done, "explain")["access"]
    return {f"{one['system']} {one['role']}": one for one in access}


def test_the_grant_the_approval_the_rule_and_what_comes_next_are_told(settled: Hosted) -> None:
    found = asked(settled, "ALICE@example.com")
    assert {name: one["holds"] for name, one in found.items()} == {
        "gcp roles/cloudsql.viewer": "has",
        "bitbucket write": "has",
    }
    write = found["bitbucket write"]
    [basis] = write["grants"]
    assert (basis["path"], basis["line"], basis["rule"]) == (A, 4, "payments-work")
    assert (basis["approved_by"], basis["proof"]) == (["carol@example.com"], "proved")
    assert basis["pull"].endswith("/pull/1")
    assert [(n["what"], n["by_the_system"]) for n in write["next"]] == [("ends", False)]
    viewer = found["gcp roles/cloudsql.viewer"]
    assert [(n["what"], n["by_the_system"]) for n in viewer["next"]] == [("ends", True)]
    said = settled.run("explain", ALICE).out
    assert "has  gcp: roles/cloudsql.viewer on projects/payments-prod" in said
    assert "permitted by rule `payments-work`, approved by carol@example.com" in said
    assert "          reason: The settlement batch fails\n" in said
    assert "ends in the first run after" in said
    assert "by the system itself" in said


def test_what_was_refused_is_told_with_the_reason_and_what_to_do(hall: Hosted) -> None:
    hall.request("alice", {A: grant(ALICE, WRITE)})
    found = asked(hall, ALICE)["bitbucket write"]
    assert found["holds"] == "has not"
    assert found["grants"][0]["refusal"] == ["approval is missing: 1 of payments-leads"]
    assert [n["what"] for n in found["next"]] == ["waits for approval"]
    assert "approves before it is merged" in found["next"][0]["fix"]


def test_an_edit_that_nobody_approved_is_told_beside_what_goes_on(hall: Hosted) -> None:
    hall.request("alice", {A: grant(ALICE, WRITE)}, "carol")
    hall.converge()
    hall.request("alice", {A: grant(ALICE, WRITE, end="duration: 5d")})
    found = asked(hall, ALICE)["bitbucket write"]
    assert found["holds"] == "has"
    by_proof = {(b["proof"], b["carried"]): b for b in found["grants"]}
    carried, refused = by_proof["proved", True], by_proof["refused", False]
    assert carried["approved_by"] == ["carol@example.com"]
    assert carried["commit"] != refused["commit"]
    assert [n["what"] for n in found["next"]] == ["ends", "waits for approval"]


def test_what_is_over_is_told_as_had_and_what_is_left_as_going(hall: Hosted) -> None:
    hall.request("alice", {A: grant(ALICE, WRITE)}, "carol")
    hall.converge()
    found = asked(hall, ALICE, at=9)["bitbucket write"]
    assert (found["holds"], found["status"][0]["state"]) == ("has", "leftover")
    assert found["status"][0]["late_seconds"] == pytest.approx(3600, abs=120)
    assert [(n["what"], n["why"]) for n in found["next"]] == [("is removed", "expired")]
    hall.converge(at=9)
    assert asked(hall, ALICE, at=9)["bitbucket write"]["holds"] == "had"


def test_access_that_nobody_declared_is_found_by_asking_for_the_item(settled: Hosted) -> None:
    """Grace administers the repository, and no file says so."""
    item = "system=bitbucket,repository=payments-api,permission=write"
    found = asked(settled, "grace@example.com", item)
    assert list(found) == ["bitbucket write"]
    assert found["bitbucket write"]["holds"] == "has not"
    [beside] = found["bitbucket write"]["beside"]
    assert (beside["role"], beside["ours"]) == ("admin", False)
    admin = asked(settled, "grace@example.com", item.replace("write", "admin"))["bitbucket admin"]
    assert (admin["holds"], admin["live"][0]["ours"]) == ("has", False)
    assert [n["what"] for n in admin["next"]] == ["stays"]


def test_what_is_held_by_another_way_alone_is_said_to_stay(settled: Hosted) -> None:
    """Grace is in the group of administrators that Google Cloud itself knows."""
    owner = "system=gcp,project=payments-prod,role=roles/owner"
    said = settled.run("explain", "grace@example.com", owner).out
    assert "has  gcp: roles/owner on projects/payments-prod" in said
    assert "next    stays: nothing of ours gives it, or takes it away" in said


def test_what_nobody_asked_for_is_answered_with_how_to_ask(settled: Hosted) -> None:
    done = settled.run("explain", BOB, "system=gcp,project=payments-prod,role=roles/viewer")
    assert "has not  gcp: roles/viewer on projects/payments-prod" in done.out
    assert "nobody asked for it; `reconciler request` asks" in done.out


def test_whom_no_file_names_is_answered_with_where_else_to_look(settled: Hosted) -> None:
    """Grace administers a repository: that no file says it must not be read as that she has nothing."""
    done = settled.run("explain", "grace@example.com")
    assert "What others gave is looked for where it is asked for by name" in done.out


def test_a_glob_asks_for_some_of_it(settled: Hosted) -> None:
    assert list(asked(settled, ALICE, "gcp: * on projects/payments-*")) == [
        "gcp roles/cloudsql.viewer"
    ]
    assert asked(settled, ALICE, "aws: *") == {}
    said = settled.run("explain", ALICE, "gcp").out
    assert "Nothing that is known of them fits." in said  # and not that nothing is declared


def test_a_slip_is_told_with_what_to_write(settled: Hosted) -> None:
    for words, error in (
        (["alise@example.com"], "did you mean alice@example.com?"),
        (["alise"], "did you mean alice@example.com?"),
        (["zoe@example.com"], "write an id of directory/"),
        ([ALICE, "system=gpc,project=x,role=y"], "did you mean `gcp`?"),
        ([ALICE, "system=gcp,project=payments-prod"], "`role` is missing"),
        ([ALICE, "bundle=nothing"], "there is no bundle 'nothing'"),
    ):
        done = settled.run("explain", *words)
        assert (done.code, error in done.err) == (2, True), done.err


def test_only_the_systems_and_scopes_of_that_person_are_asked(hall: Hosted) -> None:
    hall.request("alice", {A: grant(ALICE, VIEWER)}, "carol")
    hall.request("bob", {B: grant(BOB, DEV, WRITE)}, "carol")
    hall.converge()
    hall.sandbox.faults.clear()
    asked(hall, ALICE)
    assert hall.sandbox.calls("bitbucket") == ()
    calls = [call.call for call in hall.sandbox.calls("gcp")]
    # Of her one project: for her own rows, and for other ways. What is above it is not a project.
    assert calls.count("RPC Projects/GetIamPolicy") == 2, calls
    assert len(calls) <= 10, calls


def test_a_system_that_cannot_be_read_leaves_the_answer_open(settled: Hosted) -> None:
    settled.breaks("bitbucket", "*permissions*")
    done = settled.run("explain", ALICE, "--format", "json")
    found = {one["system"]: one for one in told(done, "explain")["access"]}
    settled.heals()
    assert done.code == 1
    assert (found["bitbucket"]["holds"], found["bitbucket"]["next"]) == ("not known", [])
    assert found["bitbucket"]["unread"]
    assert found["gcp"]["holds"] == "has"


def test_a_group_and_a_member_are_told_of_what_the_group_has(hall: Hosted) -> None:
    text = grant("x", READ).replace("subject: x", "group: payments-oncall")
    hall.request("alice", {A: text}, "carol")
    hall.converge()
    found = asked(hall, BOB)["bitbucket read"]
    assert (found["holds"], found["grants"][0]["group"]) == ("has", "payments-oncall")


def test_the_ledger_tells_since_when_and_what_was_done(tmp_path: Path) -> None:
    with town_hall(tmp_path, ledger=True) as hall:
        hall.request("alice", {A: grant(ALICE, WRITE)}, "carol")
        hall.converge()
        found = asked(hall, ALICE, at=1)["bitbucket write"]
        assert found["since"]
        assert {"done", "decided"} <= {event["kind"] for event in found["events"]}
        hall.converge(at=9)
        found = asked(hall, ALICE, at=9)["bitbucket write"]
        assert (found["holds"], found["events"][-1]["action"]) == ("had", "remove")
        long_after = asked(hall, ALICE, at=24 * 100)
        assert long_after["bitbucket write"]["holds"] == "had"
        hall.request("alice", {A: None})
        said = hall.run("explain", ALICE, at=24 * 100).out  # the grant itself is not read any more
        assert "none says it, or did within the look-back" in said
        assert f"by {A} at " in said
        assert ", rule `payments-work`, approved by carol@example.com, https://" in said
        assert "asked for: The settlement batch fails" in said
        assert f"  by {A} at " not in hall.run("explain", ALICE, at=9).out


def test_what_was_refused_is_found_in_the_ledger_by_what_was_asked_for(tmp_path: Path) -> None:
    with town_hall(tmp_path, ledger=True) as hall:
        hall.request("alice", {A: f"{grant(ALICE, WRITE)}ticket: OPS-4711\n"})
        assert hall.apply().code == 4
        where = ("--system", "bitbucket", "--resource", "payments-*", "--role", "write")
        done = hall.run("audit", "query", *where, "--kind", "decided", "--format", "jsonl")
        [entry] = map(json.loads, done.out.splitlines())
        assert (entry["outcome"], entry["subject"]) == ("refused", ALICE)
        assert entry["justification"] == "The settlement batch fails"
        assert entry["ticket"] == "OPS-4711"
        [event] = asked(hall, ALICE)["bitbucket write"]["events"]
        assert (event["kind"], event["outcome"]) == ("decided", "refused")
