"""The same through Privileged Identity Management: native ends, the five minutes, slow requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from azure.mgmt.authorization.v2020_10_01.models import RoleAssignmentSchedule

from reconciler.model import Action, Assignment, Cause, Change, Observed
from reconciler.providers.azure import marks
from reconciler.providers.azure.rows import Row, with_schedules
from reconciler.providers.azure.system import Azure
from reconciler.sandbox.azure import LocalAzure, seed
from reconciler.sandbox.azure.pim import Request
from reconciler.sandbox.faults import Fault, FaultKind, Faults
from tests.providers.azure_world import (
    ALICE,
    Item,
    add,
    asked,
    assignment,
    carried_out,
    local_azure,
    no_pace,
    observed,
    oid,
    remove,
)

READER: Item = {"scope": seed.RG_PAYMENTS, "role": "Reader"}
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


@dataclass
class Tenant:
    local: LocalAzure
    system: Azure
    faults: Faults
    now: datetime = NOON

    def __post_init__(self) -> None:
        self.local.state.now = lambda: self.now
        self.wanted: Assignment = assignment(self.system, READER)
        self.faults.clear()

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)

    @property
    def rows(self) -> list[Observed]:
        return observed(self.system, self.wanted)

    @property
    def requests(self) -> list[Request]:
        return list(self.local.pim.requests.values())

    def moved(self, action: Action, until: datetime | None, live: Observed | None = None) -> Change:
        return replace(add(self.wanted, until), action=action, live=live or self.rows[0])


@pytest.fixture
def tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    local = LocalAzure(pim=True)
    with local_azure(tmp_path, monkeypatch, local) as (system, faults):
        yield Tenant(local, system, faults)


def hours(n: float) -> datetime:
    return NOON + timedelta(hours=n)


def test_access_ends_by_itself_if_the_job_never_runs_again(tenant: Tenant) -> None:
    assert carried_out(tenant.system, add(tenant.wanted, hours(1))) == [""]
    [row] = tenant.rows
    assert (row.until, row.marker) == (hours(1), tenant.wanted.id)
    tenant.later(minutes=59, seconds=59)
    assert oid(ALICE) in tenant.local.holders(seed.RG_PAYMENTS, "Reader")
    tenant.later(seconds=1)
    assert tenant.rows == []
    assert oid(ALICE) not in tenant.local.holders(seed.RG_PAYMENTS, "Reader")


def test_a_quiet_run_takes_two_lists_and_the_roles(tenant: Tenant) -> None:
    carried_out(tenant.system, add(tenant.wanted, hours(1)))
    tenant.faults.clear()
    assert len(tenant.rows) == 1
    assert asked(tenant.faults) == [
        "GET roleAssignments",
        "GET roleAssignmentSchedules",
        "GET roleDefinitions",
    ]


def test_the_request_says_why_in_words(tenant: Tenant) -> None:
    carried_out(tenant.system, add(tenant.wanted, hours(1)))
    [request] = tenant.requests
    assert request.kind == "AdminAssign"
    assert request.justification == (
        f"jit:{tenant.wanted.id} until 2026-12-01T13:00:00Z for grants/a.yaml"
    )
    assert request.ticket == (f"jit:{tenant.wanted.id}", "access-reconciler")


def test_a_row_is_known_as_ours_after_pim_forgot_the_request(tenant: Tenant) -> None:
    carried_out(tenant.system, add(tenant.wanted, None))
    tenant.later(days=46)
    tenant.local.pim.forget_requests()
    [row] = tenant.rows
    assert (row.until, row.marker) == (None, tenant.wanted.id)


def test_the_end_moves_both_ways_and_away(tenant: Tenant) -> None:
    carried_out(tenant.system, add(tenant.wanted, hours(1)))
    for action, until in (
        (Action.EXTEND, hours(4)),
        (Action.SHORTEN, hours(2)),
        (Action.EXTEND, None),
        (Action.SHORTEN, hours(3)),
    ):
        assert carried_out(tenant.system, tenant.moved(action, until)) == [""]
        assert [(row.until, row.marker) for row in tenant.rows] == [(until, tenant.wanted.id)]
    assert {r.kind for r in tenant.requests} == {"AdminAssign", "AdminUpdate"}
    assert len(tenant.local.holders(seed.RG_PAYMENTS, "Reader")) == 1


def test_an_end_that_is_already_right_costs_no_request(tenant: Tenant) -> None:
    carried_out(tenant.system, add(tenant.wanted, hours(1)))
    again = tenant.moved(Action.EXTEND, hours(4))
    assert carried_out(tenant.system, again, again) == ["", ""]
    assert len(tenant.requests) == 2


def test_an_end_that_somebody_moved_since_the_plan_is_left(tenant: Tenant) -> None:
    carried_out(tenant.system, add(tenant.wanted, hours(1)))
    [planned] = tenant.rows
    carried_out(tenant.system, tenant.moved(Action.EXTEND, hours(2)))
    [error] = carried_out(tenant.system, tenant.moved(Action.EXTEND, hours(4), planned))
    assert "changed since the plan" in error
    assert tenant.rows[0].until == hours(2)
    tenant.later(minutes=10)
    [error] = carried_out(tenant.system, remove(planned))
    assert "changed since the plan" in error
    assert len(tenant.rows) == 1


def test_an_end_of_what_is_gone_cannot_move(tenant: Tenant) -> None:
    carried_out(tenant.system, add(tenant.wanted, hours(1)))
    change = tenant.moved(Action.EXTEND, hours(4))
    tenant.later(hours=2)
    [error] = carried_out(tenant.system, change)
    assert "changed since the plan" in error
    assert tenant.rows == []


def test_nothing_is_removed_within_five_minutes_and_the_error_says_so(tenant: Tenant) -> None:
    carried_out(tenant.system, add(tenant.wanted, hours(1)))
    [live] = tenant.rows
    tenant.later(minutes=4, seconds=59)
    [error] = carried_out(tenant.system, remove(live))
    assert "PIM removes nothing within 5 minutes of making it; the next run tries again" in error
    tenant.later(seconds=1)
    assert carried_out(tenant.system, remove(live), remove(live)) == ["", ""]
    assert tenant.rows == []
    assert tenant.requests[-1].justification == f"jit:{tenant.wanted.id} expired"


def test_nothing_is_made_for_less_than_five_minutes(tenant: Tenant) -> None:
    [error] = carried_out(tenant.system, add(tenant.wanted, NOON + timedelta(minutes=4)))
    assert "PIM makes nothing that ends within 5 minutes" in error
    assert carried_out(tenant.system, add(tenant.wanted, NOON + timedelta(minutes=5))) == [""]


def test_what_the_roles_settings_refuse_is_explained(tenant: Tenant) -> None:
    tenant.local.pim.longest = timedelta(hours=8)
    [error] = carried_out(tenant.system, add(tenant.wanted, hours(9)))
    assert "PIM's settings of this role refuse it; ask for less time" in error
    assert '["ExpirationRule"]' in error
    assert carried_out(tenant.system, add(tenant.wanted, hours(8))) == [""]


def test_access_that_somebody_else_made_is_not_taken_over(tenant: Tenant) -> None:
    tenant.local.give(seed.RG_PAYMENTS, "Reader", oid(ALICE))
    [error] = carried_out(tenant.system, add(tenant.wanted, hours(1)))
    assert "already held by another assignment" in error
    assert [(row.marker, row.until) for row in tenant.rows] == [(None, None)]
    assert tenant.requests == []


def test_a_row_of_ours_that_the_plan_did_not_know_is_left_to_the_next(tenant: Tenant) -> None:
    carried_out(tenant.system, add(tenant.wanted, hours(1)))
    [error] = carried_out(tenant.system, add(tenant.wanted, hours(2)))
    assert "changed since the plan" in error
    assert [row.until for row in tenant.rows] == [hours(1)]


def test_access_under_a_condition_is_in_the_way_and_said_to_be(tenant: Tenant) -> None:
    tenant.local.give(seed.RG_PAYMENTS, "Reader", oid(ALICE), condition="@Resource[…] x")
    assert [row.controller for row in tenant.rows] == ["condition"]
    [error] = carried_out(tenant.system, add(tenant.wanted, hours(1)))
    assert "already held by another assignment" in error


def test_a_slow_request_is_waited_for(tenant: Tenant) -> None:
    tenant.local.pim.delay = timedelta(seconds=30)
    ticks = iter(range(1000))
    tenant.local.state.now = lambda: NOON + timedelta(seconds=5) * next(ticks)
    assert carried_out(tenant.system, add(tenant.wanted, hours(2))) == [""]
    assert [row.until for row in tenant.rows] == [hours(2)]


def test_a_request_that_is_never_carried_out_is_an_error(tenant: Tenant) -> None:
    tenant.local.pim.delay = timedelta(minutes=30)
    [error] = carried_out(tenant.system, add(tenant.wanted, hours(2)), patience=0.3)
    assert "PIM took the request, and has not carried it out yet" in error
    [error] = carried_out(tenant.system, add(tenant.wanted, hours(2)), patience=0.3)
    assert "PIM is still busy with an earlier request; the next run tries again" in error


def test_a_removal_that_is_never_carried_out_is_an_error(tenant: Tenant) -> None:
    carried_out(tenant.system, add(tenant.wanted, hours(2)))
    [live] = tenant.rows
    tenant.later(minutes=6)
    tenant.local.pim.delay = timedelta(minutes=30)
    [error] = carried_out(tenant.system, remove(live), patience=0.3)
    assert "PIM took the request, and has not carried it out yet" in error


def test_what_ended_between_the_look_and_the_request_is_removed(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried_out(tenant.system, add(tenant.wanted, hours(2)))
    [live] = tenant.rows
    ask = tenant.local.pim.ask

    def late(request: Request, scope: str) -> Request:
        tenant.later(hours=3)
        return ask(request, scope)

    monkeypatch.setattr(tenant.local.pim, "ask", late)
    assert carried_out(tenant.system, remove(live)) == [""]


def test_a_request_whose_answer_got_lost_is_made_once(tenant: Tenant) -> None:
    tenant.faults.arm(Fault("azure", "PUT *ScheduleRequests/*", FaultKind.DROP))
    assert carried_out(tenant.system, add(tenant.wanted, hours(1))) == [""]
    assert len(tenant.requests) == 1
    assert asked(tenant.faults).count("PUT roleAssignmentScheduleRequests") == 2


def test_access_made_before_pim_was_switched_on_stays_ours_and_gets_an_end(tenant: Tenant) -> None:
    without = replace(tenant.system, settings=replace(tenant.system.settings, pim=False))
    assert carried_out(without, add(tenant.wanted, hours(1))) == [""]
    [row] = tenant.rows
    assert (row.marker, row.until) == (tenant.wanted.id, None)
    assert carried_out(tenant.system, tenant.moved(Action.SHORTEN, hours(1))) == [""]
    assert [(r.marker, r.until) for r in tenant.rows] == [(tenant.wanted.id, hours(1))]


def test_access_made_before_pim_was_switched_on_can_be_removed_at_once(tenant: Tenant) -> None:
    without = replace(tenant.system, settings=replace(tenant.system.settings, pim=False))
    carried_out(without, add(tenant.wanted, hours(1)))
    live = tenant.rows[0]
    tenant.faults.clear()
    assert carried_out(tenant.system, remove(live)) == [""]
    assert "DELETE roleAssignments" in asked(tenant.faults)
    assert tenant.rows == []


def test_what_somebody_assigned_through_pim_is_theirs(tenant: Tenant) -> None:
    by_hand = Request(
        "11111111-1111-4111-8111-111111111111",
        seed.RG_PAYMENTS,
        seed.READER,
        oid(ALICE),
        "",
        "AdminAssign",
        hours(1),
        "by hand",
        ("", ""),
        "",
        NOON,
        NOON,
    )
    tenant.local.pim.ask(by_hand, seed.RG_PAYMENTS)
    assert [(row.marker, row.until) for row in tenant.rows] == [(None, hours(1))]


def test_rule_4_half_of_the_schedules_is_no_answer(tenant: Tenant) -> None:
    """Without its schedule our own row would look like somebody else's."""
    carried_out(tenant.system, add(tenant.wanted, hours(1)))
    tenant.faults.arm(Fault("azure", "GET *roleAssignmentSchedules[?]*", FaultKind.EMPTY))
    with pytest.raises(Exception, match="without its `value`"):
        tenant.system.open_reader(no_pace).observe(seed.SUB_PAYMENTS, [])


