"""Identity Center as we read it: names to ids, asked once each, and whole lists. Never writes."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from reconciler.errors import NotFound, ProviderError
from reconciler.providers.aws.session import Clients, code, explained, member, pages
from reconciler.providers.aws.settings import Settings
from reconciler.providers.once import Once

_PAGE = {"PageSize": 100}
# The model's ResourceId: what directory/ and grants may give instead of a name.
_ID = re.compile(r"([0-9a-f]{10}-)?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


@dataclass(frozen=True, slots=True)
class Instance:
    arn: str
    store: str


@dataclass(frozen=True, slots=True)
class Named:
    """A permission set (`id` is its ARN) or a group."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Membership:
    id: str
    user: str
    since: datetime | None


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


class IdentityCenter:
    def __init__(self, system: str, settings: Settings, clients: Clients) -> None:
        self._system = system
        self._settings = settings
        self._clients = clients
        self._instances: Once[str, Instance] = Once()
        self._users: Once[tuple[str, str], str] = Once()
        self._groups: Once[str, Named] = Once()
        self._described: Once[str, Named] = Once()
        self._arns: Once[str, tuple[str, ...]] = Once()
        self._search = threading.Lock()

    def instance(self) -> Instance:
        return self._instances.get("", self._find_instance)

    def _find_instance(self) -> Instance:
        action = "find the Identity Center instance"
        with explained(self._system, action):
            found = [
                Instance(i["InstanceArn"], i["IdentityStoreId"])
                for page in pages(self._clients.sso_admin, "list_instances")
                for i in member(page, "Instances")
            ]
        wanted = self._settings.instance
        fitting = [i for i in found if wanted in ("", i.arn)]
        if len(fitting) == 1:
            return fitting[0]
        seen = ", ".join(i.arn for i in found) or "none"
        fix = "set `region` to its home region" if not found else "write its ARN as `instance`"
        raise ProviderError(self._system, action, f"{seen} in {self._settings.region}; {fix}")

    def permission_set(self, name: str) -> Named:
        """By name or ARN. AWS cannot search by name: they are described one by one, until found."""
        if name.startswith("arn:"):
            return self._describe(name)
        folded = name.casefold()
        with self._search:  # side by side, the same ones would be searched for twice
            for one in self._described.known().values():
                if one.name == name:
                    return one
            alike: list[Named] = []
            for arn in self._arns.get("", self._list_permission_sets):
                one = self._describe(arn)
                if one.name == name:
                    return one
                if one.name.casefold() == folded:
                    alike.append(one)
        if len(alike) == 1:
            return alike[0]
        action = f"find permission set {name!r}"
        if alike:
            named = ", ".join(one.name for one in alike)
            raise ProviderError(self._system, action, f"there are {named}; write one of them")
        problem = "no permission set has that name; write the name or ARN of one"
        raise NotFound(self._system, action, problem)

    def _describe(self, arn: str) -> Named:
        def ask() -> Named:
            with self._sought(f"describe permission set {arn}"):
                answer = self._clients.sso_admin.describe_permission_set(
                    InstanceArn=self.instance().arn, PermissionSetArn=arn
                )
                found = member(answer, "PermissionSet")
                return Named(arn, member(found, "Name"))

        return self._described.get(arn, ask)

    def _list_permission_sets(self) -> tuple[str, ...]:
        arguments = {"InstanceArn": self.instance().arn, "PaginationConfig": _PAGE}
        with explained(self._system, "list the permission sets"):
            found = pages(self._clients.sso_admin, "list_permission_sets", **arguments)
            return tuple(arn for page in found for arn in member(page, "PermissionSets"))

    def group(self, name: str) -> Named:
        """By display name or id, as Identity Center spells it. Raises ProviderError."""

        def ask() -> Named:
            with self._sought(f"look up Identity Center group {name!r}"):
                known = {"IdentityStoreId": self.instance().store}
                identity_store = self._clients.identity_store
                group_id = name
                if not is_id(name):
                    unique = {"AttributePath": "displayName", "AttributeValue": name}
                    alternate = {"UniqueAttribute": unique}
                    found = identity_store.get_group_id(**known, AlternateIdentifier=alternate)
                    group_id = member(found, "GroupId")
                # Whether the look-up minds the case is not documented, so ask for the spelling.
                answer = identity_store.describe_group(**known, GroupId=group_id)
                return Named(group_id, member(answer, "DisplayName"))

        return self._groups.get(name, ask)

    @contextmanager
    def _sought(self, action: str) -> Iterator[None]:
        """As `explained`, and NotFound where AWS says that the thing is not there."""
        with explained(self._system, action):
            try:
                yield
            except ClientError as e:
                if code(e) == "ResourceNotFoundException":
                    raise NotFound(self._system, action, e) from e
                raise

    def user(self, attribute: str, value: str) -> str | None:
        """The id of the one with this `emails.value` or `userName`; None when there is none."""

        def ask() -> str:
            with explained(self._system, f"look up Identity Center user {value!r}"):
                unique = {"AttributePath": attribute, "AttributeValue": value}
                try:
                    answer = self._clients.identity_store.get_user_id(
                        IdentityStoreId=self.instance().store,
                        AlternateIdentifier={"UniqueAttribute": unique},
                    )
                except ClientError as e:
                    if code(e) == "ResourceNotFoundException":
                        return ""
                    raise
                return str(member(answer, "UserId"))

        return self._users.get((attribute, value), ask) or None

    def names(self) -> dict[str, str]:
        """Names of the users and groups that were looked up so far, by id."""
        groups = {group.id: group.name for group in self._groups.known().values()}
        return groups | {user: name for (_, name), user in self._users.known().items() if user}

    def assignments(self, account: str, permission_set: Named) -> Iterator[tuple[str, str]]:
        """(USER or GROUP, id) of every direct holder of a permission set in an account."""
        arguments: dict[str, Any] = {
            "InstanceArn": self.instance().arn,
            "AccountId": account,
            "PermissionSetArn": permission_set.id,
            "PaginationConfig": _PAGE,
        }
        found = pages(self._clients.sso_admin, "list_account_assignments", **arguments)
        with self._sought(f"read assignments of {permission_set.name} in account {account}"):
            for page in found:
                for row in member(page, "AccountAssignments"):
                    yield member(row, "PrincipalType"), member(row, "PrincipalId")

    def memberships(self, group: Named) -> Iterator[Membership]:
        arguments: dict[str, Any] = {
            "IdentityStoreId": self.instance().store,
            "GroupId": group.id,
            "PaginationConfig": _PAGE,
        }
        with self._sought(f"read the members of {group.name}"):
            for page in pages(self._clients.identity_store, "list_group_memberships", **arguments):
                for row in member(page, "GroupMemberships"):
                    user = member(member(row, "MemberId"), "UserId")
                    yield Membership(member(row, "MembershipId"), user, row.get("CreatedAt"))
