"""Writes IAM inline policies named after their assignment, that end by themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from reconciler.model import Action, Assignment, Change, Principal
from reconciler.model.marking import Marking
from reconciler.providers.aws.iam import policy_name
from reconciler.providers.aws.patience import insist, seen
from reconciler.providers.aws.session import Clients, code, member
from reconciler.providers.aws.settings import Patience
from reconciler.providers.aws.statements import document, live

_MOVED = "changed since the plan; it will be planned again"
Content = tuple[str, datetime | None]  # canonical statements, and their end


def entity(principal: Principal) -> tuple[str, str]:
    """("user" or "role", name) of an ARN; the path lies between them."""
    kind, _, path = principal.id.rpartition(":")[2].partition("/")
    return kind, path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class _Slot:
    """One named inline policy of one user or role, and the calls that IAM has for it."""

    iam: Any
    patience: Patience
    kind: str
    entity: str
    name: str

    def _call(self, verb: str, **more: str) -> Any:
        named = {f"{self.kind.capitalize()}Name": self.entity, "PolicyName": self.name}
        return getattr(self.iam, f"{verb}_{self.kind}_policy")(**named, **more)

    def read(self) -> Content | None:
        try:
            return live(member(self._call("get"), "PolicyDocument"))
        except ClientError as e:
            if code(e) == "NoSuchEntity":
                return None
            raise

    def put(self, text: str) -> None:
        insist(self.patience, lambda: self._call("put", PolicyDocument=text))

    def delete(self) -> None:
        def write() -> None:
            try:
                self._call("delete")
            except ClientError as e:
                if code(e) != "NoSuchEntity":
                    raise

        insist(self.patience, write)


class PolicyWriter:
    def __init__(self, clients: Clients, marking: Marking) -> None:
        self._clients = clients
        self._marking = marking

    def carry_out(self, change: Change) -> str:
        """What went wrong, "" when a read afterwards shows the change."""
        slot = self._slot(change)
        now = slot.read()
        if change.action is Action.REMOVE:
            return self._remove(change, slot, now)
        wanted: Content = (change.assignment.entitlement.role, change.until)
        if now == wanted:
            return ""
        planned: Content | None = None
        if change.live:
            planned = (change.live.assignment.entitlement.role, change.live.until)
        # An addition may overwrite what our name was tampered into, but no end that it never saw.
        if now != planned if change.live else now is not None and now[0] == wanted[0]:
            return _MOVED
        slot.put(document(*wanted))
        found = seen(slot.patience, slot.read, lambda content: content == wanted)
        return "" if found == wanted else "the policy does not show so afterwards"

    def _slot(self, change: Change) -> _Slot:
        kind, name = entity(change.assignment.principal)
        policy = change.live.handle if change.live else self._name(change.assignment)
        iam = self._clients.iam(change.assignment.entitlement.resource)
        return _Slot(iam, self._clients.patience, kind, name, policy)

    def _name(self, of: Assignment) -> str:
        return policy_name(of, self._marking)

    def _remove(self, change: Change, slot: _Slot, now: Content | None) -> str:
        if now is None:
            return ""
        planned = change.live and (change.live.assignment.entitlement.role, change.live.until)
        if planned and now != planned:
            # The right content is back under this name: what was to be removed is gone already.
            its_name = self._name(_with(change.assignment, now[0]))
            healed = now[0] != planned[0] and slot.name == its_name
            return "" if healed else _MOVED
        slot.delete()
        left = seen(slot.patience, slot.read, lambda content: content is None)
        return "the policy is still there afterwards" if left else ""


def _with(assignment: Assignment, text: str) -> Assignment:
    return replace(assignment, entitlement=replace(assignment.entitlement, role=text))
