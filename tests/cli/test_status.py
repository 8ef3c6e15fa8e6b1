"""`reconciler status` on local systems: by person, place, file and time; what is late; the past."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.town_hall import ALICE, BOB, DEV, READ, VIEWER, WRITE, A, B, told, town_hall
from tests.e2e.company import grant
from tests.e2e.hosted import Hosted
from tests.e2e.test_break_glass import FILE, emergency

GIVEN, UNAPPROVED = 0, 4


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    """Not to be changed: alice has two things for eight hours and bob one for three days, and bob's
    other was never approved."""
    with town_hall(tmp_path_factory.mktemp("hall"), ledger=True) as made:
        made.request("alice", {A: grant(ALICE, VIEWER, WRITE)}, "carol")
        made.request("bob", {B: grant(BOB, DEV, end="duration: 3d")}, "carol")
        made.request("bob", {"grants/payments/more/c.yaml": grant(BOB, READ)})
        made.apply()
        yield made


def rows(
    hall: Hosted, *asked: str, at: float = 0, code: int = UNAPPROVED
) -> list[tuple[str, str, str]]:
    return [
        (r["subject"].split("@")[0], r["role"], r["state"])
        for r in access(hall, *asked, at=at, code=code)
    ]


def access(
    hall: Hosted, *asked: str, at: float = 0, code: int = UNAPPROVED
) -> list[dict[str, Any]]:
    done = hall.run("status", *asked, "--format", "json", at=at)
    assert (done.code, done.err) == (code, "")
    found: list[dict[str, Any]] = told(done, "status")["access"]
    return found


VIEWS = ("alice", "roles/cloudsql.viewer", "active")
WRITES = ("alice", "write", "active")
DEVELOPS = ("bob", "roles/cloudsql.viewer", "active")
REFUSED = ("bob", "read", "not approved")


def test_it_can_be_asked_by_person_place_system_and_file(hall: Hosted) -> None:
    assert sorted(rows(hall)) == sorted([VIEWS, WRITES, DEVELOPS, REFUSED])
    assert sorted(rows(hall, "--subject", "Alice@example.com")) == sorted([VIEWS, WRITES])
    assert rows(hall, "--resource", "projects/payments-d*") == [DEVELOPS]
    assert sorted(rows(hall, "--system", "gcp")) == sorted([VIEWS, DEVELOPS])
    assert rows(hall, "--grant", B) == [DEVELOPS]
    assert rows(hall, "--grant", "grants/payments/more") == [REFUSED]
    for past in ((), ("--at", hall.time(-5))):
        slip = hall.run("status", "--grant", "payments/b.yaml", *past)
        assert "no grant is or was lately at payments/b.yaml; write a path from" in slip.err
    assert sorted(rows(hall, "--ending", "24h")) == sorted([VIEWS, WRITES])
    assert rows(hall, "--ending", "24h", "--system", "gcp") == [VIEWS]


def test_what_was_not_approved_is_told_with_the_reason(hall: Hosted) -> None:
    [row] = access(hall, "--grant", "grants/payments/more/c.yaml")
    assert row["note"] == "approval is missing: 1 of payments-leads"
    said = hall.run("status", "--subject", BOB).out
    assert "not approved" in said
    assert "grants/payments/more/c.yaml: approval is missing" in said


def test_a_slip_is_told_with_what_to_write(hall: Hosted) -> None:
    for words, error in (
        (["--subject", "alise@example.com"], "did you mean alice@example.com?"),
        (["--ending", "soon"], "'soon' is no length of time; write 24h or 7d"),
        (["--at", "2026-12-01"], "no time with an offset"),
        (["--system", "gpc"], "there is no system 'gpc'"),
    ):
        done = hall.run("status", *words)
        assert (done.code, error in done.err) == (2, True), done.err
    assert rows(hall, "--subject", "erin@example.com") == []  # she is known, and has nothing


def test_what_is_declared_where_nobody_can_look_is_not_known_and_not_missing(hall: Hosted) -> None:
    unknown = (*WRITES[:2], "not known")
    hall.breaks("bitbucket", "*permissions*")
    assert unknown in rows(hall, code=1)
    assert rows(hall, "--system", "bitbucket", "--ending", "24h", code=1) == [unknown]
    said = hall.run("status", "--system", "bitbucket").out
    late = hall.run("status", "--late").out
    hall.heals()
    assert "Nothing that could be read is late" in late
    assert "what is over has ended" not in late
    assert "not known" in said
    assert "Nobody here holds anything" not in said


def test_what_is_late_is_measured(hall: Hosted) -> None:
    assert rows(hall, "--late") == []
    assert "Nothing is late" in hall.run("status", "--late").out
    [late] = access(hall, "--late", at=10, code=GIVEN)  # the refused grant is over as well
    assert (late["role"], late["late_seconds"]) == ("write", pytest.approx(7200, abs=180))
    assert "Late: 1, the longest 2h" in hall.run("status", "--late", at=10.01).out


def test_what_will_be_is_what_git_declares_for_then(hall: Hosted) -> None:
    assert rows(hall, "--at", hall.time(9), code=GIVEN) == [DEVELOPS]
    assert rows(hall, "--at", hall.time(80), code=GIVEN) == []


def test_what_was_is_by_the_ledger_what_was_done(hall: Hosted) -> None:
    now = [(who, role, "held then") for who, role, _ in (VIEWS, WRITES, DEVELOPS)]
    assert sorted(rows(hall, "--at", hall.time(1), at=20, code=GIVEN)) == sorted(now)
    assert rows(hall, "--at", hall.time(1), "--subject", BOB, at=20, code=GIVEN) == [now[2]]
    assert rows(hall, "--at", hall.time(1), "--system", "bitbucket", at=20, code=0) == [now[1]]
    [late] = access(hall, "--at", hall.time(10), "--late", at=20, code=GIVEN)
    assert (late["role"], late["late_seconds"]) == ("write", pytest.approx(7200, abs=180))
    assert "by the ledger" in hall.run("status", "--at", hall.time(1), at=20).out
    [row] = access(hall, "--at", hall.time(1), "--grant", B, at=20, code=GIVEN)
    assert "rule `payments-work`, approved by carol@example.com" in row["note"]
    began = row["since"].replace("T", " ")[:16]
    head, line = hall.run("status", "--at", hall.time(1), "--grant", B, at=20).out.splitlines()[1:]
    assert line[head.index("since") :].startswith(f"{began}Z ")


def test_of_nobody_who_held_anything_then_is_said_no_more_than_that(hall: Hosted) -> None:
    done = hall.run("status", "--at", hall.time(1), "--subject", "erin@example.com", at=20)
    assert "Nobody who was asked about held anything then." in done.out
    assert "--foreign" not in done.out  # which tells nothing of the past
    slip = hall.run("status", "--at", hall.time(1), "--system", "gpc", at=20)
    assert (slip.code, "there is no system 'gpc'" in slip.err) == (2, True)
    slip = hall.run("status", "--at", hall.time(1), "--subject", "alise@example.com", at=20)
    assert (slip.code, "did you mean alice@example.com?" in slip.err) == (2, True)


@pytest.mark.parametrize("at", [(), ("--at", -1)])
def test_of_a_group_is_said_where_the_access_of_its_members_is_told(
    hall: Hosted, at: tuple[Any, ...]
) -> None:
    when = [hall.time(one) if one == -1 else one for one in at]
    done = hall.run("status", "--subject", "Payments-OnCall", *when)
    assert "`reconciler explain payments-oncall` tells it together" in done.err
    assert "is a group" not in hall.run("status", "--subject", ALICE, *when).err


def test_before_the_ledger_it_is_what_git_declared_and_its_proof_approved(hall: Hosted) -> None:
    done = hall.run("status", "--at", hall.time(-5), "--format", "json")
    found = told(done, "status")
    assert (done.code, found["access"]) == (0, [])
    assert "the ledger begins at" in found["notices"][-1]


def test_without_a_ledger_the_past_is_what_git_declared(tmp_path: Path) -> None:
    with town_hall(tmp_path) as hall:
        hall.request("alice", {A: grant(ALICE, WRITE)}, "carol")
        hall.request("bob", {B: grant(BOB, WRITE)})
        done = hall.run("status", "--at", hall.time(4), "--format", "json", at=24 * 90)
        found = told(done, "status")
        assert [(r["subject"], r["state"]) for r in found["access"]] == [(ALICE, "declared")]
        assert "no ledger is kept" in found["notices"][-1]
        hall.request("alice", {FILE: emergency(ALICE)})
        assert "break-glass by alice@example.com" in hall.run("status").out
        reviews = told(hall.run("status", "--format", "json"), "status")["reviews"]
        assert [one["path"] for one in reviews] == [FILE]
