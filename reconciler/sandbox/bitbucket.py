"""What the local Bitbuckets share: the table of permissions, and the HTTP around it. Never listens
on anything but loopback."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from reconciler.sandbox.faults import FaultKind, Faults
from reconciler.sandbox.http import HttpServer, Wsgi, with_faults

Answer = Callable[..., Response]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a permission is held: "repository" "payments-api", "global" ""."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True, order=True)
class Holder:
    section: str  # "users" or "groups"
    name: str


class Table:
    """Who holds what: one role for each place and holder, in the order in which they came."""

    def __init__(self, places: Iterable[Place]) -> None:
        self._lock = threading.Lock()
        self._roles: dict[Place, dict[Holder, str]] = {place: {} for place in places}

    def __contains__(self, place: Place) -> bool:
        return place in self._roles

    def add_place(self, place: Place) -> None:
        self._roles.setdefault(place, {})

    def role(self, place: Place, holder: Holder) -> str:
        return self._roles[place].get(holder, "")

    def put(self, place: Place, holder: Holder, role: str) -> None:
        with self._lock:
            self._roles[place][holder] = role

    def clear(self, place: Place, holder: Holder) -> None:
        with self._lock:
            self._roles[place].pop(holder, None)

    def held(self, place: Place, section: str = "") -> list[tuple[Holder, str]]:
        with self._lock:
            rows = list(self._roles[place].items())
        return [(h, role) for h, role in rows if section in ("", h.section)]

    def all(self) -> list[tuple[Place, Holder, str]]:
        return [(p, h, role) for p in list(self._roles) for h, role in self.held(p)]


class Limit:
    """A rolling window, as the vendors count: at most `calls` in any `seconds`."""

    def __init__(self, calls: int, seconds: float) -> None:
        self._calls, self._seconds = calls, seconds
        self._lock = threading.Lock()
        self._times: deque[float] = deque()

    def takes(self) -> bool:
        now = time.monotonic()
        with self._lock:
            while self._times and self._times[0] <= now - self._seconds:
                self._times.popleft()
            if len(self._times) >= self._calls:
                return False
            self._times.append(now)
            return True


class Refusal(Exception):
    """An answer of no, with what the vendor's error body is made of."""

    def __init__(self, status: int, message: str, name: str = "", detail: object = None) -> None:
        super().__init__(message)
        self.status, self.message, self.name, self.detail = status, message, name, detail


class Server:
    """Routes requests to `answers` (endpoint name to function), one vendor's error body around."""

    def __init__(
        self,
        rules: Iterable[Rule],
        answers: Mapping[str, Answer],
        error: Callable[[Refusal], Response],
        before: Callable[[Request], None],
    ) -> None:
        self._map = Map(list(rules), strict_slashes=False, redirect_defaults=False)
        self._answers = answers
        self._error = error
        self._before = before
        self._http: HttpServer | None = None

    def start(self, system: str, faults: Faults, port: int) -> str:
        self._http = HttpServer(with_faults(self._app, system, faults, call_name), port)
        return self._http.start()

    def stop(self) -> None:
        if self._http:
            self._http.stop()
            self._http = None

    @property
    def _app(self) -> Wsgi:
        def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            return self._respond(Request(environ))(environ, start)

        return app

    def _respond(self, request: Request) -> Response:
        request.get_data()  # a body left unread would spoil the connection
        try:
            self._before(request)
            endpoint, values = self._map.bind_to_environ(request.environ).match()
            return self._answers[endpoint](request, **values)
        except Refusal as refusal:
            return self._error(refusal)
        except HTTPException as e:
            return self._error(Refusal(e.code or 500, str(e.description)))


def call_name(environ: dict[str, Any]) -> str:
    """ "METHOD path", without the query: a fault for a list hits each of its pages."""
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"


def empty_wanted(request: Request) -> bool:
    return request.environ.get("sandbox.fault") == FaultKind.EMPTY


def as_json(body: object, status: int = 200) -> Response:
    return Response(json.dumps(body), status, mimetype="application/json")


def number(request: Request, name: str, default: int, least: int, most: int) -> int:
    """A number of the query, bounded as the vendors do it: without a word."""
    try:
        value = int(request.args.get(name, default))
    except ValueError:
        value = default
    return max(least, min(value, most))
