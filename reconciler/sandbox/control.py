"""The sandbox's own HTTP endpoint, for the commands that look at it and break it on purpose.

Serves on loopback only, and nobody without the token that lies in the sandbox's home.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from hmac import compare_digest
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any, Protocol
from urllib.parse import parse_qs, urlencode, urlsplit

from reconciler.errors import InputError, ReconcilerError
from reconciler.sandbox.faults import Call, Fault, FaultKind
from reconciler.sandbox.local import Row
from reconciler.sandbox.systems import served


class Controlled(Protocol):
    """What the endpoint needs of a running sandbox."""

    @property
    def pid(self) -> int: ...

    @property
    def names(self) -> tuple[str, ...]: ...

    def rows(self) -> tuple[Row, ...]: ...

    def calls(self, system: str = "") -> tuple[Call, ...]: ...

    def arm(self, fault: Fault) -> None: ...

    def reset(self) -> None: ...

    def pulls(self, asked: Mapping[str, str]) -> object: ...

    def token_of(self, login: str) -> str: ...


class _Refused(Exception):
    """A request that the endpoint answers with `status` and one line of text."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


def control_app(sandbox: Controlled, token: str) -> Callable[..., Iterable[bytes]]:
    """A WSGI application. Every answer is JSON; an error is {"error": text}."""

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        try:
            sent = environ["wsgi.input"].read()
            given = environ.get("HTTP_AUTHORIZATION", "")
            if not compare_digest(given.encode(), f"Bearer {token}".encode()):
                raise _Refused(HTTPStatus.UNAUTHORIZED, "wrong token")
            status, answer = HTTPStatus.OK, _answer(sandbox, environ, sent)
        except _Refused as e:
            status, answer = e.status, {"error": str(e)}
        body = json.dumps(answer).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start(f"{status.value} {status.phrase}", headers)
        return [body]

    return app


def _answer(sandbox: Controlled, environ: dict[str, Any], sent: bytes) -> object:
    match environ["REQUEST_METHOD"], environ["PATH_INFO"]:
        case "GET", "/":
            return {"pid": sandbox.pid, "systems": sandbox.names}
        case "GET", "/rows":
            system = _asked_system(sandbox, environ)
            return [asdict(row) for row in sandbox.rows() if system in ("", row.system)]
        case "GET", "/calls":
            system = _asked_system(sandbox, environ)
            return [asdict(call) for call in sandbox.calls(system)]
        case "POST", "/faults":
            try:
                fields = json.loads(sent)
                fault = Fault(**{**fields, "kind": FaultKind(fields["kind"])})
            except (ValueError, TypeError, KeyError) as e:
                raise _Refused(HTTPStatus.BAD_REQUEST, f"not a fault: {e}") from e
            _known(sandbox, fault.system)
            sandbox.arm(fault)
            return {}
        case "POST", "/pulls" | "/token":
            try:
                asked = {str(k): str(v) for k, v in json.loads(sent).items()}
                if environ["PATH_INFO"] == "/token":
                    return sandbox.token_of(asked.get("login", ""))
                return sandbox.pulls(asked)
            except (InputError, ValueError, AttributeError) as e:
                raise _Refused(HTTPStatus.BAD_REQUEST, str(e)) from e
        case "POST", "/reset":
            sandbox.reset()
            return {}
    raise _Refused(HTTPStatus.NOT_FOUND, "no such path")


def _asked_system(sandbox: Controlled, environ: dict[str, Any]) -> str:
    system = str(parse_qs(environ.get("QUERY_STRING", "")).get("system", [""])[0])
    if system:
        _known(sandbox, system)
    return system


def _known(sandbox: Controlled, system: str) -> None:
    try:
        served(sandbox.names, system)
    except InputError as e:
        raise _Refused(HTTPStatus.BAD_REQUEST, str(e)) from e


@dataclass(frozen=True, slots=True)
class Control:
    """Speaks to a running sandbox's endpoint. Raises ReconcilerError when nobody answers and
    InputError when the request is refused."""

    url: str
    token: str

    def pid(self) -> int:
        """Of the process that really answers, whatever a file says."""
        return int(self._ask("GET", "/")["pid"])

    def rows(self, system: str = "") -> tuple[Row, ...]:
        answer = self._ask("GET", "/rows?" + urlencode({"system": system}))
        return tuple(Row(**row) for row in answer)

    def calls(self, system: str = "") -> tuple[Call, ...]:
        answer = self._ask("GET", "/calls?" + urlencode({"system": system}))
        return tuple(Call(**call) for call in answer)

    def arm(self, fault: Fault) -> None:
        self._ask("POST", "/faults", json.dumps(asdict(fault)))

    def reset(self) -> None:
        """Everything as it was seeded, no faults armed, no calls remembered."""
        self._ask("POST", "/reset")

    def pulls(self, **asked: str) -> Any:
        """`do` list, open, approve, object, merge on the local GitHub, each `login` for himself.
        Answers with the pull requests, each as it is then."""
        return self._ask("POST", "/pulls", json.dumps(asked))

    def token_of(self, login: str) -> str:
        return str(self._ask("POST", "/token", json.dumps({"login": login})))

    def _ask(self, method: str, path: str, body: str = "") -> Any:
        # http.client, because it never sends a loopback request through a proxy.
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        try:
            headers = {"Authorization": f"Bearer {self.token}"}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, HTTPException, ValueError) as e:
            raise ReconcilerError(f"the sandbox does not answer at {self.url}: {e}") from e
        finally:
            connection.close()
        if response.status != HTTPStatus.OK:
            raise InputError(f"the sandbox says: {answer['error']}")
        return answer
