"""The local Bitbuckets answer as the vendors describe theirs: shapes, pages, refusals.

Cloud: the OpenAPI description of 2025-12-15. Data Center: the REST description of 8.14.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from reconciler.sandbox import bitbucket_cloud, bitbucket_dc
from reconciler.sandbox.bitbucket import Holder, Limit, Place
from reconciler.sandbox.bitbucket_cloud import LocalBitbucketCloud, User
from reconciler.sandbox.bitbucket_dc import LocalBitbucketDc
from reconciler.sandbox.faults import Fault, FaultKind, Faults
from reconciler.sandbox.local import GROUPS, PEOPLE, Row

LEDGER = "repositories/acme/ledger/permissions-config"
WEB = "repositories/acme/web/permissions-config"
PAY = "projects/PAY/permissions"


class Client(requests.Session):
    """Speaks plain HTTP: the SDK's opinions are tested elsewhere."""

    def __init__(self, base: str, faults: Faults) -> None:
        super().__init__()
        self.base, self.faults = base, faults

    def ask(self, path: str, method: str = "GET", **more: Any) -> tuple[int, Any]:
        url = path if path.startswith("http") else f"{self.base}/{path}"
        answer = self.request(method, url, timeout=10, **more)
        return answer.status_code, answer.json() if answer.content else None


@pytest.fixture
def cloud() -> LocalBitbucketCloud:
    return LocalBitbucketCloud()


@pytest.fixture
def client(cloud: LocalBitbucketCloud, tmp_path: Path) -> Iterator[Client]:
    faults = Faults()
    served = cloud.start(faults, tmp_path)
    with Client(f"{served.settings['endpoint']}/2.0", faults) as client:
        client.auth = (served.env["BITBUCKET_USERNAME"], served.env["BITBUCKET_TOKEN"])
        yield client
    cloud.stop()


@pytest.fixture
def dc() -> LocalBitbucketDc:
    return LocalBitbucketDc()


@pytest.fixture
def dc_client(dc: LocalBitbucketDc, tmp_path: Path) -> Iterator[Client]:
    faults = Faults()
    served = dc.start(faults, tmp_path)
    with Client(f"{served.settings['url']}/rest/api/1.0", faults) as client:
        client.auth = (served.env["BITBUCKET_DC_USERNAME"], served.env["BITBUCKET_DC_TOKEN"])
        yield client
    dc.stop()


def test_cloud_rows_have_the_described_shape(cloud: LocalBitbucketCloud, client: Client) -> None:
    status, page = client.ask(f"{WEB}/groups")
    assert (status, page["pagelen"], page["page"], page["size"]) == (200, 10, 1, 1)
    [row] = page["values"]
    assert row["type"] == "repository_group_permission"
    assert row["permission"] == "write"
    assert set(row["group"]) == {"type", "name", "slug", "full_slug"}
    assert row["group"]["full_slug"] == "acme:developers"
    _, page = client.ask("repositories/acme/payments-api/permissions-config/users")
    [row] = page["values"]
    assert row["type"] == "repository_user_permission"
    assert set(row["user"]) == {"type", "display_name", "nickname", "uuid", "account_id"}
    assert row["links"]["self"]["href"].endswith(f"/users/{User('grace').account_id}")


def test_cloud_projects_speak_of_projects(client: Client) -> None:
    path = f"workspaces/acme/projects/PAY/permissions-config/users/{User('bob').uuid}"
    status, row = client.ask(path, "PUT", json={"permission": "create-repo"})
    assert (status, row["type"]) == (200, "project_user_permission")
    assert client.ask(path)[1]["permission"] == "create-repo"


def test_cloud_upserts_deletes_and_says_none(client: Client) -> None:
    path = f"{LEDGER}/users/{User('bob').uuid}"
    assert client.ask(path)[1]["permission"] == "none"
    assert client.ask(path, "PUT", json={"permission": "read"})[1]["permission"] == "read"
    assert client.ask(path, "PUT", json={"permission": "write"})[1]["permission"] == "write"
    assert client.ask(path, "DELETE") == (204, None)
    assert client.ask(path, "DELETE") == (204, None)
    assert client.ask(f"{LEDGER}/users")[1]["values"] == []


