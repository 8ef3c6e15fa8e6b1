"""Whose object id is meant: the directory file's, or the one person Microsoft Graph has. Reads only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from azure.core.rest import HttpRequest

from reconciler.errors import ProviderError, UnknownPrincipal
from reconciler.model import Observed, Principal, Subject, SubjectKind
from reconciler.providers.azure.scopes import GUID
from reconciler.providers.azure.session import HalfPage, Session
from reconciler.providers.once import Once

_TYPES = {
    SubjectKind.PERSON: "user",
    SubjectKind.GROUP: "group",
    SubjectKind.SERVICE: "serviceprincipal",
}
_ENOUGH = 5  # hits that an error names


class Principals:
    """One look-up for each name and run."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._people: Once[str, Principal] = Once()
        self._names: dict[str, str] = {}

    def named_in(self, row: Observed) -> Observed:
        """With the name of the subject, when it is one that was asked for in this run."""
        principal = row.assignment.principal
        named = replace(principal, name=self._names.get(principal.id, ""))
        return replace(row, assignment=replace(row.assignment, principal=named))

    def of(self, subject: Subject, account: str) -> Principal:
        """`user:{oid}`, `group:{oid}` or `serviceprincipal:{oid}`. Raises UnknownPrincipal."""
        found = self._of(subject, account)
        self._names[found.id] = found.name
        return found

    def _of(self, subject: Subject, account: str) -> Principal:
        accounts = subject.accounts
        if account and accounts and account.lower() not in {a.lower() for a in accounts}:
            raise self._unknown(subject, f"{account} is not an account of {subject}")
        if not account and len(accounts) > 1:
            raise self._unknown(subject, f"it has {len(accounts)} accounts here; keep one")
        name = account or (accounts[0] if accounts else subject.id)
        if GUID.match(name):
            return Principal(f"{_TYPES[subject.kind]}:{name.lower()}", subject.id)
        if subject.kind is not SubjectKind.PERSON:
            fix = f"write its object id under `accounts: {{{self._session.name}: …}}`"
            raise self._unknown(subject, f"{name!r} is no object id; {fix}")
        return self._people.get(name.lower(), lambda: self._person(subject, name))

    def _person(self, subject: Subject, name: str) -> Principal:
        """By mail or by user principal name: guests have `#EXT#` in the latter, and keep the former."""
        hits = self._users(name)
        if len(hits) != 1:
            said = ", ".join(str(hit.get("userPrincipalName")) for hit in hits[:_ENOUGH])
            raise self._unknown(
                subject,
                f"{len(hits)} users have the mail address or name {name} ({said})"
                if hits
                else f"no user has the mail address or name {name}",
            )
        return Principal(f"user:{str(hits[0]['id']).lower()}", subject.id)

    def _users(self, name: str) -> list[dict[str, Any]]:
        text = name.replace("'", "''")
        page: HttpRequest | None = HttpRequest(
            "GET",
            f"{self._session.settings.graph}/v1.0/users",
            # azure-core sends parameters as they are: a guest's `#EXT#` would end the address.
            params={
                "$filter": quote(f"mail eq '{text}' or userPrincipalName eq '{text}'", safe=""),
                "$select": "id,mail,userPrincipalName",
            },
        )
        users: list[dict[str, Any]] = []
        with self._session.explained(f"look up {name} in Microsoft Graph"):
            while page is not None:
                answer = self._session.graph.send_request(page)
                answer.raise_for_status()
                body = answer.json()
                if not isinstance(body, dict) or not isinstance(body.get("value"), list):
                    raise HalfPage("a page of the list came without its `value`")
                users += body["value"]
                following = body.get("@odata.nextLink")
                page = HttpRequest("GET", following) if following else None
        return users

    def _unknown(self, subject: Subject, problem: str) -> ProviderError:
        return UnknownPrincipal(self._session.name, f"find {subject}", problem)
