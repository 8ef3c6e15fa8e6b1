"""Asks Cloud Identity who is in a group, at any depth. Never asks upwards, which groups somebody is
in: that answer leaves out, without a word, the groups that we may not see.

Nor does it ask for transitive memberships: Google answers those only to Cloud Identity Premium and
the dearer editions of Workspace, plain lists to everybody.
https://docs.cloud.google.com/identity/docs/reference/rest/v1/groups.memberships
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reconciler.errors import ProviderError
from reconciler.providers.gcp.policy import Unwhole
from reconciler.providers.gcp.session import Policies, explained

_PAGE = "500"  # the most of the view FULL, which alone has each member's type and end
_NEEDS = (
    "the administrator role Groups Reader, and the API cloudidentity.googleapis.com switched on "
    "(the group of another company can be read only there)"
)
_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Membership:
    """`through` are the groups between the one asked about and the member, outermost first;
    `until` is when Google ends it."""

    through: tuple[str, ...]
    until: datetime | None


@dataclass(frozen=True, slots=True)
class _Member:
    address: str
    group: bool
    end: datetime


@dataclass(frozen=True, slots=True)
class _Way:
    through: tuple[str, ...] = ()
    end: datetime = _EVER


class Groups:
    """Lists each group once. Not for several threads at the same time."""

    def __init__(self, system: str, policies: Policies, endpoint: str) -> None:
        """`endpoint` "" is none: beside a server that is not Google, groups may have no place."""
        self._system = system
        self._policies = policies
        self._endpoint = endpoint
        self._listed: dict[str, tuple[_Member, ...]] = {}

    def membership(self, group: str, address: str) -> Membership | None:
        """How `address` is in `group`, both in lower case: by the way that lasts longest.

        Raises ProviderError when a group cannot be read. Lists no more once a way has no end.
        """
        best: _Way | None = None
        lasts = {group: _EVER}
        waiting = deque([(group, _Way())])
        while waiting and (best is None or best.end < _EVER):
            name, way = waiting.popleft()
            for member in self._members(name):
                end = min(member.end, way.end)
                if member.address == address and (best is None or best.end < end):
                    best = _Way(way.through, end)
                known = lasts.get(member.address)
                if member.group and (known is None or known < end):
                    lasts[member.address] = end
                    waiting.append((member.address, _Way((*way.through, member.address), end)))
        if best is None:
            return None
        return Membership(best.through, None if best.end == _EVER else best.end)

    def _members(self, group: str) -> tuple[_Member, ...]:
        if group not in self._listed:
            action = f"list the members of group {group}"
            if not self._endpoint:
                cause = "groups are nowhere to be asked; write groups_endpoint beside endpoint"
                raise ProviderError(self._system, action, cause)
            with explained(self._system, action, _NEEDS):
                self._listed[group] = tuple(self._list(group))
        return self._listed[group]

    def _list(self, group: str) -> Iterator[_Member]:
        """`groups.lookup` for the group's name, and all pages of `groups.memberships.list`."""
        name = self._fetch("groups:lookup", {"groupKey.id": group}).get("name")
        if not isinstance(name, str) or not name.startswith("groups/"):
            raise Unwhole(f"the group's name came as {name!r}")
        query, tokens = {"view": "FULL", "pageSize": _PAGE}, {""}
        while True:
            page = self._fetch(f"{name}/memberships", query)
            for row in page.get("memberships", ()):
                yield from _member(row)
            token = page.get("nextPageToken", "")
            if not token:
                return
            if not isinstance(token, str) or token in tokens:
                raise Unwhole(f"a page leads to {token!r}, which was there before")
            tokens.add(token)
            query = {**query, "pageToken": token}

    def _fetch(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        url = f"{self._endpoint}/v1/{path}"
        response = self._policies.patiently(lambda: self._policies.fetch(url, query))
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Unwhole("the answer is no JSON object")
        return body


def _member(row: object) -> Iterator[_Member]:
    """Nothing for who is of another directory (`namespace`): no policy can name such a group."""
    match row:
        case {"preferredMemberKey": {"namespace": str(other)}} if other:
            return
        case {"preferredMemberKey": {"id": str(id)}, "type": str(type), "roles": list(roles)}:
            yield _Member(id.lower(), type == "GROUP", max(map(_end, roles), default=_EVER))
        case _:
            raise Unwhole("a member came without its key, its type or its roles")


def _end(role: object) -> datetime:
    """Only the role MEMBER can end; whoever is an owner or a manager is a member besides."""
    match role:
        case {"name": "MEMBER", "expiryDetail": {"expireTime": str(text)}}:
            try:
                return datetime.fromisoformat(text).astimezone(UTC)
            except ValueError:
                raise Unwhole(f"a membership ends at {text!r}") from None
        case {"name": str()}:
            return _EVER
    raise Unwhole("a role of a member came without its name")
