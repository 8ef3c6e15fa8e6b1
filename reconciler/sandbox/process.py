"""A sandbox as a whole: every local system, the control endpoint and the home, in this process.

Writes nothing outside its home folder.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from reconciler.errors import InputError, ReconcilerError
from reconciler.sandbox.access_repository import Hosting, host, write_access_repository
from reconciler.sandbox.control import Control, control_app
from reconciler.sandbox.faults import Call, Fault, Faults
from reconciler.sandbox.home import Running, described, held
from reconciler.sandbox.local import LocalSystem, Row, Served
from reconciler.sandbox.systems import GITHUB, LOCAL_SYSTEMS, chosen, make, needs_extra

# SDKs honour proxies even for loopback; this keeps their calls on the machine.
_NO_PROXY = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


class Sandbox:
    """Every chosen local system, served from `__enter__` to `__exit__`.

    With `port` the control endpoint listens there and the systems 10, 20... above it; with 0
    everything listens wherever there is room. The access repository is written once: what a
    person did there is kept. With `hosted` a local GitHub serves that repository: pull requests,
    reviews, and proof of them from the commit on with which this sandbox starts. With `recorded`
    it keeps its ledger on a branch.
    """

    def __init__(
        self,
        home: Path,
        names: Sequence[str] = (),
        port: int = 0,
        *,
        hosted: bool = False,
        recorded: bool = False,
    ) -> None:
        self.home = home.resolve()
        self._names = chosen(names)
        self._hosted, self._recorded = hosted, recorded
        self._forge: Any = None
        self._forges: dict[str, Served] = {}
        self.pid = os.getpid()
        self.faults = Faults()
        self._port = port
        self._ports: dict[str, int] = {}
        self._systems: dict[str, LocalSystem] = {}
        self._served: dict[str, Served] = {}
        self._changing = threading.Lock()
        self._open = ExitStack()

    def __enter__(self) -> Running:
        with ExitStack() as stack:
            stack.enter_context(held(self.home))
            stack.callback(self._stop_all)
            for i, name in enumerate(self._names, start=1):
                self._ports[name] = _free_port(self._port and self._port + 10 * i)
                self._start(name)
            trust = self._host(stack)
            running = Running(
                self.home,
                self.pid,
                self.names,
                tuple(_endpoints(self._served | self._forges)),
                {**self._env(), **trust},
                self._serve_control(stack),
            )
            stack.enter_context(described(running))
            self._open = stack.pop_all()
        return running

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def names(self) -> tuple[str, ...]:
        """By which faults and calls go."""
        return (*self._names, GITHUB) if self._hosted else self._names

    def pulls(self, asked: Mapping[str, str]) -> object:
        """What somebody does on the local GitHub. Raises InputError where it says no."""
        from reconciler.sandbox.github.doing import did

        return did(self._hub(), asked)

    def token_of(self, login: str) -> str:
        """Of one person on the local GitHub. Raises InputError for nobody."""
        from reconciler.sandbox.github.doing import token

        return token(self._hub(), login)

    def _hub(self) -> Any:
        if self._forge is None:
            raise InputError(
                "no forge is served here; start with `reconciler sandbox start --forge`"
            )
        return self._forge

    def rows(self) -> tuple[Row, ...]:
        with self._changing:
            return tuple(row for name in self._names for row in self._systems[name].rows())

    def calls(self, system: str = "") -> tuple[Call, ...]:
        return self.faults.calls(system)

    def arm(self, fault: Fault) -> None:
        self.faults.arm(fault)

    def reset(self) -> None:
        """Every system starts anew, seeded, at the address and with the settings it had."""
        with self._changing:
            for name in self._names:
                before = self._served[name]
                self._systems[name].stop()
                self._start(name)
                if self._served[name] != before:
                    raise ReconcilerError(f"{name} came back with other settings; restart all")
            self.faults.clear()

    def _start(self, name: str) -> None:
        system = make(name)
        own = self.home / name
        own.mkdir(exist_ok=True)
        self._served[name] = system.start(self.faults, own, self._ports[name])
        self._systems[name] = system

    def _host(self, stack: ExitStack) -> dict[str, str]:
        """Write the access repository, and serve it where that is wanted. Returns what a command
        needs in its environment for that."""
        access = self.home / "access"
        if not self._hosted:
            write_access_repository(access, self._served, recorded=self._recorded)
            return {}
        with needs_extra():
            from reconciler.sandbox.github.local import LocalGithub
        port = _free_port(self._port and self._port + 10 * (len(LOCAL_SYSTEMS) + 1))
        self._forge = forge = LocalGithub(access)
        settings = {
            "provider": GITHUB,
            "repository": "acme/access",
            "url": f"http://127.0.0.1:{port}",
        }
        accounts = {login: str(user.id) for login, user in forge.users.items()}
        hosting = Hosting(settings, accounts)
        write_access_repository(access, self._served, hosting, recorded=self._recorded)
        own = self.home / GITHUB
        shutil.rmtree(own, ignore_errors=True)
        own.mkdir()
        served = self._forges[GITHUB] = forge.start(self.faults, own, port)
        stack.callback(forge.stop)
        return {**served.env, "RECONCILER_TRUST": host(access, forge.bare.path)}

    def _stop_all(self) -> None:
        """Side by side: each waits for its own threads to notice."""
        with ThreadPoolExecutor() as pool:
            for stopped in [pool.submit(one.stop) for one in self._systems.values()]:
                stopped.result()

    def _serve_control(self, stack: ExitStack) -> Control:
        with needs_extra():
            from reconciler.sandbox.http import HttpServer
        token = secrets.token_urlsafe(24)
        server = HttpServer(control_app(self, token), _free_port(self._port))
        url = server.start()
        stack.callback(server.stop)
        return Control(url, token)

    def _env(self) -> dict[str, str]:
        env = dict(_NO_PROXY)
        for name in self._names:
            for key, value in self._served[name].env.items():
                if env.setdefault(key, value) != value:
                    raise ReconcilerError(f"{name} and another local system differ about {key}")
        return env


def _endpoints(served: Mapping[str, Served]) -> list[tuple[str, str, str]]:
    """The settings that are addresses, as (system, setting, address)."""
    return [
        (name, key, value)
        for name, one in served.items()
        for key, value in one.settings.items()
        if isinstance(value, str) and "127.0.0.1:" in value
    ]


def _free_port(wanted: int = 0) -> int:
    """`wanted`; or any whose neighbour is free too, as some systems speak two protocols.

    Chosen here, not by the system, so that it can come back to it after a reset. Raises
    InputError when it cannot be had.
    """
    if wanted:
        try:
            return _bound(wanted)
        except (OSError, OverflowError) as e:
            raise InputError(f"port {wanted} cannot be had: {e}; write another --port") from e
    for _ in range(50):
        with suppress(OSError, OverflowError):
            port = _bound(0)
            _bound(port + 1)
            return port
    raise ReconcilerError("no two free ports in a row on 127.0.0.1")


def _bound(port: int) -> int:
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do
        s.bind(("127.0.0.1", port))
        return int(s.getsockname()[1])
