"""Writes where a principal has exactly one permission per resource.

Never writes over what the plan did not see: Bitbucket has no etags, so the permission is read right
before it is changed, and again after.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Protocol

from reconciler.errors import NotFound, ProviderError
from reconciler.model import Change, Entitlement, Principal
from reconciler.providers.base import Outcome
from reconciler.providers.bitbucket.calls import NoAnswer


class Slots(Protocol):
    """The permissions of one Bitbucket. `entitlement` says where, its role is not looked at."""

    def role(self, entitlement: Entitlement, principal: Principal) -> str:
        """What the principal holds explicitly now, "" for nothing."""
        ...

    def put(self, entitlement: Entitlement, principal: Principal, role: str) -> None: ...

    def clear(self, entitlement: Entitlement, principal: Principal) -> None: ...


class SlotWriter:
    def __init__(self, system: str, slots: Slots) -> None:
        self._system = system
        self._slots = slots

    def serial_key(self, change: Change) -> Hashable:
        return change.assignment.slot

    def carry_out(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        written: dict[str, str] = {}  # slot: what we made of it, in this very call
        for change in changes:
            try:
                self._carry_out(change, written)
            except NotFound as e:
                # What is gone took its permissions with it.
                yield Outcome(change, None if change.removes and not change.restores else e)
            except ProviderError as e:
                yield Outcome(change, e)
            else:
                yield Outcome(change)

    def _carry_out(self, change: Change, written: dict[str, str]) -> None:
        slot = change.assignment.slot
        role = change.assignment.entitlement.role
        if change.removes and written.get(slot, role) != role:
            return  # an addition to the same slot has just overwritten it
        wanted = change.restores if change.removes else role
        where, who = change.assignment.entitlement, change.assignment.principal
        current = self._slots.role(where, who)
        if current != wanted:
            seen = written.get(slot, _seen(change))
            if current != seen:
                raise self._error(
                    change,
                    f"changed since the plan, which saw {_named(seen)} and now there is "
                    f"{_named(current)}; plan again",
                )
            self._write(change, wanted)
        written[slot] = wanted

    def _write(self, change: Change, wanted: str) -> None:
        where, who = change.assignment.entitlement, change.assignment.principal
        lost: NoAnswer | None = None
        try:
            if wanted:
                self._slots.put(where, who, wanted)
            else:
                self._slots.clear(where, who)
        except NoAnswer as e:
            lost = e  # it may have been done all the same: what is there now decides
        after = self._slots.role(where, who)
        if after != wanted:
            raise lost or self._error(
                change,
                f"it did not hold: Bitbucket took the call and still says {_named(after)} "
                f"instead of {_named(wanted)}",
            )

    def _error(self, change: Change, cause: str) -> ProviderError:
        e, who = change.assignment.entitlement, change.assignment.principal
        verb = "remove" if change.removes else "give"
        joint = "from" if change.removes else "to"
        return ProviderError(self._system, f"{verb} {e.role} on {e.resource} {joint} {who}", cause)


def _seen(change: Change) -> str:
    """What the plan saw in the slot."""
    return change.live.assignment.entitlement.role if change.live else change.replaces


def _named(role: str) -> str:
    return role or "no permission"
