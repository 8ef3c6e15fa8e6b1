"""Verdicts and evidence, kept between runs in the file of the cache. Losing it costs calls, never
access: whoever remembers something here can find it out again.

Holds text. Never raises for the file's sake: broken, locked or full, it remembers nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from zlib import crc32

from reconciler.repository.cache import Cache, transaction

_MOST = 200_000  # rows that are kept; the oldest go
_AT_ONCE = 500  # keys in one question: SQLite bears 999


class Memory:
    """One repository's. `folder` as for the cache; None remembers nothing."""

    def __init__(self, folder: Path | None, root: Path) -> None:
        self._cache = Cache(folder, root)
        self._cache.close()  # nothing is held open between questions

    def read(self, space: str, keys: Collection[str]) -> dict[str, str]:
        """What is remembered of these."""
        found: dict[str, str] = {}
        if not keys:
            return found
        with self._cache.opened():
            for part in _parts(keys):
                rows = self._cache.attempt(partial(_read, space=space, keys=part))
                found |= {
                    key: row
                    for key, total, row in rows or ()
                    if isinstance(row, str) and _sum(space, key, row) == total
                }
        return found

    def write(self, space: str, rows: Mapping[str, str]) -> None:
        """Instead of what was remembered under the same keys."""
        if not rows:
            return
        found = [(space, key, _sum(space, key, row), row) for key, row in rows.items()]
        with self._cache.opened():
            self._cache.attempt(lambda db: _write(db, found))


def _read(db: sqlite3.Connection, space: str, keys: Sequence[str]) -> list[tuple[str, int, str]]:
    marks = ", ".join("?" * len(keys))
    query = f"SELECT key, sum, row FROM verdicts WHERE space = ? AND key IN ({marks})"  # noqa: S608
    return db.execute(query, (space, *keys)).fetchall()


def _write(db: sqlite3.Connection, found: Sequence[tuple[str, str, int, str]]) -> None:
    with transaction(db):
        db.executemany(
            "INSERT OR REPLACE INTO verdicts (space, key, sum, row) VALUES (?, ?, ?, ?)", found
        )
        db.execute("DELETE FROM verdicts WHERE id <= (SELECT max(id) - ? FROM verdicts)", (_MOST,))


def _sum(space: str, key: str, row: str) -> int:
    return crc32("\0".join((space, key, row)).encode(errors="surrogatepass"))


def _parts(keys: Collection[str]) -> Iterator[list[str]]:
    left = iter(keys)
    while part := list(islice(left, _AT_ONCE)):
        yield part
