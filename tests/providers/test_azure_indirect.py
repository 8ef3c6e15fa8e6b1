"""Who reaches a scope of Azure otherwise than by a row of their own: groups, and what lies above."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from reconciler.errors import NotFound, ProviderError
from reconciler.model import Observed, Subject, SubjectKind
from reconciler.providers.azure.system import Azure
from reconciler.providers.base import Reader
from reconciler.sandbox.azure import LocalAzure, seed
from reconciler.sandbox.azure.pim import Request
from reconciler.sandbox.azure.seed import RoleDefinition
from reconciler.sandbox.faults import Fault, FaultKind, Faults
from tests.providers.azure_world import (
    ALICE,
    Item,
    asked,
    local_azure,
    no_pace,
    oid,
)

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
READER: Item = {"scope": seed.RG_PAYMENTS, "role": "Reader"}
ASSIGNMENTS = "GET */roleAssignments[?]*"
INSTANCES = "GET */roleAssignmentScheduleInstances[?]*"
BOB = seed.object_id("bob@example.com")


@dataclass
class Tenant:
    local: LocalAzure
    system: Azure
    faults: Faults
    reader: Reader

    def rows(self, who: Subject = ALICE, item: Item = READER) -> tuple[Observed, ...]:
        entitlement = self.reader.canonical(self.system.item(item)[0])
        return self.reader.indirect(self.reader.principal(who, entitlement, ""), entitlement)

    def told(self, who: Subject = ALICE, item: Item = READER) -> list[str]:
        """`role via ...` of each other way."""
        rows = self.rows(who, item)
        return sorted(f"{row.assignment.entitlement.role} via {row.via}" for row in rows)

    def arm(self, call: str, kind: FaultKind, **more: int) -> None:
        self.faults.arm(Fault("azure", call, kind, times=1000, **more))

    def assign_with_pim(self, scope: str, who: str, end: datetime | None) -> None:
        wanted = Request(
            str(uuid4()),
            scope,
            seed.READER,
            who,
            "",
            "AdminAssign",
            end,
            "",
            ("", ""),
            "",
            NOON,
            NOON,
        )
        self.local.pim.ask(wanted, scope)


@pytest.fixture
def tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    local = LocalAzure(page_size=2)
    with local_azure(tmp_path, monkeypatch, local) as (system, faults):
        yield Tenant(local, system, faults, system.open_reader(no_pace))


@pytest.fixture
def pim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    local = LocalAzure(page_size=2, now=lambda: NOON, pim=True)
    with local_azure(tmp_path, monkeypatch, local) as (system, faults):
        yield Tenant(local, system, faults, system.open_reader(no_pace))


def test_a_way_is_told_as_the_row_that_stands_above(tenant: Tenant) -> None:
    group = tenant.local.add_group("on-call", oid(ALICE))
    tenant.local.give(seed.SUB_PAYMENTS, "Contributor", group, "jit:" + "a2" * 13)
    [row] = tenant.rows()
    of = row.assignment
    assert (of.entitlement.resource, of.entitlement.role) == (seed.SUB_PAYMENTS, "Contributor")
    assert (of.entitlement.kind, of.principal.id) == ("role_assignment", f"group:{group}")
    assert row.via == f"inherited from {seed.SUB_PAYMENTS}, group {group}"
    assert (row.marker, row.until) == ("a2" * 13, None)
    assert row.since is not None
    assert row.handle.startswith(seed.SUB_PAYMENTS)


def test_groups_in_groups_are_ways_at_any_depth(tenant: Tenant) -> None:
    held = oid(ALICE)
    for name in ("inner", "middle", "outer"):
        held = tenant.local.add_group(name, held)
    tenant.local.give(seed.RG_PAYMENTS, "Contributor", held)
    assert tenant.told() == [f"Contributor via group {held}"]


def test_what_lies_below_or_is_another_persons_is_no_way(tenant: Tenant) -> None:
    tenant.local.give(seed.EXPORTS, "Reader", oid(ALICE))
    tenant.local.give(seed.RG_PAYMENTS, "Contributor", oid(ALICE))  # a row of her own
    tenant.local.give(seed.RG_PAYMENTS, "Contributor", BOB)
    tenant.local.give(seed.SUB_DATA, "Reader", oid(ALICE))
    assert tenant.told() == []


def test_a_group_that_the_run_has_looked_up_is_shown_by_its_name(tenant: Tenant) -> None:
    group = Subject(SubjectKind.GROUP, "auditors", (seed.object_id("auditors"),))
    tenant.rows(group)
    erin = Subject(SubjectKind.PERSON, "erin@example.com")
    assert tenant.told(erin) == [f"Reader via inherited from {seed.SUB_PAYMENTS}, group auditors"]


def test_a_condition_is_told(tenant: Tenant) -> None:
    deployer = Subject(SubjectKind.SERVICE, "deployer", (seed.object_id("deployer"),))
    assert tenant.told(deployer) == [
        "Role Based Access Control Administrator via "
        f"inherited from {seed.SUB_PAYMENTS}, under a condition"
    ]


def test_of_a_group_what_it_has_above_is_told(tenant: Tenant) -> None:
    """Its id is not taken where a person's is; what others have there is not the group's."""
    group = Subject(SubjectKind.GROUP, "auditors", (seed.object_id("auditors"),))
    tenant.local.give(seed.EXPORTS, "Reader", oid(group))
    assert tenant.told(group) == [f"Reader via inherited from {seed.SUB_PAYMENTS}"]


def test_a_role_is_named_by_the_list_of_the_scope_that_inherits_it(tenant: Tenant) -> None:
    """Above the scope there may be no right to list roles. One that is gone is told by its id."""
    custom = "11111111-1111-1111-1111-111111111111"
    tenant.local.state.roles[custom] = RoleDefinition(
        custom, "Auditor of acme", "", builtin=False, assignable=(seed.GROUP_ACME,)
    )
    tenant.local.give(seed.GROUP_ACME, "Auditor of acme", oid(ALICE))
    tenant.arm(
        "GET /providers/Microsoft.Management/*roleDefinitions*", FaultKind.STATUS, status=403
    )
    assert tenant.told() == [f"Auditor of acme via inherited from {seed.GROUP_ACME}"]


def test_all_pages_are_read(tenant: Tenant) -> None:
    groups = [tenant.local.add_group(f"g{n}", oid(ALICE)) for n in range(5)]
    for group in groups:
        tenant.local.give(seed.RG_PAYMENTS, "Reader", group)
    assert tenant.told() == sorted(f"Reader via group {group}" for group in groups)


def test_one_person_at_one_scope_costs_one_list(tenant: Tenant) -> None:
    tenant.local._arm = replace(tenant.local._arm, page_size=100)
    tenant.local.give(seed.GROUP_ACME, "Owner", oid(ALICE))
    for _ in range(2):
        assert len(tenant.rows()) == 1
        tenant.rows(item={**READER, "role": "Contributor"})
    assert sorted(asked(tenant.faults)) == [
        "GET /v1.0/users",
        "GET roleAssignments",
        "GET roleDefinitions",
    ]


@pytest.mark.parametrize("kind", [FaultKind.EMPTY, FaultKind.HALF, FaultKind.DROP])
def test_rule_5_half_a_list_is_an_error(tenant: Tenant, kind: FaultKind) -> None:
    for n in range(5):
        tenant.local.give(seed.RG_PAYMENTS, "Reader", tenant.local.add_group(f"g{n}", oid(ALICE)))
    tenant.arm("GET */roleAssignments[?]*skiptoken*", kind)
    with pytest.raises(ProviderError, match="list role assignments at and above"):
        tenant.told()


def test_a_missing_right_is_named(tenant: Tenant) -> None:
    tenant.arm(ASSIGNMENTS, FaultKind.STATUS, status=403)
    with pytest.raises(ProviderError) as failed:
        tenant.told()
    assert failed.value.cause.endswith("it needs Microsoft.Authorization/roleAssignments/read")


def test_a_right_that_is_there_is_not_called_missing(tenant: Tenant) -> None:
    tenant.arm(ASSIGNMENTS, FaultKind.STATUS, status=400)
    with pytest.raises(ProviderError) as failed:
        tenant.told()
    assert "needs" not in str(failed.value)


@pytest.mark.parametrize("scope", [seed.RG_PAYMENTS + "x", seed.EXPORTS + "x"])
def test_a_scope_that_is_gone_is_not_found(tenant: Tenant, scope: str) -> None:
    """So `explain` says that nobody has it, as the subscription's list does."""
    with pytest.raises(NotFound):
        tenant.told(item={**READER, "scope": scope})


