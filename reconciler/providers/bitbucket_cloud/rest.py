"""The calls to Bitbucket Cloud's REST API 2.0 that we need, and the shapes of their answers.

Plans ask for no effective permissions: `workspaces/{w}/permissions/repositories` shows the highest
one that a user has by any way (project, group, workspace role), so nothing that may be removed can
be told from it. Only other ways in are told by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from atlassian.bitbucket.cloud import Cloud

from reconciler.errors import NotFound, ProviderError
from reconciler.model import Entitlement, Principal
from reconciler.providers.base import Pace
from reconciler.providers.bitbucket.calls import (
    Calls,
    Refused,
    object_in,
    objects_in,
    open_calls,
)
from reconciler.providers.bitbucket.holders import Holder, section_of
from reconciler.providers.bitbucket.settings import Patience, Settings
from reconciler.providers.bitbucket_cloud.kinds import REPOSITORY, ROLES

_PAGE = 100  # the most that Bitbucket Cloud gives

_HINTS = {
    401: "check {token}, and that {username} is the e-mail address of the token's account",
    403: "the token needs to be of an admin there, with the scopes of "
    "docs/providers/bitbucket.md; an access token without {username} can only read",
    404: "check the spelling, and that the token's account may see it",
}
_WRITE_HINTS = {
    400: "a user must be a member of the workspace and not its owner, who has everything anyway",
    402: "the workspace's plan has no seat left: free one, or buy one",
    404: "the principal must be a member or group of the workspace; check it in directory/",
}


@dataclass(frozen=True, slots=True)
class Member:
    uuid: str
    account_id: str


@dataclass(frozen=True, slots=True)
class Repository:
    project: str
    public: bool


def open_rest(
    system: str, workspace: str, settings: Settings, pace: Pace, patience: Patience
) -> Rest:
    """Raises ProviderError when the environment has no token. Nothing is called yet."""
    calls = open_calls(system, settings, Cloud, _HINTS, pace, patience)
    return Rest(calls, workspace, f"{settings.url}/1.0")


class Rest:
    """Reads whole lists or raises; the `Slots` of the writer."""

    def __init__(self, calls: Calls, workspace: str, old_api: str) -> None:
        self._calls = calls
        self._workspace = workspace
        self._old_api = old_api

    def holders(self, kind: str, resource: str) -> tuple[Holder, ...]:
        """Who holds an explicit permission there: two lists, users and groups."""
        return *self._list(kind, resource, "users"), *self.groups(kind, resource)

    def groups(self, kind: str, resource: str) -> tuple[Holder, ...]:
        return self._list(kind, resource, "groups")

    def members(self) -> tuple[Member, ...]:
        action = f"list the members of workspace {self._workspace}"
        rows = self._pages(action, f"workspaces/{quote(self._workspace, safe='')}/members")
        return tuple(self._member(action, row) for row in rows)

    def group_members(self, slug: str) -> frozenset[str]:
        """The users in a group, as principal ids. API 2.0 has no such call; 1.0 keeps its own until
        there is another: support.atlassian.com, "groups Endpoint"."""
        action = f"list the members of group {slug}"
        path = f"groups/{quote(self._workspace, safe='')}/{quote(slug, safe='')}/members"
        response = self._calls.get_url(action, f"{self._old_api}/{path}")
        rows = objects_in(self._calls.system, action, response)
        return frozenset(self._user(action, row).id for row in rows)

    def owns(self, principal: Principal) -> bool:
        """Whether a user owns the workspace: `owner` is the vendor's word for its administrators."""
        action = f"list the owners of workspace {self._workspace}"
        path = f"workspaces/{quote(self._workspace, safe='')}/permissions"
        rows = self._pages(action, path, {"q": 'permission="owner"'})
        return any(self._user(action, row.get("user")) == principal for row in rows)

    def repository(self, slug: str) -> Repository:
        action = f"read repository {slug}"
        path = self._base(REPOSITORY, slug).removesuffix("/permissions-config")
        body = object_in(self._calls.system, action, self._calls.get(action, path))
        match body:
            case {"project": {"key": str(key)}, "is_private": bool(private)}:
                return Repository(key.upper(), not private)
        raise self._odd(action, "the answer does not say its project, and whether it is private")

    def effective(self, slug: str, principal: Principal) -> str:
        """The highest permission that a user has there by any way, "" for none.

        `/workspaces/{workspace}/permissions/repositories/{repo_slug}`, for admins of the repository.
        """
        action = f"find out what {principal} may in the end on repository {slug}"
        place = f"permissions/repositories/{quote(slug, safe='')}"
        path = f"workspaces/{quote(self._workspace, safe='')}/{place}"
        uuid = principal.id.partition(":")[2]
        rows = self._pages(action, path, {"q": f'user.uuid="{uuid}"'})
        mine = [row for row in rows if self._user(action, row.get("user")) == principal]
        return self._permission(action, REPOSITORY, mine[0]) if mine else ""

    def signed_in(self) -> str:
        """The principal that the token acts as."""
        action = "find out who the token belongs to"
        body = object_in(self._calls.system, action, self._calls.get(action, "user"))
        return self._user(action, body).id

    def role(self, entitlement: Entitlement, principal: Principal) -> str:
        kind, resource = entitlement.kind, entitlement.resource
        action = f"read what {principal} has on {kind} {resource}"
        try:
            response = self._calls.get(action, self._path(kind, resource, principal))
        except Refused as e:
            if e.status != 404:
                raise
            # No such principal, or no such resource: only the whole list tells them apart.
            rows = self._list(kind, resource, section_of(principal))
            return next((row.role for row in rows if row.principal == principal), "")
        body = object_in(self._calls.system, action, response)
        return self._permission(action, kind, body)

    def put(self, entitlement: Entitlement, principal: Principal, role: str) -> None:
        kind, resource = entitlement.kind, entitlement.resource
        self._calls.put(
            f"give {role} on {kind} {resource} to {principal}",
            self._path(kind, resource, principal),
            data={"permission": role},
            hints=_WRITE_HINTS,
        )

    def clear(self, entitlement: Entitlement, principal: Principal) -> None:
        kind, resource = entitlement.kind, entitlement.resource
        action = f"remove {principal} from {kind} {resource}"
        self._calls.delete(action, self._path(kind, resource, principal))

    def _path(self, kind: str, resource: str, principal: Principal) -> str:
        _, _, name = principal.id.partition(":")
        return f"{self._base(kind, resource)}/{section_of(principal)}/{quote(name, safe='')}"

    def _base(self, kind: str, resource: str) -> str:
        workspace, name = quote(self._workspace, safe=""), quote(resource, safe="")
        if kind == REPOSITORY:
            return f"repositories/{workspace}/{name}/permissions-config"
        return f"workspaces/{workspace}/projects/{name}/permissions-config"

    def _list(self, kind: str, resource: str, section: str) -> tuple[Holder, ...]:
        action = f"list the {section} of {kind} {resource}"
        found: dict[str, Holder] = {}
        try:
            rows = tuple(self._pages(action, f"{self._base(kind, resource)}/{section}"))
        except Refused as e:
            if e.status == 404 and e.reason and self._sees_everything():
                raise NotFound(self._calls.system, action, e.cause) from e
            raise
        for row in rows:
            role = self._permission(action, kind, row)
            if section == "users":
                principal = self._user(action, row.get("user"))
            else:
                principal = self._group(action, row.get("group"))
            before = found.setdefault(principal.id, Holder(principal, role))
            if before.role != role:
                raise self._odd(action, f"{principal} comes twice, as {before.role} and {role}")
        return tuple(holder for holder in found.values() if holder.role)

    def _sees_everything(self) -> bool:
        """404 is also said of what the token may not see. To an admin of the workspace, and only
        to one, this list is open, and nothing in it is hidden: then 404 means gone."""
        path = f"workspaces/{quote(self._workspace, safe='')}/permissions/repositories"
        try:
            self._calls.get("find out what the token may see", path, {"pagelen": 1})
        except ProviderError:
            return False
        return True

    def _pages(
        self, action: str, path: str, query: Mapping[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        response = self._calls.get(action, path, {**(query or {}), "pagelen": _PAGE})
        followed: set[str] = set()
        while True:
            page = object_in(self._calls.system, action, response)
            rows = page.get("values")
            if not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
                raise self._odd(action, "a page came without its list of values")
            url = page.get("next")
            if url is None:
                yield from rows
                return
            if not rows or not isinstance(url, str) or url in followed:
                raise self._odd(action, f"a page of {len(rows)} rows leads to {url!r}")
            yield from rows
            followed.add(url)
            response = self._calls.get_next(action, url)

    def _permission(self, action: str, kind: str, row: dict[str, Any]) -> str:
        """`none` rows exist: the principal was given something else once, and holds nothing."""
        role = row.get("permission")
        if role == "none":
            return ""
        if role not in ROLES[kind]:
            raise self._odd(action, f"{role!r} is no permission that we know")
        return str(role)

    def _user(self, action: str, user: object) -> Principal:
        match user:
            case {"uuid": str(uuid), **rest}:
                name = rest.get("display_name") or rest.get("nickname") or ""
                return Principal(f"user:{uuid.lower()}", str(name))
        raise self._odd(action, "a row came without its user's uuid")

    def _group(self, action: str, group: object) -> Principal:
        match group:
            case {"slug": str(slug), **rest}:
                return Principal(f"group:{slug.lower()}", str(rest.get("name") or slug))
        raise self._odd(action, "a row came without its group's slug")

    def _member(self, action: str, row: dict[str, Any]) -> Member:
        match row:
            case {"user": {"uuid": str(uuid), **rest}}:
                return Member(uuid.lower(), str(rest.get("account_id") or ""))
        raise self._odd(action, "a row came without its user's uuid")

    def _odd(self, action: str, what: str) -> ProviderError:
        return ProviderError(self._calls.system, action, f"{what}; nothing of it is used")
