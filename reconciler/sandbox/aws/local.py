"""The local AWS: one organisation of two member accounts, served on loopback, seeded.

moto keeps its state in the process, so only one local AWS can run in a process at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

from reconciler.sandbox.aws.application import Application
from reconciler.sandbox.aws.iam import Iam
from reconciler.sandbox.aws.identity_center import Assignments
from reconciler.sandbox.aws.identity_center import Row as Assigned
from reconciler.sandbox.aws.identity_store import IdentityStore
from reconciler.sandbox.aws.policies import end_of
from reconciler.sandbox.aws.wire import Operation, call_name, worded
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.http import HttpServer, Wsgi, with_faults
from reconciler.sandbox.local import GROUPS, PEOPLE, SERVICES, Row, Served

MANAGEMENT = "123456789012"  # whom moto takes a caller without a known access key for
ACCOUNTS: Mapping[str, str] = {"payments": "111122223333", "data": "444455556666"}
PERMISSION_SETS = ("ReadOnlyAccess", "PowerUserAccess", "AdministratorAccess")
REGION = "eu-west-1"
RECONCILER_ROLE = "access-reconciler"


class AwsLocal:
    """`page` caps the rows of every list answer (AWS may send short pages whenever it likes);
    `throttle` is the number of calls a second that are let through, 0 for any."""

    name = "aws"

    def __init__(self, page: int = 0, throttle: int = 0) -> None:
        self._page = page
        self._throttle = throttle
        self._server: HttpServer | None = None

    def start(self, faults: Faults, home: Path, port: int = 0) -> Served:
        app = Application(self._seeded(), self._operations(), self._throttle)
        self._server = HttpServer(worded(with_faults(app, self.name, faults, call_name)), port)
        settings = {
            "provider": "aws",
            "region": REGION,
            "accounts": dict(ACCOUNTS),
            "endpoint": self._server.start(),
            "role": RECONCILER_ROLE,
        }
        # moto takes any key; these only make the SDK's own chain find one.
        env = {
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        return Served(settings, env)

    def stop(self) -> None:
        if self._server:
            self._server.stop()
            self._server = None

    def _seeded(self) -> Wsgi:
        """Import moto, wipe what an earlier local AWS left in this process, and seed anew."""
        from moto.core.base_backend import BackendDict
        from moto.iam.models import iam_backends
        from moto.identitystore.models import identitystore_backends
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from moto.ssoadmin.models import ssoadmin_backends

        BackendDict.reset()
        center = ssoadmin_backends[MANAGEMENT][REGION]
        store_id = center.instances[0].identity_store_id
        records = identitystore_backends[MANAGEMENT][REGION]
        self.identity_store = IdentityStore(records, store_id, self._page or 100)
        accounts = (MANAGEMENT, *ACCOUNTS.values())
        page = self._page or 100
        self.assignments = Assignments(center, self.identity_store, accounts, page)
        self.iam = Iam(iam_backends, accounts, self._page or 1000)
        self._seed()
        wsgi: Wsgi = DomainDispatcherApplication(create_backend_app)
        return wsgi

    def _seed(self) -> None:
        ids = {p.login: self.identity_store.add_user(p.login, p.email) for p in PEOPLE}
        for group, members in GROUPS.items():
            self.identity_store.add_group(group, tuple(ids[m] for m in members))
        for name in PERMISSION_SETS:
            self.assignments.permission_set(name)
        for account in ACCOUNTS.values():
            self.give_to_group("platform-admins", account, "AdministratorAccess")
        logins = [p.login for p in PEOPLE]
        roles = [RECONCILER_ROLE, "deploy"]
        self.iam.make_account(ACCOUNTS["payments"], [*logins, *SERVICES], roles)
        for group in ("auditors", "operators"):
            self.iam.account(ACCOUNTS["payments"]).create_group(group)
        self.iam.make_account(ACCOUNTS["data"], logins, [RECONCILER_ROLE])
        self.iam.account(ACCOUNTS["data"]).create_group("analysts")

    def give_to_group(self, group: str, account: str, role: str) -> None:
        """By hand: a permission set in an account, to a group of Identity Center by its name."""
        arn, holder = self.assignments.permission_set(role), self.identity_store.group(group)
        self.assignments.put(Assigned(account, arn, "GROUP", holder))

    def _operations(self) -> dict[str, Operation]:
        parts = (self.identity_store, self.assignments, self.iam)
        return {name: operation for part in parts for name, operation in part.operations().items()}

    def rows(self) -> tuple[Row, ...]:
        return tuple(sorted([*self._assignments(), *self._memberships(), *self._iam()]))

    def _assignments(self) -> Iterator[Row]:
        for row in self.assignments.rows():
            role = self.assignments.name(row.permission_set)
            yield Row(self.name, row.account, role, self._principal(row.kind, row.principal))

    def _memberships(self) -> Iterator[Row]:
        data = self.identity_store.data
        for membership in data.group_memberships.values():
            user = self._principal("USER", membership["MemberId"]["UserId"])
            yield Row(self.name, data.groups[membership["GroupId"]].DisplayName, "member", user)

    def _principal(self, kind: str, principal: str) -> str:
        data = self.identity_store.data
        if kind == "USER":
            return str(data.users[principal].UserName) if principal in data.users else principal
        return (
            f"group {data.groups[principal].DisplayName}" if principal in data.groups else principal
        )

    def _iam(self) -> Iterator[Row]:
        for account in ACCOUNTS.values():
            records = self.iam.account(account)
            for group in records.groups.values():
                for user in group.users:
                    yield Row(self.name, account, group.name, f"user/{user.name}")
            named = [(f"user/{u.name}", u) for u in records.users.values()]
            named += [(f"role/{r.name}", r) for r in records.roles.values()]
            for name, entity in named:
                for policy, text in entity.policies.items():
                    marker = policy if policy.startswith("jit-") else ""
                    end = end_of(unquote(text))
                    yield Row(self.name, account, f"policy {policy}", name, end, marker)
