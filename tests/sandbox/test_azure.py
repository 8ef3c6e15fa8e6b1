"""The local Azure behaves like ARM, PIM, the login endpoints and Microsoft Graph where it matters."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import pytest
from azure.mgmt.authorization.v2020_10_01 import models as pim_models
from azure.mgmt.authorization.v2022_04_01 import models

from reconciler.sandbox.azure import LocalAzure, seed
from reconciler.sandbox.faults import Faults

AUTHORIZATION = "/providers/Microsoft.Authorization"
NOBODY = "99999999-9999-4999-8999-999999999999"
ALICE, BOB = seed.object_id("alice@example.com"), seed.object_id("bob@example.com")
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


@dataclass
class Client:
    """Plain HTTPS on one connection, so that nothing of the SDK hides what is sent."""

    local: LocalAzure
    connection: HTTPSConnection
    headers: dict[str, str]

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body)
        self.connection.request(method, path, data, self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None

    def list(self, scope: str, kind: str = "roleAssignments", **query: str) -> list[dict[str, Any]]:
        version = "2020-10-01" if "Schedule" in kind else "2022-04-01"
        text = urlencode({"api-version": version, **{f"${k}": v for k, v in query.items()}})
        status, body = self.ask("GET", f"{scope}{AUTHORIZATION}/{kind}?{text}")
        assert status == 200, body
        found: list[dict[str, Any]] = body["value"]
        while "nextLink" in body:
            status, body = self.ask("GET", body["nextLink"].removeprefix(self.local.url))
            found += body["value"]
        return found

    def put(self, scope: str, role: str, oid: str, name: str = "", **more: Any) -> tuple[int, Any]:
        properties = {
            "roleDefinitionId": f"{seed.SUB_PAYMENTS}{AUTHORIZATION}/roleDefinitions/{role}",
            "principalId": oid,
            **more,
        }
        path = f"{scope}{AUTHORIZATION}/roleAssignments/{name or uuid4()}?api-version=2022-04-01"
        return self.ask("PUT", path, {"properties": properties})

    def request(self, kind: str, end: datetime | None = None, name: str = "") -> tuple[int, Any]:
        properties: dict[str, Any] = {
            "roleDefinitionId": f"{AUTHORIZATION}/roleDefinitions/{seed.READER}",
            "principalId": ALICE,
            "requestType": kind,
            "scheduleInfo": {
                "expiration": {
                    "type": "AfterDateTime" if end else "NoExpiration",
                    "endDateTime": end.isoformat() if end else None,
                }
            },
        }
        path = f"{seed.RG_PAYMENTS}{AUTHORIZATION}/roleAssignmentScheduleRequests/{name or uuid4()}"
        return self.ask("PUT", f"{path}?api-version=2020-10-01", {"properties": properties})


def scopes(rows: list[dict[str, Any]]) -> set[str]:
    return {row["properties"]["scope"] for row in rows}


def code(answer: tuple[int, Any]) -> tuple[int, str]:
    return answer[0], answer[1]["error"]["code"]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    local = LocalAzure(page_size=3)
    served = local.start(Faults(), tmp_path)
    trusted = ssl.create_default_context(cafile=served.settings["ca"])
    connection = HTTPSConnection(local.url.removeprefix("https://"), context=trusted, timeout=10)
    form = {"client_id": served.env["AZURE_CLIENT_ID"], "scope": f"{local.url}/.default"}
    connection.request("POST", f"/{seed.TENANT}/oauth2/v2.0/token", urlencode(form))
    token = json.loads(connection.getresponse().read())["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        yield Client(local, connection, headers)
    finally:
        connection.close()
        local.stop()


# role assignments


def test_a_list_without_filter_is_at_above_and_below(client: Client) -> None:
    client.put(seed.EXPORTS, seed.READER, ALICE)
    assert scopes(client.list(seed.SUB_PAYMENTS)) == {
        "/",
        seed.GROUP_ACME,
        seed.SUB_PAYMENTS,
        seed.EXPORTS,
    }


def test_at_scope_is_at_or_above(client: Client) -> None:
    client.put(seed.EXPORTS, seed.READER, ALICE)
    found = scopes(client.list(seed.SUB_PAYMENTS, filter="atScope()"))
    assert found == {"/", seed.GROUP_ACME, seed.SUB_PAYMENTS}


def test_a_principals_rows_are_at_above_and_below(client: Client) -> None:
    grace = seed.object_id("grace@example.com")
    client.put(seed.EXPORTS, seed.READER, grace)
    found = client.list(seed.SUB_PAYMENTS, filter=f"principalId eq '{grace}'")
    assert scopes(found) == {"/", seed.EXPORTS}


def test_assigned_to_counts_groups(client: Client) -> None:
    erin = seed.object_id("erin@example.com")
    found = client.list(seed.SUB_PAYMENTS, filter=f"atScope() and assignedTo('{erin}')")
    assert [row["properties"]["principalId"] for row in found] == [seed.object_id("auditors")]


def test_assigned_to_counts_groups_in_groups(client: Client) -> None:
    outer = client.local.add_group("outer", client.local.add_group("inner", ALICE))
    client.put(seed.RG_PAYMENTS, seed.READER, outer)
    found = client.list(seed.RG_PAYMENTS, filter=f"assignedTo('{ALICE}')")
    assert [row["properties"]["principalId"] for row in found] == [outer]


@pytest.mark.parametrize(
    "text",
    [
        "roleName eq 'x'",
        f"atScope() and principalId eq '{ALICE}'",
        f"assignedTo('{seed.object_id('auditors')}')",
    ],
)
def test_a_filter_that_arm_does_not_take_is_refused(client: Client, text: str) -> None:
    path = f"{seed.SUB_PAYMENTS}{AUTHORIZATION}/roleAssignments"
    query = urlencode({"$filter": text, "api-version": "2022-04-01"})
    assert code(client.ask("GET", f"{path}?{query}")) == (400, "InvalidFilter")


def test_pages_are_linked_by_skiptoken(client: Client) -> None:
    path = f"{seed.SUB_PAYMENTS}{AUTHORIZATION}/roleAssignments?api-version=2022-04-01"
    _, first = client.ask("GET", path)
    assert len(first["value"]) == 3
    assert "$skiptoken=" in first["nextLink"]
    rows = client.list(seed.SUB_PAYMENTS)
    assert len(rows) == len({row["id"] for row in rows}) == 6


def test_the_scope_is_found_in_any_case_and_kept_as_written(client: Client) -> None:
    odd = seed.RG_PAYMENTS.replace("resourceGroups/payments", "RESOURCEGROUPS/Payments")
    status, made = client.put(odd, seed.READER, ALICE)
    assert (status, made["properties"]["scope"]) == (201, odd)
    assert odd in scopes(client.list(seed.RG_PAYMENTS))
    assert code(client.put(seed.RG_PAYMENTS, seed.READER, ALICE)) == (409, "RoleAssignmentExists")


def test_the_same_name_updates_the_description_and_nothing_else(client: Client) -> None:
    name = str(uuid4())
    assert client.put(seed.RG_PAYMENTS, seed.READER, ALICE, name)[0] == 201
    status, row = client.put(seed.RG_PAYMENTS, seed.READER, ALICE, name, description="x")
    assert (status, row["properties"]["description"]) == (200, "x")
    refused = client.put(seed.RG_PAYMENTS, seed.READER, BOB, name)
    assert code(refused) == (400, "RoleAssignmentUpdateNotPermitted")


@pytest.mark.parametrize(
    ("scope", "role", "oid", "more", "answer"),
    [
        (seed.RG_PAYMENTS, seed.READER, NOBODY, {}, (400, "PrincipalNotFound")),
        (seed.RG_PAYMENTS, NOBODY, ALICE, {}, (400, "RoleDefinitionDoesNotExist")),
        (seed.SUB_DATA, seed.SETTLEMENT_OPERATOR, ALICE, {}, (400, "InvalidRoleDefinitionScope")),
        (seed.RG_PAYMENTS + "x", seed.READER, ALICE, {}, (404, "ResourceGroupNotFound")),
        (seed.EXPORTS + "x", seed.READER, ALICE, {}, (404, "ResourceNotFound")),
        (seed.SUB_PAYMENTS[:-1] + "c", seed.READER, ALICE, {}, (404, "SubscriptionNotFound")),
        (seed.GROUP_ACME + "x", seed.READER, ALICE, {}, (404, "NotFound")),
        (
            seed.RG_PAYMENTS,
            seed.READER,
            ALICE,
            {"principalType": "Group"},
            (400, "UnmatchedPrincipalType"),
        ),
        (seed.RG_PAYMENTS, seed.READER, ALICE, {"name": "x"}, (400, "InvalidRoleAssignmentId")),
    ],
)
def test_what_arm_refuses(
    client: Client, scope: str, role: str, oid: str, more: dict[str, str], answer: tuple[int, str]
) -> None:
    assert code(client.put(scope, role, oid, **more)) == answer


def test_only_who_may_assign_roles_can(client: Client) -> None:
    for row in client.local.state.assignments():
        if row.principal == seed.object_id(seed.RECONCILER):
            client.local.state.drop(row)
    assert code(client.put(seed.RG_PAYMENTS, seed.READER, ALICE)) == (403, "AuthorizationFailed")


def test_deleting_answers_200_and_then_204(client: Client) -> None:
    _, made = client.put(seed.RG_PAYMENTS, seed.READER, ALICE)
    path = f"{made['id']}?api-version=2022-04-01"
    assert client.ask("GET", path)[0] == 200
    assert client.ask("DELETE", path)[0] == 200
    assert client.ask("DELETE", path) == (204, None)
    assert code(client.ask("GET", path)) == (404, "RoleAssignmentNotFound")


def test_every_call_says_its_api_version(client: Client) -> None:
    path = f"{seed.SUB_PAYMENTS}{AUTHORIZATION}/roleAssignments"
    assert code(client.ask("GET", path)) == (400, "MissingApiVersionParameter")
    assert code(client.ask("GET", f"{path}?api-version=2020-10-01")) == (400, "InvalidResourceType")


def test_the_sdks_models_know_every_key_that_is_sent(client: Client) -> None:
    """The models are generated from Azure's own description."""
    client.put(seed.RG_PAYMENTS, seed.READER, BOB, description="x", condition="@x")
    client.request("AdminAssign", datetime.now(UTC) + timedelta(hours=1))
    for kind, model in (
        ("roleAssignments", models.RoleAssignment),
        ("roleDefinitions", models.RoleDefinition),
        ("roleAssignmentSchedules", pim_models.RoleAssignmentSchedule),
        ("roleAssignmentScheduleInstances", pim_models.RoleAssignmentScheduleInstance),
        ("roleAssignmentScheduleRequests", pim_models.RoleAssignmentScheduleRequest),
    ):
        known = {entry["key"] for entry in model._attribute_map.values()}
        rows = client.list(seed.RG_PAYMENTS, kind)
        sent = {key for row in rows for key in row if key != "properties"}
        sent |= {f"properties.{key}" for row in rows for key in row["properties"]}
        assert sent - known == set(), kind
        assert rows


