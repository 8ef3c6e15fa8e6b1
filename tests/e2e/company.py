"""A company in one test: an access repository in git, five local systems, the installed command."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from reconciler.sandbox.faults import Fault, FaultKind
from reconciler.sandbox.home import Running
from reconciler.sandbox.local import Row
from reconciler.sandbox.process import Sandbox
from tests.e2e import installed
from tests.e2e.installed import INSIDE
from tests.result import Result


class Company:
    """`at` is always in hours from the start of the test, for commits and for commands."""

    def __init__(self, sandbox: Sandbox, running: Running, home: Path) -> None:
        self.sandbox, self.running, self._home = sandbox, running, home
        self.root = home / "access"
        self.start = datetime.now(UTC).replace(microsecond=0)
        self.git("clone", "-q", str(running.access), str(self.root), cwd=home)
        self.seeded = frozenset(sandbox.rows())

    def time(self, at: float) -> str:
        return (self.start + timedelta(hours=at)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def git(self, *arguments: str, cwd: Path | None = None, at: float = 0) -> str:
        environment = {
            **os.environ,
            "GIT_AUTHOR_DATE": self.time(at),
            "GIT_COMMITTER_DATE": self.time(at),
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        who = ("-c", "user.name=test", "-c", "user.email=test@example.com")
        done = subprocess.run(
            ["git", *who, *arguments],
            cwd=cwd or self.root,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def stage(self, files: Mapping[str, str | None]) -> None:
        """Files written, or deleted (None)."""
        for path, text in files.items():
            if text is None:
                self.git("rm", "-q", path)
            else:
                self.write(path, text)
        self.git("add", "-A")

    def merge(self, files: Mapping[str, str | None], at: float = 0) -> None:
        """A pull request, merged: its files staged on a branch, then a merge commit."""
        self.git("switch", "-q", "-c", "request", at=at)
        self.stage(files)
        self.git("commit", "-q", "-m", "request", at=at)
        self.git("switch", "-q", "main")
        self.git("merge", "-q", "--no-ff", "-m", "Merge request", "request", at=at)
        self.git("branch", "-q", "-D", "request")

    def run(self, *arguments: str, at: float = 0, cwd: Path | None = None) -> Result:
        return installed.run(*arguments, cwd=cwd or self.root, environment=self.environment(at))

    def environment(self, at: float) -> dict[str, str]:
        return self.running.environment(os.environ) | {
            "PYTHONPATH": str(INSIDE),
            "SCENARIO_HOURS": str(at),
            "XDG_CACHE_HOME": str(self._home / "cache"),
        }

    @contextmanager
    def started(self, *arguments: str, when: str) -> Iterator[installed.Command]:
        """The command, under way: a call like `when` has reached a system. Waits for its end."""
        before = len(self._calls(when))
        command = installed.Command(arguments, self.root, self.environment(0), "")
        try:
            deadline = time.monotonic() + 60
            while len(self._calls(when)) == before:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield command
        finally:
            command.result  # noqa: B018

    def interrupted(self, *arguments: str, when: str) -> Result:
        """The command, with Ctrl-C pressed as soon as a call like `when` was made."""
        with self.started(*arguments, when=when) as command:
            command.interrupt()
        return command.result

    def _calls(self, match: str) -> list[str]:
        return [c.call for c in self.sandbox.calls() if fnmatchcase(c.call, match)]

    def plan(self, *arguments: str, at: float = 0) -> Result:
        return self.run("plan", "--format", "json", *arguments, at=at)

    def apply(self, *arguments: str, at: float = 0) -> Result:
        return self.run("apply", "--format", "json", *arguments, at=at)

    def converge(self, at: float = 0) -> Result:
        """An apply in which nothing may go wrong."""
        result = self.apply(at=at)
        assert result.code == 0, result.out + result.err
        return result

    def gained(self) -> set[str]:
        """What is live beside the seeded access, as "system role who"."""
        return {_short(row) for row in set(self.sandbox.rows()) - self.seeded}

    def lost(self) -> set[str]:
        return {_short(row) for row in self.seeded - set(self.sandbox.rows())}

    def breaks(self, system: str, match: str = "*", status: int = 403) -> None:
        self.sandbox.arm(Fault(system, match, FaultKind.STATUS, status=status, times=10_000))

    def heals(self) -> None:
        self.sandbox.faults.clear()


def _short(row: Row) -> str:
    return f"{row.system} {row.role} {row.principal}"


def grant(who: str, *items: str, end: str = "duration: 8h") -> str:
    """`items` in flow style, without braces: "system: gcp, project: p, role: roles/x"."""
    access = "".join(f"  - {{{item}}}\n" for item in items)
    return f"subject: {who}\naccess:\n{access}{end}\nreason: The settlement batch fails\n"


def standing(who: str, *items: str) -> str:
    return grant(who, *items, end="").replace("\n\n", "\n")
