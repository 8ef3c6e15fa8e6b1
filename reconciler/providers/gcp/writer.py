"""Changes allow policies: one read-modify-write for all changes of a resource, never a blind one."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from google.api_core import exceptions as gexc

from reconciler.errors import ProviderError
from reconciler.model import Action, Change
from reconciler.model.marking import UNOWNED, Marking
from reconciler.providers.base import Outcome
from reconciler.providers.gcp import conditions
from reconciler.providers.gcp.policy import Draft, Full, Row
from reconciler.providers.gcp.session import FAILURES, PASSING, Policies, worded


class _Moved(Exception):
    """The row is not what the plan saw."""


class _Unconfirmed(Exception):
    """The write was answered, and the answer does not show the policy."""


class _Refused(Exception):
    """Google did not take the policy as a whole, for what one of its rows says."""

    def __init__(self, reason: gexc.GoogleAPICallError) -> None:
        super().__init__(worded(reason))


@dataclass(frozen=True, slots=True)
class _Edit:
    """What one change comes to in the policy: both are to hold when it is done."""

    gone: Row | None = None
    there: Row | None = None


class GcpWriter:
    def __init__(self, system: str, policies: Policies, marking: Marking = UNOWNED) -> None:
        self._system = system
        self._marking = marking
        self._policies = policies

    def serial_key(self, change: Change) -> Hashable:
        return change.assignment.entitlement.resource

    def carry_out(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        by_resource: dict[Hashable, list[Change]] = {}
        for change in changes:
            by_resource.setdefault(self.serial_key(change), []).append(change)
        for together in by_resource.values():
            yield from self._together(tuple(together))

    def _together(self, changes: tuple[Change, ...]) -> tuple[Outcome, ...]:
        """Google takes a policy whole or not at all, and one unknown member or one role that we
        may not give spoils it for all. Halving finds the culprits and lets the others through."""
        try:
            return self._policies.patiently(lambda: self._cycle(changes), (*PASSING, _Unconfirmed))
        except _Refused as refused:
            if len(changes) > 1:
                half = len(changes) // 2
                return self._together(changes[:half]) + self._together(changes[half:])
            return self._failed(changes, str(refused))
        except _Unconfirmed:
            return self._failed(changes, "Google's answers do not show whether it was done")
        except ProviderError as error:  # a client that cannot be made
            return self._failed(changes, error.cause)
        except FAILURES as error:
            return self._failed(changes, worded(error))

    def _cycle(self, changes: tuple[Change, ...]) -> tuple[Outcome, ...]:
        """Read, edit, write. Safe to begin anew at any point: an edit that is already there is no
        edit, and nothing is written when nothing is left to do."""
        resource = changes[0].assignment.entitlement.resource
        draft = Draft(self._policies.get(resource))
        results = [self._edited(draft, change) for change in changes]
        if not draft.changed:
            return tuple(_outcome(c, r) for c, r in zip(changes, results, strict=True))
        try:
            stored = self._policies.set(resource, draft.policy)
        except (gexc.BadRequest, gexc.Forbidden) as error:
            raise _Refused(error) from error
        if not stored.etag:
            raise _Unconfirmed
        live = Draft(stored)
        return tuple(
            _outcome(c, self._confirmed(live, c, r)) for c, r in zip(changes, results, strict=True)
        )

    def _edited(self, draft: Draft, change: Change) -> _Edit | ProviderError:
        try:
            return edit(draft, change, self._marking)
        except _Moved as moved:
            return self._error(change, f"{moved}: changed since the plan")
        except Full as full:
            return self._error(change, str(full))

    def _confirmed(
        self, live: Draft, change: Change, result: _Edit | ProviderError
    ) -> _Edit | ProviderError:
        """Google answers a write with the policy it stored. A fresh read would prove less: reads
        may lag behind by minutes."""
        if isinstance(result, ProviderError):
            return result
        if result.there and not _held(live, result.there):
            return self._error(change, "Google did not keep the binding")
        if result.gone and result.gone in live.rows(result.gone.role, result.gone.principal):
            return self._error(change, "Google kept the binding")
        return result

    def _failed(self, changes: tuple[Change, ...], cause: str) -> tuple[Outcome, ...]:
        return tuple(Outcome(c, self._error(c, cause)) for c in changes)

    def _error(self, change: Change, cause: str) -> ProviderError:
        a = change.assignment
        action = f"{change.action} {a.entitlement.role} of {a.principal.id}"
        return ProviderError(self._system, f"{action} on {a.entitlement.resource}", cause)


def edit(draft: Draft, change: Change, marking: Marking = UNOWNED) -> _Edit:
    """Make one change in the draft, or find it made. Raises _Moved or Full, and then the draft is
    as it was."""
    match change.action:
        case Action.REMOVE:
            return _remove(draft, _planned(change))
        case Action.ADD:
            return _add(draft, _wanted(change, marking))
        case Action.EXTEND | Action.SHORTEN:
            return _move(draft, _planned(change), _wanted(change, marking))


def _planned(change: Change) -> Row:
    assert change.live is not None, change
    return Row.of(change.live.handle)


def _wanted(change: Change, marking: Marking) -> Row:
    role, member = change.assignment.entitlement.role, change.assignment.principal.id
    if change.until is None or not conditions.conditionable(role):
        return Row(role, member)
    return Row(
        role,
        member,
        conditions.title(change.assignment, marking),
        conditions.description(change.until, change.grants),
        conditions.expression(change.until),
    )


def _remove(draft: Draft, planned: Row) -> _Edit:
    row = _find(draft, planned)
    if row is None:
        if changed := _kin(draft, planned):
            raise _Moved(f"its condition is now {changed.expression!r}")
        return _Edit()
    draft.remove(row)
    return _Edit(gone=row)


def _add(draft: Draft, wanted: Row) -> _Edit:
    if not _held(draft, wanted):
        if changed := _kin(draft, wanted):
            raise _Moved(f"there is one with the condition {changed.expression!r}")
        draft.add(wanted)
    return _Edit(there=wanted)


def _move(draft: Draft, planned: Row, wanted: Row) -> _Edit:
    row = _find(draft, planned)
    if row is None:
        if _held(draft, wanted):
            return _Edit(there=wanted)
        raise _Moved("the binding is no longer there")
    if row.same_access(wanted):
        return _Edit(there=wanted)
    draft.remove(row)
    if not _held(draft, wanted):
        try:
            draft.add(wanted)
        except Full:
            draft.add(row)
            raise
    return _Edit(gone=row, there=wanted)


def _find(draft: Draft, planned: Row) -> Row | None:
    rows = draft.rows(planned.role, planned.principal)
    return planned if planned in rows else None


def _kin(draft: Draft, row: Row) -> Row | None:
    """Another row with the same marker: this one, after somebody changed it."""
    if not row.title:
        return None
    rows = draft.rows(row.role, row.principal)
    return next((r for r in rows if r.title == row.title), None)


def _held(draft: Draft, wanted: Row) -> bool:
    return any(r.same_access(wanted) for r in draft.rows(wanted.role, wanted.principal))


def _outcome(change: Change, result: _Edit | ProviderError) -> Outcome:
    return Outcome(change, result if isinstance(result, ProviderError) else None)
