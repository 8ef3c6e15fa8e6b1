"""Making and removing role assignments without PIM: ARM's refusals, lost answers, what moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.model import Action, Assignment, Change, Principal, Subject, SubjectKind
from reconciler.providers.azure.system import Azure
from reconciler.sandbox.azure import LocalAzure, seed
from reconciler.sandbox.azure.state import RoleAssignment
from reconciler.sandbox.faults import Fault, FaultKind, Faults
from tests.providers.azure_world import (
    ALICE,
    Item,
    add,
    asked,
    assignment,
    carried_out,
    local_azure,
    observed,
    oid,
    remove,
)

READER: Item = {"scope": seed.RG_PAYMENTS, "role": "Reader"}
END = datetime(2026, 12, 1, 18, tzinfo=UTC)
PUT = "PUT *roleAssignments/*"


@dataclass
class Tenant:
    local: LocalAzure
    system: Azure
    faults: Faults
    wanted: Assignment

    @property
    def row(self) -> RoleAssignment:
        [row] = [r for r in self.local.state.assignments() if r.principal == oid(ALICE)]
        return row

    def edit(self, **changes: str | None) -> None:
        """By hand, what the portal lets one edit."""
        self.local.state.keep(replace(self.row, **changes))  # type: ignore[arg-type]


@pytest.fixture
def tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    local = LocalAzure()
    with local_azure(tmp_path, monkeypatch, local) as (system, faults):
        wanted = assignment(system, READER)
        faults.clear()
        yield Tenant(local, system, faults, wanted)


def test_an_addition_carries_marker_end_grants_and_type(tenant: Tenant) -> None:
    assert carried_out(tenant.system, add(tenant.wanted, END)) == [""]
    assert (
        tenant.row.description
        == f"jit:{tenant.wanted.id} until 2026-12-01T18:00:00Z for grants/a.yaml"
    )
    assert tenant.row.principal_type == "User"
    assert asked(tenant.faults) == [
        "GET roleDefinitions",
        "PUT roleAssignments",
        "GET roleAssignments",
    ]


def test_groups_and_services_are_said_to_be_such(tenant: Tenant) -> None:
    """The local tenant refuses a type that is not the principal's own, as ARM does."""
    group = Subject(SubjectKind.GROUP, "auditors", (seed.object_id("auditors"),))
    service = Subject(SubjectKind.SERVICE, "deployer", (seed.object_id("deployer"),))
    changes = [add(assignment(tenant.system, READER, who)) for who in (group, service)]
    assert carried_out(tenant.system, *changes) == ["", ""]
    as_person = replace(ALICE, accounts=(seed.object_id("auditors"),))
    [error] = carried_out(tenant.system, add(assignment(tenant.system, READER, as_person)))
    assert "UnmatchedPrincipalType" in error


def test_adding_again_writes_the_new_end_on_the_same_row(tenant: Tenant) -> None:
    assert carried_out(tenant.system, add(tenant.wanted, END)) == [""]
    name = tenant.row.name
    assert carried_out(tenant.system, add(tenant.wanted, None)) == [""]
    assert tenant.row.name == name
    assert "without end" in str(tenant.row.description)


def test_access_that_somebody_else_made_since_the_plan_is_not_taken_over(tenant: Tenant) -> None:
    tenant.local.give(seed.RG_PAYMENTS, "Reader", oid(ALICE))
    before = tenant.row
    [error] = carried_out(tenant.system, add(tenant.wanted))
    assert "already held by another assignment; the next plan will show it" in error
    assert tenant.row == before


def test_our_row_on_the_subscription_is_not_the_one_that_is_in_the_way(tenant: Tenant) -> None:
    above = assignment(tenant.system, {"scope": seed.SUB_PAYMENTS, "role": "Reader"})
    assert carried_out(tenant.system, add(above)) == [""]
    tenant.local.give(seed.RG_PAYMENTS, "Reader", oid(ALICE))
    [error] = carried_out(tenant.system, add(tenant.wanted))
    assert "already held by another assignment" in error


def test_the_same_access_under_a_name_that_is_not_ours_but_marked_is_ours(tenant: Tenant) -> None:
    tenant.local.give(seed.RG_PAYMENTS, "Reader", oid(ALICE), f"jit:{tenant.wanted.id}")
    assert carried_out(tenant.system, add(tenant.wanted)) == [""]


def test_an_unknown_principal_is_refused_by_arm(tenant: Tenant) -> None:
    gone = replace(tenant.wanted, principal=Principal("user:11111111-1111-1111-1111-111111111111"))
    [error] = carried_out(tenant.system, add(gone))
    assert "PrincipalNotFound" in error
    assert "for alice@example.com" in error


def test_a_resource_group_that_is_gone_is_an_error(tenant: Tenant) -> None:
    scope = f"{seed.SUB_PAYMENTS}/resourceGroups/gone"
    lost = assignment(tenant.system, {"scope": scope, "role": "Reader"})
    [error] = carried_out(tenant.system, add(lost))
    assert "ResourceGroupNotFound" in error


def test_an_addition_whose_answer_got_lost_is_one_row(tenant: Tenant) -> None:
    tenant.faults.arm(Fault("azure", PUT, FaultKind.DROP))
    assert carried_out(tenant.system, add(tenant.wanted)) == [""]
    assert tenant.row.principal == oid(ALICE)
    assert asked(tenant.faults).count("PUT roleAssignments") == 2