def test_a_role_change_waits_for_no_removal(tenant: Tenant) -> None:
    carried_out(tenant.system, add(tenant.wanted, hours(1)))
    other = assignment(tenant.system, {**READER, "role": "Contributor"})
    assert carried_out(tenant.system, add(other, hours(1))) == [""]
    tenant.later(minutes=6)
    gone = replace(remove(tenant.rows[0]), cause=Cause.WITHDRAWN)
    assert carried_out(tenant.system, gone) == [""]
    assert oid(ALICE) in tenant.local.holders(seed.RG_PAYMENTS, "Contributor")


def schedule(**more: Any) -> RoleAssignmentSchedule:
    fields: dict[str, Any] = {
        "scope": seed.RG_PAYMENTS.upper(),
        "role_definition_id": f"/providers/x/roleDefinitions/{seed.READER}",
        "principal_id": oid(ALICE),
        "role_assignment_schedule_request_id": "/requests/11111111-1111-4111-8111-111111111111",
        "member_type": "Direct",
        "status": "Provisioned",
        "end_date_time": hours(1),
    }
    return RoleAssignmentSchedule(**{**fields, **more})


def joined(*schedules: RoleAssignmentSchedule) -> tuple[datetime | None, bool]:
    scope = seed.RG_PAYMENTS.lower().replace("resourcegroups", "resourceGroups")
    row = Row("id", scope, seed.READER, "role", oid(ALICE), "User", "", "", None)
    [row] = with_schedules([row], schedules)
    return row.until, row.request != ""


def test_a_row_has_the_end_of_its_own_schedule_and_no_other() -> None:
    ours = "/requests/" + marks.request_name(UUID(int=7))
    assert joined(schedule()) == (hours(1), False)
    assert joined(schedule(role_assignment_schedule_request_id=ours)) == (hours(1), True)
    for other in (
        schedule(member_type="Group"),
        schedule(member_type="Inherited"),
        schedule(status="Revoked"),
        schedule(role_assignment_schedule_request_id=None),
        schedule(condition="@x"),
        schedule(principal_id="x"),
        schedule(scope=seed.SUB_PAYMENTS),
    ):
        assert joined(other) == (None, False)


def test_an_activation_by_the_person_does_not_hide_our_own_schedule() -> None:
    ours = schedule(role_assignment_schedule_request_id="/r/" + marks.request_name(UUID(int=7)))
    activated = schedule(assignment_type="Activated", end_date_time=hours(8))
    assert joined(ours, activated) == joined(activated, ours) == (hours(1), True)
