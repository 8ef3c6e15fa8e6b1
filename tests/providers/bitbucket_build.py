"""Small builders for the tests of both Bitbuckets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from reconciler.model import (
    Action,
    Assignment,
    Cause,
    Change,
    Entitlement,
    Observed,
    Principal,
    Subject,
    SubjectKind,
)
from reconciler.providers.bitbucket.settings import Patience
from reconciler.sandbox.faults import Fault, FaultKind, Faults
from reconciler.sandbox.http import HttpServer

HASTY = Patience(factor=0.01)


def person(id: str, *accounts: str) -> Subject:
    return Subject(SubjectKind.PERSON, id, accounts)


def group(id: str, *accounts: str) -> Subject:
    return Subject(SubjectKind.GROUP, id, accounts)


def give(entitlement: Entitlement, principal: Principal, replaces: str = "") -> Change:
    assignment = Assignment(entitlement, principal)
    return Change(Action.ADD, Cause.DECLARED, assignment, replaces=replaces)


def take(entitlement: Entitlement, principal: Principal, restores: str = "") -> Change:
    assignment = Assignment(entitlement, principal)
    return Change(
        Action.REMOVE, Cause.EXPIRED, assignment, live=Observed(assignment), restores=restores
    )


def break_calls(faults: Faults, system: str, match: str, kind: FaultKind, **more: Any) -> None:
    faults.arm(Fault(system, match, kind, **more))


def fail(faults: Faults, system: str, match: str, status: int, **more: Any) -> None:
    faults.arm(Fault(system, match, FaultKind.STATUS, status=status, **more))


def calls_of(faults: Faults, work: Callable[[], object]) -> list[str]:
    """The calls that `work` makes."""
    before = len(faults.calls())
    work()
    return [call.call for call in faults.calls()[before:]]


def no_pace() -> None:
    """As fast as it goes."""


class Scripted:
    """A server that answers each path with what it is told, to say what no honest one would."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[str, str, str]] = {}
        self.requests: list[tuple[str, str, str]] = []  # path, Authorization, Cookie
        self._server = HttpServer(self._app)
        self.url = self._server.start()

    def says(
        self, path: str, body: object, status: str = "200 OK", kind: str = "application/json"
    ) -> None:
        self.answers[path] = status, kind, body if isinstance(body, str) else json.dumps(body)

    def moves(self, path: str, to: str) -> None:
        self.answers[path] = "302 Found", f"text/plain|{to}", ""

    def stop(self) -> None:
        self._server.stop()

    def _app(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        token, cookie = environ.get("HTTP_AUTHORIZATION", ""), environ.get("HTTP_COOKIE", "")
        self.requests.append((path, token, cookie))
        status, kind, body = self.answers.get(path, ("404 Not Found", "text/plain", "nothing"))
        kind, _, location = kind.partition("|")
        headers = [("Content-Type", kind), ("Content-Length", str(len(body.encode())))]
        headers += [("Location", location)] if location else []
        start(status, [*headers, ("Set-Cookie", "session=1; Path=/")])
        return [body.encode()]


@contextmanager
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    try:
        yield server
    finally:
        server.stop()
