"""What the local Bitbuckets share: the table of permissions, and the limit of calls. Answers no
request itself."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a permission is held: "repository" "payments-api", "global" ""."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True, order=True)
class Holder:
    section: str  # "users" or "groups"
    name: str


class Table:
    """Who holds what: one role for each place and holder, in the order in which they came."""

    def __init__(self, places: Iterable[Place]) -> None:
        self._lock = threading.Lock()
        self._roles: dict[Place, dict[Holder, str]] = {place: {} for place in places}

    def __contains__(self, place: Place) -> bool:
        return place in self._roles

    def add_place(self, place: Place) -> None:
        self._roles.setdefault(place, {})

    def role(self, place: Place, holder: Holder) -> str:
        return self._roles[place].get(holder, "")

    def put(self, place: Place, holder: Holder, role: str) -> None:
        with self._lock:
            self._roles[place][holder] = role

    def clear(self, place: Place, holder: Holder) -> None:
        with self._lock:
            self._roles[place].pop(holder, None)

    def held(self, place: Place, section: str = "") -> list[tuple[Holder, str]]:
        with self._lock:
            rows = list(self._roles[place].items())
        return [(h, role) for h, role in rows if section in ("", h.section)]

    def all(self) -> list[tuple[Place, Holder, str]]:
        return [(p, h, role) for p in list(self._roles) for h, role in self.held(p)]


class Limit:
    """A rolling window, as the vendors count: at most `calls` in any `seconds`."""

    def __init__(self, calls: int, seconds: float) -> None:
        self._calls, self._seconds = calls, seconds
        self._lock = threading.Lock()
        self._times: deque[float] = deque()

    def takes(self) -> bool:
        now = time.monotonic()
        with self._lock:
            while self._times and self._times[0] <= now - self._seconds:
                self._times.popleft()
            if len(self._times) >= self._calls:
                return False
            self._times.append(now)
            return True
