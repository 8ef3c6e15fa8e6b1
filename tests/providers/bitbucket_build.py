"""Small builders for the tests of both Bitbuckets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.model import (
    Action,
    Assignment,
    Cause,
    Change,
    Entitlement,
    Observed,
    Principal,
    Subject,
    SubjectKind,
)
from reconciler.sandbox.faults import Fault, FaultKind, Faults


def person(id: str, *accounts: str) -> Subject:
    return Subject(SubjectKind.PERSON, id, accounts)


def group(id: str, *accounts: str) -> Subject:
    return Subject(SubjectKind.GROUP, id, accounts)


def give(entitlement: Entitlement, principal: Principal, replaces: str = "") -> Change:
    assignment = Assignment(entitlement, principal)
    return Change(Action.ADD, Cause.DECLARED, assignment, replaces=replaces)


def take(entitlement: Entitlement, principal: Principal, restores: str = "") -> Change:
    assignment = Assignment(entitlement, principal)
    return Change(
        Action.REMOVE, Cause.EXPIRED, assignment, live=Observed(assignment), restores=restores
    )


def break_calls(faults: Faults, system: str, match: str, kind: FaultKind, **more: Any) -> None:
    faults.arm(Fault(system, match, kind, **more))


def fail(faults: Faults, system: str, match: str, status: int, **more: Any) -> None:
    faults.arm(Fault(system, match, FaultKind.STATUS, status=status, **more))


def calls_of(faults: Faults, work: Callable[[], object]) -> list[str]:
    """The calls that `work` makes."""
    before = len(faults.calls())
    work()
    return [call.call for call in faults.calls()[before:]]


def own_settings(served: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in served.items() if key != "provider"}


def no_pace() -> None:
    """As fast as it goes."""