def test_cloud_finds_a_user_by_uuid_and_account_id_only(client: Client) -> None:
    bob = User("bob")
    assert client.ask(f"{LEDGER}/users/{bob.account_id}")[1]["user"]["uuid"] == bob.uuid
    for name in ("bob", "bob@example.com", "{nobody}"):
        status, body = client.ask(f"{LEDGER}/users/{name}")
        assert (status, body["type"], set(body["error"])) == (404, "error", {"message"})


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("repositories/acme/nope/permissions-config/users", None, 404),
        ("repositories/umbrella/ledger/permissions-config/users", None, 404),
        ("workspaces/acme/projects/NOPE/permissions-config/groups", None, 404),
        ("nope", None, 404),
        (f"{LEDGER}/groups/nope", None, 404),
        (f"{LEDGER}/groups/auditors", {"permission": "create-repo"}, 400),
        (f"{LEDGER}/groups/auditors", {"permission": "none"}, 400),
        (f"{LEDGER}/groups/auditors", {}, 400),
        (f"{LEDGER}/users/{User('olivia').uuid}", {"permission": "read"}, 400),
    ],
)
def test_cloud_refuses_as_described(client: Client, path: str, body: Any, status: int) -> None:
    method = "GET" if body is None else "PUT"
    got, answer = client.ask(path, method, json=body)
    assert (got, answer["type"]) == (status, "error")
    assert answer["error"]["message"]


def test_cloud_counts_seats(cloud: LocalBitbucketCloud, client: Client) -> None:
    cloud.seats = 1  # grace sits on it
    put: dict[str, Any] = {"method": "PUT", "json": {"permission": "read"}}
    assert client.ask(f"{LEDGER}/users/{User('bob').uuid}", **put)[0] == 402
    assert client.ask(f"{LEDGER}/users/{User('grace').uuid}", **put)[0] == 200


def test_cloud_pages_are_followed_to_the_last_row(
    cloud: LocalBitbucketCloud, client: Client
) -> None:
    logins = [f"member{n}" for n in range(23)]
    for login in logins:
        holder = Holder("users", cloud.add_member(login).uuid)
        cloud.table.put(Place("repository", "ledger"), holder, "read")
    pages = []
    path = f"{LEDGER}/users"
    while path:
        _, page = client.ask(path)
        pages.append([row["user"]["nickname"] for row in page["values"]])
        path = page.get("next", "")
    assert [len(page) for page in pages] == [10, 10, 3]
    assert [login for page in pages for login in page] == logins
    assert len(client.ask(f"{LEDGER}/users", params={"pagelen": 1000})[1]["values"]) == 23


def test_cloud_never_gives_more_than_a_hundred(cloud: LocalBitbucketCloud, client: Client) -> None:
    for n in range(95):
        cloud.add_member(f"member{n}")
    _, page = client.ask("workspaces/acme/members", params={"pagelen": 1000})
    assert (len(page["values"]), page["pagelen"]) == (100, 100)
    assert parse_qs(urlsplit(page["next"]).query)["page"] == ["2"]
    assert page["values"][0]["type"] == "workspace_membership"


def test_cloud_knows_its_own(client: Client) -> None:
    assert client.ask("user")[1]["uuid"] == User(bitbucket_cloud.BOT).uuid
    client.auth = ("reconciler@example.com", "wrong")
    assert client.ask("user")[0] == 401
    client.auth = None
    assert client.ask("user")[0] == 401
    client.headers["Authorization"] = f"Bearer {bitbucket_cloud.ACCESS_TOKEN}"
    assert client.ask(f"{LEDGER}/users")[0] == 200
    assert client.ask(f"{LEDGER}/groups/auditors", "PUT", json={"permission": "read"})[0] == 403


