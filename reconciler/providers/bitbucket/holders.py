"""Who holds what in one place, as both Bitbuckets list it. Makes no call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reconciler.model import Assignment, Entitlement, Observed, Principal


@dataclass(frozen=True, slots=True)
class Holder:
    principal: Principal
    role: str


def section_of(principal: Principal) -> str:
    """The list that a principal stands in, as it is called in paths."""
    return "groups" if principal.id.startswith("group:") else "users"


def observed(
    system: str, scope: str, holders: Callable[[str, str], Iterable[Holder]]
) -> tuple[Observed, ...]:
    """The rows of a scope; `holders` takes its kind and its resource."""
    kind, _, resource = scope.partition(" ")
    return tuple(
        Observed(Assignment(Entitlement(system, kind, resource, holder.role), holder.principal))
        for holder in holders(kind, resource)
    )
