"""A sandbox in a process of its own: started, found again, ended.

Ends only the process that proves, through the control endpoint, to be that home's sandbox.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, Popen

from reconciler.errors import InputError, ReconcilerError
from reconciler.sandbox.home import Running, find, held, is_held
from reconciler.sandbox.systems import chosen

START_LIMIT = 60.0  # seconds until it must answer
STOP_LIMIT = 20.0
_FORGE = ("--forge",)


def start(home: Path, names: Sequence[str] = (), port: int = 0, *, hosted: bool = False) -> Running:
    """Start one that outlives this process, and wait until it answers.

    Raises InputError if one runs there already, ReconcilerError (with the end of its log) if it
    does not come up.
    """
    home = home.resolve()
    names = chosen(names)
    with held(home):
        pass  # says whether somebody is there; the child takes the lock itself
    child = _launch(home, names, port, stdin=DEVNULL, extra=_FORGE[:hosted])
    try:
        running = _until_it_answers(home, child)
    except BaseException:
        _end(child)
        raise
    # Takes its exit code, should this process live longer.
    threading.Thread(target=child.wait, daemon=True).start()
    return running


def stop(home: Path) -> int:
    """End the sandbox of this home and wait until it has gone. Returns the pid it had."""
    running = find(home)
    pid = running.control.pid()  # asked, not read: the file may be old and the pid another's
    if pid != running.pid:
        raise ReconcilerError(
            f"process {pid} answers where {running.pid} should; nothing was stopped"
        )
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_LIMIT
    while is_held(running.home):
        if time.monotonic() > deadline:
            raise ReconcilerError(f"process {pid} was told to stop and still runs")
        time.sleep(0.05)
    return pid


@contextmanager
def child(home: Path, names: Sequence[str] = (), *, hosted: bool = False) -> Iterator[Running]:
    """One for the time of a `with` block; it also ends by itself when this process does."""
    home = home.resolve()
    names = chosen(names)
    with held(home):
        pass
    extra = ("--until-stdin-closes", *_FORGE[:hosted])
    process = _launch(home, names, 0, stdin=PIPE, extra=extra)
    try:
        yield _until_it_answers(home, process)
    finally:
        _end(process)


def _launch(
    home: Path, names: Sequence[str], port: int, stdin: int, extra: Sequence[str]
) -> Popen[bytes]:
    command = [sys.executable, "-P", "-m", "reconciler", "sandbox", "serve"]
    command += ["--home", str(home), "--port", str(port), *extra, *names]
    with (home / "log").open("wb") as log:
        return Popen(command, stdin=stdin, stdout=log, stderr=STDOUT, start_new_session=True)


def _until_it_answers(home: Path, child: Popen[bytes]) -> Running:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise _failed(child.returncode, home)
        if (home / "sandbox.json").exists() and is_held(home):
            running = find(home)
            if running.control.pid() == child.pid:
                return running
        time.sleep(0.05)
    raise ReconcilerError(f"the sandbox did not answer within {START_LIMIT:.0f} s; see {home}/log")


def _failed(code: int, home: Path) -> ReconcilerError:
    said = (home / "log").read_text(errors="replace").strip().splitlines()
    text = "\n".join(said[-5:]).removeprefix("error: ") or f"see {home}/log"
    kind = InputError if code == InputError.exit_code else ReconcilerError
    return kind(f"the sandbox did not start: {text}")


def _end(process: Popen[bytes]) -> None:
    if process.stdin:
        process.stdin.close()
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
