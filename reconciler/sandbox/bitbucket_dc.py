"""A local Bitbucket Data Center: the permission calls of REST API 1.0, as its description of 8.14
says. Of effective permissions it knows the global ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from reconciler.sandbox.bitbucket import Holder, Limit, Place, Table
from reconciler.sandbox.bitbucket_dc_people import GLOBAL_ROLES, INSTANCE, People, User
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.local import GROUPS, PEOPLE, SERVICES, Row, Served
from reconciler.sandbox.rest import Answer, Refusal, Server, as_json, empty_wanted, number

BOT = "reconciler"  # a system administrator: TOKEN is its HTTP access token
TOKEN = "local-http-access-token"
PASSWORD = "local-password"  # BOT's own: tokens are not taken by administrative calls
PROJECTS = ("PAY",)
REPOSITORIES = ("PAY/payments-api", "PAY/ledger")
ROLES = {
    "project": ("PROJECT_READ", "PROJECT_WRITE", "REPO_CREATE", "PROJECT_ADMIN"),
    "repository": ("REPO_READ", "REPO_WRITE", "REPO_ADMIN"),
    "global": GLOBAL_ROLES,
}
_API = "/rest/api/<any('1.0', latest):version>"
_PATHS = {
    "global": f"{_API}/admin/permissions",
    "project": f"{_API}/projects/<key>/permissions",
    "repository": f"{_API}/projects/<key>/repos/<slug>/permissions",
}


class LocalBitbucketDc:
    """`page_most` is the vendor's default (1,000); administrators and tests make it small.
    `limit` throttles; the vendor's is 60 calls at once and 5 more each second."""

    name = "bitbucket-dc"

    def __init__(self, page_most: int = 1000) -> None:
        self.page_most = page_most
        self.limit: Limit | None = None
        self.licences: int | None = None
        self.tokens = {TOKEN: BOT}
        places = [Place("project", key) for key in PROJECTS]
        self.table = Table([INSTANCE, *places, *(Place("repository", r) for r in REPOSITORIES)])
        self.people = People(self.table)
        self.people.groups = {name: set(members) for name, members in GROUPS.items()}
        self.people.groups["developers"] = {"bob", "carol", "dave"}
        for login in (*(p.login for p in PEOPLE), *SERVICES, BOT):
            self.add_user(login)
        self.defaults: dict[str, str] = {}  # by key of a project: what every user may do there
        self.public: set[Place] = set()
        self.table.put(INSTANCE, Holder("users", BOT), "SYS_ADMIN")
        self.table.put(INSTANCE, Holder("groups", "developers"), "LICENSED_USER")
        ledger = Place("repository", "PAY/ledger")
        self.table.put(ledger, Holder("groups", "developers"), "REPO_WRITE")
        self.table.put(Place("project", "PAY"), Holder("users", "grace"), "PROJECT_ADMIN")
        self._server = Server(_rules(), self._answers(), _error, self._before)

    def add_user(self, name: str, email: str = "") -> User:
        return self.people.add_user(name, email)

    def start(self, faults: Faults, home: Path, port: int = 0) -> Served:
        url = self._server.start(self.name, faults, port)
        return Served(
            settings={"provider": "bitbucket-dc", "url": url},
            env={"BITBUCKET_DC_TOKEN": PASSWORD, "BITBUCKET_DC_USERNAME": BOT},
        )

    def stop(self) -> None:
        self._server.stop()

    def rows(self) -> tuple[Row, ...]:
        return tuple(
            sorted(
                Row(
                    self.name,
                    place.name or place.kind,
                    role,
                    f"group {holder.name}" if holder.section == "groups" else holder.name,
                )
                for place, holder, role in self.table.all()
            )
        )

    def _answers(self) -> Mapping[str, Answer]:
        return {
            "properties": lambda request, version: self._signed(
                request, as_json({"version": "8.19.4", "displayName": "Bitbucket"})
            ),
            "users": self._search,
            "permissions": self._permissions,
            "default": self._default,
            "place": self._shown,
        }

    def _before(self, request: Request) -> None:
        if request.path.endswith("/application-properties"):
            return  # anybody may ask for the version
        if self._me(request) is None:
            raise Refusal(
                401,
                "Authentication failed. Please check your credentials and try again.",
                "com.atlassian.bitbucket.auth.IncorrectPasswordAuthenticationException",
            )
        if self.limit and not self.limit.takes():
            raise Refusal(429, "You are being rate limited", "RateLimitedException")

    def _me(self, request: Request) -> str | None:
        sent = request.authorization
        if sent and sent.type == "basic" and (sent.username, sent.password) == (BOT, PASSWORD):
            return BOT
        if sent and sent.type == "bearer" and sent.token:
            return self.tokens.get(sent.token)
        return None

    def _signed(self, request: Request, response: Response) -> Response:
        if me := self._me(request):
            response.headers["X-AUSERNAME"] = me
        return response

    def _search(self, request: Request, version: str) -> Response:
        text, group, permission = (
            request.args.get(name, "") for name in ("filter", "group", "permission")
        )
        if permission and permission not in GLOBAL_ROLES:
            raise Refusal(400, f"'{permission}' is not filtered by here: global ones are")
        found = [u.shown for u in self.people.search(text.lower(), group, permission)]
        return self._signed(request, self._page(request, found))

    def _default(self, request: Request, version: str, key: str, permission: str) -> Response:
        place = self._place("project", key, "")
        self._check_admin(request, place)
        if permission not in ROLES["project"]:
            raise Refusal(400, f"'{permission}' is not a valid permission.")
        permitted = self.defaults.get(place.name) == permission
        return self._signed(request, as_json({"permitted": permitted}))

    def _shown(self, request: Request, version: str, key: str, slug: str = "") -> Response:
        place = self._place("repository" if slug else "project", key, slug)
        project = self._place("project", key, "")
        shown = {"key": project.name, "public": project in self.public, "type": "NORMAL"}
        if slug:
            repository = {"slug": slug.lower(), "public": place in self.public}
            shown = {**repository, "project": shown}
        return self._signed(request, as_json(shown))

    def _permissions(
        self, request: Request, version: str, kind: str, section: str, key: str = "", slug: str = ""
    ) -> Response:
        place = self._place(kind, key, slug)
        self._check_admin(request, place)
        if request.method == "GET":
            text = request.args.get("filter", "").lower()
            held = self.table.held(place, section)
            rows = [self._row(h, role) for h, role in held if text in h.name.lower()]
            return self._signed(request, self._page(request, rows))
        holders = [self._holder(section, name) for name in request.args.getlist("name")]
        if not holders:
            raise Refusal(400, "A name is required", "com.atlassian.bitbucket.ArgumentException")
        role = self._wanted(request, place) if request.method == "PUT" else ""
        for holder in holders:
            self._change(request, place, holder, role)
        return self._signed(request, Response(status=204))

    def _change(self, request: Request, place: Place, holder: Holder, role: str) -> None:
        self._check_self(request, place, holder, role)
        if not role:
            self.table.clear(place, holder)
            return
        licensed = {h for h, _ in self.table.held(INSTANCE, "users")} | {holder}
        if place == INSTANCE and self.licences is not None and len(licensed) > self.licences:
            raise Refusal(
                403,
                "This action would exceed the server's license limits.",
                "com.atlassian.bitbucket.license.LicenseLimitException",
            )
        self.table.put(place, holder, role)

    def _check_self(self, request: Request, place: Place, holder: Holder, role: str) -> None:
        """Nobody lowers their own permission, unless a global one stands behind it."""
        me = Holder("users", (self._me(request) or "").lower())
        if holder != me or (place != INSTANCE and self._is_admin(me)):
            return
        roles = ROLES[place.kind]
        before = self.table.role(place, holder)
        if before and (not role or roles.index(role) < roles.index(before)):
            raise Refusal(
                409 if place == INSTANCE or not role else 403,
                "This action would reduce your own permission level.",
                "com.atlassian.bitbucket.IntegrityException",
            )

    def _check_admin(self, request: Request, place: Place) -> None:
        if place == INSTANCE and request.headers["Authorization"].startswith("Bearer"):
            raise _not_permitted()  # BSERV-10482
        me = Holder("users", (self._me(request) or "").lower())
        project = Place("project", place.name.partition("/")[0])
        if not (
            self._is_admin(me)
            or (place != INSTANCE and self.table.role(project, me) == "PROJECT_ADMIN")
            or (place.kind == "repository" and self.table.role(place, me) == "REPO_ADMIN")
        ):
            raise _not_permitted()

    def _is_admin(self, holder: Holder) -> bool:
        return self.table.role(INSTANCE, holder) in ("ADMIN", "SYS_ADMIN")

    def _wanted(self, request: Request, place: Place) -> str:
        role = request.args.get("permission", "")
        if role not in ROLES[place.kind]:
            raise Refusal(
                400,
                f"'{role}' is not a valid permission.",
                "com.atlassian.bitbucket.ArgumentException",
            )
        return role

    def _place(self, kind: str, key: str, slug: str) -> Place:
        if kind == "global":
            return INSTANCE
        project = Place("project", key.upper())
        if project not in self.table:
            raise Refusal(
                404,
                f"Project {key} does not exist.",
                "com.atlassian.bitbucket.project.NoSuchProjectException",
            )
        if kind == "project":
            return project
        place = Place("repository", f"{key.upper()}/{slug.lower()}")
        if place not in self.table:
            raise Refusal(
                404,
                f"Repository {key}/{slug} does not exist.",
                "com.atlassian.bitbucket.repository.NoSuchRepositoryException",
            )
        return place

    def _holder(self, section: str, name: str) -> Holder:
        known = self.people.users if section == "users" else self.people.groups
        if name.lower() in known:
            return Holder(section, name.lower())
        noun = section.removesuffix("s")
        raise Refusal(
            404,
            f"No such {noun}: {name}",
            f"com.atlassian.bitbucket.user.NoSuch{noun.title()}Exception",
        )

    def _row(self, holder: Holder, role: str) -> dict[str, object]:
        if holder.section == "users":
            return {"user": self.people.users[holder.name].shown, "permission": role}
        return {"group": {"name": holder.name}, "permission": role}

    def _page(self, request: Request, rows: list[dict[str, object]]) -> Response:
        return paged(request, rows, self.page_most)


