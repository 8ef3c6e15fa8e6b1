"""What was parsed and which history was walked, kept between runs. Losing it, or finding it broken,
costs time and nothing else: every answer can be had again from git.

Holds text in SQLite, never code. Each part carries a checksum, and is forgotten when it is wrong.
What somebody else can write is not read: it would say what files say, and who approved them.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache as once
from hashlib import sha256
from pathlib import Path
from typing import TypeVar
from zlib import crc32

import yaml

import reconciler
from reconciler import __version__
from reconciler.repository.grammar import Grammar
from reconciler.repository.parts import Aside, apart, packed, unpacked
from reconciler.repository.paths import Kind

Value = TypeVar("Value")

_LAYOUT = 4
_TABLES = """
CREATE TABLE IF NOT EXISTS spaces (space TEXT PRIMARY KEY, used INTEGER);
CREATE TABLE IF NOT EXISTS parts (space TEXT, part TEXT, sum INTEGER, data BLOB,
                                  PRIMARY KEY (space, part)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS verdicts (id INTEGER PRIMARY KEY, space TEXT, key TEXT, sum INTEGER,
                                     row TEXT, UNIQUE (space, key));
"""
_SPACES_KEPT = 16  # grammars times kinds of files; the least recently used go
_PAGE = 16_384  # bytes: parts are large, and read whole
_PARTS_KEPT = 40  # of one space; then they are written as one again
_HISTORY = "history"
_OTHERS = stat.S_IWGRP | stat.S_IWOTH

Parts = dict[str, bytes]


def folder(environment: Mapping[str, str]) -> Path | None:
    """Where caches of this user live; None where there is no such place, or it is not theirs alone."""
    base = environment.get("XDG_CACHE_HOME", "")
    if not base and (home := environment.get("HOME", "")):
        base = f"{home}/.cache"
    if not base.startswith("/"):
        return None
    found = Path(base) / "access-reconciler"
    return found if private(found) else None


def private(path: Path) -> bool:
    """Whether nobody else can write what stands there or will stand there."""
    around = _mode(path.parent)
    if around is not None and around.st_mode & stat.S_IWOTH and not around.st_mode & stat.S_ISVTX:
        return False
    found = _mode(path)
    return found is None or (found.st_uid == os.geteuid() and not found.st_mode & _OTHERS)


def _mode(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


class Cache:
    """One repository's. Without a folder, or when SQLite cannot use it, it remembers nothing."""

    def __init__(self, folder: Path | None, root: Path) -> None:
        self._file: Path | None = None
        self._db: sqlite3.Connection | None = None
        self._let_be = False  # for this run: locked, full or broken
        if folder is not None:
            name = sha256(str(root.resolve()).encode()).hexdigest()[:32]
            self._file = folder / f"{name}.sqlite"
            self._open()

    def _open(self) -> None:
        assert self._file is not None
        for _ in range(2):
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                if not (private(self._file.parent) and private(self._file)):
                    self._let_be = True
                    return
                db = sqlite3.connect(self._file, timeout=2, isolation_level=None)
                db.execute("PRAGMA synchronous=OFF")
                db.execute(f"PRAGMA page_size={_PAGE}")  # of a new file
                if db.execute("PRAGMA user_version").fetchone()[0] not in (0, _LAYOUT):
                    raise sqlite3.DatabaseError("another layout")
                db.executescript(_TABLES + f"PRAGMA user_version={_LAYOUT};")
                self._db = db
                return
            except sqlite3.OperationalError:
                self._let_be = True
                return
            except (sqlite3.Error, OSError):
                with suppress(OSError):
                    self._file.unlink()

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Once more, after it was closed: for who looks back after a load."""
        reopen = self._db is None and self._file is not None and not self._let_be
        if reopen:
            self._open()
        try:
            yield
        finally:
            if reopen:
                self.close()

    def rows(self, space: str) -> dict[str, str]:
        """blob -> row, of everything remembered in the space."""
        found: dict[str, str] = {}
        for data in self._parts(space).values():
            with suppress(ValueError):  # then it is forgotten
                found.update(unpacked(data))
        return found

    def apart(
        self, space: str, start: str, texts: Collection[str], aside: Aside
    ) -> tuple[set[str], dict[str, str]]:
        """What `rows` has, in two: the blobs of rows that are `aside`, and the other rows. For
        `start` and `texts` see `parts.apart`."""
        every: set[str] = set()
        found: dict[str, str] = {}
        for data in self._parts(space).values():
            with suppress(ValueError):
                names, rows = apart(data, start, texts, aside)
                every.update(names)
                found |= rows
        return every.difference(found), found

    def remember(
        self, space: str, new: Mapping[str, str], known: Mapping[str, str], wanted: Collection[str]
    ) -> None:
        """Add rows to those `known` before; forget what is not wanted once it is the most."""
        stale = len(known) + len(new) > 2 * len(wanted) + 10_000
        if new and stale:
            every = {**known, **new}
            kept = {blob: every[blob] for blob in wanted if blob in every}
            self._write(space, _numbered(kept), replace=True)
        else:
            self.add(space, new)

    def add(self, space: str, new: Mapping[str, str]) -> None:
        """Beside what is remembered there."""
        if not new:
            return
        parts = self._parts(space)
        if len(parts) >= _PARTS_KEPT:
            self._write(space, _numbered({**self.rows(space), **new}), replace=True)
        else:
            self._write(space, _numbered(new, 1 + max(map(int, parts), default=0)))

    def history(self) -> Parts:
        """The parts of the one history that is remembered, as far as they are whole."""
        return self._parts(_HISTORY)

    def remember_history(self, parts: Parts) -> None:
        """Instead of any other: one line of history is enough to start from."""
        self._write(_HISTORY, parts, replace=True)

    def _parts(self, space: str) -> Parts:
        query = "SELECT part, sum, data FROM parts WHERE space = ?"
        found = self.attempt(lambda db: db.execute(query, (space,)).fetchall())
        return {
            part: data
            for part, total, data in found or ()
            if isinstance(data, bytes) and crc32(data) == total
        }

    def _write(self, space: str, parts: Parts, *, replace: bool = False) -> None:
        rows = [(space, part, crc32(data), data) for part, data in parts.items()]

        def write(db: sqlite3.Connection) -> None:
            with transaction(db):
                if replace:
                    db.execute("DELETE FROM parts WHERE space = ?", (space,))
                db.executemany("INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?)", rows)
                db.execute(
                    "INSERT OR REPLACE INTO spaces SELECT ?, coalesce(max(used), 0) + 1 FROM spaces",
                    (space,),
                )
                _forget_old(db)

        self.attempt(write)

    def attempt(self, work: Callable[[sqlite3.Connection], Value]) -> Value | None:
        """None when the file is locked, full or broken. Then it is let be for this run; a broken
        one is thrown away."""
        if self._db is None:
            return None
        try:
            return work(self._db)
        except sqlite3.OperationalError:
            self._let_be = True
            self.close()
            return None
        except (sqlite3.Error, UnicodeError, OverflowError):
            self._let_be = True
            self.close()
            if self._file is not None:
                with suppress(OSError):
                    self._file.unlink()
            return None


def space(kind: Kind, grammar: Grammar) -> str:
    """A name for everything, beside the content itself, that parsing a file of this kind depends
    on: the schemas, the systems' settings, and the code."""
    return sha256(f"{kind}:{grammar.digest}:{code()}".encode()).hexdigest()


@once
def code() -> str:
    """Changes with every edit of what reads files, also between releases."""
    total = sha256(f"{__version__}:{yaml.__version__}:{sys.byteorder}".encode())
    package = Path(reconciler.__file__).parent
    for room in ("model", "repository", "providers"):
        for path in sorted((package / room).rglob("*.py")):
            total.update(path.read_bytes())
    return total.hexdigest()


def _numbered(rows: Mapping[str, str], first: int = 0) -> Parts:
    return {str(number): part for number, part in enumerate(packed(rows), first)}


def _forget_old(db: sqlite3.Connection) -> None:
    query = "SELECT space FROM spaces ORDER BY used DESC LIMIT -1 OFFSET ?"
    for (old,) in db.execute(query, (_SPACES_KEPT,)).fetchall():
        db.execute("DELETE FROM parts WHERE space = ?", (old,))
        db.execute("DELETE FROM spaces WHERE space = ?", (old,))


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