# role definitions


def test_custom_roles_below_are_listed_only_when_asked_for(client: Client) -> None:
    names = {d["properties"]["roleName"] for d in client.list(seed.SUB_PAYMENTS, "roleDefinitions")}
    assert "Settlement Operator" not in names
    below = client.list(seed.SUB_PAYMENTS, "roleDefinitions", filter="atScopeAndBelow()")
    assert {d["properties"]["roleName"] for d in below} - names == {"Settlement Operator"}
    [reader] = client.list(seed.SUB_PAYMENTS, "roleDefinitions", filter="roleName eq 'reader'")
    assert reader["name"] == seed.READER


# PIM


def at(client: Client, moment: datetime) -> None:
    client.local.state.now = lambda: moment


def test_a_requests_schedule_and_instance_belong_together(client: Client) -> None:
    at(client, NOON)
    status, made = client.request("AdminAssign", NOON + timedelta(hours=1))
    assert (status, made["properties"]["status"]) == (201, "Provisioned")
    by_alice = f"principalId eq '{ALICE}'"
    [schedule] = client.list(seed.RG_PAYMENTS, "roleAssignmentSchedules", filter=by_alice)
    [instance] = client.list(seed.RG_PAYMENTS, "roleAssignmentScheduleInstances", filter=by_alice)
    [row] = client.list(seed.RG_PAYMENTS, filter=by_alice)
    asked_by = schedule["properties"]["roleAssignmentScheduleRequestId"]
    assert asked_by.lower() == made["id"].lower()
    assert instance["properties"]["originRoleAssignmentId"] == row["id"]
    assert instance["properties"]["roleAssignmentScheduleId"] == schedule["id"]
    for found in (schedule, instance):
        assert found["properties"]["endDateTime"] == "2026-12-01T13:00:00.0000000Z"


