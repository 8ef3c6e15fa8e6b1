"""What Azure's live rows come to, and whose object id a subject is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from reconciler.errors import NotFound, ProviderError, UnknownPrincipal
from reconciler.model import Entitlement, Observed, Subject, SubjectKind
from reconciler.providers.azure.system import Azure
from reconciler.sandbox.azure import LocalAzure, seed
from reconciler.sandbox.azure.seed import DirectoryObject, RoleDefinition
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
)

READER: Item = {"scope": seed.RG_PAYMENTS, "role": "Reader"}
PERSON = SubjectKind.PERSON


@dataclass
class Tenant:
    local: LocalAzure
    system: Azure
    faults: Faults

    def entitlement(self, item: Item = READER) -> Entitlement:
        return self.system.item(item)[0]

    def rows(self, at: str) -> tuple[Observed, ...]:
        return self.system.open_reader(no_pace).observe(at, [])

    def principal(self, subject: Subject) -> str:
        return self.system.open_reader(no_pace).principal(subject, self.entitlement(), "").id


@pytest.fixture
def tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    local = LocalAzure(page_size=4)
    with local_azure(tmp_path, monkeypatch, local) as (system, faults):
        yield Tenant(local, system, faults)


# rows


def test_a_quiet_run_lists_each_subscription_once(tenant: Tenant) -> None:
    tenant.local._arm = replace(tenant.local._arm, page_size=100)
    items: list[Item] = [
        READER,
        {"scope": seed.EXPORTS, "role": "Contributor"},
        {"scope": seed.SUB_PAYMENTS, "role": "Settlement Operator"},
        {"subscription": "data", "role": "Reader"},
    ]
    reader = tenant.system.open_reader(no_pace)
    entitlements = [reader.canonical(tenant.entitlement(item)) for item in items]
    known = replace(ALICE, accounts=(oid(ALICE),))
    for entitlement in entitlements:
        reader.principal(known, entitlement, "")
    for scope in sorted({tenant.system.scope(e) for e in entitlements}):
        reader.observe(scope, entitlements)
    assert sorted(asked(tenant.faults)) == [
        *["GET roleAssignments"] * 2,
        *["GET roleDefinitions"] * 2,
    ]


def test_inherited_rows_are_not_rows_of_the_subscription(tenant: Tenant) -> None:
    scopes = {row.assignment.entitlement.resource for row in tenant.rows(seed.SUB_PAYMENTS)}
    assert scopes == {seed.SUB_PAYMENTS}


def test_a_management_group_shows_its_own_rows_only(tenant: Tenant) -> None:
    rows = tenant.rows(seed.GROUP_ACME)
    assert {row.assignment.entitlement.resource for row in rows} == {seed.GROUP_ACME}
    assert {row.assignment.entitlement.role for row in rows} == {
        "Owner",
        "User Access Administrator",
    }
    # what lies below would be other roots' rows, and a management group may have a great many
    assert "$filter=atScope()&" in tenant.faults.calls("azure")[0].call


def test_a_holder_that_the_run_has_looked_up_is_shown_by_name(tenant: Tenant) -> None:
    tenant.local.give(seed.SUB_PAYMENTS, "Reader", oid(ALICE))
    reader = tenant.system.open_reader(no_pace)
    reader.principal(ALICE, tenant.entitlement(), "")
    rows = reader.observe(seed.SUB_PAYMENTS, [])
    names = {str(row.assignment.principal) for row in rows}
    assert {ALICE.id, f"group:{seed.object_id('auditors')}"} <= names


def test_rows_below_the_subscription_are_found_at_their_own_scope(tenant: Tenant) -> None:
    tenant.local.give(seed.EXPORTS, "Reader", oid(ALICE))
    [row] = observed(
        tenant.system, assignment(tenant.system, {"scope": seed.EXPORTS, "role": "reader"})
    )
    assert (row.marker, row.controller, row.until) == (None, None, None)
    assert row.since is not None
    assert row.handle.startswith(seed.EXPORTS)


def test_a_scope_written_in_another_case_is_the_same_scope(tenant: Tenant) -> None:
    tenant.local.give(seed.RG_PAYMENTS.replace("payments", "PAYMENTS"), "Reader", oid(ALICE))
    [row] = observed(tenant.system, assignment(tenant.system, READER))
    assert "/resourceGroups/PAYMENTS/" in row.handle  # ARM is asked in its own spelling


def test_access_under_a_condition_is_not_held(tenant: Tenant) -> None:
    tenant.local.give(seed.RG_PAYMENTS, "Reader", oid(ALICE), condition="@Resource[…] x")
    [row] = observed(tenant.system, assignment(tenant.system, READER))
    assert (row.marker, row.controller) == (None, "condition")


def test_a_row_whose_description_was_emptied_is_still_ours(tenant: Tenant) -> None:
    wanted = assignment(tenant.system, READER)
    assert carried_out(tenant.system, add(wanted)) == [""]
    [row] = [
        r
        for r in tenant.local.state.assignments()
        if r.scope == seed.RG_PAYMENTS.lower().replace("resourcegroups", "resourceGroups")
    ]
    tenant.local.state.keep(replace(row, description=None))
    [seen] = observed(tenant.system, wanted)
    assert seen.marker == wanted.id


def test_a_marker_of_ours_on_another_row_is_reported_as_it_stands(tenant: Tenant) -> None:
    marker = "a2" * 13
    tenant.local.give(seed.RG_PAYMENTS, "Reader", oid(ALICE), f"jit:{marker} until whenever")
    [row] = observed(tenant.system, assignment(tenant.system, READER))
    assert row.marker == marker


def test_a_role_that_is_gone_is_shown_by_its_id(tenant: Tenant) -> None:
    tenant.local.give(seed.SUB_PAYMENTS, "Contributor", oid(ALICE))
    del tenant.local.state.roles[seed.CONTRIBUTOR]
    roles = {row.assignment.entitlement.role for row in tenant.rows(seed.SUB_PAYMENTS)}
    assert seed.CONTRIBUTOR in roles


def test_a_scope_that_does_not_exist_is_an_error(tenant: Tenant) -> None:
    with pytest.raises(NotFound, match="The management group 'gone' cannot be found"):
        tenant.rows("/providers/Microsoft.Management/managementGroups/gone")


def test_a_subscription_that_arm_does_not_show_is_not_called_missing(tenant: Tenant) -> None:
    """ARM says the same of one that we may no longer read: its access may well be there."""
    with pytest.raises(
        ProviderError, match=r"SubscriptionNotFound: The subscription '.*0c' could"
    ) as failed:
        tenant.rows("/subscriptions/00000000-0000-0000-0000-00000000000c")
    assert not isinstance(failed.value, NotFound)


def test_a_404_that_is_not_arms_own_is_not_called_missing(tenant: Tenant) -> None:
    tenant.faults.arm(Fault("azure", "GET *roleAssignments[?]*", FaultKind.STATUS, 404))
    with pytest.raises(ProviderError, match="404") as failed:
        tenant.rows(seed.SUB_PAYMENTS)
    assert not isinstance(failed.value, NotFound)


def test_rule_4_every_page_of_a_list_must_have_its_rows(tenant: Tenant) -> None:
    later = "GET *roleAssignments[?]*skiptoken*"
    tenant.faults.arm(Fault("azure", later, FaultKind.EMPTY))
    with pytest.raises(ProviderError, match="a page of the list came without its `value`"):
        tenant.rows(seed.SUB_PAYMENTS)
    assert len(tenant.rows(seed.SUB_PAYMENTS)) == 3


def test_rule_4_role_definitions_are_read_whole_too(tenant: Tenant) -> None:
    tenant.faults.arm(Fault("azure", "GET *roleDefinitions[?]*", FaultKind.EMPTY))
    reader = tenant.system.open_reader(no_pace)
    with pytest.raises(ProviderError, match="without its `value`"):
        reader.canonical(tenant.entitlement())
    again = tenant.system.open_reader(no_pace)
    assert again.canonical(tenant.entitlement()).role == "Reader"  # the next run asks again


# roles


@pytest.mark.parametrize("spelling", ["reader", "READER", seed.READER, seed.READER.upper()])
def test_a_role_by_name_or_id_is_one_role(tenant: Tenant, spelling: str) -> None:
    entitlement = tenant.entitlement({"scope": seed.RG_PAYMENTS, "role": spelling})
    assert tenant.system.open_reader(no_pace).canonical(entitlement).role == "Reader"


def test_a_custom_role_of_one_resource_group_is_found(tenant: Tenant) -> None:
    entitlement = tenant.entitlement({"scope": seed.RG_PAYMENTS, "role": "settlement operator"})
    assert tenant.system.open_reader(no_pace).canonical(entitlement).role == "Settlement Operator"


def test_an_unknown_role_is_not_found_and_the_nearest_one_is_a_question(tenant: Tenant) -> None:
    """Never an order: the nearest name may be that of a stronger role."""
    entitlement = tenant.entitlement({"scope": seed.RG_PAYMENTS, "role": "Contributer"})
    with pytest.raises(NotFound, match="find the role 'Contributer' at") as failed:
        tenant.system.open_reader(no_pace).canonical(entitlement)
    assert failed.value.cause == (
        "no role of that name can be assigned at this scope; did you mean 'Contributor'?"
    )


def test_a_role_that_the_robot_may_not_look_up_is_not_called_missing(tenant: Tenant) -> None:
    tenant.faults.arm(Fault("azure", "GET *roleDefinitions[?]*", FaultKind.STATUS, 403))
    with pytest.raises(ProviderError, match="403") as failed:
        tenant.system.open_reader(no_pace).canonical(tenant.entitlement())
    assert not isinstance(failed.value, NotFound)


def test_the_role_of_the_documentation_is_there_to_try(tenant: Tenant) -> None:
    item = {"scope": seed.EXPORTS, "role": "storage blob data reader"}
    found = tenant.system.open_reader(no_pace).canonical(tenant.entitlement(item))
    assert found.role == "Storage Blob Data Reader"


def test_a_name_that_two_roles_have_needs_the_id(tenant: Tenant) -> None:
    other = "11111111-1111-1111-1111-111111111111"
    tenant.local.state.roles[other] = RoleDefinition(other, "READER", "")
    reader = tenant.system.open_reader(no_pace)
    with pytest.raises(ProviderError, match=f"2 roles have this name; .*{other}"):
        reader.canonical(tenant.entitlement())


def test_many_threads_ask_for_the_roles_once(tenant: Tenant) -> None:
    reader = tenant.system.open_reader(no_pace)
    start = threading.Barrier(8)

    def ask() -> Entitlement:
        start.wait()
        return reader.canonical(tenant.entitlement())

    with ThreadPoolExecutor(8) as pool:
        assert len({f.result() for f in [pool.submit(ask) for _ in range(8)]}) == 1
    # seven roles on pages of four
    assert asked(tenant.faults) == ["GET roleDefinitions"] * 2


# principals


def test_a_person_is_found_by_mail_and_once(tenant: Tenant) -> None:
    reader = tenant.system.open_reader(no_pace)
    for _ in range(3):
        found = reader.principal(ALICE, tenant.entitlement(), "")
    assert found.id == f"user:{oid(ALICE)}"
    assert asked(tenant.faults) == ["GET /v1.0/users"]


def test_a_guest_is_found_by_the_mail_that_people_know(tenant: Tenant) -> None:
    guest = Subject(PERSON, "frank@example.com")
    assert tenant.principal(guest) == f"user:{oid(guest)}"
    mangled = replace(guest, accounts=("frank_example.com#EXT#@acme.onmicrosoft.com",))
    assert tenant.principal(mangled) == f"user:{oid(guest)}"


def test_case_of_a_mail_address_does_not_matter(tenant: Tenant) -> None:
    assert tenant.principal(replace(ALICE, accounts=("Alice@Example.com",))) == f"user:{oid(ALICE)}"


def test_an_apostrophe_in_a_mail_address_is_no_filter(tenant: Tenant) -> None:
    name = "o'brien@example.com"
    brien = DirectoryObject(seed.object_id(name), "User", "Brien", name, name)
    tenant.local.state.principals[brien.id] = brien
    assert tenant.principal(Subject(PERSON, name)) == f"user:{brien.id}"
    with pytest.raises(UnknownPrincipal):
        tenant.principal(Subject(PERSON, "x' or mail eq 'alice@example.com"))


def test_nobody_and_more_than_one_are_unknown(tenant: Tenant) -> None:
    with pytest.raises(UnknownPrincipal, match="no user has the mail address or name zoe@example"):
        tenant.principal(Subject(PERSON, "zoe@example.com"))
    twin = DirectoryObject(
        seed.object_id("twin"), "User", "Twin", "alice@example.com", "a2@acme.com"
    )
    tenant.local.state.principals[twin.id] = twin
    with pytest.raises(UnknownPrincipal, match="2 users have the mail address"):
        tenant.principal(ALICE)


def test_a_second_hit_on_the_next_page_counts(tenant: Tenant) -> None:
    tenant.local._arm = replace(tenant.local._arm, page_size=1)
    twin = DirectoryObject(
        seed.object_id("twin"), "User", "Twin", "alice@example.com", "a2@acme.com"
    )
    tenant.local.state.principals[twin.id] = twin
    with pytest.raises(UnknownPrincipal, match="2 users"):
        tenant.principal(ALICE)


def test_an_answer_without_people_is_not_nobody(tenant: Tenant) -> None:
    tenant.faults.arm(Fault("azure", "GET /v1.0/users*", FaultKind.EMPTY))
    with pytest.raises(ProviderError, match="without its `value`") as failed:
        tenant.principal(ALICE)
    assert not isinstance(failed.value, UnknownPrincipal)


def test_an_object_id_in_the_directory_asks_nobody(tenant: Tenant) -> None:
    group = Subject(SubjectKind.GROUP, "auditors", (seed.object_id("auditors").upper(),))
    assert tenant.principal(group) == f"group:{seed.object_id('auditors')}"
    service = Subject(SubjectKind.SERVICE, "deployer", (seed.object_id("deployer"),))
    assert tenant.principal(service) == f"serviceprincipal:{seed.object_id('deployer')}"
    assert asked(tenant.faults) == []


def test_groups_and_services_need_an_object_id(tenant: Tenant) -> None:
    with pytest.raises(UnknownPrincipal, match=r"write its object id under `accounts: {azure: …}`"):
        tenant.principal(Subject(SubjectKind.GROUP, "auditors", ("auditors",)))


def test_two_accounts_are_one_too_many(tenant: Tenant) -> None:
    with pytest.raises(UnknownPrincipal, match="it has 2 accounts here"):
        tenant.principal(replace(ALICE, accounts=("a@example.com", "b@example.com")))


def test_we_know_who_we_are(tenant: Tenant) -> None:
    own = tenant.system.open_reader(no_pace).own()
    assert own == {f"serviceprincipal:{seed.object_id(seed.RECONCILER)}"}
