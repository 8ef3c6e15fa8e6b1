"""When access holds. No clock here: `now` is always handed in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open: active at `start`, over at `end`; `end` None is access with no end.

    A window with `end <= start` is empty: legal (a grant that was merged too late), never active.
    Raises ValueError for times without a UTC offset.
    """

    start: datetime
    end: datetime | None = None

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or (self.end is not None and self.end.tzinfo is None):
            raise ValueError("a window needs times with a UTC offset")

    def contains(self, now: datetime) -> bool:
        return self.start <= now and (self.end is None or now < self.end)

    def ended(self, now: datetime) -> bool:
        return self.end is not None and self.end <= now

    @property
    def empty(self) -> bool:
        return self.end is not None and self.end <= self.start

    @property
    def never(self) -> bool:
        """Over before it began. A window that ended in the second of its start is not: git's times
        are whole seconds, and a run may have come in between."""
        return self.end is not None and self.end < self.start

    def clip(self, other: Window) -> Window:
        """The part of this window that lies in `other`."""
        ends = [end for end in (self.end, other.end) if end is not None]
        return Window(max(self.start, other.start), min(ends) if ends else None)


def union_end(windows: Iterable[Window], now: datetime) -> datetime | None:
    """When access that holds at `now` ends, if every window counts and touching windows join.

    None means that it does not end. Raises ValueError if no window contains `now`.
    """
    ordered = sorted((w for w in windows if not w.empty), key=lambda w: w.start)
    end: datetime | None = None
    for window in ordered:
        if end is None:
            if not window.contains(now):
                continue
        elif window.start > end:
            break
        if window.end is None:
            return None
        end = window.end if end is None else max(end, window.end)
    if end is None:
        raise ValueError("no window contains this moment")
    return end