def test_an_instance_says_whether_it_is_direct_of_a_group_or_inherited(client: Client) -> None:
    kind, auditors = "roleAssignmentScheduleInstances", seed.object_id("auditors")
    for filter in ("atScope()", f"assignedTo('{seed.object_id('erin@example.com')}')"):
        [here] = _of(auditors, client.list(seed.SUB_PAYMENTS, kind, filter=filter))
        assert here["memberType"] == ("Direct" if filter == "atScope()" else "Group")
        [below] = _of(auditors, client.list(seed.RG_PAYMENTS, kind, filter=filter))
        assert (below["memberType"], below["scope"]) == ("Inherited", seed.SUB_PAYMENTS)


def _of(oid: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row["properties"] for row in rows if row["properties"]["principalId"] == oid]


def test_an_assignment_is_over_at_its_end(client: Client) -> None:
    at(client, NOON)
    client.request("AdminAssign", NOON + timedelta(hours=1))
    at(client, NOON + timedelta(minutes=59, seconds=59))
    assert ALICE in client.local.holders(seed.RG_PAYMENTS, "Reader")
    at(client, NOON + timedelta(hours=1))
    assert client.list(seed.RG_PAYMENTS, filter=f"principalId eq '{ALICE}'") == []


def test_changing_an_end_makes_another_schedule_of_the_same_assignment(client: Client) -> None:
    at(client, NOON)
    client.request("AdminAssign", NOON + timedelta(hours=1))
    kind, mine = "roleAssignmentSchedules", f"principalId eq '{ALICE}'"
    [before] = client.list(seed.RG_PAYMENTS, kind, filter=mine)
    client.request("AdminUpdate")
    [after] = client.list(seed.RG_PAYMENTS, kind, filter=mine)
    assert before["name"] != after["name"]
    assert after["properties"]["endDateTime"] is None


