"""Reads a workspace: who holds what, and which principal a subject is. Never changes anything."""

from __future__ import annotations

import re
import threading
from collections.abc import Collection

from reconciler.errors import UnknownPrincipal
from reconciler.model import Entitlement, Observed, Principal, Subject, SubjectKind
from reconciler.providers.bitbucket.holders import observed
from reconciler.providers.bitbucket_cloud.indirect import Ways
from reconciler.providers.bitbucket_cloud.rest import Rest

_HEX = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_UUID = re.compile(rf"\{{?({_HEX})\}}?", re.IGNORECASE)
# "557058:ba88…" or, for older accounts, 24 hexadecimal digits (developer.atlassian.com, User ids).
_ACCOUNT_ID = re.compile(r"[0-9]+:[0-9A-Za-z-]+|[0-9a-f]{24}")
_SLUG = re.compile(r"[a-z0-9][a-z0-9_.-]*")


class CloudReader:
    def __init__(self, system: str, rest: Rest) -> None:
        self._system = system
        self._rest = rest
        self._ways = Ways(system, rest)
        self._lock = threading.Lock()
        self._uuids: dict[str, str] | None = None  # by account id, once somebody needs them
        self._own: frozenset[str] | None = None

    def canonical(self, entitlement: Entitlement) -> Entitlement:
        return entitlement  # the system's own spelling is known without asking

    def principal(self, subject: Subject, entitlement: Entitlement, account: str) -> Principal:
        names = (account,) if account else subject.accounts
        if account and account not in subject.accounts:
            raise self._unknown(subject, f"{account!r} is not one of its accounts")
        find = self._group if subject.kind is SubjectKind.GROUP else self._user
        found = {find(subject, name) for name in names}
        if len(found) != 1:
            raise self._unknown(subject, "it has several accounts" if found else "it has none")
        return Principal(found.pop(), subject.id)

    def observe(self, scope: str, entitlements: Collection[Entitlement]) -> tuple[Observed, ...]:
        return observed(self._system, scope, self._rest.holders)

    def indirect(self, principal: Principal, entitlement: Entitlement) -> tuple[Observed, ...]:
        return self._ways.to(principal, entitlement)

    def own(self) -> frozenset[str]:
        with self._lock:
            if self._own is None:
                self._own = frozenset({self._rest.signed_in()})
            return self._own

    def _user(self, subject: Subject, name: str) -> str:
        if uuid := _UUID.fullmatch(name):
            return f"user:{{{uuid[1].lower()}}}"
        if not _ACCOUNT_ID.fullmatch(name):
            raise self._unknown(subject, f"{name!r} is neither a uuid nor an account id")
        known = self._uuid_of(name)
        if not known:
            raise self._unknown(subject, f"no member of the workspace has the account id {name!r}")
        return f"user:{known}"

    def _group(self, subject: Subject, name: str) -> str:
        slug = name.lower()
        if not _SLUG.fullmatch(slug):
            raise self._unknown(subject, f"{name!r} is no group slug")
        return f"group:{slug}"

    def _uuid_of(self, account_id: str) -> str:
        with self._lock:
            if self._uuids is None:
                self._uuids = {m.account_id: m.uuid for m in self._rest.members() if m.account_id}
            return self._uuids.get(account_id, "")

    def _unknown(self, subject: Subject, what: str) -> UnknownPrincipal:
        """Bitbucket Cloud finds nobody by e-mail address or nickname (its "GDPR" API changes)."""
        if subject.kind is SubjectKind.GROUP:
            write = "the group's slug"
        else:
            write = "the user's uuid (with braces) or Atlassian account id"
        return UnknownPrincipal(
            self._system,
            f"find {subject}",
            f"{what}; write {write} under `accounts:` `{self._system}:` in directory/",
        )
