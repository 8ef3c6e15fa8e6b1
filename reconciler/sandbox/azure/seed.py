"""The tenant that the local Azure starts with: its scopes, roles and principals. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import NAMESPACE_DNS, UUID, uuid5

from reconciler.sandbox.local import GROUPS, PEOPLE, SERVICES

TENANT = "00000000-0000-0000-0000-000000000000"
PAYMENTS = "00000000-0000-0000-0000-00000000000a"
DATA = "00000000-0000-0000-0000-00000000000b"
ORGANISATION = UUID(TENANT)

TENANT_ROOT = "/"
GROUP_ACME = "/providers/Microsoft.Management/managementGroups/acme"
SUB_PAYMENTS = f"/subscriptions/{PAYMENTS}"
SUB_DATA = f"/subscriptions/{DATA}"
RG_PAYMENTS = f"{SUB_PAYMENTS}/resourceGroups/payments"
EXPORTS = f"{RG_PAYMENTS}/providers/Microsoft.Storage/storageAccounts/paymentsexports"
RG_WAREHOUSE = f"{SUB_DATA}/resourceGroups/warehouse"

# Each scope as it was created (ARM keeps that spelling), with the one it lies in.
PARENTS = {
    GROUP_ACME: TENANT_ROOT,
    SUB_PAYMENTS: GROUP_ACME,
    SUB_DATA: GROUP_ACME,
    RG_PAYMENTS: SUB_PAYMENTS,
    EXPORTS: RG_PAYMENTS,
    RG_WAREHOUSE: SUB_DATA,
}


def object_id(name: str) -> str:
    """The directory's id of a person (by e-mail), a group or a service (by name)."""
    return str(uuid5(ORGANISATION, name))


@dataclass(frozen=True, slots=True)
class DirectoryObject:
    """One principal. `upn` and `mail` only for people."""

    id: str
    type: str  # User, Group, ServicePrincipal
    name: str
    mail: str = ""
    upn: str = ""
    members: tuple[str, ...] = ()


GUEST = "frank"  # invited: their user principal name is mangled, only `mail` is what people know
RECONCILER = "access-reconciler"  # who the tests and the demo act as


def principals() -> tuple[DirectoryObject, ...]:
    people = (
        DirectoryObject(
            object_id(member.email),
            "User",
            member.login.capitalize(),
            mail=member.email,
            upn=(
                f"{member.login}_example.com#EXT#@acme.onmicrosoft.com"
                if member.login == GUEST
                else member.email
            ),
        )
        for member in PEOPLE
    )
    groups = (
        DirectoryObject(
            object_id(group),
            "Group",
            group,
            members=tuple(object_id(f"{login}@example.com") for login in logins),
        )
        for group, logins in GROUPS.items()
    )
    services = (
        DirectoryObject(object_id(name), "ServicePrincipal", name)
        for name in (*SERVICES, RECONCILER)
    )
    return (*people, *groups, *services)


@dataclass(frozen=True, slots=True)
class RoleDefinition:
    id: str
    name: str
    description: str
    builtin: bool = True
    assignable: tuple[str, ...] = ("/",)


OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
USER_ACCESS_ADMINISTRATOR = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"
RBAC_ADMINISTRATOR = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
SETTLEMENT_OPERATOR = str(uuid5(NAMESPACE_DNS, "settlement-operator.acme.example.com"))
MAY_ASSIGN = frozenset({OWNER, USER_ACCESS_ADMINISTRATOR, RBAC_ADMINISTRATOR})

# The built-in ones have the ids that they have in every real tenant.
ROLES = (
    RoleDefinition(OWNER, "Owner", "Grants full access to manage all resources."),
    RoleDefinition(CONTRIBUTOR, "Contributor", "Manages all resources, assigns no roles."),
    RoleDefinition(READER, "Reader", "View all resources, but does not make any changes."),
    RoleDefinition(
        USER_ACCESS_ADMINISTRATOR,
        "User Access Administrator",
        "Lets you manage user access to Azure resources.",
    ),
    RoleDefinition(
        RBAC_ADMINISTRATOR,
        "Role Based Access Control Administrator",
        "Manage access to Azure resources by assigning roles using Azure RBAC.",
    ),
    RoleDefinition(
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "Storage Blob Data Contributor",
        "Allows for read, write and delete access to Azure Storage blob containers and data.",
    ),
    RoleDefinition(
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        "Storage Blob Data Reader",
        "Allows for read access to Azure Storage blob containers and data.",
    ),
    RoleDefinition(
        SETTLEMENT_OPERATOR,
        "Settlement Operator",
        "Restarts the settlement batch.",
        builtin=False,
        assignable=(RG_PAYMENTS,),
    ),
)