def test_pims_refusals(client: Client) -> None:
    at(client, NOON)
    soon = NOON + timedelta(minutes=4, seconds=59)
    assert code(client.request("AdminRemove")) == (400, "RoleAssignmentDoesNotExist")
    assert code(client.request("AdminUpdate")) == (400, "RoleAssignmentDoesNotExist")
    assert code(client.request("AdminAssign", soon)) == (400, "ActiveDurationTooShort")
    name = str(uuid4())
    assert client.request("AdminAssign", name=name)[0] == 201
    assert code(client.request("AdminAssign", name=name)) == (400, "RoleAssignmentRequestExists")
    assert code(client.request("AdminAssign")) == (400, "RoleAssignmentExists")
    assert code(client.request("AdminRemove")) == (400, "ActiveDurationTooShort")
    at(client, NOON + timedelta(minutes=5))
    assert client.request("AdminRemove")[0] == 201
    assert code(client.request("AdminRemove")) == (400, "RoleAssignmentDoesNotExist")


def test_a_request_may_take_its_time(client: Client) -> None:
    at(client, NOON)
    client.local.pim.delay = timedelta(seconds=30)
    name = str(uuid4())
    _, made = client.request("AdminAssign", name=name)
    assert made["properties"]["status"] == "PendingProvisioning"
    assert ALICE not in client.local.holders(seed.RG_PAYMENTS, "Reader")
    assert code(client.request("AdminAssign")) == (400, "PendingRoleAssignmentRequest")
    at(client, NOON + timedelta(seconds=30))
    assert ALICE in client.local.holders(seed.RG_PAYMENTS, "Reader")
    _, found = client.ask("GET", f"{made['id']}?api-version=2020-10-01")
    assert found["properties"]["status"] == "Provisioned"


