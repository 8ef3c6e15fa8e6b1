"""The tables of the index: entries -> rows, and the lines back. Opens no file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from typing import Any

from reconciler.ledger import wire
from reconciler.ledger.base import LedgerError
from reconciler.ledger.recall import MADE
from reconciler.model import Action, Entitlement, Entry, Event, EventKind

_LAYOUT = 2
_AT_ONCE = 10_000  # entries in one insertion
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# What an entry did to an assignment (`entries.step`).
NOTHING, ADDED, MOVED, REMOVED, HELD = range(5)
_STEPS: dict[str, int] = {
    Action.ADD: ADDED,
    Action.EXTEND: MOVED,
    Action.SHORTEN: MOVED,
    Action.REMOVE: REMOVED,
}

# Words are kept once, and case-folded: they are for finding. What is shown are the lines.
_TABLES = """
CREATE TABLE IF NOT EXISTS state (number INTEGER, hash TEXT);
CREATE TABLE IF NOT EXISTS words (id INTEGER PRIMARY KEY, text TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS entitlements (
    id INTEGER PRIMARY KEY, system TEXT, kind TEXT, resource TEXT, role TEXT);
CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY, at INTEGER, kind INTEGER, run INTEGER, subject INTEGER,
    cause INTEGER, outcome INTEGER, step INTEGER, entitlement INTEGER, principal INTEGER,
    until INTEGER, native INTEGER, replaces TEXT, restores TEXT);
