"""A local GitHub with a clock of its own, and a reader and writer on it. Every exchange of every test
is held against GitHub's descriptions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.forge.base import Credentials, ForgeReader, ForgeWriter, Want
from reconciler.forge.github import open_reader, open_writer
from reconciler.forge.session import Patience
from reconciler.model import Evidence, ForgeKind, ForgeSettings, PullRequest
from reconciler.sandbox.faults import Fault, FaultKind, Faults
from tests.forge.github.described import RecordedGithub, check

FAST = Patience(tries=2, factor=0.0, longest=2.0, timeout=10.0)
GRANT = "grants/alice.yaml"


class Ticking:
    """A second later each time that it is read."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


class World:
    def __init__(self, home: Path) -> None:
        self.faults = Faults()
        self.clock = Ticking()
        self.github = RecordedGithub(clock=self.clock)
        self.github.exchanges = []
        served = self.github.start(self.faults, home)
        self.url = served.settings["url"]
        self.token = served.env["GITHUB_TOKEN"]
        self.settings = ForgeSettings(ForgeKind.GITHUB, "acme/access", "main", self.url)
        self.main = self.github.bare.tip("main")

    @property
    def reader(self) -> ForgeReader:
        return open_reader(self.settings, Credentials(self.token), FAST)

    @property
    def writer(self) -> ForgeWriter:
        return open_writer(self.settings, Credentials(self.token), FAST)

    def proposed(
        self, login: str = "alice", path: str = GRANT, text: str = "read\n", branch: str = ""
    ) -> int:
        """A pull request with one commit that writes one file."""
        branch = branch or f"change-{len(self.github.pulls)}"
        self.github.commit(login, branch, {path: text}, f"Ask for {path}")
        return self.github.open_pull(login, branch, f"Ask for {path}")

    def blob(self, commit: str, path: str = GRANT) -> str:
        return self.github.bare.blob(commit, path)

    def want(self, commit: str, path: str = GRANT) -> Want:
        return Want(commit, path, self.blob(commit, path))

    def evidence(self, commit: str, path: str = GRANT) -> Evidence:
        ((_, evidence),) = self.reader.evidence([self.want(commit, path)])
        return evidence

    def pull(self, commit: str, path: str = GRANT) -> PullRequest:
        """The one pull request that brought the commit in."""
        (pull,) = self.evidence(commit, path).pulls
        return pull

    def questions(self) -> list[str]:
        """The calls without those that ask who pushed."""
        return [call for call in self.calls() if not call.endswith("/activity")]

    def calls(self) -> list[str]:
        return [call.call for call in self.faults.calls()]

    def fault(self, kind: FaultKind, status: int = 503, times: int = 99, **more: int) -> None:
        self.faults.arm(Fault("github", "*", kind, status, times=times, **more))


def made(home: Path) -> Iterator[World]:
    world = World(home)
    yield world
    world.github.stop()
    for exchange in world.github.exchanges:
        check(exchange)


def logins(accounts: Sequence[object]) -> list[str]:
    return [str(account) for account in accounts]
