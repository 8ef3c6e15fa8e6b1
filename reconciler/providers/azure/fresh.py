"""What must hold right before a write and right after it. Makes no call of its own."""

from __future__ import annotations

from collections.abc import Callable

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_exponential

from reconciler.errors import ProviderError
from reconciler.model import Change, Observed

MOVED = "changed since the plan; the next run looks again"
TAKEN = "already held by another assignment; the next plan will show it"


def check_same(change: Change, now: Observed | None) -> None:
    """Raises ProviderError unless the row is still the one that the plan saw."""
    if now is None or change.live is None or _state(now) != _state(change.live):
        raise refusal(change, MOVED)


def _state(row: Observed) -> tuple[object, ...]:
    return row.assignment, row.marker, row.owner, row.controller, row.until


def seen(ask: Callable[[], bool], patience: float) -> bool:
    """Ask until the answer is yes, for up to `patience` seconds: ARM and PIM answer from caches."""
    tries = Retrying(
        retry=retry_if_result(lambda yes: not yes),
        stop=stop_after_delay(patience),
        wait=wait_exponential(multiplier=0.1, max=5),
    )
    try:
        return tries(ask)
    except RetryError:
        return False


def refusal(change: Change, problem: str) -> ProviderError:
    system = change.assignment.entitlement.system
    return ProviderError(system, action(change), problem)


def action(change: Change) -> str:
    entitlement = change.assignment.entitlement
    who = change.subject or str(change.assignment.principal)
    return f"{change.action} {entitlement.role} on {entitlement.resource} for {who}"


def oid_of(change: Change) -> str:
    return change.assignment.principal.id.partition(":")[2]