CREATE TABLE IF NOT EXISTS lines (number INTEGER PRIMARY KEY, line BLOB);
CREATE TABLE IF NOT EXISTS people (word INTEGER, number INTEGER,
    PRIMARY KEY (word, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (word INTEGER, number INTEGER,
    PRIMARY KEY (word, number)) WITHOUT ROWID;
"""
_INDICES = """
CREATE INDEX IF NOT EXISTS by_time ON entries (at);
CREATE INDEX IF NOT EXISTS by_run ON entries (run);
CREATE INDEX IF NOT EXISTS by_kind ON entries (kind);
CREATE INDEX IF NOT EXISTS by_cause ON entries (cause);
CREATE INDEX IF NOT EXISTS by_entitlement ON entries (entitlement)
"""
_NAMES = ("state", "words", "entitlements", "entries", "lines", "people", "files")

_OF_FILE = """
    SELECT number FROM files JOIN entries USING (number)
    WHERE word = (SELECT id FROM words WHERE text = ?) AND number < ? AND kind IN
        (SELECT id FROM words WHERE text IN ('break-glass', 'decided'))"""

Read = Callable[[int], Iterator[Entry]]  # the entries after a number


class Broken(LedgerError):
    """The index does not say what the ledger said."""


def lay_out(db: sqlite3.Connection) -> None:
    """Raises sqlite3.DatabaseError for a file that is none of ours."""
    # A row that a lost page takes with it is missed by nobody: so the disk is waited for.
    db.execute("PRAGMA synchronous=NORMAL")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, _LAYOUT):
        raise sqlite3.DatabaseError("another layout")
    if not version:
        db.executescript(f"{_TABLES}PRAGMA user_version={_LAYOUT};")


def follow(db: sqlite3.Connection, read: Read) -> int:
    """Takes in what is new; or everything, where the ledger is not the one of before."""
    number, digest = db.execute("SELECT number, hash FROM state").fetchone() or (0, "")
    entries = read(max(number - 1, 0))
    if number:
        first = next(entries, None)
        if first is None or (first.number, first.hash) != (number, digest):
            for name in _NAMES:
                db.execute(f"DELETE FROM {name}")  # noqa: S608
            number, entries = 0, read(0)
    rows, known = _Rows(db), (number, digest)
    while part := list(islice(entries, _AT_ONCE)):
        rows.put(part)
        number, digest = part[-1].number, part[-1].hash
    if known == (number, digest) and number:
        return int(number)
    db.execute("DELETE FROM state")
    db.execute("INSERT INTO state VALUES (?, ?)", (number, digest))
    for index in _INDICES.split(";"):
        db.execute(index)
    return int(number)


def entries(db: sqlite3.Connection, numbers: Sequence[int]) -> list[Entry]:
    """Those of these numbers, which are in order. Raises Broken for a line that is not whole."""
    marks = ", ".join("?" * len(numbers))
    query = f"SELECT line FROM lines WHERE number IN ({marks}) ORDER BY number"  # noqa: S608
    try:
        lines = [bytes(line) for (line,) in db.execute(query, numbers)]
        found = [wire.decode(line) for line in lines]
    except (LedgerError, TypeError) as e:
        raise Broken(str(e)) from None
    whole = all(wire.true_hash(line) == e.hash for line, e in zip(lines, found, strict=True))
    if not whole or [entry.number for entry in found] != list(numbers):
        raise Broken("lines of the index were altered")
    return found


def micros(at: datetime) -> int:
    """Exact, where a float of seconds is not."""
    since = at.astimezone(UTC) - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def step(event: Event) -> int:
    """Only what was certainly done counts."""
    if event.assignment is None:
        return NOTHING
    if event.kind is EventKind.ALREADY_HELD:
        return HELD
    done = event.kind is EventKind.DONE and not event.error
    if done or (event.kind is EventKind.FOUND and event.outcome == MADE):
        return _STEPS.get(event.action, NOTHING)
    return NOTHING


def people(event: Event) -> set[str]:
    """Everybody by whose name it should be found."""
    names = [event.subject, *event.subject.split(", ")]  # an emergency may be of several
    if event.assignment:
        names += [event.assignment.principal.id, event.assignment.principal.name]
    return {name.casefold() for name in names if name}


class _Rows:
    """Writes rows; knows the ids of the words that it has met."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._words: dict[str, int] = {}

    @cached_property
    def _entitlements(self) -> dict[Entitlement, int]:
        """Of nothing new nobody asks for them, and there are many."""
        rows = self._db.execute("SELECT * FROM entitlements")
        return {Entitlement(*names): int(number) for number, *names in rows}

    def put(self, entries: Sequence[Entry]) -> None:
        self._put("entries", 14, (self._row(entry) for entry in entries))
        self._put("lines", 2, ((entry.number, wire.encode(entry)) for entry in entries))
        files = (
            (path, e.number) for e in entries for path in {e.event.path, *e.event.grants} - {""}
        )
        self._put("files", 2, ((self._word(path), number) for path, number in files))
        people_of = ((p, e.number) for e in entries for p in self._people(e))
        self._put("people", 2, ((self._word(p), number) for p, number in people_of))

    def _people(self, entry: Entry) -> set[str]:
        """Of an emergency, what was told and what was found of it concerns whoever had the access."""
        found = people(entry.event)
        if entry.event.kind not in (EventKind.REVIEWED, EventKind.NOTIFIED):
            return found
        for (number,) in self._db.execute(_OF_FILE, (entry.event.path, entry.number)).fetchall():
            [earlier] = entries(self._db, [number])
            if earlier.event.commit == entry.event.commit:
                found |= people(earlier.event)
        return found

    def _put(self, table: str, width: int, rows: Iterable[tuple[Any, ...]]) -> None:
        marks = ", ".join("?" * width)
        self._db.executemany(f"INSERT INTO {table} VALUES ({marks})", list(rows))  # noqa: S608

    def _row(self, entry: Entry) -> tuple[Any, ...]:
        e, a = entry.event, entry.event.assignment
        return (
            entry.number,
            micros(e.at),
            self._word(e.kind),
            self._word(e.run),
            self._word(e.subject.casefold()),
            self._word(e.cause),
            self._word(e.outcome),
            step(e),
            self._entitlement(a.entitlement) if a else None,
            self._word(a.principal.id.casefold()) if a else None,
            micros(e.until) if e.until else None,
            int(e.native_expiry),
            e.replaces,
            e.restores,
        )

    def _word(self, text: str) -> int | None:
        if not text:
            return None
        if (known := self._words.get(text)) is not None:
            return known
        row = self._db.execute("SELECT id FROM words WHERE text = ?", (text,)).fetchone()
        if row is None:
            self._words[text] = self._new("INSERT INTO words (text) VALUES (?)", text)
        else:
            self._words[text] = int(row[0])
        return self._words[text]

    def _entitlement(self, of: Entitlement) -> int:
        if of not in self._entitlements:
            names = (of.system, of.kind, of.resource, of.role)
            query = "INSERT INTO entitlements (system, kind, resource, role) VALUES (?, ?, ?, ?)"
            self._entitlements[of] = self._new(query, *names)
        return self._entitlements[of]

    def _new(self, insertion: str, *values: str) -> int:
        made = self._db.execute(insertion, values).lastrowid
        assert made is not None
        return made
