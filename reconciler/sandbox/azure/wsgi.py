"""A request read and an answer written, for the parts of the local Azure. Knows no routes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from reconciler.sandbox.azure.state import Refusal


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str
    query: Mapping[str, str]  # names in lower case: ARM takes $skipToken and $skiptoken
    body: Mapping[str, Any]
    caller: str  # object id in the token
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Mapping[str, Any] | None
    headers: tuple[tuple[str, str], ...] = field(default=())


_REASONS = {
    200: "OK",
    201: "Created",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
}


def read_request(environ: Mapping[str, Any], caller: str) -> Asked:
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    return Asked(
        environ["REQUEST_METHOD"],
        environ["PATH_INFO"],
        {name.lower(): values[-1] for name, values in query.items()},
        json.loads(read_body(environ) or b"{}"),
        caller,
        environ.get("sandbox.fault", ""),
    )


def read_body(environ: Mapping[str, Any]) -> bytes:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    return bytes(environ["wsgi.input"].read(length)) if length else b""


def send(answer: Answer, start: Callable[..., Any]) -> list[bytes]:
    data = b"" if answer.body is None else json.dumps(answer.body).encode()
    headers = [
        ("Content-Type", "application/json; charset=utf-8"),
        ("Content-Length", str(len(data))),
        *answer.headers,
    ]
    start(f"{answer.status} {_REASONS[answer.status]}", headers)
    return [data]


def refused(refusal: Refusal) -> Answer:
    return Answer(refusal.status, {"error": {"code": refusal.code, "message": refusal.message}})
