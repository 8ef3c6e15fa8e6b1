"""Reads a Data Center: who holds what, and which principal a subject is. Never changes anything."""

from __future__ import annotations

import threading
from collections.abc import Collection

from reconciler.errors import UnknownPrincipal
from reconciler.model import Entitlement, Observed, Principal, Subject, SubjectKind
from reconciler.providers.bitbucket.holders import observed
from reconciler.providers.bitbucket_dc.indirect import Ways
from reconciler.providers.bitbucket_dc.rest import Rest


class DataCenterReader:
    """Users and groups are named by name here: the permission calls know no other id, and names
    are case-insensitive, so ours are in lower case."""

    def __init__(self, system: str, rest: Rest) -> None:
        self._system = system
        self._rest = rest
        self._ways = Ways(system, rest)
        self._lock = threading.Lock()
        self._found: dict[str, str] = {}  # e-mail address: name

    def canonical(self, entitlement: Entitlement) -> Entitlement:
        return entitlement  # the system's own spelling is known without asking

    def principal(self, subject: Subject, entitlement: Entitlement, account: str) -> Principal:
        if account and account not in subject.accounts:
            raise self._unknown(subject, f"{account!r} is not one of its accounts")
        names = {name.lower() for name in ((account,) if account else subject.accounts)}
        if len(names) > 1:
            raise self._unknown(subject, f"it has several accounts: {', '.join(sorted(names))}")
        group = subject.kind is SubjectKind.GROUP
        if not names:
            if group or "@" not in subject.id:
                raise self._unknown(subject, "it has no account, and only people can be looked up")
            names = {self._by_email(subject)}
        return Principal(f"{'group' if group else 'user'}:{names.pop()}", subject.id)

    def observe(self, scope: str, entitlements: Collection[Entitlement]) -> tuple[Observed, ...]:
        return observed(self._system, scope, self._rest.holders)

    def indirect(self, principal: Principal, entitlement: Entitlement) -> tuple[Observed, ...]:
        return self._ways.to(principal, entitlement)

    def own(self) -> frozenset[str]:
        return frozenset({f"user:{self._rest.signed_in().lower()}"})

    def _by_email(self, subject: Subject) -> str:
        email = subject.id.lower()
        with self._lock:
            if email not in self._found:
                users = self._rest.users_like(email)
                names = {user.name.lower() for user in users if user.email.lower() == email}
                if len(names) != 1:
                    has = f"these users have that address: {', '.join(sorted(names))}"
                    raise self._unknown(subject, has if names else "no user has that address")
                self._found[email] = names.pop()
            return self._found[email]

    def _unknown(self, subject: Subject, what: str) -> UnknownPrincipal:
        noun = "group" if subject.kind is SubjectKind.GROUP else "user"
        return UnknownPrincipal(
            self._system,
            f"find {subject}",
            f"{what}; write the {noun} name under `accounts:` `{self._system}:` in directory/",
        )
