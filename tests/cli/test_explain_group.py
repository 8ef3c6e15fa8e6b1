"""`reconciler explain GROUP`: who is in it, what it was granted, and what each member has of that."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.town_hall import ALICE, BOB, READ, VIEWER, WRITE, A, B, told, town_hall
from tests.e2e.company import grant
from tests.e2e.hosted import Hosted

PEOPLE, GROUP = "directory/people.yaml", "payments-oncall"


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    """Not to be changed: the group has two things for eight hours, and alice one of them for three
    days by a grant of her own, and more than the other."""
    with town_hall(tmp_path_factory.mktemp("hall"), ledger=True) as made:
        made.request("bob", {B: for_group(VIEWER, READ)}, "carol")
        mine = grant(ALICE, VIEWER, WRITE, end="duration: 3d")
        made.request("alice", {A: mine}, "carol")
        made.converge()
        yield made


def for_group(*access: str, group: str = GROUP) -> str:
    return grant("x", *access).replace("subject: x", f"group: {group}")


def asked(hall: Hosted, *words: str, at: float = 0) -> dict[str, Any]:
    done = hall.run("explain", *words, "--format", "json", at=at)
    assert (done.code, done.err) == (0, "")
    found: dict[str, Any] = told(done, "explain")
    return found


def held(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return sorted((one["subject"], one["role"], one["holds"]) for one in found["access"])


def test_a_group_is_told_of_with_its_members_and_what_each_has(hall: Hosted) -> None:
    found = asked(hall, "Payments-OnCall")
    assert [member["id"] for member in found["members"]] == [ALICE, BOB]
    assert held(found) == [
        (ALICE, "read", "has not"),
        (ALICE, "roles/cloudsql.viewer", "has"),
        (BOB, "read", "has"),
        (BOB, "roles/cloudsql.viewer", "has"),
    ]
    assert {basis["group"] for one in found["access"] for basis in one["grants"]} == {GROUP, None}


def test_what_a_member_has_by_another_grant_too_ends_with_the_later(hall: Hosted) -> None:
    found = {
        (one["subject"], one["role"]): [(n["what"], n["at"]) for n in one["next"]]
        for one in asked(hall, GROUP)["access"]
    }
    later, sooner = (found[who, "roles/cloudsql.viewer"] for who in (ALICE, BOB))
    assert [what for what, _ in (*later, *sooner)] == ["ends", "ends"]
    assert later[0][1] > sooner[0][1]


def test_a_lower_role_that_a_higher_one_includes_is_told_with_it(hall: Hosted) -> None:
    [read] = [one for one in asked(hall, ALICE)["access"] if one["role"] == "read"]
    assert [n["why"] for n in read["next"]] == ["write, which includes it, is held"]
    assert "which includes it, is held" in hall.run("explain", ALICE).out


def test_members_of_whom_the_same_is_told_are_told_of_together(tmp_path: Path) -> None:
    with town_hall(tmp_path) as hall:
        hall.request("bob", {B: for_group(READ)}, "carol")
        hall.converge()
        said = hall.run("explain", GROUP).out
    assert said.count("has  bitbucket: read on payments-api") == 1
    assert f"  members {ALICE}, {BOB}\n" in said


def test_each_member_is_told_of_the_decision_about_them_alone(hall: Hosted) -> None:
    for one in asked(hall, GROUP)["access"]:
        decided = [e for e in one["events"] if (e["kind"], e["grant"]) == ("decided", B)]
        assert [(e["outcome"], e["rule"]) for e in decided] == [("granted", "payments-work")]


def test_an_item_is_asked_for_of_every_member(hall: Hosted) -> None:
    item = "system=bitbucket,repository=payments-api,permission=write"
    assert held(asked(hall, GROUP, item)) == [
        (ALICE, "write", "has"),
        (BOB, "write", "has not"),
    ]
    [one] = [one for one in asked(hall, GROUP, item)["access"] if one["subject"] == ALICE]
    assert [n["what"] for n in one["next"]] == ["ends"]  # by a grant that does not name the group


def test_who_is_no_longer_in_the_group_is_told_with_when_that_ended(tmp_path: Path) -> None:
    with town_hall(tmp_path) as hall:
        hall.request("bob", {B: for_group(READ)}, "carol")
        hall.converge()
        people = (hall.root / PEOPLE).read_text()
        fewer = people.replace(f"- {ALICE}\n  - {BOB}\n", f"- {ALICE}\n")
        assert fewer != people
        hall.request("frank", {PEOPLE: fewer}, "grace")
        found = asked(hall, GROUP)
        assert [(m["id"], m["until"] is None) for m in found["members"]] == [
            (ALICE, True),
            (BOB, False),
        ]
        assert held(found) == [(ALICE, "read", "has"), (BOB, "read", "has")]
        left = next(one for one in found["access"] if one["subject"] == BOB)
        assert [n["what"] for n in left["next"]] == ["is removed"]
        hall.converge()
        assert held(asked(hall, GROUP)) == [(ALICE, "read", "has"), (BOB, "read", "had")]


def test_who_joined_without_approval_is_no_member(tmp_path: Path) -> None:
    with town_hall(tmp_path) as hall:
        more = (
            (hall.root / PEOPLE)
            .read_text()
            .replace(f"  - {BOB}\n", f"  - {BOB}\n  - erin@example.com\n", 1)
        )
        hall.push("frank", {PEOPLE: more})
        done = hall.run("explain", GROUP, "--format", "json")
        assert [member["id"] for member in json.loads(done.out)["members"]] == [ALICE, BOB]


def test_a_group_that_is_one_principal_is_told_of_as_one(tmp_path: Path) -> None:
    with town_hall(tmp_path) as hall:
        people = (hall.root / PEOPLE).read_text()
        known = people.replace(
            "- id: auditors\n", "- id: auditors\n  accounts: {gcp: auditors@example.com}\n"
        )
        hall.request("frank", {PEOPLE: known}, "grace")
        time.sleep(1)  # git's times are whole seconds
        hall.request("bob", {B: for_group(VIEWER, group="auditors")}, "carol")
        hall.converge()
        found = asked(hall, "auditors")
        said = hall.run("explain", "auditors").out
    assert [member["id"] for member in found["members"]] == ["erin@example.com"]
    assert ("auditors", "roles/cloudsql.viewer", "has") in held(found)
    assert {one["subject"] for one in found["access"]} == {"auditors"}
    assert "  members erin@example.com" in said


def test_a_person_and_a_service_are_no_group(hall: Hosted) -> None:
    assert asked(hall, BOB)["members"] is None
    assert asked(hall, "deployer")["members"] is None
