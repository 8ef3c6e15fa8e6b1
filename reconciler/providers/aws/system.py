"""All that is known about AWS items without asking AWS. Never imports the SDK at import time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.errors import ItemError
from reconciler.model import Capabilities, Entitlement
from reconciler.model.marking import UNOWNED, Marking
from reconciler.providers.aws.kinds import ASSIGNMENT, IAM_GROUP, MEMBER, MEMBERSHIP, POLICY
from reconciler.providers.aws.settings import Patience, Settings
from reconciler.providers.aws.statements import declared
from reconciler.providers.base import Pace, Rate, Reader, Writer

# https://docs.aws.amazon.com/singlesignon/latest/userguide/limits.html: 20 calls a second to all
# of Identity Center together, 10 outstanding assignments. IAM publishes no limits.
_RATE = Rate(calls=20, seconds=1, concurrency=10)
_NO_END = {
    ASSIGNMENT: "Identity Center assignments hold no end and no marker",
    MEMBERSHIP: "Identity Center group memberships hold no end and no marker",
    IAM_GROUP: "IAM group memberships hold no end and no marker",
}


@dataclass(frozen=True, slots=True)
class AwsSystem:
    name: str
    settings: Settings
    marking: Marking = UNOWNED
    rate: Rate = _RATE
    patience: Patience = field(default_factory=Patience)

    def item(self, fields: Mapping[str, Any]) -> tuple[Entitlement, str]:
        """The account is "user/NAME" or "role/NAME" where the item names an IAM identity.

        A permission set given as ARN, and a group given as id, keep that spelling until
        `canonical` has asked for the name.
        """
        if "group" in fields:
            return Entitlement(self.name, MEMBERSHIP, fields["group"].strip(), MEMBER), ""
        account = self.settings.account(fields["account"])
        if "permission_set" in fields:
            return Entitlement(self.name, ASSIGNMENT, account, fields["permission_set"]), ""
        user = f"user/{fields['user']}" if "user" in fields else ""
        if "iam_group" in fields:
            return Entitlement(self.name, IAM_GROUP, account, fields["iam_group"]), user
        if "statements" not in fields:
            raise ItemError(
                "",
                f"names nothing to hold in account {account}",
                "write `permission_set`, `iam_group`, or `user` with `statements`",
            )
        identity = f"role/{fields['role']}" if "role" in fields else user
        text = declared(fields["statements"], "role" if "role" in fields else "user")
        return Entitlement(self.name, POLICY, account, text), identity

    def capabilities(self, entitlement: Entitlement, ending: bool) -> Capabilities:
        if entitlement.kind == POLICY:
            return Capabilities(native_expiry=True, marker=True)
        named = entitlement.resource if entitlement.kind == MEMBERSHIP else entitlement.role
        return Capabilities(
            native_expiry=False,
            marker=False,
            admin=named.casefold() in self.settings.admin_roles,
            note=_NO_END[entitlement.kind],
        )

    def scope(self, entitlement: Entitlement) -> str:
        """`assignments ACCOUNT PERMISSION_SET`, `group NAME`, or `iam ACCOUNT` for both IAM kinds."""
        if entitlement.kind == ASSIGNMENT:
            return f"assignments {entitlement.resource} {entitlement.role}"
        if entitlement.kind == MEMBERSHIP:
            return f"group {entitlement.resource}"
        return f"iam {entitlement.resource}"

    def open_reader(self, pace: Pace) -> Reader:
        from reconciler.providers.aws.reader import AwsReader
        from reconciler.providers.aws.session import Clients

        clients = Clients(self.settings, self.settings.read_role, pace, self.patience)
        return AwsReader(self.name, self.settings, clients, self.marking)

    def open_writer(self, pace: Pace) -> Writer:
        from reconciler.providers.aws.session import Clients
        from reconciler.providers.aws.writer import AwsWriter

        clients = Clients(self.settings, self.settings.role, pace, self.patience)
        return AwsWriter(self.name, self.settings, clients, self.marking)
