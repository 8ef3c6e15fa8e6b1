"""What was parsed and which history was walked, kept between runs. Losing it, or finding it broken,
costs time and nothing else: every answer can be had again from git.

Holds text in SQLite, never code. Each row carries a checksum, and is forgotten when it is wrong.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from reconciler.repository.paths import Kind

Value = TypeVar("Value")

_LAYOUT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS spaces (space TEXT PRIMARY KEY, used INTEGER);
CREATE TABLE IF NOT EXISTS parsed (space TEXT, blob TEXT, sum INTEGER, row TEXT,
                                   PRIMARY KEY (space, blob)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history (tip TEXT, part TEXT, sum INTEGER, data BLOB,
                                    PRIMARY KEY (tip, part)) WITHOUT ROWID;
"""
_SPACES_KEPT = 16  # grammars times kinds of files; the least recently used go


def folder(environment: Mapping[str, str]) -> Path | None:
    """Where caches of this user live; None where there is no such place."""
    if base := environment.get("XDG_CACHE_HOME", ""):
        return Path(base) / "access-reconciler" if base.startswith("/") else None
    home = environment.get("HOME", "")
    return Path(home) / ".cache" / "access-reconciler" if home.startswith("/") else None


class Cache:
    """One repository's. Without a folder, or when SQLite cannot use it, it remembers nothing."""

    def __init__(self, folder: Path | None, root: Path) -> None:
        self._file: Path | None = None
        self._db: sqlite3.Connection | None = None
        if folder is not None:
            name = sha256(str(root.resolve()).encode()).hexdigest()[:32]
            self._file = folder / f"{name}.sqlite"
            self._open()

    def _open(self) -> None:
        assert self._file is not None
        for _ in range(2):
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                db = sqlite3.connect(self._file, timeout=2, isolation_level=None)
                db.execute("PRAGMA synchronous=OFF")
                if db.execute("PRAGMA user_version").fetchone()[0] not in (0, _LAYOUT):
                    raise sqlite3.DatabaseError("another layout")
                db.executescript(_TABLES + f"PRAGMA user_version={_LAYOUT};")
                self._db = db
                return
            except sqlite3.OperationalError:
                return
            except (sqlite3.Error, OSError):
                with suppress(OSError):
                    self._file.unlink()

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def rows(self, space: str) -> dict[str, str]:
        """blob -> row, of everything remembered in the space."""
        found = self._try(
            lambda db: db.execute(
                "SELECT blob, sum, row FROM parsed WHERE space = ?", (space,)
            ).fetchall()
        )
        return {blob: row for blob, total, row in found or () if _sound(row, total, blob)}

    def remember(self, space: str, rows: Mapping[str, str], wanted: Iterable[str]) -> None:
        """Add rows; forget those of the space that are not wanted once they are the most."""
        if not rows:
            return
        keep = set(wanted)
        ordered = [(space, blob, _sum(blob, rows[blob]), rows[blob]) for blob in sorted(rows)]

        def write(db: sqlite3.Connection) -> None:
            with _transaction(db):
                db.executemany("INSERT OR REPLACE INTO parsed VALUES (?, ?, ?, ?)", ordered)
                db.execute(
                    "INSERT OR REPLACE INTO spaces SELECT ?, coalesce(max(used), 0) + 1 FROM spaces",
                    (space,),
                )
                query = "SELECT blob FROM parsed WHERE space = ?"
                there = {blob for (blob,) in db.execute(query, (space,))}
                if len(there) > 2 * len(keep) + 10_000:
                    stale = [(space, blob) for blob in there - keep]
                    db.executemany("DELETE FROM parsed WHERE space = ? AND blob = ?", stale)
                _forget_old(db)

        self._try(write)

    def tip(self) -> str:
        """The commit up to which a history is remembered, "" for none."""
        query = "SELECT tip FROM history WHERE part = 'head'"
        found = self._try(lambda db: db.execute(query).fetchone())
        return str(found[0]) if found else ""

    def history(self, tip: str) -> dict[str, bytes]:
        """The parts that are whole."""
        query = "SELECT part, sum, data FROM history WHERE tip = ?"
        found = self._try(lambda db: db.execute(query, (tip,)).fetchall())
        return {
            part: data
            for part, total, data in found or ()
            if isinstance(data, bytes) and crc32(data) == total
        }

    def remember_history(self, tip: str, parts: Mapping[str, bytes]) -> None:
        """Instead of any other: one line of history is enough to start from."""

        def write(db: sqlite3.Connection) -> None:
            with _transaction(db):
                db.execute("DELETE FROM history")
                db.executemany(
                    "INSERT INTO history VALUES (?, ?, ?, ?)",
                    [(tip, part, crc32(data), data) for part, data in parts.items()],
                )

        self._try(write)

    def _try(self, work: Callable[[sqlite3.Connection], Value]) -> Value | None:
        """None when the file is locked, full or broken. Then it is let be for this run; a broken
        one is thrown away."""
        if self._db is None:
            return None
        try:
            return work(self._db)
        except sqlite3.OperationalError:
            self.close()
            return None
        except (sqlite3.Error, UnicodeError, OverflowError):
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
    total = sha256(f"{__version__}:{yaml.__version__}".encode())
    package = Path(reconciler.__file__).parent
    for room in ("model", "repository", "providers"):
        for path in sorted((package / room).rglob("*.py")):
            total.update(path.read_bytes())
    return total.hexdigest()


def _sum(blob: str, row: str) -> int:
    return crc32(row.encode(), crc32(blob.encode()))


def _sound(row: object, total: object, blob: object) -> bool:
    return isinstance(row, str) and isinstance(blob, str) and _sum(blob, row) == total


def _forget_old(db: sqlite3.Connection) -> None:
    query = "SELECT space FROM spaces ORDER BY used DESC LIMIT -1 OFFSET ?"
    for (old,) in db.execute(query, (_SPACES_KEPT,)).fetchall():
        db.execute("DELETE FROM parsed WHERE space = ?", (old,))
        db.execute("DELETE FROM spaces WHERE space = ?", (old,))


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
