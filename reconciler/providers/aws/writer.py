"""Carries out changes in AWS, each confirmed by a read after it. One change's failure is its own."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from botocore.exceptions import ClientError

from reconciler.errors import ProviderError
from reconciler.model import Action, Change
from reconciler.model.marking import Marking
from reconciler.providers.aws.assignments import AssignmentWriter
from reconciler.providers.aws.identity_center import IdentityCenter
from reconciler.providers.aws.inline_policies import PolicyWriter, entity
from reconciler.providers.aws.kinds import ASSIGNMENT, IAM_GROUP, MEMBERSHIP, POLICY
from reconciler.providers.aws.patience import CONFLICTS, insist, seen
from reconciler.providers.aws.session import Clients, code, explained, member, pages
from reconciler.providers.aws.settings import Settings
from reconciler.providers.base import Outcome

_VERBS = {Action.ADD: "give", Action.REMOVE: "take"}


class AwsWriter:
    def __init__(self, system: str, settings: Settings, clients: Clients, marking: Marking) -> None:
        self._system = system
        self._clients = clients
        self._patience = clients.patience
        self._center = IdentityCenter(system, settings, clients)
        self._assignments = AssignmentWriter(self._center, clients)
        self._policies = PolicyWriter(clients, marking)

    def serial_key(self, change: Change) -> Hashable:
        """Identity Center conflicts within one account and permission set, IAM within one entity."""
        e = change.assignment.entitlement
        if e.kind in (POLICY, IAM_GROUP):
            return e.resource, change.assignment.principal.id
        return e.kind, e.resource, e.role

    def carry_out(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        for change in changes:
            try:
                with explained(self._system, _action(change)):
                    self._carry_out(change)
            except ProviderError as e:
                yield Outcome(change, e)
            else:
                yield Outcome(change)

    def _carry_out(self, change: Change) -> None:
        kind = change.assignment.entitlement.kind
        if kind == POLICY:
            problem = self._policies.carry_out(change)
        elif change.action not in _VERBS:
            problem = "AWS holds no end for it"
        elif kind == ASSIGNMENT:
            problem = self._assignments.carry_out(change)
        elif kind == MEMBERSHIP:
            problem = self._leave(change) if change.removes else self._join(change)
        else:
            problem = self._iam_group(change)
        if problem:
            raise ProviderError(self._system, _action(change), problem)

    def _join(self, change: Change) -> str:
        keys = self._membership(change)
        identity_store = self._clients.identity_store

        def write() -> None:
            try:
                identity_store.create_group_membership(**keys)
            except ClientError as e:
                # A duplicate and a concurrent change are the same error; only the first is done.
                if code(e) not in CONFLICTS or not self._membership_id(keys):
                    raise

        insist(self._patience, write)
        there = seen(self._patience, lambda: self._membership_id(keys), bool)
        return "" if there else "the membership does not show afterwards"

    def _leave(self, change: Change) -> str:
        keys = self._membership(change)
        current = self._membership_id(keys)
        if not current:
            return ""
        if change.live and change.live.handle and change.live.handle != current:
            return "changed since the plan: the membership was made anew; it will be planned again"
        known = {"IdentityStoreId": keys["IdentityStoreId"], "MembershipId": current}

        def write() -> None:
            try:
                self._clients.identity_store.delete_group_membership(**known)
            except ClientError as e:
                if code(e) != "ResourceNotFoundException":
                    raise

        insist(self._patience, write)
        left = seen(self._patience, lambda: self._membership_id(keys), lambda found: not found)
        return "the membership is still there afterwards" if left else ""

    def _membership(self, change: Change) -> dict[str, object]:
        group = self._center.group(change.assignment.entitlement.resource)
        user = change.assignment.principal.id.removeprefix("user:")
        store = self._center.instance().store
        return {"IdentityStoreId": store, "GroupId": group.id, "MemberId": {"UserId": user}}

    def _membership_id(self, keys: dict[str, object]) -> str:
        try:
            answer = self._clients.identity_store.get_group_membership_id(**keys)
        except ClientError as e:
            if code(e) == "ResourceNotFoundException":
                return ""
            raise
        return str(member(answer, "MembershipId"))

    def _iam_group(self, change: Change) -> str:
        """Adding is idempotent in IAM; removing what is gone is an error there, and none here."""
        e = change.assignment.entitlement
        _, user = entity(change.assignment.principal)
        iam = self._clients.iam(e.resource)

        def write() -> None:
            if not change.removes:
                iam.add_user_to_group(GroupName=e.role, UserName=user)
                return
            try:
                iam.remove_user_from_group(GroupName=e.role, UserName=user)
            except ClientError as error:
                if code(error) != "NoSuchEntity":
                    raise

        def belongs() -> bool:
            try:
                found = list(pages(iam, "list_groups_for_user", UserName=user))
            except ClientError as error:
                if code(error) == "NoSuchEntity" and change.removes:
                    return False
                raise
            return any(g["GroupName"] == e.role for page in found for g in member(page, "Groups"))

        insist(self._patience, write)
        belongs_now = seen(self._patience, belongs, lambda b: b is not change.removes)
        return "the membership does not show so afterwards" if belongs_now is change.removes else ""


def _action(change: Change) -> str:
    e = change.assignment.entitlement
    what = f"{change.assignment.principal} {e.role} on {e.resource}"
    return f"{_VERBS.get(change.action, 'move the end of')} {what}"
