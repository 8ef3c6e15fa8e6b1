"""Who may do what, and when, before a change and after it: the difference in access and in time,
in whatever file it hides. Pure.

    gains time | loses time | had some | has some |
    -----------|------------|----------|----------|----------
    yes        | no         | no       | yes      | added
    yes        | no         | yes      | yes      | extended
    yes        | yes        | yes      | yes      | moved
    no         | yes        | yes      | yes      | shortened
    no         | yes        | yes      | no       | removed
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.model import Claim, Entitlement, Window
from reconciler.model.checked import AccessChange, Step

Windows = tuple[Window, ...]


@dataclass
class _Held:
    """All that is said of one subject and entitlement, on one side."""

    windows: list[Window] = field(default_factory=list)
    grants: set[str] = field(default_factory=set)
    refs: set[str] = field(default_factory=set)


_Key = tuple[str, Entitlement, str]


def difference(
    before: Iterable[Claim], after: Iterable[Claim], now: datetime
) -> tuple[AccessChange, ...]:
    """From `now` on: what is over is no longer anybody's access."""
    old, new = _held(before, now), _held(after, now)
    found = (_change(key, old.get(key, _Held()), new.get(key, _Held()), now) for key in old | new)
    order = list(Step)
    return tuple(
        sorted(
            (change for change in found if change is not None),
            key=lambda c: (order.index(c.step), c.subject, c.entitlement, c.account),
        )
    )


def union(windows: Iterable[Window], now: datetime) -> Windows:
    """From `now` on, in order; windows that touch are one."""
    found: list[Window] = []
    for window in sorted((w.clip(Window(now)) for w in windows), key=lambda w: w.start):
        if window.empty:
            continue
        last = found[-1] if found else None
        if last is None or (last.end is not None and last.end < window.start):
            found.append(window)
        elif last.end is not None and (window.end is None or window.end > last.end):
            found[-1] = Window(last.start, window.end)
    return tuple(found)


def without(windows: Iterable[Window], others: Sequence[Window]) -> Windows:
    """What of `windows` lies in none of the `others`, a union."""
    left = list(windows)
    for other in others:
        left = [part for window in left for part in _outside(window, other)]
    return tuple(left)


def _outside(window: Window, other: Window) -> list[Window]:
    if window.clip(other).empty:
        return [window]
    parts = []
    if window.start < other.start:
        parts.append(Window(window.start, other.start))
    if other.end is not None and (window.end is None or other.end < window.end):
        parts.append(Window(other.end, window.end))
    return parts


def named(claim: Claim) -> str:
    """The name in the system that a claim is for."""
    return claim.account or ", ".join(claim.subject.accounts)


def _held(claims: Iterable[Claim], now: datetime) -> dict[_Key, _Held]:
    found: dict[_Key, _Held] = defaultdict(_Held)
    for claim in claims:
        if claim.window.ended(now) or claim.window.empty:
            continue
        held = found[claim.subject.id, claim.entitlement, named(claim)]
        held.windows.append(claim.window)
        held.grants.add(claim.grant)
        if claim.ref:
            held.refs.add(claim.ref)
    return dict(found)


def _change(key: _Key, old: _Held, new: _Held, now: datetime) -> AccessChange | None:
    before, after = union(old.windows, now), union(new.windows, now)
    gains, loses = without(after, before), without(before, after)
    if not gains and not loses:
        return None
    if not before:
        step = Step.ADDED
    elif not after:
        step = Step.REMOVED
    elif gains and loses:
        step = Step.MOVED
    else:
        step = Step.EXTENDED if gains else Step.SHORTENED
    subject, entitlement, account = key
    grants = tuple(sorted(new.grants or old.grants))
    refs = new.refs or old.refs
    ref = min(refs) if len(refs) == 1 else ""
    return AccessChange(
        subject, entitlement, account, step, before, after, _length(gains), grants, ref
    )


def _length(windows: Windows) -> timedelta | None:
    total = timedelta(0)
    for window in windows:
        if window.end is None:
            return None
        total += window.end - window.start
    return total
