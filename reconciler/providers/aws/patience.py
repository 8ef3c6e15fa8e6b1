"""How long we wait for AWS: conflicting writes, work under way, reads that lag behind writes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception,
    retry_if_result,
    stop_after_delay,
    wait_exponential,
    wait_random_exponential,
)

from reconciler.providers.aws.session import Incomplete, code
from reconciler.providers.aws.settings import Patience

CONFLICTS = frozenset(
    {
        "ConflictException",  # Identity Center: an earlier write is still under way
        "ConcurrentModification",
        "ConcurrentModificationException",
        "EntityTemporarilyUnmodifiable",
    }
)
_CONFLICT_SECONDS = 180
_LAG_SECONDS = 30  # IAM is eventually consistent, with no bound given
_WORK_SECONDS = 300
T = TypeVar("T")


def insist(patience: Patience, write: Callable[[], T]) -> T:
    """Repeat a write while it conflicts, or while its answer is cut off. It must be idempotent."""
    retrying = Retrying(
        retry=retry_if_exception(_passing),
        wait=wait_random_exponential(multiplier=2 * patience.wait, max=8),
        stop=stop_after_delay(_CONFLICT_SECONDS),
        reraise=True,
    )
    return retrying(write)


def _passing(error: BaseException) -> bool:
    if isinstance(error, ClientError):
        return code(error) in CONFLICTS
    return isinstance(error, Incomplete)


def settled(
    patience: Patience, begun: dict[str, Any], look: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Look until the status is no longer IN_PROGRESS; after the deadline, the last look.

    `begun` is what the write itself answered, so that no call is spent on asking at once.
    """
    looks = chain([begun], iter(look, None))
    return _until(
        patience, lambda: next(looks), lambda s: s.get("Status") != "IN_PROGRESS", _WORK_SECONDS
    )


def seen(patience: Patience, look: Callable[[], T], right: Callable[[T], bool]) -> T:
    """Read after a write until it shows; after the deadline, what the last look found."""
    return _until(patience, look, right, _LAG_SECONDS)


def _until(
    patience: Patience, look: Callable[[], T], right: Callable[[T], bool], seconds: float
) -> T:
    retrying = Retrying(
        retry=retry_if_result(lambda found: not right(found)),
        wait=wait_exponential(multiplier=patience.wait, max=5),
        stop=stop_after_delay(seconds),
    )
    try:
        return retrying(look)
    except RetryError as e:
        last: T = e.last_attempt.result()
        return last
