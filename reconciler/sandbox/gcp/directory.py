"""What Cloud Identity knows of groups, as its description of v1 says. Takes no writes, and serves
nobody by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs
from zlib import crc32

from reconciler.sandbox.gcp import refusals
from reconciler.sandbox.gcp.policies import Accounts

_TYPES: Mapping[str, str] = {"user": "USER", "group": "GROUP", "serviceAccount": "SERVICE_ACCOUNT"}


class Directory:
    """`groups` are addresses of groups → of members → when the membership ends, "" for never.
    `page_most` is the vendor's 500 for the view FULL (1,000 for BASIC); tests make it small."""

    def __init__(self, groups: Mapping[str, tuple[str, ...]], accounts: Accounts) -> None:
        self.groups = {group: dict.fromkeys(members, "") for group, members in groups.items()}
        self.page_most = 500
        self._accounts = accounts

    def add(self, group: str, member: str, until: str = "") -> None:
        """`member` is an address; a group that is not there yet comes to be."""
        if group not in self.groups:
            self._accounts.kinds[group] = "group"
        self.groups.setdefault(group, {})[member] = until

    def answer(self, path: str, query: str) -> dict[str, Any]:
        """`groups:lookup` and `groups/{id}/memberships`."""
        asked = {name: values[-1] for name, values in parse_qs(query).items()}
        if path == "groups:lookup":
            return {"name": self._named(asked.get("groupKey.id", "").lower())}
        name = path.removesuffix("/memberships")
        group = next((g for g in self.groups if _name(g) == name), None)
        if group is None:
            raise refusals.hidden_group(name)
        return self._page(group, asked)

    def _named(self, group: str) -> str:
        if group not in self.groups:
            raise refusals.hidden_group(group)
        return _name(group)

    def _page(self, group: str, asked: Mapping[str, str]) -> dict[str, Any]:
        """The answer leaves out what is empty: a group without members is `{}`."""
        full = asked.get("view") == "FULL"
        size = min(int(asked.get("pageSize", 50 if full else 200)), self.page_most)
        start = int(asked.get("pageToken") or 0)
        members = list(self.groups[group].items())
        rows = [self._row(group, *member, full=full) for member in members[start : start + size]]
        page: dict[str, Any] = {"memberships": rows} if rows else {}
        if start + size < len(members):
            page["nextPageToken"] = str(start + size)
        return page

    def _row(self, group: str, member: str, until: str, *, full: bool) -> dict[str, Any]:
        role = {"name": "MEMBER", **({"expiryDetail": {"expireTime": until}} if until else {})}
        shown = {
            "name": f"{_name(group)}/memberships/{crc32(member.encode())}",
            "preferredMemberKey": {"id": member},
            "roles": [role if full else {"name": "MEMBER"}],
        }
        if not full:
            return shown
        kind = self._accounts.kinds.get(member.lower(), "user")
        return {**shown, "createTime": "2026-01-05T09:00:00Z", "type": _TYPES[kind]}


def _name(group: str) -> str:
    return f"groups/{crc32(group.encode()):010d}"
