"""A row of a policy as the core knows it. Pure; judges nobody's membership."""

from __future__ import annotations

from reconciler.model import Assignment, Entitlement, Observed, Principal
from reconciler.model.marking import UNOWNED, Marking
from reconciler.providers.gcp import conditions, names
from reconciler.providers.gcp.policy import Row


def observed(system: str, resource: str, row: Row, marking: Marking = UNOWNED) -> Observed:
    entitlement = Entitlement(system, names.kind_of(resource), resource, row.role)
    reading = conditions.Reading()
    if row.expression:
        reading = conditions.read(row.title, row.expression, marking)
    mark = reading.mark
    others = None if mark.owner is not None else _deleted(row.principal)
    return Observed(
        Assignment(entitlement, Principal(row.principal)),
        marker=mark.marker,
        controller=reading.controller or others,
        until=reading.until,
        handle=row.handle,
        owner=mark.owner,
    )


def _deleted(principal: str) -> str | None:
    """A deleted principal's row gives nothing to anybody unless Google revives it: it is nobody's
    to count as a holder, and nobody's to take for already held."""
    return "a deleted principal" if principal.startswith("deleted:") else None
