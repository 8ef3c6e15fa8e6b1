"""One permission per principal and resource: what is written, and what is never written over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.errors import NotFound
from reconciler.model import Change, Entitlement, Principal
from reconciler.providers.base import System
from reconciler.sandbox.bitbucket import Holder, Place, Table
from reconciler.sandbox.bitbucket_cloud import User
from reconciler.sandbox.faults import FaultKind, Faults
from tests.providers.bitbucket_build import break_calls, fail, give, no_pace, take
from tests.providers.bitbucket_cloud_world import local_cloud
from tests.providers.bitbucket_dc_world import local_dc

VENDORS = {"read": "PROJECT_READ", "write": "PROJECT_WRITE", "admin": "PROJECT_ADMIN"}
PLACE = Place("project", "PAY")


@dataclass
class Desk:
    """Either Bitbucket, with a project PAY and alice."""

    local: object  # has a `table`
    faults: Faults
    system: System
    alice: Principal

    def holds(self, role: str) -> None:
        self.table.put(PLACE, self._holder, VENDORS[role] if self._dc else role)

    @property
    def held(self) -> str:
        role = self.table.role(PLACE, self._holder)
        return next((ours for ours, vendors in VENDORS.items() if vendors == role), role)

    def role(self, role: str, project: str = "PAY") -> Entitlement:
        return self.system.item({"project": project, "permission": role})[0]

    def carry_out(self, *changes: Change) -> list[str]:
        writer = self.system.open_writer(no_pace)
        return [str(o.error) if o.error else "" for o in writer.carry_out(changes)]

    @property
    def writes(self) -> list[str]:
        return [w for c in self.faults.calls() if (w := c.call.split()[0]) in ("PUT", "DELETE")]

    @property
    def table(self) -> Table:
        table: Table = self.local.table  # type: ignore[attr-defined]
        return table

    @property
    def _dc(self) -> bool:
        return self.system.name == "bitbucket-dc"

    @property
    def _holder(self) -> Holder:
        return Holder("users", "alice" if self._dc else User("alice").uuid)


@pytest.fixture(params=["cloud", "dc"])
def desk(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    if request.param == "cloud":
        with local_cloud(tmp_path, monkeypatch) as (local, faults, system):
            yield Desk(local, faults, system, Principal(f"user:{User('alice').uuid}", "alice"))
    else:
        with local_dc(tmp_path, monkeypatch) as (local_, faults, system):
            yield Desk(local_, faults, system, Principal("user:alice", "alice"))


class Deaf(Table):
    """Takes every write, and does nothing."""

    def put(self, place: Place, holder: Holder, role: str) -> None:
        pass

    def clear(self, place: Place, holder: Holder) -> None:
        pass


def test_an_addition_is_one_write_with_a_look_before_and_after(desk: Desk) -> None:
    assert desk.carry_out(give(desk.role("write"), desk.alice)) == [""]
    assert (desk.held, desk.writes) == ("write", ["PUT"])
    assert [c.call.split()[0] for c in desk.faults.calls()] == ["GET", "PUT", "GET"]


def test_an_addition_overwrites_the_role_that_the_plan_saw_in_one_call(desk: Desk) -> None:
    desk.holds("read")
    assert desk.carry_out(give(desk.role("write"), desk.alice, replaces="read")) == [""]
    assert (desk.held, desk.writes) == ("write", ["PUT"])


@pytest.mark.parametrize(("now", "replaces"), [("read", ""), ("admin", "read")])
def test_rule_14_an_addition_never_overwrites_what_the_plan_did_not_see(
    desk: Desk, now: str, replaces: str
) -> None:
    desk.holds(now)
    [error] = desk.carry_out(give(desk.role("write"), desk.alice, replaces))
    assert "changed since the plan" in error
    assert (desk.held, desk.writes) == (now, [])


def test_an_addition_whose_replaced_role_has_gone_is_planned_again(desk: Desk) -> None:
    [error] = desk.carry_out(give(desk.role("write"), desk.alice, replaces="read"))
    assert "which saw read and now there is no permission; plan again" in error
    assert (desk.held, desk.writes) == ("", [])


def test_what_is_already_as_wanted_is_not_written(desk: Desk) -> None:
    desk.holds("write")
    assert desk.carry_out(give(desk.role("write"), desk.alice)) == [""]
    assert desk.carry_out(give(desk.role("write"), desk.alice, replaces="read")) == [""]
    assert desk.writes == []


def test_rule_13_a_removal_puts_the_declared_role_back_in_one_call(desk: Desk) -> None:
    desk.holds("admin")
    assert desk.carry_out(take(desk.role("admin"), desk.alice, restores="read")) == [""]
    assert (desk.held, desk.writes) == ("read", ["PUT"])


def test_a_removal_with_nothing_to_restore_deletes(desk: Desk) -> None:
    desk.holds("admin")
    assert desk.carry_out(take(desk.role("admin"), desk.alice)) == [""]
    assert (desk.held, desk.writes) == ("", ["DELETE"])


def test_removing_what_is_gone_is_done_without_a_write(desk: Desk) -> None:
    assert desk.carry_out(take(desk.role("admin"), desk.alice)) == [""]
    assert desk.writes == []


@pytest.mark.parametrize("restores", ["", "read"])
def test_rule_14_a_removal_leaves_a_role_that_was_changed_since(desk: Desk, restores: str) -> None:
    desk.holds("admin")
    [error] = desk.carry_out(take(desk.role("write"), desk.alice, restores))
    assert "changed since the plan, which saw write and now there is admin" in error
    assert (desk.held, desk.writes) == ("admin", [])


def test_a_removal_does_not_give_the_restored_role_to_who_lost_everything(desk: Desk) -> None:
    [error] = desk.carry_out(take(desk.role("write"), desk.alice, restores="read"))
    assert "changed since the plan" in error
    assert desk.held == ""


def test_rule_14_a_write_that_did_not_hold_is_an_error(desk: Desk) -> None:
    desk.local.table = Deaf([PLACE, Place("global", "")])  # type: ignore[attr-defined]
    if desk.system.name == "bitbucket-dc":
        Table.put(desk.table, Place("global", ""), Holder("users", "reconciler"), "SYS_ADMIN")
    [error] = desk.carry_out(give(desk.role("write"), desk.alice))
    assert "it did not hold: Bitbucket took the call and still says no permission" in error
    Table.put(desk.table, PLACE, desk._holder, "PROJECT_READ" if desk._dc else "read")
    [error] = desk.carry_out(take(desk.role("read"), desk.alice))
    assert "still says read instead of no permission" in error


def test_an_answer_that_got_lost_after_the_write_is_found_out(desk: Desk) -> None:
    desk.holds("read")
    break_calls(desk.faults, desk.system.name, "DELETE *", FaultKind.DROP, times=100)
    assert desk.carry_out(take(desk.role("read"), desk.alice)) == [""]
    assert desk.held == ""


def test_a_write_that_never_came_through_is_an_error(desk: Desk) -> None:
    fail(desk.faults, desk.system.name, "PUT *", 500)
    [error] = desk.carry_out(give(desk.role("write"), desk.alice))
    assert "HTTP 500" in error
    assert desk.held == ""


def test_a_removal_after_the_addition_that_overwrote_it_has_nothing_to_do(desk: Desk) -> None:
    desk.holds("read")
    changes = (
        give(desk.role("write"), desk.alice, replaces="read"),
        take(desk.role("read"), desk.alice),
    )
    assert desk.carry_out(*changes) == ["", ""]
    assert (desk.held, desk.writes) == ("write", ["PUT"])


def test_an_addition_after_the_removal_of_the_role_that_it_replaces_goes_on(desk: Desk) -> None:
    desk.holds("admin")
    changes = (
        take(desk.role("admin"), desk.alice),
        give(desk.role("write"), desk.alice, replaces="admin"),
    )
    assert desk.carry_out(*changes) == ["", ""]
    assert desk.held == "write"


def test_rule_6_one_refusal_leaves_the_other_changes_going(desk: Desk) -> None:
    fail(desk.faults, desk.system.name, "PUT *", 403)
    changes = (give(desk.role("write"), desk.alice), give(desk.role("read", "OPS"), desk.alice))
    first, second = desk.carry_out(*changes)
    assert "HTTP 403" in first
    assert second == ""


def test_what_has_gone_took_its_permissions_along_and_nothing_can_be_added(desk: Desk) -> None:
    gone = desk.role("read", "GONE")
    assert desk.carry_out(take(gone, desk.alice)) == [""]
    writer = desk.system.open_writer(no_pace)
    [outcome] = writer.carry_out([give(gone, desk.alice)])
    assert isinstance(outcome.error, NotFound)
    [restored] = writer.carry_out([take(gone, desk.alice, restores="read")])
    assert isinstance(restored.error, NotFound)
    assert desk.writes == []


def test_changes_of_one_principal_on_one_resource_come_together(desk: Desk) -> None:
    writer = desk.system.open_writer(no_pace)
    other = Principal("user:bob")
    key = writer.serial_key(give(desk.role("read"), desk.alice))
    assert writer.serial_key(take(desk.role("admin"), desk.alice)) == key
    assert writer.serial_key(give(desk.role("read"), other)) != key
    assert writer.serial_key(give(desk.role("read", "OPS"), desk.alice)) != key


@pytest.mark.parametrize("status", [429, 503])
def test_a_throttled_write_is_tried_again(desk: Desk, status: int) -> None:
    fail(desk.faults, desk.system.name, "PUT *", status)
    fail(desk.faults, desk.system.name, "DELETE *", status)
    assert desk.carry_out(give(desk.role("write"), desk.alice)) == [""]
    assert desk.carry_out(take(desk.role("write"), desk.alice)) == [""]
    assert desk.writes == ["PUT", "PUT", "DELETE", "DELETE"]
