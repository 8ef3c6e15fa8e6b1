"""What goes over the wire: requests with a name, answers, and refusals as AWS words them. No state."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from reconciler.sandbox.http import Wsgi

# The target header of the JSON services, and the name that a person knows them by.
_TARGETS = {"SWBExternalService": "sso-admin", "AWSIdentityStore": "identitystore"}
_JSON = "application/x-amz-json-1.1"
_LISTS = re.compile(
    r"<(UserDetailList|GroupDetailList|RoleDetailList|Policies|Groups)>.*?</\1>|<\w+DetailList ?/>",
    re.S,
)


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `parameters` are JSON values for the JSON services, text for the query ones."""

    service: str
    operation: str
    parameters: Mapping[str, Any]
    key: str  # the caller's access key id

    @property
    def call(self) -> str:
        return f"{self.service}.{self.operation}"


@dataclass(frozen=True, slots=True)
class Answer:
    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def send(self, start: Callable[..., Any]) -> Iterable[bytes]:
        headers = [(k, v) for k, v in self.headers if k.lower() != "content-length"]
        start(self.status, [*headers, ("Content-Length", str(len(self.body)))])
        return [self.body]


@dataclass(frozen=True)
class Refused(Exception):
    """AWS says no: `code` and `message` are what the SDK shows."""

    code: str
    message: str
    status: str = "400 Bad Request"
    more: Mapping[str, Any] = field(default_factory=dict)

    def answer(self, service: str) -> Answer:
        if service in _TARGETS.values():
            fields = {"__type": self.code, "message": self.message, **self.more}
            return Answer(self.status, (("Content-Type", _JSON),), json.dumps(fields).encode())
        xml = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{self.code}</Code>"
            f"<Message>{escape(self.message)}</Message></Error>"
            "<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
        )
        return Answer(self.status, (("Content-Type", "text/xml"),), xml.encode())


Forward = Callable[[], Answer]  # what moto would say
Operation = Callable[[Request, Forward], "Answer | Mapping[str, Any]"]


def json_answer(fields: Mapping[str, Any]) -> Answer:
    return Answer("200 OK", (("Content-Type", _JSON),), json.dumps(fields).encode())


def request_of(environ: dict[str, Any]) -> Request:
    """Reads the body once and leaves it there for whoever reads it next."""
    known: Request | None = environ.get("sandbox.request")
    if known is None:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        known = environ["sandbox.request"] = _request(environ, body)
    return known


def _request(environ: dict[str, Any], body: bytes) -> Request:
    credential = re.search(
        r"Credential=([^/]+)/[^/]+/[^/]+/([^/]+)/", _header(environ, "AUTHORIZATION")
    )
    key, signed_for = credential.groups() if credential else ("", "unsigned")
    service, _, operation = _header(environ, "X_AMZ_TARGET").partition(".")
    if operation:
        fields = json.loads(body or b"{}")
        return Request(_TARGETS.get(service, service), operation, fields, key)
    form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return Request(signed_for, form.get("Action", environ["PATH_INFO"]), form, key)


def _header(environ: dict[str, Any], name: str) -> str:
    return str(environ.get(f"HTTP_{name}", ""))


def call_name(environ: dict[str, Any]) -> str:
    """ "POST sso-admin.ListAccountAssignments": what faults and call logs know a call by."""
    return f"{environ['REQUEST_METHOD']} {request_of(environ).call}"


def page_of(
    rows: Sequence[Any], parameters: Mapping[str, Any], cap: int, key: str = "NextToken"
) -> tuple[Sequence[Any], str | None]:
    """The page that the caller asks for and the next page's token. AWS promises no full pages."""
    size = min(int(parameters.get("MaxResults") or parameters.get("MaxItems") or cap), cap)
    begin = int(parameters.get(key) or 0)
    end = begin + size
    return rows[begin:end], str(end) if end < len(rows) else None


def without_rows(answer: Answer) -> Answer:
    """The same page, well-formed, but its lists are not there."""
    if answer.headers and answer.body[:1] == b"{":
        fields = {k: v for k, v in json.loads(answer.body).items() if not isinstance(v, list)}
        return Answer(answer.status, answer.headers, json.dumps(fields).encode())
    return Answer(answer.status, answer.headers, _LISTS.sub("", answer.body.decode()).encode())


_FAULTS = {
    "400": ("ValidationException", "The request is not valid."),
    "403": ("AccessDeniedException", "User is not authorized to perform this operation."),
    "409": ("ConflictException", "A previous write is still in progress."),
    "429": ("ThrottlingException", "Rate exceeded"),
}


def worded(app: Wsgi) -> Wsgi:
    """Gives an injected status the body that AWS would send with it. A throttle is a 400 there."""

    def wrapped(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        injected: list[Any] = []

        def catch(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            if status.endswith(" Fault"):
                injected.extend((status[:3], headers))
                return None
            return start(status, headers, *rest)

        body = app(environ, catch)
        if not injected:
            return body
        status, headers = injected
        code, message = _FAULTS.get(status, ("InternalServerException", "Something went wrong."))
        shown = "400 Bad Request" if status == "429" else f"{status} Error"
        answer = Refused(code, message, shown).answer(request_of(environ).service)
        kept = [(k, v) for k, v in headers if k.lower() == "retry-after"]
        return Answer(answer.status, (*answer.headers, *kept), answer.body).send(start)

    return wrapped
