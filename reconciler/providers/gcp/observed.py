"""A row of a policy as the core knows it. Pure; judges nobody's membership."""

from __future__ import annotations

from reconciler.model import Assignment, Entitlement, Observed, Principal
from reconciler.providers.gcp import conditions, names
from reconciler.providers.gcp.policy import Row


def observed(system: str, resource: str, row: Row) -> Observed:
    entitlement = Entitlement(system, names.kind_of(resource), resource, row.role)
    reading = conditions.Reading()
    if row.expression:
        reading = conditions.read(row.title, row.expression)
    return Observed(
        Assignment(entitlement, Principal(row.principal)),
        marker=reading.marker,
        controller=reading.controller or _deleted(row.principal),
        until=reading.until,
        handle=row.handle,
    )


def _deleted(principal: str) -> str | None:
    """A deleted principal's row gives nothing to anybody unless Google revives it: it is nobody's
    to count as a holder, and nobody's to take for already held."""
    return "a deleted principal" if principal.startswith("deleted:") else None