def test_the_seed_is_the_organisation(cloud: LocalBitbucketCloud, dc: LocalBitbucketDc) -> None:
    assert cloud.rows() == (
        Row("bitbucket", "payments-api", "admin", "grace"),
        Row("bitbucket", "web", "write", "group developers"),
    )
    assert Row("bitbucket-dc", "PAY", "PROJECT_ADMIN", "grace") in dc.rows()
    assert Row("bitbucket-dc", "global", "SYS_ADMIN", "reconciler") in dc.rows()
    assert set(GROUPS) <= cloud.groups == set(dc.people.groups)


def test_dc_rows_have_the_described_shape(dc_client: Client) -> None:
    _, page = dc_client.ask(f"{PAY}/users")
    assert set(page) == {"size", "limit", "isLastPage", "start", "nextPageStart", "values"}
    assert (page["size"], page["limit"], page["isLastPage"], page["start"]) == (1, 25, True, 0)
    [row] = page["values"]
    assert row["permission"] == "PROJECT_ADMIN"
    described = {"name", "emailAddress", "active", "displayName", "id", "slug", "type"}
    assert set(row["user"]) == described
    _, page = dc_client.ask("projects/PAY/repos/ledger/permissions/groups")
    assert page["values"] == [{"group": {"name": "developers"}, "permission": "REPO_WRITE"}]


def test_dc_pages_by_start_and_limit(dc: LocalBitbucketDc, dc_client: Client) -> None:
    for n in range(60):
        dc.table.put(
            Place("project", "PAY"), Holder("users", dc.add_user(f"u{n}").name), "PROJECT_READ"
        )
    starts, sizes, start = [], [], 0
    while start is not None:
        _, page = dc_client.ask(f"{PAY}/users", params={"start": start})
        starts.append(page["start"])
        sizes.append(page["size"])
        start = page["nextPageStart"]
    assert (starts, sizes) == ([0, 25, 50], [25, 25, 11])
    _, page = dc_client.ask(f"{PAY}/users", params={"limit": 5000})
    assert (page["limit"], page["size"]) == (1000, 61)


def test_dc_filters_by_a_part_of_the_name(dc: LocalBitbucketDc, dc_client: Client) -> None:
    _, page = dc_client.ask("users", params={"filter": "ALI"})
    assert [user["name"] for user in page["values"]] == ["alice"]
    _, page = dc_client.ask("users", params={"filter": "@example.com"})
    assert page["size"] == len(PEOPLE) + 2
    _, page = dc_client.ask(f"{PAY}/users", params={"filter": "rac"})
    assert [row["user"]["name"] for row in page["values"]] == ["grace"]


def test_dc_upserts_and_deletes_without_a_body(dc_client: Client) -> None:
    put = {"name": "Bob", "permission": "PROJECT_READ"}
    assert dc_client.ask(f"{PAY}/users", "PUT", params=put) == (204, None)
    put["permission"] = "PROJECT_WRITE"
    assert dc_client.ask(f"{PAY}/users", "PUT", params=put) == (204, None)
    _, page = dc_client.ask(f"{PAY}/users", params={"filter": "bob"})
    assert [row["permission"] for row in page["values"]] == ["PROJECT_WRITE"]
    assert dc_client.ask(f"{PAY}/users", "DELETE", params={"name": "bob"}) == (204, None)
    assert dc_client.ask(f"{PAY}/users", "DELETE", params={"name": "bob"}) == (204, None)