# PIM


def test_pim_tells_the_end_of_what_is_inherited_and_of_what_a_group_has(pim: Tenant) -> None:
    end = NOON + timedelta(hours=1)
    group = pim.local.add_group("on-call", oid(ALICE))
    pim.assign_with_pim(seed.SUB_PAYMENTS, oid(ALICE), end)
    pim.assign_with_pim(seed.RG_PAYMENTS, group, end + timedelta(hours=1))
    pim.assign_with_pim(seed.GROUP_ACME, group, None)
    pim.local.give(seed.GROUP_ACME, "Contributor", oid(ALICE))
    assert {row.via: row.until for row in pim.rows() if row.until} == {
        f"inherited from {seed.SUB_PAYMENTS}": end,
        f"group {group}": end + timedelta(hours=1),
    }
    assert len(pim.rows()) == 4


def test_with_pim_it_costs_one_more_list_where_there_is_a_way(pim: Tenant) -> None:
    pim.local._arm = replace(pim.local._arm, page_size=100)
    assert pim.told() == []
    assert "GET roleAssignmentScheduleInstances" not in asked(pim.faults)
    for who in ("erin@example.com", "grace@example.com"):
        assert pim.told(Subject(SubjectKind.PERSON, who))
    [listed] = [c.call for c in pim.faults.calls("azure") if "ScheduleInstances" in c.call]
    assert "$filter=atScope%28%29&" in listed


@pytest.mark.parametrize("kind", [FaultKind.EMPTY, FaultKind.HALF])
def test_rule_5_half_a_list_of_ends_is_an_error(pim: Tenant, kind: FaultKind) -> None:
    pim.local.give(seed.SUB_PAYMENTS, "Reader", oid(ALICE))
    pim.arm("GET */roleAssignmentScheduleInstances[?]*skiptoken*", kind)
    with pytest.raises(ProviderError, match="the ends of role assignments"):
        pim.told()


def test_a_missing_right_to_read_ends_is_named(pim: Tenant) -> None:
    pim.local.give(seed.SUB_PAYMENTS, "Reader", oid(ALICE))
    pim.arm(INSTANCES, FaultKind.STATUS, status=403)
    with pytest.raises(ProviderError) as failed:
        pim.told()
    assert failed.value.cause.endswith("/roleAssignmentScheduleInstances/read")
