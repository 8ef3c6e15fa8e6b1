"""The ledger's memory under the names that systems have now, and what it remembers of systems that
are gone. Pure; writes nothing down: the ledger keeps the names of the day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from reconciler.model import Event, Recollection, Remembered, Unknown
from reconciler.model.access import SEPARATOR

_WHERE = "what we gave there"


def renamed(memory: Remembered, former: Mapping[str, str]) -> Remembered:
    """`former` leads from a system's former names to its name now."""
    if not former:
        return memory
    of: dict[str, Recollection] = {}
    for key, known in memory.of.items():
        system, mark, rest = key.partition(SEPARATOR)
        now = former.get(system, system) + mark + rest
        of[now] = _both(of[now], known) if now in of else known
    died = tuple(event_now(event, former) for event in memory.unfinished)
    return replace(memory, of=of, unfinished=died)


def event_now(event: Event, former: Mapping[str, str]) -> Event:
    of = event.assignment
    if of is None or of.entitlement.system not in former:
        return event
    system = former[of.entitlement.system]
    return replace(
        event, assignment=replace(of, entitlement=replace(of.entitlement, system=system))
    )


def _both(one: Recollection, other: Recollection) -> Recollection:
    """What is known under two names of one system: of each kind the last."""
    later = max((one, other), key=lambda known: _last(known.added, known.removed) or _NEVER)
    return Recollection(
        _last(one.added, other.added),
        _last(one.removed, other.removed),
        _last(one.already_held, other.already_held),
        later.replaced,
    )


_NEVER = datetime.fromisoformat("0001-01-01T00:00:00+00:00")


def _last(*times: datetime | None) -> datetime | None:
    return max((time for time in times if time is not None), default=None)


def gone_systems(
    memory: Remembered, systems: Collection[str], retired: Collection[str]
) -> tuple[Unknown, ...]:
    """Systems that reconciler.yaml has no more, and in which the ledger says that we gave something
    and did not take it away: nobody looks there, so it may stay for ever."""
    left: Counter[str] = Counter()
    for key, known in memory.of.items():
        system = key[: key.index(SEPARATOR)]
        if system in systems or system in retired or known.added is None:
            continue
        if known.removed is None or known.removed < known.added:
            left[system] += 1
    return tuple(Unknown(system, _WHERE, _told(system, n)) for system, n in sorted(left.items()))


def _told(system: str, count: int) -> str:
    what = "1 assignment was" if count == 1 else f"{count:,} assignments were"
    return (
        f"{what} given and not taken away, and reconciler.yaml has no system `{system}`: bring it back"
        f" until they are gone, or write `was: [{system}]` where it is called otherwise now, or"
        f" `retired: [{system}]` if it is gone for good"
    )
