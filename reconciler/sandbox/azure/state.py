"""What the local Azure remembers, and ARM's rules for role assignments. Knows no HTTP and no PIM."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from reconciler.sandbox.azure import seed
from reconciler.sandbox.azure.seed import DirectoryObject, RoleDefinition


class Refusal(Exception):
    """ARM says no. The codes and wordings are ARM's, as azure-cli's recordings, the REST examples
    and public issues quote them."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class RoleAssignment:
    """`scope` is spelled as it was written, and compared without regard to case."""

    name: str
    scope: str
    role: str
    principal: str
    principal_type: str
    description: str | None = None
    condition: str | None = None
    created: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    updated: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    created_by: str = ""

    @property
    def id(self) -> str:
        scope = "" if self.scope == "/" else self.scope
        return f"{scope}/providers/Microsoft.Authorization/roleAssignments/{self.name}"

    @property
    def tuple(self) -> tuple[str, str, str]:
        return self.scope.lower(), self.role, self.principal


class State:
    """Everything, behind one lock that the caller holds (`with state.lock`) for a whole request."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.lock = threading.RLock()
        self.now = now
        self.parents = {scope.lower(): above.lower() for scope, above in seed.PARENTS.items()}
        self.roles: dict[str, RoleDefinition] = {role.id: role for role in seed.ROLES}
        self.principals: dict[str, DirectoryObject] = {p.id: p for p in seed.principals()}
        self._assignments: dict[tuple[str, str], RoleAssignment] = {}

    # scopes

    def check_scope(self, scope: str) -> None:
        if scope == "/" or scope.lower() in self.parents:
            return
        parts = scope.lower().strip("/").split("/")
        if parts[0] == "subscriptions" and f"/subscriptions/{parts[1]}" not in self.parents:
            raise Refusal(
                404, "SubscriptionNotFound", f"The subscription '{parts[1]}' could not be found."
            )
        if parts[0] == "subscriptions" and len(parts) == 4:
            raise Refusal(
                404, "ResourceGroupNotFound", f"Resource group '{parts[3]}' could not be found."
            )
        if parts[0] == "providers":
            raise Refusal(404, "NotFound", f"The management group '{parts[-1]}' cannot be found.")
        raise Refusal(
            404,
            "ResourceNotFound",
            f"The Resource '{'/'.join(parts[4:])}' was not found. For more details please go to "
            "https://aka.ms/ARMResourceNotFoundFix",
        )

    def above(self, scope: str) -> tuple[str, ...]:
        """The scope itself and all that it lies in, in lower case, nearest first."""
        found = [scope.lower()]
        while found[-1] != "/":
            found.append(self.parents.get(found[-1], "/"))
        return tuple(found)

    # role assignments

    def assignments(self) -> tuple[RoleAssignment, ...]:
        return tuple(self._assignments.values())

    def keep(self, row: RoleAssignment) -> None:
        self._assignments[row.scope.lower(), row.name.lower()] = row

    def drop(self, row: RoleAssignment) -> None:
        self._assignments.pop((row.scope.lower(), row.name.lower()), None)

    def find(self, scope: str, name: str) -> RoleAssignment | None:
        return self._assignments.get((scope.lower(), name.lower()))

    def same_tuple(self, scope: str, role: str, principal: str) -> RoleAssignment | None:
        wanted = scope.lower(), role, principal
        return next((row for row in self._assignments.values() if row.tuple == wanted), None)

    def put(self, wanted: RoleAssignment, declared_type: str) -> tuple[RoleAssignment, bool]:
        """Create, or update what may be updated. Returns the row and whether it is new."""
        _check_guid(wanted.name)
        principal = self.check_principal(wanted.principal, declared_type)
        self.check_role(wanted.role, wanted.scope)
        now = self.now()
        there = self.find(wanted.scope, wanted.name)
        if there and there.tuple != wanted.tuple:
            raise Refusal(
                400,
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            )
        twin = self.same_tuple(wanted.scope, wanted.role, wanted.principal)
        if twin and twin is not there:
            raise role_assignment_exists(twin)
        row = replace(
            wanted,
            principal_type=principal.type,
            created=there.created if there else now,
            updated=now,
        )
        self.keep(row)
        return row, there is None

    def delete(self, row: RoleAssignment) -> None:
        """Removes it, unless it is a subscription's last Owner (Microsoft Learn, troubleshooting:
        the message is quoted there, its code is not)."""
        subscription = row.scope.lower().startswith("/subscriptions/") and row.scope.count("/") == 2
        if row.role == seed.OWNER and subscription:
            owners = [r for r in self.assignments() if r.tuple[:2] == row.tuple[:2]]
            if len(owners) == 1:
                raise Refusal(
                    400,
                    "CannotDeleteLastRbacAdmin",
                    "Cannot delete the last RBAC admin assignment",
                )
        self.drop(row)

    def visible(
        self, scope: str, above: bool = True, below: bool = True
    ) -> Iterable[RoleAssignment]:
        """Rows at the scope, those that it inherits, and those below it, in a stable order."""
        over = set(self.above(scope)) if above else {scope.lower()}
        rows = (
            row
            for row in self._assignments.values()
            if row.scope.lower() in over or (below and scope.lower() in self.above(row.scope))
        )
        return sorted(rows, key=lambda row: (row.created, row.id.lower()))

    # who and what

    def check_principal(self, oid: str, declared_type: str) -> DirectoryObject:
        principal = self.principals.get(oid)
        if principal is None:
            raise Refusal(
                400,
                "PrincipalNotFound",
                f"Principal {oid.replace('-', '')} does not exist in the directory {seed.TENANT}. "
                "Check that you have the correct principal ID. If you are creating this principal "
                "and then immediately assigning a role, this error might be related to a "
                "replication delay. In this case, set the role assignment principalType property "
                "to a value, such as ServicePrincipal, User, or Group. "
                "See https://aka.ms/docs-principaltype",
            )
        if declared_type and declared_type != principal.type:
            raise Refusal(
                400,
                "UnmatchedPrincipalType",
                f"The PrincipalId '{oid.replace('-', '')}' has type '{principal.type}' , which is "
                f"different from specified PrinciaplType '{declared_type}'.",
            )
        return principal

    def check_role(self, role: str, scope: str) -> RoleDefinition:
        found = self.roles.get(role)
        if found is None:
            raise Refusal(
                400,
                "RoleDefinitionDoesNotExist",
                f"The specified role definition with ID '{role.replace('-', '')}' does not exist.",
            )
        over = self.above(scope)
        if not any(allowed.lower() in over for allowed in found.assignable):
            raise Refusal(
                400,
                "InvalidRoleDefinitionScope",
                f"The role '{found.name}' may not be assigned at the scope '{scope}'.",
            )
        return found

    def check_may_assign(self, caller: str, action: str, scope: str) -> None:
        over = self.above(scope)
        held = (
            row.role in seed.MAY_ASSIGN
            for row in self.assignments()
            if row.principal == caller and row.scope.lower() in over
        )
        if not any(held):
            raise Refusal(
                403,
                "AuthorizationFailed",
                f"The client '{caller}' with object id '{caller}' does not have authorization to "
                f"perform action '{action}' over scope '{scope}' or the scope is invalid. If access "
                "was recently granted, please refresh your credentials.",
            )


def role_assignment_exists(twin: RoleAssignment) -> Refusal:
    return Refusal(
        409,
        "RoleAssignmentExists",
        "The role assignment already exists. The ID of the existing role assignment is "
        f"{twin.name.replace('-', '')}.",
    )


def _check_guid(name: str) -> None:
    try:
        UUID(name)
    except ValueError:
        raise Refusal(
            400,
            "InvalidRoleAssignmentId",
            f"The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID.",
        ) from None


def plant(state: State) -> None:
    """The access that others made before we came."""
    admins = seed.object_id("platform-admins")
    rows = (
        ("/", seed.USER_ACCESS_ADMINISTRATOR, seed.object_id("grace@example.com"), None),
        (seed.GROUP_ACME, seed.OWNER, admins, None),
        (
            seed.GROUP_ACME,
            seed.USER_ACCESS_ADMINISTRATOR,
            seed.object_id(seed.RECONCILER),
            None,
        ),
        (seed.SUB_PAYMENTS, seed.OWNER, admins, None),
        (seed.SUB_DATA, seed.OWNER, admins, None),
        (seed.SUB_PAYMENTS, seed.READER, seed.object_id("auditors"), None),
        (
            seed.SUB_PAYMENTS,
            seed.RBAC_ADMINISTRATOR,
            seed.object_id("deployer"),
            "(@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] "
            f"ForAnyOfAnyValues:GuidEquals {{{seed.READER}}})",
        ),
    )
    for scope, role, principal, condition in rows:
        kind = state.principals[principal].type
        state.keep(RoleAssignment(str(uuid4()), scope, role, principal, kind, None, condition))