def test_a_removal_whose_answer_got_lost_is_a_removal(tenant: Tenant) -> None:
    assert carried_out(tenant.system, add(tenant.wanted)) == [""]
    [live] = observed(tenant.system, tenant.wanted)
    tenant.faults.clear()
    tenant.faults.arm(Fault("azure", "DELETE *", FaultKind.DROP))
    assert carried_out(tenant.system, remove(live)) == [""]
    assert observed(tenant.system, tenant.wanted) == []
    # the second DELETE is told 204: gone
    assert asked(tenant.faults).count("DELETE roleAssignments") == 2


def test_what_is_gone_already_is_not_removed_again(tenant: Tenant) -> None:
    assert carried_out(tenant.system, add(tenant.wanted)) == [""]
    [live] = observed(tenant.system, tenant.wanted)
    assert carried_out(tenant.system, remove(live), remove(live)) == ["", ""]


def test_a_row_in_a_resource_group_that_is_gone_is_gone(tenant: Tenant) -> None:
    assert carried_out(tenant.system, add(tenant.wanted)) == [""]
    [live] = observed(tenant.system, tenant.wanted)
    tenant.local.state.drop(tenant.row)
    del tenant.local.state.parents[seed.RG_PAYMENTS.lower()]
    assert carried_out(tenant.system, remove(live)) == [""]


def test_a_row_that_somebody_changed_since_the_plan_is_left(tenant: Tenant) -> None:
    tenant.local.give(seed.RG_PAYMENTS, "Reader", oid(ALICE), f"jit:{tenant.wanted.id}")
    [live] = observed(tenant.system, tenant.wanted)
    tenant.edit(description="Alice keeps this, by OPS-12")
    [error] = carried_out(tenant.system, remove(live))
    assert "changed since the plan" in error
    assert tenant.row.principal == oid(ALICE)


def test_a_foreign_row_is_removed_only_as_the_plan_saw_it(tenant: Tenant) -> None:
    """In an exclusive scope the plan may remove what is not ours."""
    tenant.local.give(seed.RG_PAYMENTS, "Reader", oid(ALICE))
    [live] = observed(tenant.system, tenant.wanted)
    tenant.edit(condition="@Resource[…] x")
    [error] = carried_out(tenant.system, remove(live))
    assert "changed since the plan" in error
    tenant.edit(condition=None)
    assert carried_out(tenant.system, remove(live)) == [""]


def test_rule_14_what_arm_still_shows_after_a_removal_is_an_error(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert carried_out(tenant.system, add(tenant.wanted)) == [""]
    [live] = observed(tenant.system, tenant.wanted)
    monkeypatch.setattr(tenant.local.state, "delete", lambda row: None)
    [error] = carried_out(tenant.system, remove(live), patience=0.2)
    assert "ARM took it, and still shows it" in error


def test_rule_14_what_arm_does_not_show_after_an_addition_is_an_error(tenant: Tenant) -> None:
    gone = "GET *roleAssignments/*"
    tenant.faults.arm(Fault("azure", gone, FaultKind.STATUS, 404, times=100))
    [error] = carried_out(tenant.system, add(tenant.wanted), patience=0.2)
    assert "ARM took it, and does not show it" in error


def test_arms_caches_are_waited_for(tenant: Tenant) -> None:
    tenant.faults.arm(Fault("azure", "GET *roleAssignments/*", FaultKind.STATUS, 404, times=2))
    assert carried_out(tenant.system, add(tenant.wanted)) == [""]


def test_the_last_owner_of_a_subscription_stays(tenant: Tenant) -> None:
    admins = Subject(SubjectKind.GROUP, "platform-admins", (seed.object_id("platform-admins"),))
    owner = assignment(tenant.system, {"subscription": "data", "role": "Owner"}, admins)
    [live] = observed(tenant.system, owner)
    [error] = carried_out(tenant.system, remove(live))
    assert "Cannot delete the last RBAC admin assignment" in error


def test_one_failure_does_not_stop_the_rest(tenant: Tenant) -> None:
    other = assignment(tenant.system, {"scope": seed.EXPORTS, "role": "Reader"})
    tenant.faults.arm(Fault("azure", PUT, FaultKind.STATUS, 403))
    first, second = carried_out(tenant.system, add(tenant.wanted), add(other))
    assert ("403" in first, second) == (True, "")


def test_an_end_that_moves_is_written_down(tenant: Tenant) -> None:
    """Planning does not ask for it, since ARM ends nothing; whoever does gets the description."""
    assert carried_out(tenant.system, add(tenant.wanted, END)) == [""]
    [live] = observed(tenant.system, tenant.wanted)
    assert live.until is None
    later = replace(add(tenant.wanted, END.replace(day=2)), action=Action.EXTEND, live=live)
    assert carried_out(tenant.system, later) == [""]
    assert "until 2026-12-02T18:00:00Z" in str(tenant.row.description)


def test_changes_of_one_principal_on_one_scope_come_together(tenant: Tenant) -> None:
    writer = tenant.system.open_writer(lambda: None)

    def key(change: Change) -> object:
        return writer.serial_key(change)

    other_role = assignment(tenant.system, {**READER, "role": "Contributor"})
    other_scope = assignment(tenant.system, {**READER, "scope": seed.EXPORTS})
    assert key(add(tenant.wanted)) == key(add(other_role)) != key(add(other_scope))
