"""Goes into every command that the scenarios start: another clock, and no way off this machine.

Python imports a module of this name at start-up. Production code knows nothing of it.
"""

import os
import socket
from datetime import datetime, timedelta
from typing import Any

import reconciler.cli.clock

_shift = timedelta(hours=float(os.environ.get("SCENARIO_HOURS", "0")))
_now = reconciler.cli.clock.now


def _shifted() -> datetime:
    return _now() + _shift


reconciler.cli.clock.now = _shifted

_connect = socket.socket.connect


def _loopback_only(self: socket.socket, address: Any) -> None:
    host = address[0] if isinstance(address, tuple) else "127.0.0.1"
    if host not in ("127.0.0.1", "::1", "localhost"):
        raise OSError(f"a test wanted to reach {host}")
    _connect(self, address)


socket.socket.connect = _loopback_only  # type: ignore[assignment, method-assign]
