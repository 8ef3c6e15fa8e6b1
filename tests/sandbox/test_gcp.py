"""The local Google Cloud, through Google's own clients over both transports."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import grpc
import pytest
from google.api_core import exceptions as gexc
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import iam_admin_v1, resourcemanager_v3
from google.cloud.iam_admin_v1.services.iam.transports import IAMGrpcTransport
from google.cloud.resourcemanager_v3.services.folders.transports import FoldersGrpcTransport
from google.cloud.resourcemanager_v3.services.organizations.transports import (
    OrganizationsGrpcTransport,
)
from google.cloud.resourcemanager_v3.services.projects.transports import ProjectsGrpcTransport
from google.iam.v1 import policy_pb2
from google.protobuf.json_format import ParseDict

from reconciler.sandbox.faults import Fault, FaultKind, Faults
from reconciler.sandbox.gcp import LocalGcp

PROJECT = "projects/payments-prod"
DEPLOYER = "projects/-/serviceAccounts/deployer@payments-prod.iam.gserviceaccount.com"
ROLE = "roles/cloudsql.viewer"
ALICE = "user:alice@example.com"
UNTIL = 'request.time < timestamp("2026-12-01T18:00:00Z")'

GRPC: dict[str, tuple[Any, Any]] = {
    "projects": (resourcemanager_v3.ProjectsClient, ProjectsGrpcTransport),
    "folders": (resourcemanager_v3.FoldersClient, FoldersGrpcTransport),
    "organizations": (resourcemanager_v3.OrganizationsClient, OrganizationsGrpcTransport),
}
Connect = Callable[[str], Any]


class Local:
    def __init__(self, home: Path) -> None:
        self.faults, self.gcp = Faults(), LocalGcp()
        self.address = self.gcp.start(self.faults, home).settings["endpoint"]
        self.channel = grpc.insecure_channel(self.address.removeprefix("grpc://"))

    def grpc(self, service: str) -> Any:
        client, transport = GRPC[service]
        return client(transport=transport(channel=self.channel))

    def rest(self, service: str) -> Any:
        client, _ = GRPC[service]
        return client(
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            transport="rest",
            client_options=ClientOptions(api_endpoint=self.gcp.rest_url),
        )

    def accounts(self) -> Any:
        return iam_admin_v1.IAMClient(transport=IAMGrpcTransport(channel=self.channel))


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Local]:
    local = Local(tmp_path)
    yield local
    local.channel.close()
    local.gcp.stop()


@pytest.fixture(params=["grpc", "rest"])
def connect(request: pytest.FixtureRequest, local: Local) -> Connect:
    method: Connect = getattr(local, request.param)
    return method


@pytest.fixture
def projects(connect: Connect) -> Any:
    return connect("projects")


def get(client: Any, resource: str = PROJECT, version: int = 3) -> policy_pb2.Policy:
    request = {"resource": resource, "options": {"requested_policy_version": version}}
    policy: policy_pb2.Policy = client.get_iam_policy(request=request, retry=None)
    return policy


def put(client: Any, policy: policy_pb2.Policy, resource: str = PROJECT) -> policy_pb2.Policy:
    stored: policy_pb2.Policy = client.set_iam_policy(
        request={"resource": resource, "policy": policy}
    )
    return stored


def bound(policy: policy_pb2.Policy, member: str = ALICE, role: str = ROLE) -> policy_pb2.Policy:
    """The policy with one more temporary binding."""
    binding = policy.bindings.add(role=role, members=[member])
    binding.condition.title = "for a while"
    binding.condition.expression = UNTIL
    policy.version = 3
    return policy


@pytest.mark.parametrize("resource", [PROJECT, "folders/1001", "organizations/2001"])
def test_a_condition_survives_the_round_trip(connect: Connect, resource: str) -> None:
    client = connect(resource.partition("/")[0])
    put(client, bound(get(client, resource)), resource)
    policy = get(client, resource)
    assert policy.version == 3
    assert UNTIL in {b.condition.expression for b in policy.bindings}


def test_both_transports_and_the_console_see_one_state(local: Local) -> None:
    put(local.grpc("projects"), bound(get(local.grpc("projects"))))
    assert get(local.rest("projects")) == get(local.grpc("projects"))
    rows = [r for r in local.gcp.rows() if r.resource == PROJECT and r.role == ROLE]
    assert [(r.principal, r.until, r.marker) for r in rows] == [
        (ALICE, "2026-12-01T18:00:00Z", "for a while")
    ]


def test_a_service_account_is_found_under_its_project_and_under_any(local: Local) -> None:
    accounts = local.accounts()
    put(accounts, bound(get(accounts, DEPLOYER)), DEPLOYER)
    named = DEPLOYER.replace("/-/", "/payments-prod/")
    assert get(accounts, named) == get(accounts, DEPLOYER)
    with pytest.raises(gexc.NotFound, match="Unknown service account"):
        get(accounts, DEPLOYER.replace("/-/", "/data-lake/"))
    with pytest.raises(gexc.PermissionDenied, match="may not exist"):
        get(accounts, "projects/-/serviceAccounts/x@payments-prod.iam.gserviceaccount.com")


def test_a_resource_that_does_not_exist_is_forbidden(projects: Any) -> None:
    with pytest.raises(gexc.Forbidden, match="does not have permission"):
        get(projects, "projects/not-there")


def test_an_old_etag_is_refused(projects: Any) -> None:
    stale = get(projects)
    put(projects, bound(get(projects)))
    with pytest.raises(gexc.Conflict, match="concurrent policy changes"):
        put(projects, bound(stale))


def test_a_write_without_an_etag_overwrites_blindly(projects: Any) -> None:
    put(projects, bound(get(projects)))
    put(projects, policy_pb2.Policy(bindings=[{"role": ROLE, "members": [ALICE]}]))
    assert [b.role for b in get(projects).bindings] == [ROLE]


@pytest.mark.parametrize("version", [0, 1])
def test_a_lower_version_hides_conditions(projects: Any, version: int) -> None:
    put(projects, bound(get(projects)))
    policy = get(projects, version=version)
    assert policy.version == 1
    [hidden] = [b for b in policy.bindings if b.role.startswith(ROLE)]
    assert hidden.role.startswith(f"{ROLE}_withcond_")
    assert not hidden.HasField("condition")


def test_a_policy_without_conditions_has_version_one(projects: Any) -> None:
    assert get(projects, version=3).version == 1


def test_there_is_no_version_two(projects: Any) -> None:
    with pytest.raises(gexc.BadRequest):
        get(projects, version=2)


def test_a_lower_version_cannot_drop_conditions(projects: Any) -> None:
    put(projects, bound(get(projects)))
    with pytest.raises(gexc.BadRequest, match=r"version \(1\) cannot be less than .* \(3\)"):
        put(projects, get(projects, version=1))


def test_a_condition_needs_version_three(projects: Any) -> None:
    policy = bound(get(projects))
    policy.version = 1
    with pytest.raises(gexc.BadRequest, match="must be 3"):
        put(projects, policy)


@pytest.mark.parametrize("role", ["roles/owner", "roles/editor", "roles/viewer"])
def test_a_basic_role_takes_no_condition(projects: Any, role: str) -> None:
    with pytest.raises(gexc.BadRequest, match="Conditions can't be set on primitive roles"):
        put(projects, bound(get(projects), role=role))


@pytest.mark.parametrize(
    ("member", "says"),
    [
        ("user:mallory@example.com", r"User mallory@example\.com does not exist\."),
        ("group:nobody@example.com", r"Group nobody@example\.com does not exist\."),
        ("serviceAccount:x@y.iam.gserviceaccount.com", "Service account x@y"),
        ("user:auditors@example.com", 'of type "group". Please set the type prefix to be "group:"'),
        ("allUsers", "allUsers is not supported"),
        ("alice@example.com", "Invalid member"),
        ("deleted:user:zoe@example.com?uid=1", "Invalid member"),
    ],
)
def test_a_member_that_does_not_exist_is_refused(projects: Any, member: str, says: str) -> None:
    with pytest.raises(gexc.BadRequest, match=says):
        put(projects, bound(get(projects), member))


def test_a_role_that_is_none_is_refused(projects: Any) -> None:
    with pytest.raises(gexc.BadRequest, match="Role viewer is not supported"):
        put(projects, bound(get(projects), role="viewer"))


def test_bindings_are_stored_tidily(projects: Any) -> None:
    policy = bound(bound(get(projects)))
    policy.bindings.add(role="roles/empty")
    policy.bindings.add(role="roles/browser", members=[ALICE])
    policy.bindings.add(role="roles/browser", members=[ALICE, "user:bob@example.com"])
    put(projects, policy)
    bindings = [b for b in get(projects).bindings if b.role in (ROLE, "roles/browser")]
    assert [(b.role, list(b.members)) for b in bindings] == [
        ("roles/browser", [ALICE, "user:bob@example.com"]),
        (ROLE, [ALICE]),
    ]


def test_too_many_members_and_conditions_are_refused(local: Local) -> None:
    projects = local.grpc("projects")
    policy = get(projects)
    pool = [f"principal://iam.googleapis.com/pool/subject/{n}" for n in range(1_500)]
    policy.bindings.add(role=ROLE, members=pool)
    with pytest.raises(gexc.BadRequest, match="maximum allowed size 1,500"):
        put(projects, policy)
    policy = get(projects)
    for n in range(21):
        bound(policy).bindings[-1].condition.title = f"c{n}"
    with pytest.raises(gexc.BadRequest, match="same role and principal"):
        put(projects, policy)


def test_a_deleted_account_stays_in_the_policy_under_another_name(local: Local) -> None:
    projects = local.grpc("projects")
    put(projects, bound(get(projects)))
    local.gcp.policies.delete_account("alice@example.com", "77")
    policy = get(projects)
    assert "deleted:user:alice@example.com?uid=77" in {
        m for b in policy.bindings for m in b.members
    }
    put(projects, policy)  # whoever writes the policy back may keep it


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, gexc.InvalidArgument),
        (401, gexc.Unauthenticated),
        (403, gexc.PermissionDenied),
        (404, gexc.NotFound),
        (409, gexc.Aborted),
        (412, gexc.FailedPrecondition),
        (429, gexc.ResourceExhausted),
        (500, gexc.InternalServerError),
        (503, gexc.ServiceUnavailable),
        (504, gexc.DeadlineExceeded),
    ],
)
def test_a_status_fault_is_the_code_that_goes_with_it(
    local: Local, status: int, error: type[Exception]
) -> None:
    local.faults.arm(Fault("gcp", "RPC Projects/Get*", FaultKind.STATUS, status=status))
    with pytest.raises(error):
        get(local.grpc("projects"))
    assert get(local.grpc("projects"))


def test_dropping_does_the_write_and_halving_takes_the_etag(local: Local) -> None:
    projects = local.grpc("projects")
    local.faults.arm(Fault("gcp", "RPC Projects/SetIamPolicy", FaultKind.DROP))
    with pytest.raises(gexc.ServiceUnavailable):
        put(projects, bound(get(projects)))
    whole = get(projects)
    assert ROLE in {b.role for b in whole.bindings}
    local.faults.arm(Fault("gcp", "RPC Projects/GetIamPolicy", FaultKind.HALF))
    half = get(projects)
    assert not half.etag
    assert len(half.bindings) == len(whole.bindings) // 2


def test_every_call_is_logged_even_of_methods_that_are_not_there(local: Local) -> None:
    get(local.grpc("folders"), "folders/1001")
    get(local.accounts(), DEPLOYER)
    with pytest.raises(gexc.MethodNotImplemented):
        local.grpc("projects").undelete_project(name=PROJECT)
    assert [c.call for c in local.faults.calls("gcp")] == [
        "RPC Folders/GetIamPolicy",
        "RPC IAM/GetIamPolicy",
        "RPC Projects/UndeleteProject",
    ]


def test_who_contains_what_is_told_over_both_transports(local: Local, connect: Connect) -> None:
    project = connect("projects").get_project(name=PROJECT)
    assert (project.parent, project.project_id) == ("folders/1001", "payments-prod")
    assert project.name.removeprefix("projects/").isdigit()
    assert connect("folders").get_folder(name="folders/1001").parent == "organizations/2001"
    with pytest.raises(gexc.Forbidden):
        connect("folders").get_folder(name="folders/9")
    account = local.accounts().get_service_account(name=DEPLOYER)
    assert account.project_id == "payments-prod"
    with pytest.raises(gexc.PermissionDenied, match=r"iam\.serviceAccounts\.get"):
        local.accounts().get_service_account(name=DEPLOYER.replace("deployer@", "x@"))


# Membership, MembershipRole and EntityKey of Cloud Identity v1, "REST Resource: groups.memberships".
MEMBERSHIP = {"name", "preferredMemberKey", "createTime", "updateTime", "roles", "type"}


def test_members_of_a_group_come_in_pages_with_their_types_and_ends(local: Local) -> None:
    local.gcp.directory.add("auditors@example.com", "platform-admins@example.com")
    local.gcp.directory.add("auditors@example.com", "alice@example.com", "2026-12-01T18:00:00Z")
    name = ask(local, "groups:lookup?groupKey.id=Auditors@example.com")["name"]
    first = ask(local, f"{name}/memberships?view=FULL&pageSize=2")
    rest = ask(local, f"{name}/memberships?view=FULL&pageSize=2&pageToken={first['nextPageToken']}")
    rows = first["memberships"] + rest["memberships"]
    assert "nextPageToken" not in rest
    assert all(set(row) <= MEMBERSHIP for row in rows)
    assert [(r["preferredMemberKey"]["id"], r["type"], r["roles"]) for r in rows] == [
        ("erin@example.com", "USER", [{"name": "MEMBER"}]),
        ("platform-admins@example.com", "GROUP", [{"name": "MEMBER"}]),
        (
            "alice@example.com",
            "USER",
            [{"name": "MEMBER", "expiryDetail": {"expireTime": "2026-12-01T18:00:00Z"}}],
        ),
    ]


def test_the_basic_view_tells_neither_types_nor_ends(local: Local) -> None:
    local.gcp.directory.add("auditors@example.com", "alice@example.com", "2026-12-01T18:00:00Z")
    name = ask(local, "groups:lookup?groupKey.id=auditors@example.com")["name"]
    for row in ask(local, f"{name}/memberships")["memberships"]:
        assert row["roles"] == [{"name": "MEMBER"}]
        assert "type" not in row


def test_a_group_that_is_not_there_is_forbidden(local: Local) -> None:
    for path in ("groups:lookup?groupKey.id=x@example.com", "groups/9/memberships"):
        with pytest.raises(HTTPError, match="403") as failure:
            ask(local, path)
        assert "or it may not exist" in json.load(failure.value)["error"]["message"]


def ask(local: Local, path: str) -> Any:
    return json.load(urlopen(f"{local.gcp.rest_url}/v1/{path}"))


def test_a_service_answers_only_for_its_own_resources(local: Local) -> None:
    with pytest.raises(gexc.InvalidArgument, match="Invalid resource name"):
        get(local.grpc("folders"), PROJECT)
    with pytest.raises(gexc.InvalidArgument, match="Invalid resource name"):
        get(local.accounts(), PROJECT)


@pytest.mark.parametrize("service", GRPC)
def test_rest_answers_where_googles_description_says(local: Local, service: str) -> None:
    """The clients carry the HTTP rules of Google's API description."""
    resource = {"projects": PROJECT, "folders": "folders/1001"}.get(service, "organizations/2001")
    transport = local.rest(service).transport
    base = type(transport).__mro__[1]
    get_rule = f"_BaseGet{service.removesuffix('s').title()}"
    [rule] = getattr(base, get_rule)._get_http_options()
    assert (rule["method"], rule["uri"]) == ("get", f"/v3/{{name={service}/*}}")
    for method in ("GetIamPolicy", "SetIamPolicy"):
        [rule] = getattr(base, f"_Base{method}")._get_http_options()
        assert rule["method"] == "post"
        path = rule["uri"].replace(f"{{resource={service}/*}}", resource)
        answer = json.load(
            urlopen(_post(local.gcp.rest_url + path, get(local.grpc(service), resource)))
        )
        ParseDict(answer, policy_pb2.Policy())  # strict: every field is one of Google's


def _post(url: str, policy: policy_pb2.Policy) -> Request:
    body: dict[str, Any] = {}
    if url.endswith(":setIamPolicy"):
        bindings = [{"role": b.role, "members": list(b.members)} for b in policy.bindings]
        body = {"policy": {"bindings": bindings}}
    return Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
