"""Asks PIM to assign, move the end of, and remove active assignments. Never eligible ones.

PIM takes a request and carries it out in its own time, so each one is followed by looking.
"""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from azure.core.exceptions import HttpResponseError
from azure.mgmt.authorization.v2020_10_01.models import (
    RoleAssignmentScheduleRequest,
    RoleAssignmentScheduleRequestPropertiesScheduleInfo,
    RoleAssignmentScheduleRequestPropertiesScheduleInfoExpiration,
    RoleAssignmentScheduleRequestPropertiesTicketInfo,
)

from reconciler.model import Action, Change
from reconciler.model.marking import Marking
from reconciler.providers.azure import marks
from reconciler.providers.azure.fresh import (
    MOVED,
    TAKEN,
    action,
    check_same,
    oid_of,
    refusal,
    seen,
)
from reconciler.providers.azure.roles import Role
from reconciler.providers.azure.rows import Row, Rows
from reconciler.providers.azure.session import Session, code, said

# PIM's codes for "you asked that already": the answer to our first try was lost on the way.
_ASKED = frozenset({"RoleAssignmentRequestExists", "RoleAssignmentScheduleRequestExists"})
_HINTS = {
    "RoleAssignmentRequestPolicyValidationFailed": (
        "PIM's settings of this role refuse it; ask for less time, or have them changed"
    ),
    "PendingRoleAssignmentRequest": (
        "PIM is still busy with an earlier request; the next run tries again"
    ),
}


class PimRequests:
    def __init__(self, session: Session, rows: Rows, patience: float, marking: Marking) -> None:
        self._marking = marking
        self._session = session
        self._rows = rows
        self._patience = patience

    def set(self, change: Change, role: Role) -> None:
        """Make the assignment, or move its end. Raises ProviderError."""
        row = self._row(change, role.guid)
        if row and self._right(row, change.until):
            return
        now = self._rows.observed(row) if row else None
        if change.action is not Action.ADD:
            check_same(change, now)
            self._ask(change, "AdminUpdate", role.id)
        elif now and now.marker:
            raise refusal(change, MOVED)
        else:
            self._ask(change, "AdminAssign", role.id)  # PIM refuses what somebody else holds
        if not seen(lambda: self._is_set(change, role.guid), self._patience):
            raise refusal(change, "PIM took the request, and has not carried it out yet")

    def remove(self, change: Change) -> bool:
        """False when the row was made without PIM, and has to be removed without it."""
        live = change.live
        handle = live.handle.lower() if live else ""
        row = next((r for r in self._of(change) if r.id.lower() == handle), None)
        if row is None:
            return True
        if not row.managed:
            return False
        check_same(change, self._rows.observed(row))
        self._ask(change, "AdminRemove", row.role_id)
        if not seen(lambda: all(r.id != row.id for r in self._of(change)), self._patience):
            raise refusal(change, "PIM took the request, and has not carried it out yet")
        return True

    def _ask(self, change: Change, kind: str, role_id: str) -> None:
        removes = kind == "AdminRemove"
        mark = self._marking.text(change.assignment)
        wanted = RoleAssignmentScheduleRequest(
            role_definition_id=role_id,
            principal_id=oid_of(change),
            request_type=kind,
            justification=f"jit:{mark} {change.cause}"
            if removes
            else marks.description(mark, change.until, change.grants),
            schedule_info=None if removes else _schedule(change.until),
            ticket_info=RoleAssignmentScheduleRequestPropertiesTicketInfo(
                ticket_number=f"jit:{mark}", ticket_system="access-reconciler"
            ),
        )
        scope = change.assignment.entitlement.resource.lstrip("/")
        name = marks.request_name(uuid4(), self._marking.owner)
        with self._session.explained(action(change)):
            try:
                self._session.pim.role_assignment_schedule_requests.create(scope, name, wanted)
            except HttpResponseError as e:
                self._forgive(change, e)

    def _forgive(self, change: Change, error: HttpResponseError) -> None:
        """What is no failure returns; what can be explained better raises ProviderError."""
        why = code(error)
        if why in _ASKED:
            return
        if why == "RoleAssignmentDoesNotExist" and change.action is Action.REMOVE:
            return
        if why == "RoleAssignmentExists":
            raise refusal(change, TAKEN) from error
        if why == "ActiveDurationTooShort":
            raise refusal(change, _too_short(change)) from error
        if why in _HINTS:
            raise refusal(change, f"{_HINTS[why]} ({said(error)})") from error
        raise error

    def _of(self, change: Change) -> tuple[Row, ...]:
        return self._rows.of(change.assignment.entitlement.resource, oid_of(change))

    def _row(self, change: Change, role: str) -> Row | None:
        found = [row for row in self._of(change) if row.role == role]
        return next((row for row in found if not row.condition), found[0] if found else None)

    def _right(self, row: Row, until: datetime | None) -> bool:
        return self._rows.asked_by_us(row) and row.until == until

    def _is_set(self, change: Change, role: str) -> bool:
        row = self._row(change, role)
        return row is not None and self._right(row, change.until)


def _schedule(until: datetime | None) -> RoleAssignmentScheduleRequestPropertiesScheduleInfo:
    expiration = RoleAssignmentScheduleRequestPropertiesScheduleInfoExpiration(
        type="AfterDateTime" if until else "NoExpiration", end_date_time=until
    )
    return RoleAssignmentScheduleRequestPropertiesScheduleInfo(expiration=expiration)


def _too_short(change: Change) -> str:
    if change.action is Action.REMOVE:
        return (
            "PIM removes nothing within 5 minutes of making it; the next run tries again "
            "(ActiveDurationTooShort)"
        )
    return "PIM makes nothing that ends within 5 minutes (ActiveDurationTooShort)"