def test_deleting_the_role_assignment_ends_it_for_pim_too(client: Client) -> None:
    at(client, NOON)
    client.request("AdminAssign")
    [row] = client.list(seed.RG_PAYMENTS, filter=f"principalId eq '{ALICE}'")
    assert client.ask("DELETE", f"{row['id']}?api-version=2022-04-01")[0] == 200
    assert client.request("AdminAssign")[0] == 201


# login and Graph


def test_a_call_without_a_token_for_this_host_is_refused(client: Client) -> None:
    path = f"{seed.SUB_PAYMENTS}{AUTHORIZATION}/roleAssignments?api-version=2022-04-01"
    good = client.headers.pop("Authorization")
    assert code(client.ask("GET", path)) == (401, "AuthenticationFailed")
    client.local.url, url = "https://elsewhere.example.com", client.local.url
    client.headers["Authorization"] = good
    assert code(client.ask("GET", path)) == (401, "InvalidAuthenticationToken")
    client.local.url = url
    assert client.ask("GET", path)[0] == 200


def test_the_token_endpoint_knows_its_tenant_and_application(client: Client) -> None:
    token = "/oauth2/v2.0/token"
    for tenant, app, error in (
        (NOBODY, "x", "AADSTS90002"),
        (seed.TENANT, NOBODY, "AADSTS700016"),
    ):
        client.connection.request("POST", f"/{tenant}{token}", urlencode({"client_id": app}))
        answer = client.connection.getresponse()
        assert error in json.loads(answer.read())["error_description"]


def test_graph_finds_people_by_mail_or_name(client: Client) -> None:
    def users(text: str) -> list[str]:
        status, body = client.ask("GET", f"/v1.0/users?$filter={quote(text)}")
        assert status == 200
        return [user["userPrincipalName"] for user in body["value"]]

    guest = "frank_example.com#EXT#@acme.onmicrosoft.com"
    assert users("mail eq 'FRANK@example.com'") == [guest]
    assert users("userPrincipalName eq 'frank@example.com'") == []
    assert users(f"mail eq 'x' or userPrincipalName eq '{guest}'") == [guest]


def test_what_is_shown_names_people_roles_ends_and_markers(client: Client) -> None:
    at(client, NOON)
    client.put(seed.EXPORTS, seed.READER, BOB, description="jit:x")
    client.request("AdminAssign", NOON + timedelta(hours=1))
    shown = {(row.resource, row.principal): row for row in client.local.rows()}
    assert shown[seed.EXPORTS, "bob@example.com"].marker == "jit:x"
    alice = shown[seed.RG_PAYMENTS, "alice@example.com"]
    assert (alice.role, alice.until) == ("Reader", "2026-12-01T13:00:00+00:00")
    assert ("/", "grace@example.com") in shown
