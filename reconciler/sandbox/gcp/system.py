"""The local Google Cloud: its seeded organisation and its servers. Production code never sees it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from google.iam.v1 import policy_pb2

from reconciler.sandbox.faults import Faults
from reconciler.sandbox.gcp.directory import Directory
from reconciler.sandbox.gcp.hierarchy import Hierarchy
from reconciler.sandbox.gcp.policies import Accounts, PolicyStore
from reconciler.sandbox.gcp.rest import rest_app
from reconciler.sandbox.gcp.rpc import RpcServer
from reconciler.sandbox.http import HttpServer, with_faults
from reconciler.sandbox.local import GROUPS, PEOPLE, SERVICES, Row, Served

PROJECTS = ("payments-prod", "payments-dev", "data-lake")
FOLDERS = ("1001", "1002")
ORGANIZATIONS = ("2001", "2002")  # the second one came with an acquisition
DEPLOYER = "deployer@payments-prod.iam.gserviceaccount.com"
LOADER = "loader@data-lake.iam.gserviceaccount.com"

PARENTS: Mapping[str, str] = {
    "projects/payments-prod": "folders/1001",
    "projects/payments-dev": "folders/1001",
    "projects/data-lake": "folders/1002",
    "folders/1001": "organizations/2001",
    "folders/1002": "organizations/2001",
    "organizations/2001": "",
    "organizations/2002": "",
}

_AGENT = "serviceAccount:service-{}@compute-system.iam.gserviceaccount.com"
_ADMINS = "group:platform-admins@example.com"
_AUDITORS = "group:auditors@example.com"

_SEED: Mapping[str, tuple[tuple[str, str], ...]] = {
    **{
        f"projects/{project}": (
            ("roles/owner", _ADMINS),
            ("roles/compute.serviceAgent", _AGENT.format(310000000000 + n)),
            ("roles/viewer", _AUDITORS),
        )
        for n, project in enumerate(PROJECTS)
    },
    **{f"folders/{n}": (("roles/resourcemanager.folderAdmin", _ADMINS),) for n in FOLDERS},
    **{
        f"organizations/{n}": (
            ("roles/resourcemanager.organizationAdmin", _ADMINS),
            ("roles/iam.securityReviewer", _AUDITORS),
            ("roles/billing.creator", "domain:example.com"),
        )
        for n in ORGANIZATIONS
    },
    f"projects/-/serviceAccounts/{DEPLOYER}": (("roles/iam.serviceAccountUser", _ADMINS),),
    f"projects/-/serviceAccounts/{LOADER}": (),
}


def _accounts() -> Accounts:
    people = {person.email: "user" for person in PEOPLE}
    groups = {f"{group}@example.com": "group" for group in GROUPS}
    services = {
        f"{service}@payments-prod.iam.gserviceaccount.com": "serviceAccount" for service in SERVICES
    }
    return Accounts({**people, **groups, **services})


class LocalGcp:
    """Starts once. `policies`, `directory` and `hierarchy` may be read and changed directly, behind
    everybody's back."""

    name = "gcp"

    def __init__(self) -> None:
        accounts = _accounts()
        self.policies = PolicyStore(_SEED, accounts)
        self.directory = Directory(
            {
                f"{group}@example.com": tuple(f"{login}@example.com" for login in members)
                for group, members in GROUPS.items()
            },
            accounts,
        )
        self.hierarchy = Hierarchy(PARENTS, (DEPLOYER, LOADER))
        self.rest_url = ""
        self._rpc: RpcServer | None = None
        self._http: HttpServer | None = None

    def start(self, faults: Faults, home: Path, port: int = 0) -> Served:
        """gRPC on `port`, REST on the next one (any two where it is 0)."""
        self._rpc = RpcServer(self.policies, self.hierarchy, faults, port)
        self._rpc.start()
        rest = rest_app(self.policies, self.hierarchy, self.directory)
        self._http = HttpServer(with_faults(rest, self.name, faults), port + 1 if port else 0)
        self.rest_url = self._http.start()
        endpoint = f"grpc://{self._rpc.address}"
        return Served({"provider": "gcp", "endpoint": endpoint, "groups_endpoint": self.rest_url})

    def give(self, resource: str, role: str, member: str) -> None:
        """By hand: no condition, and so no marker and no end."""

        def edit(policy: policy_pb2.Policy) -> None:
            policy.bindings.add(role=role, members=[member])

        self.policies.change(resource, edit)

    def rows(self) -> tuple[Row, ...]:
        return tuple(
            sorted(
                Row(
                    self.name,
                    resource,
                    binding.role,
                    member,
                    until=_until(binding.condition.expression),
                    marker=binding.condition.title,
                )
                for resource in self.policies.resources()
                for binding in self.policies.get(resource, 3).bindings
                for member in binding.members
            )
        )

    def stop(self) -> None:
        if self._rpc:
            self._rpc.stop()
        if self._http:
            self._http.stop()


def _until(expression: str) -> str:
    head, quote, rest = expression.partition('"')
    is_end = head.replace(" ", "") == "request.time<timestamp("
    return rest.partition(quote)[0] if quote and is_end else expression
