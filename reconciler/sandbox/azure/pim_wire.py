"""PIM's requests, schedules and instances in ARM's JSON. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from reconciler.sandbox.azure.pim import Request, Schedule
from reconciler.sandbox.azure.state import Refusal, RoleAssignment
from reconciler.sandbox.azure.wire import guid_of, iso, moment_of
from reconciler.sandbox.azure.wsgi import Asked

_AUTHORIZATION = "providers/Microsoft.Authorization"


def new_request(asked: Asked, scope: str, name: str, now: datetime, due: datetime) -> Request:
    """Raises Refusal for what PIM cannot read."""
    properties = asked.body["properties"]
    expiration = (properties.get("scheduleInfo") or {}).get("expiration") or {}
    kind, end = expiration.get("type"), None
    if kind == "AfterDateTime":
        end = moment_of(expiration["endDateTime"])
    elif kind not in (None, "NoExpiration") or (
        kind is None and properties["requestType"] == "AdminAssign"
    ):
        raise Refusal(
            400, "InvalidExpiration", f"The expiration type {kind} is not supported here."
        )
    ticket = properties.get("ticketInfo") or {}
    return Request(
        name,
        scope,
        guid_of(properties["roleDefinitionId"]),
        properties["principalId"].lower(),
        "",
        properties["requestType"],
        end,
        properties.get("justification") or "",
        (ticket.get("ticketNumber") or "", ticket.get("ticketSystem") or ""),
        asked.caller,
        now,
        due,
    )


def request_json(request: Request) -> dict[str, Any]:
    kind = "roleAssignmentScheduleRequests"
    schedule = f"{request.scope}/{_AUTHORIZATION}/roleAssignmentSchedules/{request.schedule}"
    return {
        "properties": {
            "targetRoleAssignmentScheduleId": schedule if request.schedule else None,
            "scope": request.scope,
            "roleDefinitionId": _role(request.role, request.scope),
            "principalId": request.principal,
            "principalType": request.principal_type,
            "requestType": request.kind,
            "status": request.status,
            "scheduleInfo": {
                "startDateTime": iso(request.created),
                "expiration": {
                    "type": "AfterDateTime" if request.end else "NoExpiration",
                    "endDateTime": iso(request.end) if request.end else None,
                    "duration": None,
                },
            },
            "justification": request.justification,
            "ticketInfo": {
                "ticketNumber": request.ticket[0],
                "ticketSystem": request.ticket[1],
            },
            "requestorId": request.requestor,
            "createdOn": iso(request.created),
        },
        "name": request.name,
        "id": f"{request.scope}/{_AUTHORIZATION}/{kind}/{request.name}",
        "type": f"Microsoft.Authorization/{kind}",
    }


def schedule_json(
    row: RoleAssignment, schedule: Schedule | None, member_type: str
) -> dict[str, Any]:
    """Access that was made outside PIM has a schedule too: no end, and no request."""
    name = schedule.name if schedule else row.name
    kind = "RoleAssignmentSchedules"
    asked_by = (
        f"{row.scope}/{_AUTHORIZATION}/RoleAssignmentScheduleRequests/{schedule.request}"
        if schedule
        else None
    )
    properties = _live(row, schedule, member_type) | {
        "roleAssignmentScheduleRequestId": asked_by,
        "updatedOn": iso(row.updated),
    }
    return {
        "properties": properties,
        "name": name,
        "id": f"{row.scope}/{_AUTHORIZATION}/{kind}/{name}",
        "type": f"Microsoft.Authorization/{kind}",
    }


def instance_json(
    row: RoleAssignment, schedule: Schedule | None, member_type: str
) -> dict[str, Any]:
    kind = "RoleAssignmentScheduleInstances"
    name = schedule.name if schedule else row.name
    properties = _live(row, schedule, member_type) | {
        "roleAssignmentScheduleId": f"{row.scope}/{_AUTHORIZATION}/RoleAssignmentSchedules/{name}",
        "originRoleAssignmentId": row.id,
    }
    return {
        "properties": properties,
        "name": row.name,
        "id": f"{row.scope}/{_AUTHORIZATION}/{kind}/{row.name}",
        "type": f"Microsoft.Authorization/{kind}",
    }


def _live(row: RoleAssignment, schedule: Schedule | None, member_type: str) -> dict[str, Any]:
    end = schedule.end if schedule else None
    return {
        "scope": row.scope,
        "roleDefinitionId": _role(row.role, row.scope),
        "principalId": row.principal,
        "principalType": row.principal_type,
        "status": "Provisioned",
        "startDateTime": iso(schedule.start if schedule else row.created),
        "endDateTime": iso(end) if end else None,
        "assignmentType": "Assigned",
        "memberType": member_type,
        "condition": row.condition,
        "conditionVersion": "2.0" if row.condition else None,
        "createdOn": iso(row.created),
    }


def _role(role: str, scope: str) -> str:
    within = "/".join(scope.split("/")[:3]) if scope.startswith("/subscriptions/") else ""
    return f"{within}/{_AUTHORIZATION}/roleDefinitions/{role}"
