"""The calls to Bitbucket Data Center's REST API 1.0 that we need, and the shapes of their answers.

Never changes a project's default permission (`/permissions/{permission}/all`): everybody is no
principal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from atlassian.bitbucket import Bitbucket

from reconciler.errors import NotFound, ProviderError
from reconciler.model import Entitlement, Principal
from reconciler.providers.base import Pace
from reconciler.providers.bitbucket.calls import Calls, Refused, object_in, open_calls
from reconciler.providers.bitbucket.holders import Holder, section_of
from reconciler.providers.bitbucket.settings import Patience, Settings
from reconciler.providers.bitbucket_dc.kinds import GLOBAL, PROJECT, ROLES

_PAGE = 1000  # the most that Data Center gives, unless an administrator allows less
_API = "rest/api/1.0"

# Said for certain: what exists and is not for us is refused with 401.
_GONE = ("NoSuchProjectException", "NoSuchRepositoryException")

_HINTS = {
    401: "check {token}, and that its user is an admin there (Data Center says 401 for that too); "
    "global permissions need the user's password in it, and its name in {username}",
    403: "the token's user may not do that",
    404: "check the spelling, and that the token's user may see it",
    409: "nobody may take away or lower the permission that they act by",
}
_WRITE_HINTS = {
    403: "that would exceed the licence, or lower the permission that the token's user acts by",
    404: "check the name of the user or group in directory/",
    409: "that would lower the permission that the token's user acts by, or another change was "
    "under way; plan again",
}


@dataclass(frozen=True, slots=True)
class User:
    name: str
    email: str


def open_rest(system: str, settings: Settings, pace: Pace, patience: Patience) -> Rest:
    """Raises ProviderError when the environment has no token. Nothing is called yet."""
    return Rest(open_calls(system, settings, Bitbucket, _HINTS, pace, patience))


class Rest:
    """Reads whole lists or raises; the `Slots` of the writer."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def holders(self, kind: str, resource: str) -> tuple[Holder, ...]:
        """Who holds a permission of its own there: two lists, users and groups."""
        return *self._list(kind, resource, "users"), *self.groups(kind, resource)

    def groups(self, kind: str, resource: str) -> tuple[Holder, ...]:
        return self._list(kind, resource, "groups")

    def users_like(self, text: str) -> tuple[User, ...]:
        """Users whose name, display name or e-mail address contains `text`.

        Not by `/admin/users`: Data Center takes no HTTP access token there (BSERV-10482).
        """
        return self._users(f"look up {text}", {"filter": text})

    def is_member(self, name: str, group: str) -> bool:
        """`/users` looks in a group, too, and takes a token of any licensed user. Not by
        `/admin/users/more-members` (BSERV-10482). Nested groups count where Bitbucket reads them.

        Source of the filters: REST description of 8.14, "Get all users".
        """
        action = f"find out whether {name} is in group {group}"
        return _named(name, self._users(action, {"filter": name, "group": group}))

    def global_role(self, name: str) -> str:
        """The global permission that opens every project to a user, of their own or through a
        group: "" for none. `/users` keeps those who have a permission, and all may ask."""
        for role in ("sys-admin", "admin"):
            action = f"find out whether {name} is {role} of the instance"
            query = {"filter": name, "permission": ROLES[GLOBAL][role]}
            if _named(name, self._users(action, query)):
                return role
        return ""

    def default_role(self, project: str) -> str:
        """What a project gives every licensed user, "" for nothing."""
        for role in ("admin", "write", "read"):
            action = f"read the default permission of project {project}"
            path = f"{_base(PROJECT, project)}/{ROLES[PROJECT][role]}/all"
            body = object_in(self._calls.system, action, self._calls.get(action, path))
            if not isinstance(permitted := body.get("permitted"), bool):
                raise self._odd(action, f"whether {role} is permitted came as {permitted!r}")
            if permitted:
                return role
        return ""

    def is_public(self, kind: str, resource: str) -> bool:
        """Whether a project or repository can be read without signing in, also by its project."""
        action = f"find out whether {kind} {resource} is public"
        path = _base(kind, resource).removesuffix("/permissions")
        body = object_in(self._calls.system, action, self._calls.get(action, path))
        match body:
            case {"public": bool(own), "project": {"public": bool(project)}}:
                return own or project
            case {"public": bool(own)} if kind == PROJECT:
                return own
        raise self._odd(action, "the answer does not say")

    def signed_in(self) -> str:
        """The name of the token's user: no call tells it, but every answer has it as a header."""
        action = "find out who the token belongs to"
        if not self._calls.signed_in:
            self._calls.get(action, f"{_API}/application-properties")
        if not self._calls.signed_in:
            raise self._odd(action, "the answer has no header X-AUSERNAME")
        return self._calls.signed_in

    def role(self, entitlement: Entitlement, principal: Principal) -> str:
        """Asks with a filter; it finds every name that contains ours."""
        rows = self._list(
            entitlement.kind, entitlement.resource, section_of(principal), _name(principal)
        )
        return next((row.role for row in rows if row.principal == principal), "")

    def put(self, entitlement: Entitlement, principal: Principal, role: str) -> None:
        kind, resource = entitlement.kind, entitlement.resource
        self._calls.put(
            f"give {role} on {kind} {resource} to {principal}",
            f"{_base(kind, resource)}/{section_of(principal)}",
            params={"name": _name(principal), "permission": ROLES[kind][role]},
            hints=_WRITE_HINTS,
        )

    def clear(self, entitlement: Entitlement, principal: Principal) -> None:
        kind, resource = entitlement.kind, entitlement.resource
        self._calls.delete(
            f"remove {principal} from {kind} {resource}",
            f"{_base(kind, resource)}/{section_of(principal)}",
            params={"name": _name(principal)},
        )

    def _users(self, action: str, query: Mapping[str, str]) -> tuple[User, ...]:
        rows = self._pages(action, f"{_API}/users", query)
        return tuple(self._user(action, row) for row in rows)

    def _list(self, kind: str, resource: str, section: str, like: str = "") -> tuple[Holder, ...]:
        action = f"list the {section} of {kind} {resource}"
        found: dict[str, Holder] = {}
        names = {vendors: role for role, vendors in ROLES[kind].items()}
        path = f"{_base(kind, resource)}/{section}"
        try:
            rows = tuple(self._pages(action, path, {"filter": like} if like else {}))
        except Refused as e:
            if e.status == 404 and e.reason in _GONE:
                raise NotFound(self._calls.system, action, e.cause) from e
            raise
        for row in rows:
            principal = self._principal(action, section, row)
            role = names.get(str(row.get("permission")))
            if role is None:
                raise self._odd(action, f"{row.get('permission')!r} is no permission that we know")
            before = found.setdefault(principal.id, Holder(principal, role))
            if before.role != role:
                raise self._odd(action, f"{principal} comes twice, as {before.role} and {role}")
        return tuple(found.values())

    def _pages(self, action: str, path: str, params: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """A page may be short, even empty, before the last: `isLastPage` alone ends a list."""
        start = 0
        while True:
            query = {**params, "limit": _PAGE, "start": start}
            page = object_in(self._calls.system, action, self._calls.get(action, path, query))
            rows, last, following = (page.get(k) for k in ("values", "isLastPage", "nextPageStart"))
            if not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
                raise self._odd(action, "a page came without its list of values")
            if page.get("size", len(rows)) != len(rows):
                raise self._odd(action, f"a page of {page['size']} came with {len(rows)} rows")
            yield from rows
            if last is True:
                return
            if last is not False or not isinstance(following, int) or following <= start:
                raise self._odd(action, f"the page after row {start} starts at {following!r}")
            start = following

    def _principal(self, action: str, section: str, row: dict[str, Any]) -> Principal:
        match row:
            case {"user": {"name": str(name)}} if section == "users":
                return Principal(f"user:{name.lower()}", name)
            case {"group": {"name": str(name)}} if section == "groups":
                return Principal(f"group:{name.lower()}", name)
        raise self._odd(action, "a row came without its name")

    def _user(self, action: str, row: dict[str, Any]) -> User:
        match row:
            case {"name": str(name)}:
                return User(name, str(row.get("emailAddress") or ""))
        raise self._odd(action, "a row came without its name")

    def _odd(self, action: str, what: str) -> ProviderError:
        return ProviderError(self._calls.system, action, f"{what}; nothing of it is used")


def _base(kind: str, resource: str) -> str:
    if kind == GLOBAL:
        return f"{_API}/admin/permissions"
    project, _, repository = resource.partition("/")
    path = f"{_API}/projects/{quote(project, safe='~')}"
    if kind == PROJECT:
        return f"{path}/permissions"
    return f"{path}/repos/{quote(repository, safe='')}/permissions"


def _name(principal: Principal) -> str:
    return principal.id.partition(":")[2]


def _named(name: str, users: tuple[User, ...]) -> bool:
    """The filter finds every name and address that contains the text."""
    return any(user.name.lower() == name for user in users)