@pytest.mark.parametrize(
    ("method", "path", "status", "name"),
    [
        ("GET", "projects/NOPE/permissions/users", 404, "NoSuchProjectException"),
        ("GET", "projects/PAY/repos/nope/permissions/users", 404, "NoSuchRepositoryException"),
        ("PUT", f"{PAY}/users?name=nobody&permission=PROJECT_READ", 404, "NoSuchUserException"),
        ("PUT", f"{PAY}/groups?name=nobody&permission=PROJECT_READ", 404, "NoSuchGroupException"),
        ("PUT", f"{PAY}/users?name=bob&permission=REPO_READ", 400, "ArgumentException"),
        ("PUT", f"{PAY}/users?permission=PROJECT_READ", 400, "ArgumentException"),
        ("DELETE", "admin/permissions/users?name=reconciler", 409, "IntegrityException"),
        (
            "PUT",
            "admin/permissions/users?name=reconciler&permission=ADMIN",
            409,
            "IntegrityException",
        ),
    ],
)
def test_dc_refuses_as_described(
    dc_client: Client, method: str, path: str, status: int, name: str
) -> None:
    got, body = dc_client.ask(path, method)
    assert got == status
    [error] = body["errors"]
    assert set(error) == {"context", "message", "exceptionName"}
    assert error["exceptionName"].endswith(f".{name}")


def test_dc_names_the_signed_in_user_and_refuses_strangers(dc_client: Client) -> None:
    answer = dc_client.get(f"{dc_client.base}/{PAY}/users", timeout=10)
    assert answer.headers["X-AUSERNAME"] == bitbucket_dc.BOT
    dc_client.auth = ("reconciler", "wrong")
    assert dc_client.ask(f"{PAY}/users")[0] == 401
    answer = dc_client.get(f"{dc_client.base}/application-properties", timeout=10)
    assert (answer.status_code, "X-AUSERNAME" in answer.headers) == (200, False)


def test_dc_lets_a_project_admin_with_nothing_behind_it_only_raise_itself(
    dc: LocalBitbucketDc, dc_client: Client
) -> None:
    dc.tokens["local-project-token"] = "grace"
    dc_client.auth = None
    dc_client.headers["Authorization"] = "Bearer local-project-token"
    lower = f"{PAY}/users?name=grace&permission=PROJECT_READ"
    assert dc_client.ask(lower, "PUT")[0] == 403
    assert dc_client.ask(f"{PAY}/users?name=grace", "DELETE")[0] == 409
    assert dc_client.ask(f"{PAY}/users?name=bob&permission=PROJECT_READ", "PUT")[0] == 204
    assert dc_client.ask("admin/permissions/users")[0] == 401


def test_dc_takes_no_token_for_what_concerns_the_instance(dc_client: Client) -> None:
    dc_client.auth = None
    dc_client.headers["Authorization"] = f"Bearer {bitbucket_dc.TOKEN}"
    assert dc_client.ask(f"{PAY}/users")[0] == 200
    assert dc_client.ask("users", params={"filter": "alice"})[1]["size"] == 1
    status, body = dc_client.ask("admin/permissions/users")
    assert (status, body["errors"][0]["exceptionName"].rpartition(".")[2]) == (
        401,
        "AuthorisationException",
    )


def test_a_limit_refuses_what_is_too_much_and_recovers(
    cloud: LocalBitbucketCloud, client: Client, dc: LocalBitbucketDc, dc_client: Client
) -> None:
    cloud.limit, dc.limit = Limit(2, 3600), Limit(2, 0.2)
    assert [client.ask("user")[0] for _ in range(3)] == [200, 200, 429]
    assert [dc_client.ask(f"{PAY}/users")[0] for _ in range(3)] == [200, 200, 429]
    dc.limit = Limit(1, 0.001)
    assert dc_client.ask(f"{PAY}/users")[0] == 200


def test_an_empty_fault_is_a_page_that_looks_well(client: Client, dc_client: Client) -> None:
    client.faults.arm(Fault("bitbucket", "GET */web/*", FaultKind.EMPTY))
    _, page = client.ask(f"{WEB}/groups")
    assert (page["values"], "next" in page) == ([], True)
    dc_client.faults.arm(Fault("bitbucket-dc", "GET */PAY/*", FaultKind.EMPTY))
    status, page = dc_client.ask(f"{PAY}/users")
    assert (status, "values" in page) == (200, False)
    assert len(client.ask(f"{WEB}/groups")[1]["values"]) == 1


