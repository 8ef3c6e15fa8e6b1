"""Azure Resource Manager's Microsoft.Authorization, as answers to requests. Keeps nothing itself.

`$filter` as in the REST reference: `atScope()` is at or above the scope, `principalId eq` at, above
and below it, and goes with no other (azure-powershell#20433), `assignedTo` counts groups at any depth
and takes no group's id, no filter is all of them. Newer and older api-versions are refused, so that a client that
mixes them up is seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from reconciler.sandbox.azure import seed
from reconciler.sandbox.azure.pim import Pim
from reconciler.sandbox.azure.pim_wire import (
    instance_json,
    new_request,
    request_json,
    schedule_json,
)
from reconciler.sandbox.azure.state import Refusal, RoleAssignment, State
from reconciler.sandbox.azure.wire import guid_of, iso
from reconciler.sandbox.azure.wsgi import Answer, Asked

_ROUTE = re.compile(
    r"^(?P<scope>.*)/providers/Microsoft\.Authorization/"
    r"(?P<kind>[A-Za-z]+)(?:/(?P<name>[^/]+))?$",
    re.IGNORECASE,
)
_VERSIONS = {
    "roleassignments": "2022-04-01",
    "roledefinitions": "2022-04-01",
    "roleassignmentschedules": "2020-10-01",
    "roleassignmentscheduleinstances": "2020-10-01",
    "roleassignmentschedulerequests": "2020-10-01",
}
_PRINCIPAL = re.compile(r"^\(?principalId eq '?([0-9a-fA-F-]{36})'?\)?$", re.IGNORECASE)
_ASSIGNED_TO = re.compile(r"assignedTo\('([0-9a-fA-F-]{36})'\)", re.IGNORECASE)
_ROLE_NAME = re.compile(r"^roleName eq '((?:[^']|'')*)'$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Arm:
    """Asked with `state.lock` held."""

    state: State
    pim: Pim
    page_size: int

    def answer(self, asked: Asked, url: str) -> Answer:
        match = _ROUTE.match(asked.path)
        kind = match["kind"].lower() if match else ""
        if match is None or kind not in _VERSIONS:
            raise Refusal(404, "InvalidResourceType", f"{asked.path} is not known here.")
        _check_version(kind, asked.query)
        scope = match["scope"] or "/"
        if kind == "roledefinitions":
            return self._page(asked, url, self._role_definitions(scope, asked.query))
        self.pim.settle()
        # A role assignment has its own address: it can be read and deleted where the scope is gone.
        if match["name"] is None:
            self.state.check_scope(scope)
            return self._page(asked, url, self._listed(kind, scope, asked.query))
        if kind == "roleassignments":
            return self._role_assignment(asked, scope, match["name"])
        if kind == "roleassignmentschedulerequests":
            return self._request(asked, scope, match["name"])
        raise Refusal(405, "MethodNotAllowed", f"{asked.method} is not allowed here.")

    # lists

    def _listed(self, kind: str, scope: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        text = query.get("$filter", "")
        rows = self._rows(scope, text)
        if kind == "roleassignments":
            return [_assignment_json(row) for row in rows]
        if kind in ("roleassignmentscheduleinstances", "roleassignmentschedules"):
            shown_as = instance_json if kind.endswith("instances") else schedule_json
            return [
                shown_as(row, self.pim.schedule_of(row), self._member_type(row, scope, text))
                for row in rows
            ]
        shown = {(row.scope.lower(), row.role, row.principal) for row in rows}
        return [
            request_json(r)
            for r in self.pim.requests.values()
            if (r.scope.lower(), r.role, r.principal) in shown
        ]

    def _rows(self, scope: str, text: str) -> Sequence[RoleAssignment]:
        below = True
        keep: list[Callable[[RoleAssignment], bool]] = []
        parts = [part.strip() for part in re.split(r"\s+and\s+", text) if part.strip()]
        for part in parts:
            if part.lower() == "atscope()":
                below = False
            elif (match := _PRINCIPAL.match(part)) and len(parts) == 1:
                keep.append(_held_by({match[1].lower()}))
            elif match := _ASSIGNED_TO.fullmatch(part):
                keep.append(_held_by(self._with_groups(match[1].lower())))
            else:
                raise Refusal(400, "InvalidFilter", f"The filter '{part}' is not supported.")
        rows = self.state.visible(scope, below=below)
        return [row for row in rows if all(kept(row) for kept in keep)]

    def _with_groups(self, oid: str) -> set[str]:
        """Raises Refusal for a group: that is documented, its code is not."""
        principal = self.state.principals.get(oid)
        if principal and principal.type == "Group":
            raise Refusal(400, "InvalidFilter", f"'{oid}' is a group; assignedTo takes no group.")
        found = {oid}
        while more := {
            p.id
            for p in self.state.principals.values()
            if found & {*p.members} and p.id not in found
        }:
            found |= more
        return found

    def _member_type(self, row: RoleAssignment, scope: str, text: str) -> str:
        if row.scope.lower() in self.state.above(scope)[1:]:
            return "Inherited"
        match = _ASSIGNED_TO.search(text)
        return "Group" if match and match[1].lower() != row.principal else "Direct"

    def _role_definitions(self, scope: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        self.state.check_scope(scope)
        text = query.get("$filter", "")
        name = _ROLE_NAME.match(text)
        if text and not name and text.lower() != "atscopeandbelow()":
            raise Refusal(400, "InvalidFilter", f"The filter '{text}' is not supported.")
        below = text.lower() == "atscopeandbelow()"
        over = self.state.above(scope)
        rows = []
        for role in self.state.roles.values():
            assignable = any(
                a.lower() in over or (below and scope.lower() in self.state.above(a))
                for a in role.assignable
            )
            named = not name or role.name.lower() == name[1].replace("''", "'").lower()
            if assignable and named:
                rows.append(_role_json(role, scope))
        return rows

    def _page(self, asked: Asked, url: str, rows: list[dict[str, Any]]) -> Answer:
        if asked.method != "GET":
            raise Refusal(405, "MethodNotAllowed", f"{asked.method} is not allowed here.")
        skip = int(asked.query.get("$skiptoken", "0"))
        body: dict[str, Any] = {"value": rows[skip : skip + self.page_size]}
        if skip + self.page_size < len(rows):
            kept = {k: v for k, v in asked.query.items() if k != "$skiptoken"}
            kept["$skiptoken"] = str(skip + self.page_size)
            query = "&".join(f"{name}={quote(value)}" for name, value in kept.items())
            body["nextLink"] = f"{url}{quote(asked.path)}?{query}"
        if asked.fault == "empty":
            del body["value"]
        return Answer(200, body)

    # one role assignment

    def _role_assignment(self, asked: Asked, scope: str, name: str) -> Answer:
        row = self.state.find(scope, name)
        action = "Microsoft.Authorization/roleAssignments/"
        if asked.method == "GET":
            if row is None:
                raise Refusal(
                    404, "RoleAssignmentNotFound", f"The role assignment '{name}' is not found."
                )
            return Answer(200, _assignment_json(row))
        if asked.method == "DELETE":
            self.state.check_may_assign(asked.caller, action + "delete", scope)
            if row is None:
                return Answer(204, None)
            self.state.delete(row)
            return Answer(200, _assignment_json(row))
        if asked.method != "PUT":
            raise Refusal(405, "MethodNotAllowed", f"{asked.method} is not allowed here.")
        self.state.check_scope(scope)
        self.state.check_may_assign(asked.caller, action + "write", scope)
        properties = asked.body["properties"]
        made, new = self.state.put(
            RoleAssignment(
                name.lower(),
                scope,
                guid_of(properties["roleDefinitionId"]),
                properties["principalId"].lower(),
                "",
                properties.get("description"),
                properties.get("condition"),
                created_by=asked.caller,
            ),
            properties.get("principalType") or "",
        )
        return Answer(201 if new else 200, _assignment_json(made))

    def _request(self, asked: Asked, scope: str, name: str) -> Answer:
        if asked.method == "GET":
            there = self.pim.requests.get(name.lower())
            if there is None:
                raise Refusal(404, "RoleAssignmentRequestNotFound", f"{name} is not found.")
            return Answer(200, request_json(there))
        if asked.method != "PUT":
            raise Refusal(405, "MethodNotAllowed", f"{asked.method} is not allowed here.")
        self.state.check_scope(scope)
        action = "Microsoft.Authorization/roleAssignmentScheduleRequests/write"
        self.state.check_may_assign(asked.caller, action, scope)
        now = self.state.now()
        wanted = new_request(asked, scope, name.lower(), now, now + self.pim.delay)
        return Answer(201, request_json(self.pim.ask(wanted, scope)))


def _held_by(oids: set[str]) -> Callable[[RoleAssignment], bool]:
    return lambda row: row.principal in oids


def _check_version(kind: str, query: Mapping[str, str]) -> None:
    version = query.get("api-version")
    if version is None:
        raise Refusal(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    if version != _VERSIONS[kind]:
        raise Refusal(
            400,
            "InvalidResourceType",
            f"The resource type '{kind}' could not be found in the namespace "
            f"'Microsoft.Authorization' for api version '{version}'.",
        )


def _assignment_json(row: RoleAssignment) -> dict[str, Any]:
    return {
        "properties": {
            "roleDefinitionId": role_id(row.role, row.scope),
            "principalId": row.principal,
            "principalType": row.principal_type,
            "scope": row.scope,
            "condition": row.condition,
            "conditionVersion": "2.0" if row.condition else None,
            "createdOn": iso(row.created),
            "updatedOn": iso(row.updated),
            "createdBy": row.created_by or None,
            "updatedBy": row.created_by or None,
            "delegatedManagedIdentityResourceId": None,
            "description": row.description,
        },
        "id": row.id,
        "type": "Microsoft.Authorization/roleAssignments",
        "name": row.name,
    }


def role_id(role: str, scope: str) -> str:
    """Under the subscription, or under the tenant for what lies above subscriptions."""
    parts = scope.split("/")
    within = "/".join(parts[:3]) if scope.lower().startswith("/subscriptions/") else ""
    return f"{within}/providers/Microsoft.Authorization/roleDefinitions/{role}"


def _role_json(role: seed.RoleDefinition, scope: str) -> dict[str, Any]:
    return {
        "properties": {
            "roleName": role.name,
            "type": "BuiltInRole" if role.builtin else "CustomRole",
            "description": role.description,
            "assignableScopes": list(role.assignable),
            "permissions": [
                {"actions": ["*/read"], "notActions": [], "dataActions": [], "notDataActions": []}
            ],
        },
        "id": role_id(role.id, scope),
        "type": "Microsoft.Authorization/roleDefinitions",
        "name": role.id,
    }
