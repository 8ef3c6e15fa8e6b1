"""Calls to GitHub for one repository: REST by path, GraphQL by document. Reads no answer's meaning,
but whether it is a whole one."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from reconciler.forge.base import Credentials, ForgeError
from reconciler.forge.session import Answer, Patience, Refused, Secret, Session
from reconciler.model import ForgeSettings

PUBLIC = "https://api.github.com"
_ENTERPRISE = "/api/v3"
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_HINTS = {
    401: "the token is wrong, revoked or expired; put a valid one into GITHUB_TOKEN",
    403: "the token may not do this; docs/approvals.md lists the permissions that it needs",
    404: "it is not there, or hidden from this token; check `repository` under `forge:`, and "
    "that the token may read it",
}
_PLAIN_NO = ("NOT_FOUND", "FORBIDDEN", "INSUFFICIENT_SCOPES", "RATE_LIMITED")
_GRAPHQL_HINTS = {"NOT_FOUND": _HINTS[404], "FORBIDDEN": _HINTS[403]}


class TooMuch(ForgeError):
    """GitHub gave up on a query that it may well answer in two halves."""


@dataclass(frozen=True, slots=True)
class Calls:
    """`root` is the path of the repository."""

    session: Session
    graphql: str
    owner: str
    name: str

    @property
    def root(self) -> str:
        return f"/repos/{quote(self.owner)}/{quote(self.name)}"

    def get(self, action: str, path: str) -> Any:
        return self.session.get(action, self.root + path).body

    def pages(self, action: str, path: str) -> Iterator[Answer]:
        return self.session.pages(action, self.root + path, {"per_page": "100"})

    def send(self, action: str, method: str, path: str, body: Mapping[str, object]) -> Any:
        return self.session.send(action, method, self.root + path, dict(body)).body

    def ask(self, action: str, document: str, variables: Mapping[str, object]) -> Any:
        """The `data` of a GraphQL answer. An answer with errors in it is none, whatever else it
        holds. `$owner` and `$name` are given to every document that declares them."""
        where = {"owner": self.owner, "name": self.name} if "$owner" in document else {}
        given = {**where, **variables}
        body = {"query": document, "variables": given}
        try:
            answer = self.session.send(action, "POST", self.graphql, body).body
        except Refused as e:
            if e.status in (502, 504):
                raise TooMuch(action, e.cause) from e
            raise
        match answer:
            case {"errors": [{"message": str(message), **rest}, *_]}:
                kind = str(rest.get("type", ""))
                hint = _GRAPHQL_HINTS.get(kind, "")
                cause = self.session.clean(message) + (f"; {hint}" if hint else "")
                raise (ForgeError if kind in _PLAIN_NO else TooMuch)(action, cause)
            case {"data": dict(data)} if not answer.get("errors"):
                return data
        raise ForgeError(action, "the answer has neither data nor errors of GraphQL's form")


def open_calls(
    settings: ForgeSettings, credentials: Credentials, patience: Patience | None
) -> Calls:
    """Raises ForgeError without a token, or for an address that it would not be safe at."""
    if not credentials.token:
        raise ForgeError("sign in", "there is no token; put one into GITHUB_TOKEN")
    owner, _, name = settings.repository.partition("/")
    if not owner or not name or "/" in name:
        what = f"{settings.repository!r} is no repository; write owner/name as `repository`"
        raise ForgeError("sign in", what)
    url = (settings.url or PUBLIC).rstrip("/")
    graphql = f"{url.removesuffix(_ENTERPRISE)}/api/graphql"
    graphql = graphql if url.endswith(_ENTERPRISE) else f"{url}/graphql"
    token = credentials.token
    hidden = (token, base64.b64encode(token.encode()).decode())
    secret = Secret("Authorization", f"Bearer {token}", hidden)
    session = Session(url, secret, _HEADERS, _HINTS, repeatable=(graphql,), patience=patience)
    return Calls(session, graphql, owner, name)