def paged(request: Request, rows: Sequence[Mapping[str, object]], most: int) -> Response:
    """Data Center cuts `limit` to what it allows without a word: `limit` says what was used."""
    start = number(request, "start", 0, 0, 1_000_000)
    limit = number(request, "limit", 25, 1, most)
    some, last = rows[start : start + limit], start + limit >= len(rows)
    body: dict[str, object] = {
        "size": len(some),
        "limit": limit,
        "isLastPage": last,
        "start": start,
        "nextPageStart": None if last else start + limit,
    }
    return as_json(body if empty_wanted(request) else {**body, "values": some})


def _not_permitted() -> Refusal:
    name = "com.atlassian.bitbucket.AuthorisationException"
    return Refusal(401, "You are not permitted to access this resource", name)


def _rules() -> Iterable[Rule]:
    yield Rule(f"{_API}/application-properties", endpoint="properties", methods=["GET"])
    yield Rule(f"{_API}/users", endpoint="users", methods=["GET"])
    project = f"{_API}/projects/<key>"
    yield Rule(f"{project}/permissions/<permission>/all", endpoint="default", methods=["GET"])
    yield Rule(project, endpoint="place", methods=["GET"])
    yield Rule(f"{project}/repos/<slug>", endpoint="place", methods=["GET"])
    for kind, path in _PATHS.items():
        yield Rule(
            f"{path}/<any(users, groups):section>",
            endpoint="permissions",
            methods=["GET", "PUT", "DELETE"],
            defaults={"kind": kind},
        )


def _error(refusal: Refusal) -> Response:
    error = {"context": None, "message": refusal.message, "exceptionName": refusal.name or None}
    return as_json({"errors": [error]}, refusal.status)
