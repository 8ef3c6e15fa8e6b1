"""What the ledger says, put where it can be found at once: by person, entitlement, file, time, cause,
run and kind. Losing it, or finding it broken, costs time: it is made again from the ledger.

Decides nothing: what it hands out are the ledger's own lines, held against their own hashes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

from reconciler.ledger import index_rows
from reconciler.ledger.index_rows import Broken
from reconciler.model import Entry

Value = TypeVar("Value")

_PART = 500  # numbers in one question: SQLite bears 999


class Source(Protocol):
    """A ledger that verifies what it hands out."""

    def entries(self, after: int = 0) -> Iterator[Entry]: ...


class Index:
    """Of one ledger, in one file; without a file, or where none can be used, in memory."""

    def __init__(self, file: Path | None, ledger: Source) -> None:
        self._file = file
        self._ledger = ledger
        self._db = self._opened()

    def close(self) -> None:
        self._db.close()

    def follow(self) -> int:
        """Takes in what the ledger has and the index has not; the number of the last entry.
        LedgerError at a flaw in what is new: then the index stays as it was."""
        return self._again(self._follow)

    def ask(self, query: str, parameters: Sequence[Any] = ()) -> list[Any]:
        return self._again(lambda: self._db.execute(query, parameters).fetchall())

    def entries(self, numbers: Iterable[int]) -> Iterator[Entry]:
        """Those of these numbers, in order."""
        left = iter(sorted(numbers))
        while part := list(islice(left, _PART)):
            yield from self._again(partial(self._entries, part))

    def _entries(self, numbers: list[int]) -> list[Entry]:
        return index_rows.entries(self._db, numbers)

    def _again(self, work: Callable[[], Value]) -> Value:
        """Once more with an index made anew, when this one is broken; or with one in memory, when
        its file is locked or its disk full."""
        try:
            return work()
        except sqlite3.OperationalError:
            self._file = None
        except (sqlite3.DatabaseError, Broken):
            self._forget()
        self._db.close()
        self._db = self._opened()
        self._follow()
        return work()

    def _follow(self) -> int:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            last = index_rows.follow(self._db, self._ledger.entries)
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return last

    def _forget(self) -> None:
        if self._file is not None:
            for end in ("", "-journal"):
                with suppress(OSError):
                    Path(f"{self._file}{end}").unlink()

    def _opened(self) -> sqlite3.Connection:
        for _ in range(2):
            if self._file is None:
                break
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                db = sqlite3.connect(self._file, timeout=60, isolation_level=None)
                index_rows.lay_out(db)
                return db
            except (sqlite3.OperationalError, OSError):
                self._file = None
            except sqlite3.DatabaseError:
                self._forget()
        self._file = None
        db = sqlite3.connect(":memory:", isolation_level=None)
        index_rows.lay_out(db)
        return db


def file_in(folder: Path | None, root: Path, where: str) -> Path | None:
    """The index of the ledger `where` of the access repository `root`, in the folder of the
    caches."""
    if folder is None:
        return None
    name = sha256(f"{root.resolve()}\0{where}".encode()).hexdigest()[:32]
    return folder / f"{name}.ledger.sqlite"
