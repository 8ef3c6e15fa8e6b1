"""How the command line reaches the ledger: what it remembers, its index, its end. What is written
there is for others to say."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from reconciler.cli import forges
from reconciler.ledger import open_anchor, open_store
from reconciler.ledger.base import Anchor, LedgerError
from reconciler.ledger.index import Index, file_in
from reconciler.ledger.ledger import Ledger
from reconciler.ledger.memory import Recall, note, recall, unseen
from reconciler.ledger.query import entry, lost
from reconciler.ledger.query_held import Former, Holding
from reconciler.ledger.signing import KEY, Keys
from reconciler.model import Event
from reconciler.model.ledger_settings import LedgerSettings
from reconciler.planning.between import Recorded
from reconciler.render.words import moment, printable
from reconciler.repository import Loaded, cache
from reconciler.repository.contents import undisturbed
from reconciler.repository.memory import Memory


def opened(loaded: Loaded, root: Path) -> Ledger | None:
    """None where none is kept. Raises LedgerError."""
    assert loaded.configuration is not None  # without one nothing is asked
    settings = loaded.configuration.ledger
    return Ledger(open_store(settings, root), Keys(settings.signed_by)) if settings else None


def recalled(loaded: Loaded, root: Path) -> Recall:
    """By the settings that were approved. Raises nothing: what cannot be read is told in it."""
    assert loaded.configuration is not None  # without one nothing is remembered
    settings = loaded.configuration.ledger
    with undisturbed():
        return recall(settings, root, _known(loaded, root), _private(settings))


@dataclass(frozen=True, slots=True)
class Known:
    """What this machine keeps of the ledger of one history, that begins with the commit `first`:
    another repository in the same folder has another ledger."""

    memory: Memory
    first: str

    def read(self, space: str, keys: Collection[str]) -> Mapping[str, str]:
        return self.memory.read(f"{space}:{self.first}", keys)

    def write(self, space: str, rows: Mapping[str, str]) -> None:
        self.memory.write(f"{space}:{self.first}", rows)


class Glance(Known):
    """The same, and keeps nothing: for who goes by settings that need not be approved, and so may
    be told to believe what no key vouches for."""

    __slots__ = ()

    def write(self, space: str, rows: Mapping[str, str]) -> None:
        pass


def _known(loaded: Loaded, root: Path) -> Known:
    assert loaded.archive is not None  # there is a configuration
    return Known(forges.memory(root, os.environ), loaded.archive.commit(0))


def _private(settings: LedgerSettings | None) -> str:
    """The key to sign with, from the environment. One that nothing asks for is told."""
    key = os.environ.get(KEY, "")
    if key and settings and not settings.signed_by:
        fix = "list its public half under `signed_by` in reconciler.yaml"
        click.echo(f"note: {KEY} is set, and the ledger is not signed: {fix}", err=True)
    return key


def former(loaded: Loaded) -> Former:
    """The ledger keeps the names that systems had on the day."""
    assert loaded.configuration is not None  # without one nothing is asked
    systems = loaded.configuration.systems
    return {one: s.system.name for s in systems for one in s.was}


def untold(
    index: Index, ledger: Ledger, loaded: Loaded, root: Path, window: tuple[datetime, datetime]
) -> Iterator[str]:
    """What the ledger cannot know of the time between these, as sentences."""
    start, end = window
    if gone := unseen(index, ledger, _known(loaded, root)):
        yield f"the ledger lost entries: {gone}; what they said is not told here"
    first = entry(index, 1)
    if first and first.event.at > start:
        began = moment(first.event.at)
        yield f"the ledger begins at {began}: what was there before is told as of then"
    for left, said in lost(index, start, end):
        yield f"the ledger lost what was done from {moment(left)} until {moment(said)}"


def run_id(now: datetime) -> str:
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def append(events: Sequence[Event], recall: Recall, loaded: Loaded, root: Path) -> bool:
    """Whether they are in the ledger now, for good, and anchored; why not is told on stderr."""
    assert recall.ledger is not None  # nothing is written where none is kept
    undone = "the ledger was not written"
    try:
        if entries := recall.ledger.append(events):
            head = Anchor(entries[-1].number, entries[-1].hash)
            note(head, recall.ledger, _known(loaded, root))
            undone = f"the ledger was written, and its entry {head.number} was not anchored"
            _anchored(head, loaded, root, recall.told)
    except LedgerError as e:
        click.echo(f"{undone}: {printable(str(e))}", err=True)
        return False
    return True


def _anchored(head: Anchor, loaded: Loaded, root: Path, told: int) -> None:
    settings = loaded.configuration.ledger if loaded.configuration else None
    anchors = open_anchor(settings, root) if settings else None
    known = anchors.read() if anchors else None
    if anchors is None:
        return
    if known is None or known.number < head.number:
        anchors.write(head)
    elif known.number <= told:  # else nobody would see that the ledger lost its end once more
        anchors.begin_anew(head)


@contextmanager
def index(ledger: Ledger, root: Path) -> Iterator[Index]:
    """With all that the ledger has. Raises LedgerError at a flaw."""
    file = file_in(cache.folder(os.environ), root, ledger.where)
    if file is not None and not _alone(file):
        file = None  # in memory: a row that somebody took out of a file would be missing here
    found = Index(file, ledger)
    try:
        found.follow()
        yield found
    finally:
        found.close()


def _alone(file: Path) -> bool:
    """Whether nobody else can write the file, or what SQLite would put into it."""
    return all(cache.private(Path(f"{file}{end}")) for end in ("", "-journal", "-wal"))


def recorded(holding: Holding) -> Recorded:
    return Recorded(
        holding.assignment,
        holding.subject,
        holding.since,
        holding.until,
        holding.native_expiry,
        holding.ours,
        holding.grants,
        holding.rule,
        holding.approved_by,
        holding.pull,
        holding.gone,
    )
