"""Live role assignments as values, with PIM's end and marker where PIM is on. Reads only.

With PIM two lists are needed and enough. `roleAssignments` is what holds; it has the description
(and so the marker of access that was made before PIM was switched on) and the condition.
`roleAssignmentSchedules` has the end, and the name of the request that made it, which is our marker.
`roleAssignmentScheduleInstances` has the end as well but no request; `roleAssignmentScheduleRequests`
is a history that grows with every change and is purged after 45 days.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from azure.core.exceptions import ResourceNotFoundError

from reconciler.model import Assignment, Entitlement, Observed, Principal
from reconciler.model.marking import NO_MARK, Mark, Marking
from reconciler.providers.azure import marks
from reconciler.providers.azure.roles import Roles
from reconciler.providers.azure.scopes import KIND, is_management_group, root, spelled
from reconciler.providers.azure.session import GONE, Session, code

_OVER = frozenset({"Revoked", "PendingRevocation", "Canceled", "Denied", "Failed", "TimedOut"})


@dataclass(frozen=True, slots=True)
class Row:
    """`id` and `role_id` as ARM spells them; `scope`, `role` (its GUID) and `oid` as we do.

    `managed` says that PIM has a schedule of its own for it; `request` is the name of the request
    that it was made by, where that is a name of this program.
    """

    id: str
    scope: str
    role: str
    role_id: str
    oid: str
    type: str
    description: str
    condition: str
    since: datetime | None
    until: datetime | None = None
    managed: bool = False
    request: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """ARM holds at most one of these, and one schedule for it."""
        return self.scope, self.role, self.oid, self.condition

    def named_by(self, owner: str) -> bool:
        name = marks.assignment_name(self.scope, self.oid, self.role, owner)
        return _last(self.id) == name


class Rows:
    """All lists are whole or raise ProviderError."""

    def __init__(self, session: Session, roles: Roles, marking: Marking) -> None:
        self._session = session
        self._marking = marking
        self._roles = roles
        self._pim = session.settings.pim

    def under(self, at: str) -> tuple[Row, ...]:
        """Every row at the root `at` and below it, none that is inherited from above."""
        # A management group has no use for what lies below it: that is another root's list.
        kept = "atScope()" if is_management_group(at) else None
        return tuple(row for row in self._list(at, kept) if root_of(row.scope) == at)

    def of(self, scope: str, oid: str) -> tuple[Row, ...]:
        """The rows of one principal at exactly this scope."""
        rows = self._list(scope, f"principalId eq '{oid}'")
        return tuple(row for row in rows if row.scope == scope and row.oid == oid)

    def _list(self, scope: str, kept: str | None) -> tuple[Row, ...]:
        rows = self.assigned(f"list role assignments of {scope}", scope, kept)
        if not self._pim:
            return rows
        where = scope.lstrip("/")
        schedules = self._session.pim.role_assignment_schedules
        ends = self._session.whole(
            f"list role assignment schedules of {scope}",
            lambda **page: schedules.list_for_scope(where, filter=kept, **page),
        )
        return with_schedules(rows, ends)

    def assigned(
        self, action: str, scope: str, kept: str | None, gone: frozenset[str] = GONE
    ) -> tuple[Row, ...]:
        """Role assignments by one filter, without PIM's part. `gone` is as for `Session.whole`."""
        assignments = self._session.rbac.role_assignments
        where = scope.lstrip("/")
        found = self._session.whole(
            action, lambda **page: assignments.list_for_scope(where, filter=kept, **page), gone
        )
        return tuple(_row(each) for each in found)

    def one(self, row_id: str) -> Row | None:
        """The role assignment of this id, without PIM's part. None when it is gone."""
        with self._session.explained(f"look at role assignment {row_id}"):
            try:
                found = self._session.rbac.role_assignments.get_by_id(row_id.lstrip("/"))
            except ResourceNotFoundError as e:
                if code(e) == "SubscriptionNotFound":
                    raise  # so ARM calls a subscription that we may not read
                return None
        return _row(found)

    def observed(self, row: Row, at: str = "") -> Observed:
        """The row as the core knows it: whose it is, and when Azure will end it. The role's name is
        looked for where the row stands, or `at` the scope that inherits it."""
        role = self._roles.name(root_of(at or row.scope), row.role)
        entitlement = Entitlement(self._session.name, KIND, row.scope, role)
        assignment = Assignment(entitlement, Principal(f"{row.type.lower()}:{row.oid}"))
        mark = mark_of(row, self._marking.id(assignment), self._marking)
        condition = "condition" if row.condition and mark == NO_MARK else None
        return Observed(
            assignment,
            marker=mark.marker,
            # Access under a condition is less than what a grant declares, so it is not "held".
            controller=mark.controller or condition,
            until=row.until,
            since=row.since,
            handle=row.id,
            owner=mark.owner,
        )

    def asked_by_us(self, row: Row) -> bool:
        return marks.owner_of_request(row.request, (self._marking.owner,)) == self._marking.owner


def mark_of(row: Row, id: str, marking: Marking) -> Mark:
    """By the request, which is newer than any description; else by that, and else by the name."""
    owners = dict.fromkeys((marking.owner, *marking.was, ""))
    asked = marks.owner_of_request(row.request, owners)
    if asked is not None:
        return marking.read(asked, id)
    if said := marks.read(row.description):
        return marking.read(*said)
    named = next((owner for owner in owners if row.named_by(owner)), None)
    return NO_MARK if named is None else marking.read(named, id)


def root_of(scope: str) -> str:
    """Like `root`, also for what no item can name: "/" is its own root."""
    return root(scope) if scope.count("/") > 1 else scope


def _row(found: Any) -> Row:
    return Row(
        id=found.id,
        scope=spelled(found.scope),
        role=_last(found.role_definition_id),
        role_id=found.role_definition_id,
        oid=found.principal_id.lower(),
        type=str(found.principal_type or "Unknown"),
        description=found.description or "",
        condition=found.condition or "",
        since=seconds(found.created_on),
    )


def with_schedules(rows: Iterable[Row], schedules: Iterable[Any]) -> tuple[Row, ...]:
    """Each row with the end of its own schedule. Rows through groups or from above are not rows."""
    ends = {row.key: row for row in rows}
    for schedule in schedules:
        key = (
            spelled(schedule.scope),
            _last(schedule.role_definition_id),
            schedule.principal_id.lower(),
            schedule.condition or "",
        )
        row = ends.get(key)
        asked_by = schedule.role_assignment_schedule_request_id
        direct = str(schedule.member_type) == "Direct" and str(schedule.status) not in _OVER
        if row is None or row.request or not asked_by or not direct:
            continue
        name = _last(asked_by)
        ends[key] = replace(
            row,
            until=seconds(schedule.end_date_time),
            managed=True,
            request=name if marks.is_request_name(name) else "",
        )
    return tuple(ends.values())


def _last(resource_id: str) -> str:
    return str(resource_id).rpartition("/")[2].lower()


def seconds(moment: datetime | None) -> datetime | None:
    """Ends have whole seconds; ARM answers with seven digits after them."""
    return moment.astimezone(UTC).replace(microsecond=0) if moment else None
