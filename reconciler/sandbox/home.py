"""The home folder of a sandbox: what it tells the commands that come after, and its lock.

`sandbox.json` and `env` hold throw-away credentials only; both are readable by their owner alone.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from reconciler.errors import InputError, ReconcilerError
from reconciler.sandbox.control import Control

HOME_VARIABLE = "RECONCILER_SANDBOX_HOME"  # which home the commands mean without --home

_IGNORED = "# everything here is made again by `reconciler sandbox`\n*\n"

# What a person's shell may hold and an SDK, or the reconciler, would use beside, or instead of, ours.
_REAL = (
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "RECONCILER_FORGE_TOKEN",
    "RECONCILER_TRUST",
)


@dataclass(frozen=True, slots=True)
class Running:
    """A sandbox, as its home describes it. `endpoints` are (system, setting, address);
    `env` is what a command needs to speak to it, beside its own environment."""

    home: Path
    pid: int
    systems: tuple[str, ...]
    endpoints: tuple[tuple[str, str, str], ...]
    env: Mapping[str, str]
    control: Control

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """`base` with the throw-away credentials, and without any real ones."""
        return {k: v for k, v in base.items() if k not in _REAL} | dict(self.env)

    @property
    def access(self) -> Path:
        """The access repository that is set up for it."""
        return self.home / "access"

    @property
    def env_file(self) -> Path:
        """Lines `export NAME=value`, to be sourced."""
        return self.home / "env"


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Make the home and keep every other sandbox out of it. Raises InputError if one is there, or
    if it cannot be made.

    The kernel drops the lock with the process, so a crash leaves no stale one.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / ".gitignore").write_text(_IGNORED)
        lock = (home / "lock").open("w")
    except OSError as e:
        raise InputError(f"cannot write to {home}: {e.strerror}; give another --home") from e
    with lock:
        if not _locked(lock):
            raise InputError(
                f"a sandbox is running in {home} already; "
                "stop it with `reconciler sandbox stop`, or give another --home"
            )
        for leftover in ("sandbox.json", "env"):
            (home / leftover).unlink(missing_ok=True)
        yield


def _locked(lock: IO[str]) -> bool:
    """Tries for a moment: whoever only looks whether the home is held also takes the lock."""
    for _ in range(10):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.03)
    return False


def is_held(home: Path) -> bool:
    """Whether a living process has the home."""
    try:
        with (home / "lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def described(running: Running) -> Iterator[None]:
    """The home's files, there exactly while the sandbox answers."""
    # A shell goes on to the access repository, where `.sandbox` would be another one.
    exported = {**running.env, HOME_VARIABLE: str(running.home)}
    files = {
        running.env_file: f"unset {' '.join(_REAL)}\n"
        + "".join(f"export {k}={shlex.quote(v)}\n" for k, v in exported.items()),
        running.home / "sandbox.json": json.dumps(
            {
                "pid": running.pid,
                "control": {"url": running.control.url, "token": running.control.token},
                "systems": running.systems,
                "endpoints": running.endpoints,
                "access": str(running.access),
                "env": dict(running.env),
            },
            indent=2,
        ),
    }
    try:
        for path, text in files.items():
            _write_private(path, text)
        yield
    finally:
        for path in files:
            path.unlink(missing_ok=True)


def find(home: Path) -> Running:
    """The sandbox that runs in this home. Raises ReconcilerError when none does."""
    home = home.resolve()
    try:
        said = json.loads((home / "sandbox.json").read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        said = None
    if said is None or not is_held(home):
        raise ReconcilerError(
            f"no sandbox is running in {home}; start one with `reconciler sandbox start`"
        )
    return Running(
        home,
        said["pid"],
        tuple(said["systems"]),
        tuple((system, setting, address) for system, setting, address in said["endpoints"]),
        said["env"],
        Control(**said["control"]),
    )


def _write_private(path: Path, text: str) -> None:
    """Whole or not at all, so that nobody reads half a file."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)
