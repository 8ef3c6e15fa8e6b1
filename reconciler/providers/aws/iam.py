"""One member account's IAM as we read it: users, roles, groups and inline policies. Never writes."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.errors import ProviderError
from reconciler.model import Assignment
from reconciler.model.marking import NO_MARK, OWNER, Mark, Marking
from reconciler.providers.aws.session import Clients, explained, member, pages
from reconciler.providers.aws.statements import live
from reconciler.providers.once import Once

# Of our inline policies' names: `jit-`, the owner if there is one, the assignment's id. At most 55 of
# the 128 characters that IAM takes, which know no colon.
_OURS = re.compile(rf"jit-(?:({OWNER})-)?([a-z2-7]{{26}})")


def policy_name(of: Assignment, marking: Marking) -> str:
    return f"jit-{marking.text(of)}".replace(":", "-")


def marked(policy: str, marking: Marking) -> Mark:
    """By a policy's name; no mark on the policies of others, `jit-console` too."""
    found = _OURS.fullmatch(policy)
    return marking.read(found[1] or "", found[2]) if found else NO_MARK


@dataclass(frozen=True, slots=True)
class Policy:
    name: str
    text: str  # canonical statements, see statements.py
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Managed:
    """A managed policy that is attached to somebody. A customer's may have the name of one of AWS."""

    name: str
    arn: str


@dataclass(frozen=True, slots=True)
class Identity:
    """A user or a role: `ref` is "user/NAME" or "role/NAME" as AWS spells it."""

    ref: str
    arn: str
    policies: tuple[Policy, ...]
    groups: tuple[str, ...] = ()
    attached: tuple[Managed, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    arn: str
    policies: tuple[Policy, ...] = ()
    attached: tuple[Managed, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    identities: tuple[Identity, ...]
    groups: tuple[Group, ...]

    def identity(self, ref: str) -> Identity | None:
        """IAM does not distinguish case in names."""
        return next((i for i in self.identities if i.ref.casefold() == ref.casefold()), None)

    def group(self, name: str) -> Group | None:
        return next((g for g in self.groups if g.name.casefold() == name.casefold()), None)


class AccountReader:
    """One read of an account serves its names, and the first look at its rows, in a run."""

    def __init__(self, system: str, clients: Clients) -> None:
        self._system = system
        self._clients = clients
        self._named: Once[str, Account] = Once()
        self._looked: set[str] = set()
        self._lock = threading.Lock()

    def names(self, account: str) -> Account:
        return self._named.get(account, lambda: self._read(account))

    def rows(self, account: str) -> Account:
        """The read behind `names` once, a fresh one after that."""
        with self._lock:
            again = account in self._looked
            self._looked.add(account)
        return self._read(account) if again else self.names(account)

    def read_accounts(self) -> dict[str, Account]:
        return self._named.known()

    def _read(self, account: str) -> Account:
        role = self._clients.role_arn(account)
        with explained(self._system, f"read IAM of account {account} as {role}"):
            found = list(
                pages(
                    self._clients.iam(account),
                    "get_account_authorization_details",
                    Filter=["User", "Role", "Group"],
                    PaginationConfig={"PageSize": 1000},
                )
            )
            identities = [i for page in found for i in _identities(page)]
            groups = [g for page in found for g in _groups(page)]
        if not identities:
            # The role that read this is itself one of them.
            raise ProviderError(
                self._system, f"read IAM of account {account}", "it came back empty"
            )
        return Account(tuple(identities), tuple(groups))


def _identities(page: dict[str, Any]) -> Iterator[Identity]:
    for user in member(page, "UserDetailList"):
        policies = _policies(user.get("UserPolicyList", ()))
        groups = tuple(user.get("GroupList", ()))
        attached = _attached(user)
        yield Identity(f"user/{user['UserName']}", user["Arn"], policies, groups, attached)
    for role in member(page, "RoleDetailList"):
        policies = _policies(role.get("RolePolicyList", ()))
        attached = _attached(role)
        yield Identity(f"role/{role['RoleName']}", role["Arn"], policies, attached=attached)


def _groups(page: dict[str, Any]) -> Iterator[Group]:
    for group in member(page, "GroupDetailList"):
        policies = _policies(group.get("GroupPolicyList", ()))
        yield Group(group["GroupName"], group["Arn"], policies, _attached(group))


def _policies(listed: Any) -> tuple[Policy, ...]:
    return tuple(Policy(p["PolicyName"], *live(p["PolicyDocument"])) for p in listed)


def _attached(found: dict[str, Any]) -> tuple[Managed, ...]:
    listed = found.get("AttachedManagedPolicies", ())
    return tuple(Managed(p["PolicyName"], p["PolicyArn"]) for p in listed)
