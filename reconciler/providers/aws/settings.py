"""What reconciler.yaml says about one AWS organisation. Holds no credentials, ever."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.errors import ItemError

DEFAULT_ROLE = "access-reconciler"
_ACCOUNT = re.compile(r"\d{12}")


@dataclass(frozen=True, slots=True)
class Settings:
    """`accounts` are (alias, id), sorted; `role` writes in member accounts, `read_role` reads; names
    with their path, if they have one."""

    region: str
    accounts: tuple[tuple[str, str], ...] = ()
    endpoint: str | None = None
    role: str = DEFAULT_ROLE
    read_role: str = DEFAULT_ROLE
    instance: str = ""
    admin_roles: frozenset[str] = frozenset({"administratoraccess"})

    @property
    def partition(self) -> str:
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"

    def role_arn(self, account: str, role: str) -> str:
        return f"arn:{self.partition}:iam::{account}:role/{role}"

    def account(self, text: str) -> str:
        """The 12 digits behind an alias. Raises ItemError."""
        known = dict(self.accounts)
        if _ACCOUNT.fullmatch(text):
            return text
        if text not in known:
            names = ", ".join(known) or "none is set up"
            raise ItemError(
                "account",
                f"{text!r} is neither 12 digits nor an alias",
                f"write the account's 12 digits, or one of `accounts` in reconciler.yaml ({names})",
            )
        return known[text]


@dataclass(frozen=True, slots=True)
class Patience:
    """`tries` of one call; `wait` is the first of the growing waits between two looks, in seconds."""

    tries: int = 8
    wait: float = 0.1


def read_settings(fields: Mapping[str, Any]) -> Settings:
    """`fields` are valid by the schema fragment's `settings`."""
    accounts = tuple(sorted((str(k), str(v)) for k, v in fields.get("accounts", {}).items()))
    role = fields.get("role", DEFAULT_ROLE).strip("/")
    admins = fields.get("admin_roles", ["AdministratorAccess"])
    return Settings(
        region=fields["region"],
        accounts=accounts,
        endpoint=fields.get("endpoint"),
        role=role,
        read_role=fields.get("read_role", role).strip("/"),
        instance=fields.get("instance", ""),
        admin_roles=frozenset(str(a).casefold() for a in admins),
    )
