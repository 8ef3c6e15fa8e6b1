"""An access repository on a local Bitbucket, Cloud or Data Center, with people who use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.forge import bitbucket, bitbucket_dc
from reconciler.forge.base import Credentials, ForgeReader, ForgeWriter, Want
from reconciler.model import Evidence, ForgeKind, ForgeSettings, PullRequest, Review
from reconciler.sandbox.bare import Bare
from reconciler.sandbox.faults import Fault, FaultKind, Faults
from reconciler.sandbox.pulls import Book, LocalCloudPulls, LocalDcPulls
from reconciler.sandbox.pulls.book import token

PATH = "grants/alice.yaml"
TEXT = "subject: alice@example.com\n"
LOGINS = ("alice", "bob", "carol", "dave", "reconciler")


class Ticks:
    """A clock that goes on by a minute each time it is read."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


@dataclass
class World:
    book: Book
    local: LocalCloudPulls | LocalDcPulls
    faults: Faults
    settings: ForgeSettings
    reader: ForgeReader
    writer: ForgeWriter

    def request(self, branch: str = "ask", text: str = TEXT, path: str = PATH) -> int:
        """Alice asks: one commit, one pull request."""
        self.book.push("alice", branch, {path: text})
        return self.book.open_pull("alice", branch, f"Access for {branch}").number

    def want(self, commit: str, path: str = PATH) -> Want:
        return Want(commit, path, self.book.bare.blob(commit, path))

    def evidence(self, commit: str, *paths: str) -> Evidence:
        wanted = [self.want(commit, path) for path in paths or (PATH,)]
        told = list(self.reader.evidence(wanted))
        assert [want for want, _ in told] == wanted
        return told[0][1]

    def proof(self, commit: str, *paths: str) -> PullRequest:
        [pull] = self.evidence(commit, *paths).pulls
        return pull

    def fail(self, match: str, kind: FaultKind = FaultKind.STATUS, **more: int) -> None:
        self.faults.arm(Fault(self.local.name, match, kind, times=99, **more))

    def calls(self, work: Callable[[], object]) -> list[str]:
        before = len(self.faults.calls())
        work()
        return [call.call for call in self.faults.calls()[before:]]


def words(reviews: Sequence[Review]) -> list[tuple[str, str, str]]:
    """(who, word, commit) of each."""
    return [(str(r.account or "deleted"), r.word.value, r.commit) for r in reviews]


def signed_in(world: World, login: str) -> ForgeWriter:
    credentials = Credentials(token(login))
    if isinstance(world.local, LocalCloudPulls):
        return bitbucket.open_writer(world.settings, credentials)
    return bitbucket_dc.open_writer(world.settings, credentials)


def new_reader(world: World) -> ForgeReader:
    """One that has asked nothing yet."""
    if isinstance(world.local, LocalCloudPulls):
        return bitbucket.open_reader(world.settings, Credentials(token()))
    return bitbucket_dc.open_reader(world.settings, Credentials(token()))


@contextmanager
def cloud(home: Path) -> Iterator[World]:
    book = Book(Bare(home / "access.git"), LOGINS, Ticks())
    local, faults = LocalCloudPulls(book), Faults()
    settings = ForgeSettings(ForgeKind.BITBUCKET, local.repository, url=local.start(faults))
    credentials = Credentials(token(), "reconciler@example.com")
    reader = bitbucket.open_reader(settings, credentials)
    writer = bitbucket.open_writer(settings, credentials)
    try:
        yield World(book, local, faults, settings, reader, writer)
    finally:
        local.stop()


@contextmanager
def data_center(home: Path) -> Iterator[World]:
    book = Book(Bare(home / "access.git"), LOGINS, Ticks())
    local, faults = LocalDcPulls(book), Faults()
    settings = ForgeSettings(ForgeKind.BITBUCKET_DC, local.repository, url=local.start(faults))
    credentials = Credentials(token())
    reader = bitbucket_dc.open_reader(settings, credentials)
    writer = bitbucket_dc.open_writer(settings, credentials)
    try:
        yield World(book, local, faults, settings, reader, writer)
    finally:
        local.stop()


WORLDS = {"cloud": cloud, "data center": data_center}
