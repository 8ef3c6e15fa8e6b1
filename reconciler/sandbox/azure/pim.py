"""Privileged Identity Management on top of the role assignments: requests, schedules, their end.

Only active assignments by administrators; no eligibility, no approval.

From Microsoft Learn (pim-apis, pim-resource-roles-assign-roles), the REST examples of 2020-10-01 and
what azurerm's `pim_active_role_assignment` had to learn: requests are purged 45 days later, a
schedule gets another id each time it is changed, a new assignment is not removable for 5 minutes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

from reconciler.sandbox.azure.state import Refusal, RoleAssignment, State, role_assignment_exists

MINIMUM = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for. `status` is Provisioned, or PendingProvisioning until `due`."""

    name: str
    scope: str
    role: str
    principal: str
    principal_type: str
    kind: str
    end: datetime | None
    justification: str
    ticket: tuple[str, str]
    requestor: str
    created: datetime
    due: datetime
    status: str = "PendingProvisioning"
    schedule: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """An active assignment as PIM holds it; `assignment` is the name of the row it made in RBAC."""

    name: str
    scope: str
    role: str
    principal: str
    principal_type: str
    request: str
    start: datetime
    end: datetime | None
    assignment: str

    @property
    def tuple(self) -> tuple[str, str, str]:
        return self.scope.lower(), self.role, self.principal


class Pim:
    """`delay` is how long PIM takes to carry out a request that it has accepted.

    `longest` is the role setting "expire active assignments after", None for "never": the policy
    rule that refuses longer ones.
    """

    def __init__(self, state: State, delay: timedelta = timedelta(0)) -> None:
        self.state = state
        self.delay = delay
        self.longest: timedelta | None = None
        self.requests: dict[str, Request] = {}
        self._schedules: dict[tuple[str, str, str], Schedule] = {}

    def settle(self) -> None:
        """Carry out what is due, and end what has ended. Called before every look and request."""
        now = self.state.now()
        for request in tuple(self.requests.values()):
            if request.status == "PendingProvisioning" and request.due <= now:
                self._carry_out(request, now)
        for schedule in tuple(self._schedules.values()):
            if schedule.end is not None and schedule.end <= now:
                self._end(schedule)
            elif self.state.find(schedule.scope, schedule.assignment) is None:
                del self._schedules[schedule.tuple]  # its role assignment was deleted in RBAC

    def forget_requests(self) -> None:
        """What happens to requests 45 days later."""
        self.requests.clear()

    def ask(self, request: Request, declared_scope: str) -> Request:
        """Accept a request or refuse it. Raises Refusal."""
        self.settle()
        if request.name in self.requests:
            raise Refusal(
                400,
                "RoleAssignmentRequestExists",
                "The Role assignment request already exists.",
            )
        principal = self.state.principals.get(request.principal)
        if principal is None:
            raise Refusal(404, "SubjectNotFound", "The subject is not found.")
        self.state.check_role(request.role, declared_scope)
        self._check(request)
        accepted = replace(request, principal_type=principal.type)
        self.requests[request.name] = accepted
        self.settle()
        return self.requests[request.name]

    def _check(self, request: Request) -> None:
        live = self.state.same_tuple(request.scope, request.role, request.principal)
        pending = any(
            r.status == "PendingProvisioning"
            and (r.scope.lower(), r.role, r.principal)
            == (request.scope.lower(), request.role, request.principal)
            for r in self.requests.values()
        )
        if pending:
            raise Refusal(
                400,
                "PendingRoleAssignmentRequest",
                "There is already an existing pending Role assignment request.",
            )
        if request.kind == "AdminAssign" and live:
            # PIM words RBAC's conflict its own way, and answers 400 (azurerm and az-pim-cli issues).
            raise Refusal(400, "RoleAssignmentExists", role_assignment_exists(live).message)
        if request.kind in ("AdminUpdate", "AdminExtend", "AdminRemove") and live is None:
            raise Refusal(400, "RoleAssignmentDoesNotExist", "The Role assignment does not exist.")
        if request.kind == "AdminRemove":
            self._check_removable(request)
        elif request.kind in ("AdminAssign", "AdminUpdate", "AdminExtend"):
            self._check_end(request)
        else:
            raise Refusal(400, "InvalidRequestType", f"Request type {request.kind} is not known.")

    def _check_removable(self, request: Request) -> None:
        schedule = self._schedules.get((request.scope.lower(), request.role, request.principal))
        if schedule and self.state.now() - schedule.start < MINIMUM:
            raise _too_short()

    def _check_end(self, request: Request) -> None:
        if request.end is not None and request.end - self.state.now() < MINIMUM:
            raise _too_short()
        longest = self.longest
        if longest and (request.end is None or request.end - self.state.now() > longest):
            raise Refusal(
                400,
                "RoleAssignmentRequestPolicyValidationFailed",
                'The following policy rules failed: ["ExpirationRule"]',
            )

    def _carry_out(self, request: Request, now: datetime) -> None:
        key = request.scope.lower(), request.role, request.principal
        live = self.state.same_tuple(request.scope, request.role, request.principal)
        name = ""
        if request.kind == "AdminRemove":
            self._schedules.pop(key, None)
            if live:
                self.state.drop(live)
        else:
            if live is None:
                live = RoleAssignment(
                    str(uuid4()),
                    request.scope,
                    request.role,
                    request.principal,
                    request.principal_type,
                    created=now,
                    updated=now,
                    created_by=request.requestor,
                )
                self.state.keep(live)
            before = self._schedules.get(key)
            name = str(uuid4())
            self._schedules[key] = Schedule(
                name,
                request.scope,
                request.role,
                request.principal,
                request.principal_type,
                request.name,
                before.start if before else now,
                request.end,
                live.name,
            )
        self.requests[request.name] = replace(request, status="Provisioned", schedule=name)

    def _end(self, schedule: Schedule) -> None:
        del self._schedules[schedule.tuple]
        row = self.state.find(schedule.scope, schedule.assignment)
        if row:
            self.state.drop(row)

    def schedule_of(self, row: RoleAssignment) -> Schedule | None:
        return self._schedules.get(row.tuple)


def _too_short() -> Refusal:
    # The misspelling is Microsoft's.
    return Refusal(
        400,
        "ActiveDurationTooShort",
        "The Active duration is too short. Miniumum Required is 5 minutes.",
    )
