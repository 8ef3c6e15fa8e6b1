"""What goes wrong on purpose, and a log of every call. Shared by all local systems; no IO."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase


class FaultKind(StrEnum):
    STATUS = "status"  # answer with `status` instead of doing it
    DELAY = "delay"  # wait `seconds`, then do it
    HALF = "half"  # do it, but send only half of the answer's bytes
    DROP = "drop"  # do it, then hang up without an answer
    EMPTY = "empty"  # answer a list call with a page that is well-formed and lacks its rows


@dataclass(frozen=True, slots=True)
class Fault:
    """Hits the next `times` calls to `system` whose "METHOD path" matches the glob `match`.

    The first `skip` matching calls pass. `retry_after` goes with a status, in seconds.
    """

    system: str
    match: str
    kind: FaultKind
    status: int = 503
    seconds: float = 0.0
    retry_after: int | None = None
    times: int = 1
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One request that reached a local system. `call` is "METHOD path" (gRPC: "RPC Service/Method",
    AWS: "POST Service.Operation")."""

    system: str
    call: str
    fault: str = ""


@dataclass
class _Armed:
    fault: Fault
    skip: int
    left: int


class Faults:
    """Which faults are armed, and which calls came. Thread-safe."""

    def __init__(self, remember: int = 100_000) -> None:
        self._lock = threading.Lock()
        self._armed: list[_Armed] = []
        self._calls: deque[Call] = deque(maxlen=remember)

    def arm(self, fault: Fault) -> None:
        with self._lock:
            self._armed.append(_Armed(fault, fault.skip, fault.times))

    @property
    def armed(self) -> bool:
        """Whether any fault was armed since the last `clear`, spent or not."""
        with self._lock:
            return bool(self._armed)

    def take(self, system: str, call: str) -> Fault | None:
        """Log one call and say which fault hits it, if any."""
        with self._lock:
            hit = self._hit(system, call)
            self._calls.append(Call(system, call, hit.kind if hit else ""))
            return hit

    def _hit(self, system: str, call: str) -> Fault | None:
        for armed in self._armed:
            fault = armed.fault
            if armed.left and fault.system == system and fnmatchcase(call, fault.match):
                if armed.skip:
                    armed.skip -= 1
                    continue
                armed.left -= 1
                return fault
        return None

    def calls(self, system: str = "") -> tuple[Call, ...]:
        with self._lock:
            return tuple(c for c in self._calls if not system or c.system == system)

    def clear(self) -> None:
        """Disarm all faults and forget all calls."""
        with self._lock:
            self._armed.clear()
            self._calls.clear()
