"""Writes account assignments: begun by one call, followed to its end by others.

CreateAccountAssignment answers IN_PROGRESS; a tool that takes it for done reports access that
never came (aws-samples/iam-identity-center-team#522).
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from reconciler.model import Change
from reconciler.providers.aws.identity_center import IdentityCenter, Named
from reconciler.providers.aws.patience import insist, settled
from reconciler.providers.aws.session import Clients, code, member


class AssignmentWriter:
    def __init__(self, center: IdentityCenter, clients: Clients) -> None:
        self._center = center
        self._clients = clients
        self._patience = clients.patience

    def carry_out(self, change: Change) -> str:
        """What went wrong, "" when AWS itself reports success."""
        e = change.assignment.entitlement
        permission_set = self._center.permission_set(e.role)
        kind, _, principal = change.assignment.principal.id.partition(":")
        target = {
            "InstanceArn": self._center.instance().arn,
            "TargetId": e.resource,
            "TargetType": "AWS_ACCOUNT",
            "PermissionSetArn": permission_set.id,
            "PrincipalType": kind.upper(),
            "PrincipalId": principal,
        }
        if not change.removes:
            return self._outcome(insist(self._patience, lambda: self._create(target)))
        status = insist(self._patience, lambda: self._delete(target))
        problem = self._outcome(status) if status else ""
        if problem and not self._held(e.resource, permission_set, kind.upper(), principal):
            return ""  # somebody else took it away meanwhile
        return problem

    def _create(self, target: dict[str, Any]) -> dict[str, Any]:
        sso, name = self._clients.sso_admin, "AccountAssignmentCreationStatus"
        begun = member(sso.create_account_assignment(**target), name)
        request = {
            "InstanceArn": target["InstanceArn"],
            "AccountAssignmentCreationRequestId": member(begun, "RequestId"),
        }
        return settled(
            self._patience,
            begun,
            lambda: member(sso.describe_account_assignment_creation_status(**request), name),
        )

    def _delete(self, target: dict[str, Any]) -> dict[str, Any] | None:
        """None when there is nothing to delete."""
        sso, name = self._clients.sso_admin, "AccountAssignmentDeletionStatus"
        try:
            begun = member(sso.delete_account_assignment(**target), name)
        except ClientError as e:
            if code(e) == "ResourceNotFoundException":
                return None
            raise
        request = {
            "InstanceArn": target["InstanceArn"],
            "AccountAssignmentDeletionRequestId": member(begun, "RequestId"),
        }
        return settled(
            self._patience,
            begun,
            lambda: member(sso.describe_account_assignment_deletion_status(**request), name),
        )

    @staticmethod
    def _outcome(status: dict[str, Any]) -> str:
        if status["Status"] == "SUCCEEDED":
            return ""
        reason = status.get("FailureReason") or "no end in sight; the next run looks again"
        return f"AWS says {status['Status']}: {reason}"

    def _held(self, account: str, permission_set: Named, kind: str, principal: str) -> bool:
        return (kind, principal) in self._center.assignments(account, permission_set)