def test_dc_finds_users_by_group_and_by_global_permission(
    dc: LocalBitbucketDc, dc_client: Client
) -> None:
    def found(query: str) -> list[str]:
        return [user["name"] for user in dc_client.ask(f"users?{query}")[1]["values"]]

    dc.people.groups["developers"].add("auditors")
    assert found("group=Developers") == ["bob", "carol", "dave", "erin"]
    assert found("group=developers&filter=CAR") == ["carol"]
    assert found("group=nope") == []
    assert found("permission=ADMIN") == ["reconciler"]  # SYS_ADMIN includes it
    assert found("permission=LICENSED_USER&filter=erin") == ["erin"]
    assert dc_client.ask("users?permission=REPO_READ")[0] == 400


def test_dc_tells_the_default_permission_to_project_admins(
    dc: LocalBitbucketDc, dc_client: Client
) -> None:
    dc.defaults["PAY"] = "PROJECT_READ"
    assert dc_client.ask(f"{PAY}/PROJECT_READ/all") == (200, {"permitted": True})
    assert dc_client.ask(f"{PAY}/PROJECT_WRITE/all") == (200, {"permitted": False})
    assert dc_client.ask(f"{PAY}/REPO_READ/all")[0] == 400
    dc.table.clear(Place("global", ""), Holder("users", bitbucket_dc.BOT))
    assert dc_client.ask(f"{PAY}/PROJECT_READ/all")[0] == 401


def test_dc_tells_what_is_public(dc: LocalBitbucketDc, dc_client: Client) -> None:
    dc.public.add(Place("project", "PAY"))
    assert dc_client.ask("projects/pay")[1]["public"] is True
    repository = dc_client.ask("projects/PAY/repos/Ledger")[1]
    assert (repository["public"], repository["project"]["public"]) == (False, True)
    assert dc_client.ask("projects/PAY/repos/nope")[0] == 404


def test_cloud_tells_the_highest_permission_of_each_user(
    cloud: LocalBitbucketCloud, client: Client
) -> None:
    cloud.table.put(Place("project", "PAY"), Holder("groups", "payments-oncall"), "create-repo")
    cloud.table.put(Place("repository", "ledger"), Holder("users", User("bob").uuid), "admin")
    path = "workspaces/acme/permissions/repositories/ledger"
    _, page = client.ask(path)
    assert {row["user"]["nickname"]: row["permission"] for row in page["values"]} == {
        "olivia": "admin",
        "reconciler": "admin",
        "alice": "write",
        "bob": "admin",
    }
    [row] = client.ask(path, params={"q": f'user.uuid="{User("alice").uuid}"'})[1]["values"]
    assert set(row) == {"type", "permission", "user", "repository"}
    assert row["type"] == "repository_permission"
    assert client.ask(path, params={"q": "nonsense"})[0] == 400
    assert len(client.ask("workspaces/acme/permissions/repositories")[1]["values"]) == 10


def test_cloud_pages_keep_the_filter(cloud: LocalBitbucketCloud, client: Client) -> None:
    query = {"q": 'permission="owner"', "pagelen": 1}
    _, page = client.ask("workspaces/acme/permissions", params=query)
    names = [row["user"]["nickname"] for row in page["values"]]
    while "next" in page:
        _, page = client.ask(page["next"])
        names += [row["user"]["nickname"] for row in page["values"]]
    assert sorted(names) == ["olivia", "reconciler"]


def test_cloud_tells_members_of_groups_to_workspace_admins_in_the_old_api(
    cloud: LocalBitbucketCloud, client: Client
) -> None:
    old = client.base.replace("/2.0", "/1.0")
    status, members = client.ask(f"{old}/groups/acme/auditors/members")
    assert (status, [member["uuid"] for member in members]) == (200, [User("erin").uuid])
    assert client.ask(f"{old}/groups/acme/nope/members")[0] == 404
    cloud.workspace_admin = False
    assert client.ask(f"{old}/groups/acme/auditors/members")[0] == 403
    assert client.ask("workspaces/acme/permissions")[0] == 403
