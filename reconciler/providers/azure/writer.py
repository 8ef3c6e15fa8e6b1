"""Makes and removes role assignments, one change at a time. Plans nothing.

The PIM ways of doing the same are in `pim`; which of the two applies is decided here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from azure.core.exceptions import HttpResponseError
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters

from reconciler.errors import ProviderError
from reconciler.model import Action, Change
from reconciler.model.marking import UNOWNED, Marking
from reconciler.providers.azure import marks
from reconciler.providers.azure.fresh import TAKEN, action, check_same, oid_of, refusal, seen
from reconciler.providers.azure.pim import PimRequests
from reconciler.providers.azure.roles import Role, Roles
from reconciler.providers.azure.rows import Rows
from reconciler.providers.azure.session import Session, code
from reconciler.providers.base import Outcome

_TYPES = {
    "user": "User",
    "group": "Group",
    "serviceprincipal": "ServicePrincipal",
}


class AzureWriter:
    """Implements Writer. `patience` is how long a write may take to be seen, in seconds."""

    def __init__(
        self, session: Session, patience: float = 30.0, marking: Marking = UNOWNED
    ) -> None:
        self._session = session
        self._patience = patience
        self._marking = marking
        self._roles = Roles(session)
        self._rows = Rows(session, self._roles, marking)
        self._pim = PimRequests(session, self._rows, patience, marking)

    def serial_key(self, change: Change) -> Hashable:
        assignment = change.assignment
        return assignment.entitlement.resource, assignment.principal.id

    def carry_out(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        for change in changes:
            try:
                self._one(change)
            except ProviderError as e:
                yield Outcome(change, e)
            else:
                yield Outcome(change)

    def _one(self, change: Change) -> None:
        if change.action is Action.REMOVE:
            self._remove(change)
            return
        entitlement = change.assignment.entitlement
        role = self._roles.named(entitlement.resource, entitlement.role)
        if self._session.settings.pim:
            self._pim.set(change, role)
        else:
            self._put(change, role)

    def _put(self, change: Change, role: Role) -> None:
        """Create, or write the description again. ARM itself refuses a second row for the same
        access, so what moved since the plan is a conflict here and needs no look beforehand."""
        scope, oid = change.assignment.entitlement.resource, oid_of(change)
        name = marks.assignment_name(scope, oid, role.guid, self._marking.owner)
        parameters = RoleAssignmentCreateParameters(
            role_definition_id=role.id,
            principal_id=oid,
            # Always sent: a principal that is still being replicated is "not found" without it.
            principal_type=_TYPES[change.assignment.principal.id.partition(":")[0]],
            description=marks.description(
                self._marking.text(change.assignment), change.until, change.grants
            ),
        )
        assignments = self._session.rbac.role_assignments
        with self._session.explained(action(change)):
            try:
                made = str(assignments.create(scope.lstrip("/"), name, parameters).id)
            except HttpResponseError as e:
                if code(e) != "RoleAssignmentExists":
                    raise
                self._check_ours(change, role)
                return
        if not seen(lambda: self._rows.one(made) is not None, self._patience):
            raise refusal(change, "ARM took it, and does not show it")

    def _check_ours(self, change: Change, role: Role) -> None:
        """Raises ProviderError unless the row that is in the way is our own."""
        for row in self._rows.of(change.assignment.entitlement.resource, oid_of(change)):
            if row.role == role.guid and self._rows.observed(row).marker is not None:
                return
        raise refusal(change, TAKEN)

    def _remove(self, change: Change) -> None:
        if change.live is None:
            raise refusal(change, "the plan does not say which row")
        if self._session.settings.pim and self._pim.remove(change):
            return
        row_id = change.live.handle
        row = self._rows.one(row_id)
        if row is None:
            return
        check_same(change, self._rows.observed(row))
        with self._session.explained(action(change)):
            self._session.rbac.role_assignments.delete_by_id(row_id.lstrip("/"))
        if not seen(lambda: self._rows.one(row_id) is None, self._patience):
            raise refusal(change, "ARM took it, and still shows it")
