"""The HTTP around a local REST interface: routes, refusals in the vendor's words, JSON. Knows no
vendor, and never listens on anything but loopback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from reconciler.sandbox.faults import FaultKind, Faults
from reconciler.sandbox.http import HttpServer, Wsgi, with_faults

Answer = Callable[..., Response]


class Refusal(Exception):
    """An answer of no, with what the vendor's error body is made of."""

    def __init__(self, status: int, message: str, name: str = "", detail: object = None) -> None:
        super().__init__(message)
        self.status, self.message, self.name, self.detail = status, message, name, detail


class Server:
    """Routes requests to `answers` (endpoint name to function), one vendor's error body around.
    `before` may refuse any request; `after` hears every request with its answer."""

    def __init__(
        self,
        rules: Iterable[Rule],
        answers: Mapping[str, Answer],
        error: Callable[[Refusal], Response],
        before: Callable[[Request], object],
        after: Callable[[Request, Response], object] = lambda *_: None,
    ) -> None:
        self._map = Map(list(rules), strict_slashes=False, redirect_defaults=False)
        self._answers = answers
        self._error = error
        self._before, self._after = before, after
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
            request = Request(environ)
            response = self._respond(request)
            self._after(request, response)
            return response(environ, start)

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
            return self._error(Refusal(e.code or 500, e.name))


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
