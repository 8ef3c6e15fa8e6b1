"""Reads role assignments. Never writes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from reconciler.model import Entitlement, Observed, Principal, Subject
from reconciler.model.marking import UNOWNED, Marking
from reconciler.providers.azure.indirect import OtherWays
from reconciler.providers.azure.principals import Principals
from reconciler.providers.azure.roles import Roles
from reconciler.providers.azure.rows import Rows
from reconciler.providers.azure.session import Session


class AzureReader:
    """Implements Reader."""

    def __init__(self, session: Session, marking: Marking = UNOWNED) -> None:
        self._session = session
        self._roles = Roles(session)
        self._rows = Rows(session, self._roles, marking)
        self._principals = Principals(session)
        self._other_ways = OtherWays(session, self._rows, self._principals)

    def canonical(self, entitlement: Entitlement) -> Entitlement:
        role = self._roles.named(entitlement.resource, entitlement.role)
        return replace(entitlement, role=role.name)

    def principal(self, subject: Subject, entitlement: Entitlement, account: str) -> Principal:
        return self._principals.of(subject, account)

    def observe(self, scope: str, entitlements: Collection[Entitlement]) -> tuple[Observed, ...]:
        rows = self._rows.under(scope)
        return tuple(self._principals.named_in(self._rows.observed(row)) for row in rows)

    def indirect(self, principal: Principal, entitlement: Entitlement) -> tuple[Observed, ...]:
        return self._other_ways.of(principal, entitlement)

    def own(self) -> frozenset[str]:
        claims = self._session.claims()
        kind = "serviceprincipal" if claims.get("idtyp") == "app" else "user"
        return frozenset({f"{kind}:{str(claims['oid']).lower()}"} if claims.get("oid") else ())
