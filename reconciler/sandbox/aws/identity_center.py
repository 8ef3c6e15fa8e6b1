"""Account assignments as IAM Identity Center does them: later, one at a time, and only for what exists.

Put right over moto: writes are asynchronous and can fail, a repeated create makes no second row, a
write during another one for the same account and permission set conflicts, unknown accounts,
permission sets and principals are refused.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from reconciler.sandbox.aws.identity_store import IdentityStore
from reconciler.sandbox.aws.wire import Answer, Forward, Operation, Refused, Request, page_of

_POLLS = 2  # the first look at a request's status still finds it in progress
_SECONDS = 1.0  # and it is done by then even when nobody looks


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One assignment, as the API names its parts."""

    account: str
    permission_set: str
    kind: str
    principal: str

    def shown(self) -> dict[str, str]:
        return {
            "AccountId": self.account,
            "PermissionSetArn": self.permission_set,
            "PrincipalType": self.kind,
            "PrincipalId": self.principal,
        }


@dataclass
class Pending:
    row: Row
    verb: str
    reason: str  # why it will fail, "" when it will not
    id: str = field(default_factory=lambda: str(uuid4()))
    begun: float = field(default_factory=time.time)
    polls: int = 0
    status: str = "IN_PROGRESS"


class Assignments:
    """Rows in order of creation. `most_outstanding` is the largest number of writes under way."""

    def __init__(
        self, backend: Any, store: IdentityStore, accounts: Collection[str], page: int
    ) -> None:
        self._backend = backend
        self._store = store
        self._accounts = accounts
        self._page = page
        self._rows: dict[Row, None] = {}
        self._pending: dict[str, Pending] = {}
        self._failures: deque[str] = deque()
        self.most_outstanding = 0

    def operations(self) -> Mapping[str, Operation]:
        return {
            "sso-admin.ListInstances": self._list_instances,
            "sso-admin.CreatePermissionSet": self._create_permission_set,
            "sso-admin.DeletePermissionSet": self._delete_permission_set,
            "sso-admin.ListPermissionSets": self._list_permission_sets,
            "sso-admin.ListPermissionSetsProvisionedToAccount": self._list_provisioned,
            "sso-admin.CreateAccountAssignment": self._create,
            "sso-admin.DeleteAccountAssignment": self._delete,
            "sso-admin.DescribeAccountAssignmentCreationStatus": self._creation_status,
            "sso-admin.DescribeAccountAssignmentDeletionStatus": self._deletion_status,
            "sso-admin.ListAccountAssignments": self._list,
            "sso-admin.ListAccountAssignmentsForPrincipal": self._list_for_principal,
        }

    def rows(self) -> tuple[Row, ...]:
        self._settle()
        return tuple(self._rows)

    def put(self, row: Row) -> None:
        """By hand: there at once."""
        self._rows[row] = None

    def drop(self, row: Row) -> None:
        self._rows.pop(row, None)

    def fail_next(self, reason: str) -> None:
        """The next write will be accepted, and fail later with this reason."""
        self._failures.append(reason)

    def permission_set(self, name: str) -> str:
        """The ARN of the set with this name; made when there is none."""
        for known in self._backend.permission_sets:
            if known.name == name:
                return str(known.permission_set_arn)
        instance = self._backend.instances[0].instance_arn
        self._backend.create_permission_set(name, "", instance, "PT1H", "", [])
        return self._rename_last()

    def name(self, arn: str) -> str:
        sets = self._backend.permission_sets
        return next((str(s.name) for s in sets if s.permission_set_arn == arn), arn)

    def _rename_last(self) -> str:
        made = self._backend.permission_sets[-1]  # moto puts "instance" into the ARN
        arn = made.permission_set_arn.replace(":instance/", ":permissionSet/")
        made.permission_set_arn = arn
        return str(arn)

    def _list_instances(self, request: Request, _: Forward) -> Mapping[str, Any]:
        found = [i.to_json() for i in self._backend.instances]
        known = [{k: v for k, v in i.items() if v is not None} for i in found]
        return self._paged("Instances", known, request)

    def _create_permission_set(self, request: Request, forward: Forward) -> Answer:
        name = request.parameters["Name"]
        if any(s.name == name for s in self._backend.permission_sets):
            raise Refused("ConflictException", f"PermissionSet with name {name} already exists.")
        answer = forward()
        old = self._backend.permission_sets[-1].permission_set_arn.encode()
        new = self._rename_last().encode()
        return Answer(answer.status, answer.headers, answer.body.replace(old, new))

    def _delete_permission_set(self, request: Request, forward: Forward) -> Answer:
        arn = request.parameters["PermissionSetArn"]
        if any(row.permission_set == arn for row in self.rows()):
            raise Refused("ConflictException", f"PermissionSet {arn} has assignments.")
        return forward()

    def _list_permission_sets(self, request: Request, _: Forward) -> Mapping[str, Any]:
        self._check_instance(request)
        arns = [s.permission_set_arn for s in self._backend.permission_sets]
        return self._paged("PermissionSets", arns, request)

    def _list_provisioned(self, request: Request, _: Forward) -> Mapping[str, Any]:
        """A set is provisioned to an account where it is assigned there."""
        self._check_instance(request)
        account = request.parameters["AccountId"]
        if account not in self._accounts:
            raise Refused("ResourceNotFoundException", f"Account not found: {account}")
        arns = dict.fromkeys(r.permission_set for r in self.rows() if r.account == account)
        return self._paged("PermissionSets", list(arns), request)

    def _create(self, request: Request, _: Forward) -> Mapping[str, Any]:
        row = self._row(request)
        if not self._store.knows(row.kind, row.principal):
            raise Refused("ResourceNotFoundException", f"{row.kind} not found: {row.principal}")
        return {"AccountAssignmentCreationStatus": self._begin("create", row)}

    def _delete(self, request: Request, _: Forward) -> Mapping[str, Any]:
        row = self._row(request)
        if row not in self.rows() and not self._under_way(row):
            raise Refused("ResourceNotFoundException", "Account assignment does not exist.")
        return {"AccountAssignmentDeletionStatus": self._begin("delete", row)}

    def _begin(self, verb: str, row: Row) -> Mapping[str, Any]:
        self._settle()
        if self._under_way(row):
            raise Refused("ConflictException", "There is an ongoing operation for this account.")
        reason = self._failures.popleft() if self._failures else ""
        pending = Pending(row, verb, reason)
        self._pending[pending.id] = pending
        outstanding = sum(p.status == "IN_PROGRESS" for p in self._pending.values())
        self.most_outstanding = max(self.most_outstanding, outstanding)
        return self._status(pending)

    def _under_way(self, row: Row) -> bool:
        return any(
            p.status == "IN_PROGRESS"
            and (p.row.account, p.row.permission_set) == (row.account, row.permission_set)
            for p in self._pending.values()
        )

    def _settle(self) -> None:
        now = time.time()
        for pending in self._pending.values():
            waited = pending.polls >= _POLLS or now - pending.begun >= _SECONDS
            if pending.status == "IN_PROGRESS" and waited:
                pending.status = "FAILED" if pending.reason else "SUCCEEDED"
                if not pending.reason and pending.verb == "create":
                    self._rows[pending.row] = None
                elif not pending.reason:
                    self._rows.pop(pending.row, None)

    def _creation_status(self, request: Request, _: Forward) -> Mapping[str, Any]:
        name = "AccountAssignmentCreationRequestId"
        return {"AccountAssignmentCreationStatus": self._poll(request, name, "create")}

    def _deletion_status(self, request: Request, _: Forward) -> Mapping[str, Any]:
        name = "AccountAssignmentDeletionRequestId"
        return {"AccountAssignmentDeletionStatus": self._poll(request, name, "delete")}

    def _poll(self, request: Request, name: str, verb: str) -> Mapping[str, Any]:
        self._check_instance(request)
        pending = self._pending.get(request.parameters[name])
        if pending is None or pending.verb != verb:
            raise Refused("ResourceNotFoundException", "Request not found.")
        pending.polls += 1
        self._settle()
        return self._status(pending)

    def _status(self, pending: Pending) -> Mapping[str, Any]:
        failed = {"FailureReason": pending.reason} if pending.status == "FAILED" else {}
        row = pending.row
        return {
            "Status": pending.status,
            "RequestId": pending.id,
            **failed,
            "TargetId": row.account,
            "TargetType": "AWS_ACCOUNT",
            "PermissionSetArn": row.permission_set,
            "PrincipalType": row.kind,
            "PrincipalId": row.principal,
            "CreatedDate": int(pending.begun),
        }

    def _list(self, request: Request, _: Forward) -> Mapping[str, Any]:
        p = request.parameters
        account, arn = self._target(request, p["AccountId"], p["PermissionSetArn"])
        rows = (r for r in self.rows() if (r.account, r.permission_set) == (account, arn))
        return self._paged("AccountAssignments", [r.shown() for r in rows], request)

    def _list_for_principal(self, request: Request, _: Forward) -> Mapping[str, Any]:
        self._check_instance(request)
        rows = [r.shown() for r in self._held_by(request.parameters)]
        return self._paged("AccountAssignments", rows, request)

    def _held_by(self, parameters: Mapping[str, Any]) -> Iterator[Row]:
        """A user also holds what the user's groups hold; such a row names the group."""
        principal = parameters["PrincipalId"]
        holders = {principal}
        if parameters["PrincipalType"] == "USER":
            holders |= self._store.groups_of(principal)
        account = parameters.get("Filter", {}).get("AccountId")
        return (r for r in self.rows() if r.principal in holders and account in (None, r.account))

    def _row(self, request: Request) -> Row:
        p = request.parameters
        account, arn = self._target(request, p["TargetId"], p["PermissionSetArn"])
        return Row(account, arn, p["PrincipalType"], p["PrincipalId"])

    def _target(self, request: Request, account: str, arn: str) -> tuple[str, str]:
        self._check_instance(request)
        if account not in self._accounts:
            raise Refused("ResourceNotFoundException", f"Account not found: {account}")
        if not any(s.permission_set_arn == arn for s in self._backend.permission_sets):
            message = f"Could not find PermissionSet with id {arn.rpartition('/')[2]}"
            raise Refused("ResourceNotFoundException", message)
        return account, arn

    def _check_instance(self, request: Request) -> None:
        arn = request.parameters.get("InstanceArn")
        if all(arn != i.instance_arn for i in self._backend.instances):
            raise Refused("ResourceNotFoundException", f"Could not find instance {arn}")

    def _paged(self, name: str, rows: list[Any], request: Request) -> Mapping[str, Any]:
        page, token = page_of(rows, request.parameters, self._page)
        return {name: page, **({"NextToken": token} if token else {})}
