"""The installed command, forked from a process that has imported all of it already.

Two thirds of what a command takes here are the SDKs' imports. `test_installed` starts each command
by itself, as a user does, and so sees what only a first import can.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import entry_points
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.result import Result

COMMAND = Path(sys.executable).with_name("reconciler")
INSIDE = Path(__file__).with_name("inside")  # another clock, and no way off this machine
LONGEST = 120  # seconds

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["tests.e2e.imported"])


class Command:
    """One that runs. Its output goes to files: nothing that it says can block it."""

    def __init__(
        self, arguments: tuple[str, ...], cwd: Path, environment: Mapping[str, str], said: str
    ) -> None:
        self._files = tempfile.TemporaryDirectory()
        home = Path(self._files.name)
        (home / "0").write_text(said)
        self._process: ForkServerProcess = _server.Process(
            target=_main, args=(arguments, cwd, dict(environment), home)
        )
        self._process.start()

    def interrupt(self) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGINT)

    def kill(self) -> None:
        self._process.kill()

    @cached_property
    def result(self) -> Result:
        """Waits for its end."""
        self._process.join(LONGEST)
        if self._process.exitcode is None:
            self.kill()
            raise AssertionError(f"still running after {LONGEST} s")
        with self._files as home:
            out, err = (Path(home, name).read_text() for name in "12")
        assert "Traceback" not in err, err
        assert "error: unexpected " not in err, err
        return Result(self._process.exitcode, out, err)


def run(
    *arguments: str, cwd: Path, environment: Mapping[str, str] = os.environ, said: str = ""
) -> Result:
    """`said` is typed."""
    return Command(arguments, cwd, environment, said).result


def _main(arguments: tuple[str, ...], cwd: Path, environment: dict[str, str], home: Path) -> None:
    for number, flags in enumerate(
        (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)
    ):
        os.dup2(os.open(home / str(number), flags, 0o600), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the tests may run in the background
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["reconciler", *arguments]
    (command,) = entry_points(group="console_scripts", name="reconciler")
    main = command.load()
    if str(INSIDE) in environment.get("PYTHONPATH", ""):
        runpy.run_path(str(INSIDE / "sitecustomize.py"))
    main()
