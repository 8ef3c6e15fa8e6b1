"""Who reaches a scope otherwise than by a row of their own: from above it, or by a group. Reads only.

`atScope() and assignedTo('{oid}')` lists what a user or a service principal has at the scope and
above it, through groups at any depth, which Azure resolves itself (Microsoft Learn,
role-assignments-list-rest; azure-cli asks so for `--include-groups --include-inherited`). A group's
id is not taken there, and `principalId eq` goes with no other filter (azure-powershell#20433), so of
a group all rows at and above the scope are read and its own kept. What it has by being in another
group is not told: only Microsoft Graph knows.

With PIM the end is in `roleAssignmentScheduleInstances`, which name the row (originRoleAssignmentId)
whatever their memberType: Direct, Group or Inherited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from azure.core.exceptions import HttpResponseError

from reconciler.errors import ProviderError
from reconciler.model import Entitlement, Observed, Principal
from reconciler.providers.azure.principals import Principals
from reconciler.providers.azure.rows import Row, Rows, seconds
from reconciler.providers.azure.session import GONE, Session
from reconciler.providers.once import Once

# Where the scope itself is no more there are no ways to it. These are codes of ARM for the two that
# a whole subscription's list does not fail on.
_GONE = GONE | {"ResourceGroupNotFound", "ResourceNotFound"}


class OtherWays:
    """Each list is asked for once in a run."""

    def __init__(self, session: Session, rows: Rows, principals: Principals) -> None:
        self._session = session
        self._rows = rows
        self._principals = principals
        self._lists: Once[str, tuple[Row, ...]] = Once()
        self._ends: Once[str, Mapping[str, datetime | None]] = Once()

    def of(self, principal: Principal, entitlement: Entitlement) -> tuple[Observed, ...]:
        """See `Reader.indirect`."""
        scope = entitlement.resource
        kind, _, oid = principal.id.partition(":")
        kept = "atScope()" if kind == "group" else f"atScope() and assignedTo('{oid}')"
        found = self._lists.get(f"{scope}\n{kept}", lambda: self._list(scope, kept))
        ways = [row for row in found if (row.scope, row.oid) != (scope, oid)]
        if kind == "group":
            ways = [row for row in ways if row.oid == oid]
        if self._session.settings.pim and ways:
            ends = self._ends.get(scope, lambda: self._list_ends(scope))
            ways = [replace(row, until=ends.get(row.id.lower())) for row in ways]
        return tuple(self._told(row, scope, oid) for row in ways)

    def _list(self, scope: str, kept: str) -> tuple[Row, ...]:
        with _needing("roleAssignments"):
            action = f"list role assignments at and above {scope}"
            return self._rows.assigned(action, scope, kept, _GONE)

    def _list_ends(self, scope: str) -> Mapping[str, datetime | None]:
        """By the id of the role assignment, in lower case."""
        instances = self._session.pim.role_assignment_schedule_instances
        where = scope.lstrip("/")
        with _needing("roleAssignmentScheduleInstances"):
            found = self._session.whole(
                f"list the ends of role assignments at and above {scope}",
                lambda **page: instances.list_for_scope(where, filter="atScope()", **page),
                _GONE,
            )
        origins = ((each.origin_role_assignment_id, each.end_date_time) for each in found)
        return {origin.lower(): seconds(end) for origin, end in origins if origin}

    def _told(self, row: Row, scope: str, oid: str) -> Observed:
        # The scope's own list has the names of all roles that it inherits, and needs no right above.
        seen = self._principals.named_in(self._rows.observed(row, at=scope))
        via = [f"inherited from {row.scope}"] if row.scope != scope else []
        if row.oid != oid:
            via.append(f"group {seen.assignment.principal.name or row.oid}")
        if row.condition:
            via.append("under a condition")
        return replace(seen, via=", ".join(via), unsure=bool(row.condition))


@contextmanager
def _needing(kind: str) -> Iterator[None]:
    """Where Azure refuses a list, the error names the right that is wanting."""
    try:
        yield
    except ProviderError as e:
        if isinstance(e.__cause__, HttpResponseError) and e.__cause__.status_code == 403:
            problem = f"{e.cause}; it needs Microsoft.Authorization/{kind}/read"
            raise ProviderError(e.system, e.action, problem) from e
        raise
