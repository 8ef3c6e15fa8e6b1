"""By what other ways than a row of one's own somebody holds something in AWS. Never writes.

A permission set may be held through groups of Identity Center, and what a policy allows through IAM
groups and managed policies. To a membership there is no other way: groups of Identity Center have
users only (MemberId of the Identity Store API), and so have those of IAM, which do not nest
(https://docs.aws.amazon.com/IAM/latest/UserGuide/id_groups.html). Nothing is inherited: an
assignment is to one account, and service control policies only take away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import ClientError

from reconciler.errors import NotFound, ProviderError
from reconciler.model import Assignment, Entitlement, Observed, Principal
from reconciler.providers.aws.iam import AccountReader, Group, Identity
from reconciler.providers.aws.identity_center import IdentityCenter, Named
from reconciler.providers.aws.kinds import ASSIGNMENT, POLICY
from reconciler.providers.aws.session import Clients, explained, is_denied, member, pages
from reconciler.providers.once import Once

_PAGE = {"PageSize": 100}
_RIGHTS = (
    "sso:ListAccountAssignmentsForPrincipal, or both"
    " identitystore:ListGroupMembershipsForMember and sso:ListPermissionSetsProvisionedToAccount"
)


@dataclass(frozen=True, slots=True, order=True)
class _Held:
    """A permission set (its ARN) that a group (its id) has in the account that was asked about."""

    group: str
    permission_set: str


class OtherWays:
    """What was asked for one resource and principal is not asked again in a run."""

    def __init__(
        self, system: str, clients: Clients, center: IdentityCenter, accounts: AccountReader
    ) -> None:
        self._system = system
        self._clients = clients
        self._center = center
        self._accounts = accounts
        self._held: Once[tuple[str, str], tuple[_Held, ...]] = Once()
        self._groups: Once[str, frozenset[str]] = Once()
        self._of_groups: Once[str, tuple[_Held, ...]] = Once()

    def of(self, principal: Principal, entitlement: Entitlement) -> tuple[Observed, ...]:
        """See `Reader.indirect`."""
        account = entitlement.resource
        if entitlement.kind == ASSIGNMENT and principal.id.startswith("user:"):
            try:
                return tuple(self._through_groups(account, principal))
            except NotFound as e:  # what went away meanwhile is not the resource
                raise ProviderError(self._system, e.action, e.cause) from e
        if entitlement.kind == POLICY:
            return tuple(self._by_policies(account, principal))
        return ()

    def _through_groups(self, account: str, principal: Principal) -> Iterator[Observed]:
        user = principal.id.removeprefix("user:")
        held = self._held.get((account, user), lambda: self._ask(account, principal))
        for each in held:
            group = self._center.group(each.group)
            role = self._center.permission_set(each.permission_set).name
            of = Entitlement(self._system, ASSIGNMENT, account, role)
            holder = Principal(f"group:{group.id}", group.name)
            yield Observed(Assignment(of, holder), via=f"group {group.name}")

    def _ask(self, account: str, principal: Principal) -> tuple[_Held, ...]:
        """One call, which AWS wants to come from the management account: so says botocore's model.
        Where it is denied, lists that a delegated administrator may ask for come to the same
        (https://repost.aws/knowledge-center/iam-identity-center-report-permissions)."""
        user = principal.id.removeprefix("user:")
        action = f"list what {principal} holds through groups in account {account}"
        with explained(self._system, action):
            try:
                return tuple(sorted(self._list_for_principal(account, user)))
            except ClientError as e:
                if not is_denied(e):
                    raise
        groups = self._groups.get(user, lambda: self._list_groups(principal))
        if not groups:
            return ()
        held = self._of_groups.get(account, lambda: self._list_of_groups(account))
        return tuple(each for each in held if each.group in groups)

    def _list_for_principal(self, account: str, user: str) -> Iterator[_Held]:
        arguments = {
            "InstanceArn": self._center.instance().arn,
            "PrincipalId": user,
            "PrincipalType": "USER",
            "Filter": {"AccountId": account},
            "PaginationConfig": _PAGE,
        }
        operation = "list_account_assignments_for_principal"
        for page in pages(self._clients.sso_admin, operation, **arguments):
            for row in member(page, "AccountAssignments"):
                # What the user's groups hold comes along, and names the group.
                if member(row, "PrincipalType") == "GROUP":
                    yield _Held(member(row, "PrincipalId"), member(row, "PermissionSetArn"))

    def _list_groups(self, principal: Principal) -> frozenset[str]:
        arguments = {
            "IdentityStoreId": self._center.instance().store,
            "MemberId": {"UserId": principal.id.removeprefix("user:")},
            "PaginationConfig": _PAGE,
        }
        operation = "list_group_memberships_for_member"
        with self._long_way(f"list the groups of {principal}"):
            found = pages(self._clients.identity_store, operation, **arguments)
            rows = [row for page in found for row in member(page, "GroupMemberships")]
            return frozenset(member(row, "GroupId") for row in rows)

    def _list_of_groups(self, account: str) -> tuple[_Held, ...]:
        """All that groups hold in an account: one list for each permission set that is there."""
        arguments = {
            "InstanceArn": self._center.instance().arn,
            "AccountId": account,
            "PaginationConfig": _PAGE,
        }
        operation = "list_permission_sets_provisioned_to_account"
        with self._long_way(f"list what groups hold in account {account}"):
            found = list(pages(self._clients.sso_admin, operation, **arguments))
            arns = [arn for page in found for arn in member(page, "PermissionSets")]
        return tuple(
            sorted(
                _Held(holder, arn)
                for arn in arns
                for kind, holder in self._center.assignments(account, Named(arn, arn))
                if kind == "GROUP"
            )
        )

    @contextmanager
    def _long_way(self, action: str) -> Iterator[None]:
        """As `explained`, and with the rights that are wanting where it is denied as well."""
        try:
            with explained(self._system, action):
                yield
        except ProviderError as e:
            if isinstance(e.__cause__, ClientError) and is_denied(e.__cause__):
                raise ProviderError(self._system, action, f"{e.cause}; it needs {_RIGHTS}") from e
            raise

    def _by_policies(self, account: str, principal: Principal) -> Iterator[Observed]:
        """From the read of the account that named the principal, so it asks nothing."""
        found = self._accounts.names(account)
        identity = next((i for i in found.identities if i.arn == principal.id), None)
        if identity is None:
            problem = "it is not in the account"
            raise ProviderError(self._system, f"find the policies of {principal}", problem)
        yield from self._managed(account, identity, principal, "")
        for name in identity.groups:
            group = found.group(name)
            if group is None:
                problem = f"the account has no IAM group {name}, which {principal} is in"
                raise ProviderError(self._system, f"read IAM of account {account}", problem)
            holder = Principal(group.arn, f"group/{group.name}")
            via = f"group {group.name}, "
            for policy in group.policies:
                told = f"{via}inline policy {policy.name}"
                yield self._allowed(account, holder, policy.text, told, policy.until)
            yield from self._managed(account, group, holder, via)

    def _managed(
        self, account: str, attached_to: Identity | Group, holder: Principal, via: str
    ) -> Iterator[Observed]:
        for policy in attached_to.attached:
            told = f"{via}managed policy {policy.arn}"
            yield self._allowed(account, holder, policy.name, told)

    def _allowed(
        self, account: str, holder: Principal, role: str, via: str, until: datetime | None = None
    ) -> Observed:
        of = Entitlement(self._system, POLICY, account, role)
        return Observed(Assignment(of, holder), until=until, via=via)
