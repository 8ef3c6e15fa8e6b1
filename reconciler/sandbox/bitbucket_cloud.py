"""A local Bitbucket Cloud: REST API 2.0 of one workspace's permissions, as its OpenAPI description
of 2025-12-15 says, and of API 1.0 the members of groups, which 2.0 does not have."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from reconciler.sandbox.bitbucket import Holder, Limit, Place, Table
from reconciler.sandbox.bitbucket_cloud_standing import Standing, filtered
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.local import GROUPS, PEOPLE, SERVICES, Row, Served
from reconciler.sandbox.rest import Answer, Refusal, Server, as_json, empty_wanted, number

WORKSPACE = "acme"
BOT = "reconciler"  # an admin of the workspace: its API token is TOKEN
OWNER = "olivia"  # owns the workspace: nobody can give her a permission
TOKEN = "local-api-token"
ACCESS_TOKEN = "local-access-token"  # a bearer: the vendor lets it read permissions, not write
REPOSITORIES = ("payments-api", "ledger", "web")
PROJECTS = ("PAY",)
ROLES = {
    "repository": ("read", "write", "admin"),
    "project": ("read", "write", "create-repo", "admin"),
}
_PATHS = {
    "repository": "/2.0/repositories/<workspace>/<name>/permissions-config",
    "project": "/2.0/workspaces/<workspace>/projects/<name>/permissions-config",
}


@dataclass(frozen=True, slots=True)
class User:
    login: str

    @property
    def uuid(self) -> str:
        return f"{{{uuid.uuid5(uuid.NAMESPACE_URL, f'https://bitbucket.org/{self.login}')}}}"

    @property
    def account_id(self) -> str:
        return f"557058:{uuid.uuid5(uuid.NAMESPACE_URL, f'https://id.atlassian.com/{self.login}')}"

    @property
    def shown(self) -> dict[str, str]:
        return {
            "type": "user",
            "display_name": self.login.title(),
            "nickname": self.login,
            "uuid": self.uuid,
            "account_id": self.account_id,
        }


class LocalBitbucketCloud:
    """`page_most` is what the vendor documents (100); tests make it small. `seats` is how many
    users the plan lets have access; `limit` throttles with 429, and no Retry-After."""

    name = "bitbucket"

    def __init__(self, page_most: int = 100) -> None:
        self.page_most = page_most
        self.seats: int | None = None
        self.limit: Limit | None = None
        self.workspace_admin = True  # whether BOT is one
        self._users: dict[str, User] = {}
        for login in (*(p.login for p in PEOPLE), *SERVICES, BOT, OWNER):
            self.add_member(login)
        places = [Place("repository", name) for name in REPOSITORIES]
        self.table = Table([*places, *(Place("project", key) for key in PROJECTS)])
        groups = {**GROUPS, "developers": ("bob", "carol", "dave")}
        self.standing = Standing(
            self.table,
            {slug: {User(login).uuid for login in logins} for slug, logins in groups.items()},
            dict.fromkeys(REPOSITORIES, "PAY"),
            {User(OWNER).uuid, User(BOT).uuid},
        )
        self.table.put(Place("repository", "web"), Holder("groups", "developers"), "write")
        admin = Holder("users", User("grace").uuid)
        self.table.put(Place("repository", "payments-api"), admin, "admin")
        self._server = Server(_rules(), self._answers(), _error, self._before)

    @property
    def groups(self) -> set[str]:
        return set(self.standing.groups)

    def add_member(self, login: str) -> User:
        user = User(login)
        self._users[user.uuid] = user
        return user

    def start(self, faults: Faults, home: Path, port: int = 0) -> Served:
        url = self._server.start(self.name, faults, port)
        return Served(
            settings={"provider": "bitbucket", "workspace": WORKSPACE, "endpoint": url},
            env={"BITBUCKET_TOKEN": TOKEN, "BITBUCKET_USERNAME": f"{BOT}@example.com"},
        )

    def stop(self) -> None:
        self._server.stop()

    def rows(self) -> tuple[Row, ...]:
        return tuple(
            sorted(Row(self.name, p.name, role, self._shown(h)) for p, h, role in self.table.all())
        )

    def _shown(self, holder: Holder) -> str:
        if holder.section == "groups":
            return f"group {holder.name}"
        return self._users[holder.name].login

    def _answers(self) -> dict[str, Answer]:
        return {
            "user": lambda request: as_json(User(BOT).shown),
            "members": self._members,
            "effective": self._effective,
            "one_effective": self._one_effective,
            "owners": self._owners,
            "repository": self._repository,
            "group_members": self._group_members,
            "list": self._list,
            "one": self._one,
        }

    def _before(self, request: Request) -> None:
        basic = base64.b64encode(f"{BOT}@example.com:{TOKEN}".encode()).decode()
        sent = request.headers.get("Authorization", "")
        if sent not in (f"Basic {basic}", f"Bearer {ACCESS_TOKEN}"):
            raise Refusal(401, "Token is invalid, expired, or not supported for this endpoint.")
        if sent.startswith("Bearer") and request.method != "GET":
            raise Refusal(403, "This API is only accessible with an app password or API token.")
        if self.limit and not self.limit.takes():
            raise Refusal(429, "Rate limit for this resource has been exceeded")

    def _members(self, request: Request, workspace: str) -> Response:
        _check_workspace(workspace)
        rows = [{"type": "workspace_membership", "user": u.shown} for u in self._users.values()]
        return self._page(request, rows)

    def _effective(self, request: Request, workspace: str) -> Response:
        self._check_workspace_admin(workspace)
        rows = [row for name in REPOSITORIES for row in self.standing.rows(name, self._shown_user)]
        return self._page(request, rows)

    def _one_effective(self, request: Request, workspace: str, name: str) -> Response:
        place = self._place(workspace, "repository", name)
        rows = self.standing.rows(place.name, self._shown_user, filtered(request, "user.uuid"))
        return self._page(request, rows)

    def _owners(self, request: Request, workspace: str) -> Response:
        self._check_workspace_admin(workspace)
        wanted = filtered(request, "permission")
        return self._page(request, self.standing.members(self._users, self._shown_user, wanted))

    def _shown_user(self, uuid: str) -> dict[str, str]:
        return self._users[uuid].shown

    def _repository(self, request: Request, workspace: str, name: str) -> Response:
        place = self._place(workspace, "repository", name)
        return as_json(self.standing.repository(WORKSPACE, place.name))

    def _group_members(self, request: Request, workspace: str, slug: str) -> Response:
        """API 1.0, support.atlassian.com, "groups Endpoint": one list, and no pages."""
        self._check_workspace_admin(workspace)
        if slug not in self.groups:
            raise Refusal(404, f"No such group: {slug}")
        members = sorted(self.standing.groups[slug])
        return as_json([self._users[uuid].shown for uuid in members])

    def _check_workspace_admin(self, workspace: str) -> None:
        _check_workspace(workspace)
        if not self.workspace_admin:
            raise Refusal(403, "You do not have permission to view this workspace's permissions.")

    def _list(
        self, request: Request, workspace: str, kind: str, name: str, section: str
    ) -> Response:
        place = self._place(workspace, kind, name)
        held = self.table.held(place, section)
        return self._page(request, [self._row(place, holder, role) for holder, role in held])

    def _one(
        self, request: Request, workspace: str, kind: str, name: str, section: str, who: str
    ) -> Response:
        place = self._place(workspace, kind, name)
        holder = self._holder(section, who)
        if request.method == "PUT":
            self.table.put(place, holder, self._allowed(request, place, holder))
        if request.method == "DELETE":
            self.table.clear(place, holder)
            return Response(status=204)
        return as_json(self._row(place, holder, self.table.role(place, holder) or "none"))

    def _allowed(self, request: Request, place: Place, holder: Holder) -> str:
        body = request.get_json(silent=True)
        role = body.get("permission") if isinstance(body, dict) else None
        if role not in ROLES[place.kind]:
            raise Refusal(400, f"Invalid permission: {role!r}")
        if holder.section == "users" and self._users[holder.name].login == OWNER:
            raise Refusal(400, "The workspace owner's permission cannot be changed.")
        seated = {h.name for _, h, _ in self.table.all() if h.section == "users"}
        if self.seats is not None and len(seated | {holder.name}) > self.seats:
            raise Refusal(
                402,
                "You have reached your plan's user limit and must upgrade before giving access "
                "to additional users.",
            )
        return str(role)

    def _place(self, workspace: str, kind: str, name: str) -> Place:
        _check_workspace(workspace)
        # Slugs are in lower case and keys in upper case; either is found in any case.
        place = Place(kind, name.lower() if kind == "repository" else name.upper())
        if place not in self.table:
            what = "Repository" if kind == "repository" else "Project"
            raise Refusal(404, f"{what} {workspace}/{name} not found")
        return place

    def _holder(self, section: str, who: str) -> Holder:
        if section == "groups":
            if who not in self.groups:
                raise Refusal(404, f"No such group: {who}")
            return Holder(section, who)
        for user in self._users.values():
            if who in (user.uuid, user.account_id):
                return Holder(section, user.uuid)
        raise Refusal(404, f"No such user: {who}")

    def _row(self, place: Place, holder: Holder, role: str) -> dict[str, object]:
        if holder.section == "users":
            user = self._users[holder.name]
            key, subject, ref = "user", user.shown, user.account_id
        else:
            title = holder.name.replace("-", " ").title()
            subject = {
                "type": "group",
                "name": title,
                "slug": holder.name,
                "full_slug": f"{WORKSPACE}:{holder.name}",
            }
            key, ref = "group", holder.name
        path = _PATHS[place.kind].replace("<workspace>", WORKSPACE).replace("<name>", place.name)
        return {
            "type": f"{place.kind}_{key}_permission",
            key: subject,
            "permission": role,
            "links": {
                "self": {
                    "href": f"https://api.bitbucket.org{path}/{holder.section}/{quote(ref, safe=':')}"
                }
            },
        }

    def _page(self, request: Request, rows: Iterable[object]) -> Response:
        """`next` comes as a whole URL, only where there is more."""
        every = list(rows)
        size = number(request, "pagelen", 10, 1, self.page_most)
        page = number(request, "page", 1, 1, 1_000_000)
        some = every[(page - 1) * size : page * size]
        body: dict[str, object] = {"pagelen": size, "size": len(every), "page": page}
        if page * size < len(every) or empty_wanted(request):
            kept = {"q": request.args["q"]} if "q" in request.args else {}
            query = urlencode({**kept, "pagelen": size, "page": page + 1})
            body["next"] = f"{request.base_url}?{query}"
        return as_json({**body, "values": [] if empty_wanted(request) else some})


def _rules() -> Iterable[Rule]:
    yield Rule("/2.0/user", endpoint="user", methods=["GET"])
    yield Rule("/2.0/workspaces/<workspace>/members", endpoint="members", methods=["GET"])
    effective = "/2.0/workspaces/<workspace>/permissions/repositories"
    yield Rule(effective, endpoint="effective", methods=["GET"])
    yield Rule(f"{effective}/<name>", endpoint="one_effective", methods=["GET"])
    yield Rule("/2.0/workspaces/<workspace>/permissions", endpoint="owners", methods=["GET"])
    yield Rule("/2.0/repositories/<workspace>/<name>", endpoint="repository", methods=["GET"])
    members = "/1.0/groups/<workspace>/<slug>/members"
    yield Rule(members, endpoint="group_members", methods=["GET"])
    for kind, path in _PATHS.items():
        section = "<any(users, groups):section>"
        given = {"kind": kind}
        yield Rule(f"{path}/{section}", endpoint="list", methods=["GET"], defaults=given)
        yield Rule(
            f"{path}/{section}/<who>",
            endpoint="one",
            methods=["GET", "PUT", "DELETE"],
            defaults=given,
        )


def _check_workspace(workspace: str) -> None:
    if workspace.lower() != WORKSPACE:
        raise Refusal(404, f"No workspace with identifier '{workspace}'.")


def _error(refusal: Refusal) -> Response:
    error: dict[str, object] = {"message": refusal.message}
    if refusal.detail:
        error["detail"] = refusal.detail
    return as_json({"type": "error", "error": error}, refusal.status)
