"""Azure on loopback: ARM with PIM, the login endpoints and a little of Microsoft Graph, over TLS.
Believes every token that it made, and checks no signature."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from reconciler.sandbox.azure import seed
from reconciler.sandbox.azure.arm import Arm
from reconciler.sandbox.azure.certificate import make_certificate
from reconciler.sandbox.azure.login import caller_of, graph, is_login, log_in
from reconciler.sandbox.azure.pim import Pim
from reconciler.sandbox.azure.seed import DirectoryObject
from reconciler.sandbox.azure.state import Refusal, RoleAssignment, State, plant
from reconciler.sandbox.azure.wsgi import read_body, read_request, refused, send
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.http import HttpServer, Wsgi, with_faults
from reconciler.sandbox.local import Row, Served


class LocalAzure:
    """ARM, login and Graph share one port. Token calls are logged as system "azure-login".

    `now` is the tenant's clock, `delay` how long PIM takes to carry out a request.
    """

    name = "azure"

    def __init__(
        self,
        page_size: int = 100,
        now: Callable[[], datetime] | None = None,
        delay: timedelta = timedelta(0),
        pim: bool = False,
    ) -> None:
        self.state = State(now or (lambda: datetime.now(UTC)))
        self.pim = Pim(self.state, delay)
        self.url = ""
        self._with_pim = pim
        self._arm = Arm(self.state, self.pim, page_size)
        self._server: HttpServer | None = None
        plant(self.state)

    def start(self, faults: Faults, home: Path, port: int = 0) -> Served:
        certificate = make_certificate(home)
        token = home / "azure-federated-token"
        token.write_text("sandbox")  # any assertion does
        self._server = HttpServer(self._routes(faults), port, certificate)
        self.url = self._server.start()
        return Served(
            settings={
                "provider": "azure",
                "tenant": seed.TENANT,
                "pim": self._with_pim,
                "subscriptions": {"payments": seed.PAYMENTS, "data": seed.DATA},
                "endpoint": self.url,
                "authority": self.url,
                "graph": self.url,
                "ca": str(certificate.chain),
            },
            env={
                "AZURE_TENANT_ID": seed.TENANT,
                "AZURE_CLIENT_ID": seed.object_id("app:" + seed.RECONCILER),
                "AZURE_FEDERATED_TOKEN_FILE": str(token),
            },
        )

    def stop(self) -> None:
        if self._server:
            self._server.stop()

    def rows(self) -> tuple[Row, ...]:
        with self.state.lock:
            self.pim.settle()
            return tuple(sorted(self._row(row) for row in self.state.assignments()))

    def _row(self, row: RoleAssignment) -> Row:
        principal = self.state.principals.get(row.principal)
        schedule = self.pim.schedule_of(row)
        request = self.pim.requests.get(schedule.request) if schedule else None
        role = self.state.roles.get(row.role)
        return Row(
            self.name,
            row.scope,
            role.name if role else row.role,
            (principal.mail or principal.name) if principal else row.principal,
            schedule.end.isoformat() if schedule and schedule.end else "",
            (request.justification if request else row.description) or "",
        )

    # by hand, behind the reconciler's back

    def give(
        self, scope: str, role: str, principal: str, description: str = "", condition: str = ""
    ) -> None:
        """Make a role assignment as an administrator would in the portal. Role by name."""
        with self.state.lock:
            self.state.put(
                RoleAssignment(
                    str(uuid4()),
                    scope,
                    self.role_id(role),
                    principal,
                    "",
                    description or None,
                    condition or None,
                    created_by=seed.object_id("grace@example.com"),
                ),
                "",
            )

    def add_group(self, name: str, *members: str) -> str:
        """A new group of people or groups, by object id: its own."""
        group = DirectoryObject(seed.object_id(name), "Group", name, members=members)
        with self.state.lock:
            self.state.principals[group.id] = group
        return group.id

    def holders(self, scope: str, role: str) -> frozenset[str]:
        """Object ids that hold the role exactly there."""
        with self.state.lock:
            self.pim.settle()
            wanted = self.role_id(role)
            return frozenset(
                row.principal
                for row in self.state.assignments()
                if row.scope.lower() == scope.lower() and row.role == wanted
            )

    def role_id(self, name: str) -> str:
        return next(r.id for r in self.state.roles.values() if r.name.lower() == name.lower())

    # the server

    def _routes(self, faults: Faults) -> Wsgi:
        systems = with_faults(self._systems, self.name, faults)
        login = with_faults(self._login, "azure-login", faults)

        def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            return (login if is_login(environ["PATH_INFO"]) else systems)(environ, start)

        return application

    def _login(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        # Tokens live by the machine's clock: that is what azure-identity looks at.
        answer = log_in(environ["PATH_INFO"], read_body(environ), self.url, datetime.now(UTC))
        return send(answer, start)

    def _systems(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        try:
            caller = caller_of(environ.get("HTTP_AUTHORIZATION", ""), self.url, datetime.now(UTC))
            asked = read_request(environ, caller)
            with self.state.lock:
                if asked.path.startswith("/v1.0/"):
                    answer = graph(asked, self.state, self.url, self._arm.page_size)
                else:
                    answer = self._arm.answer(asked, self.url)
        except Refusal as refusal:
            read_body(environ)
            answer = refused(refusal)
        return send(answer, start)
