"""Reads allow policies and says who holds what. Never writes."""

from __future__ import annotations

from collections.abc import Collection

from reconciler.model import Entitlement, Observed, Principal, Subject
from reconciler.model.marking import UNOWNED, Marking
from reconciler.providers.gcp import names
from reconciler.providers.gcp.groups import Groups
from reconciler.providers.gcp.indirect import Ways
from reconciler.providers.gcp.observed import observed
from reconciler.providers.gcp.policy import rows_of
from reconciler.providers.gcp.session import Policies, explained


class GcpReader:
    def __init__(
        self, system: str, policies: Policies, groups: Groups, marking: Marking = UNOWNED
    ) -> None:
        self._system = system
        self._marking = marking
        self._policies = policies
        self._ways = Ways(system, policies, groups, marking)

    def canonical(self, entitlement: Entitlement) -> Entitlement:
        """Google spells resources and roles as `GcpSystem.item` does: nothing to ask."""
        return entitlement

    def principal(self, subject: Subject, entitlement: Entitlement, account: str) -> Principal:
        """Google has no call that says whether an address exists; it refuses the write."""
        return names.principal_of(self._system, subject, account)

    def observe(self, scope: str, entitlements: Collection[Entitlement]) -> tuple[Observed, ...]:
        """One call. What a folder, an organization or a group's membership gives besides is in
        other policies, or in none: `indirect` looks there."""
        with explained(self._system, f"read the policy of {scope}"):
            policy = self._policies.patiently(lambda: self._policies.get(scope))
        return tuple(observed(self._system, scope, row, self._marking) for row in rows_of(policy))

    def indirect(self, principal: Principal, entitlement: Entitlement) -> tuple[Observed, ...]:
        return self._ways.to(principal, entitlement.resource)

    def own(self) -> frozenset[str]:
        with explained(self._system, "find out whose credentials these are"):
            email = self._policies.acts_as()
        return frozenset({f"serviceAccount:{email.lower()}"} if email else ())
