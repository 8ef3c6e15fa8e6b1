"""Reads allow policies and says who holds what. Never writes."""

from __future__ import annotations

from collections.abc import Collection

from reconciler.model import Assignment, Entitlement, Observed, Principal, Subject
from reconciler.providers.gcp import conditions, names
from reconciler.providers.gcp.policy import Row, rows_of
from reconciler.providers.gcp.session import Policies, explained


class GcpReader:
    def __init__(self, system: str, policies: Policies) -> None:
        self._system = system
        self._policies = policies

    def canonical(self, entitlement: Entitlement) -> Entitlement:
        """Google spells resources and roles as `GcpSystem.item` does: nothing to ask."""
        return entitlement

    def principal(self, subject: Subject, entitlement: Entitlement, account: str) -> Principal:
        """Google has no call that says whether an address exists; it refuses the write."""
        return names.principal_of(self._system, subject, account)

    def observe(self, scope: str, entitlements: Collection[Entitlement]) -> tuple[Observed, ...]:
        """One call. What a folder, an organization or a group's membership gives besides is in
        other policies, or in none, and not seen here."""
        with explained(self._system, f"read the policy of {scope}"):
            policy = self._policies.patiently(lambda: self._policies.get(scope))
        return tuple(self._observed(scope, row) for row in rows_of(policy))

    def own(self) -> frozenset[str]:
        with explained(self._system, "find out whose credentials these are"):
            email = self._policies.acts_as()
        return frozenset({f"serviceAccount:{email.lower()}"} if email else ())

    def _observed(self, scope: str, row: Row) -> Observed:
        entitlement = Entitlement(self._system, names.kind_of(scope), scope, row.role)
        principal = Principal(row.principal)
        reading = conditions.Reading()
        if row.expression:
            reading = conditions.read(row.title, row.expression)
        return Observed(
            Assignment(entitlement, principal),
            marker=reading.marker,
            controller=reading.controller or _deleted(row.principal),
            until=reading.until,
            handle=row.handle,
        )


def _deleted(principal: str) -> str | None:
    """A deleted principal's row gives nothing to anybody unless Google revives it: it is nobody's
    to count as a holder, and nobody's to take for already held."""
    return "a deleted principal" if principal.startswith("deleted:") else None
