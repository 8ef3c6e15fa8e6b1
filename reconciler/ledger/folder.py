"""A ledger in a folder: one file for each batch, a thousand to a subfolder. Never writes over one.

A batch is written under a name of its own and then linked to its number, which fails where there is
one already: whoever dies in between leaves a hidden file that nobody reads.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reconciler.ledger.base import LedgerError, Taken
from reconciler.ledger.files import content
from reconciler.ledger.numbering import folder_of, numbered, path_of

_FOLDER = re.compile(r"[0-9]{6,}")
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


@dataclass(frozen=True, slots=True)
class FolderStore:
    """Made with the first batch. Must be on a file system with hard links."""

    root: Path

    @property
    def where(self) -> str:
        return str(self.root)

    def last(self) -> int:
        for folder in reversed(self._folders()):
            if found := self._numbers(folder):
                return found[-1]
        return 0

    def batches(self, after: int = 0) -> Iterator[tuple[int, bytes]]:
        start = folder_of(after + 1)
        for folder in self._folders():
            if folder >= start:
                for number in self._numbers(folder):
                    if number > after:
                        yield number, self._read(number)

    def put(self, number: int, data: bytes) -> None:
        target = self.root / path_of(number)
        try:
            self._make(target.parent)
            self._write(target, data)
        except FileExistsError:
            raise Taken(f"{target} is there already: another run wrote it first") from None
        except OSError as e:
            fix = "free some space" if e.errno == errno.ENOSPC else "let this user write there"
            if e.errno in _NO_LINKS:
                fix = "keep the ledger on a file system that has hard links"
            raise LedgerError(f"cannot write {target}: {e.strerror}; {fix}") from e

    def _make(self, folder: Path) -> None:
        """The folder and those above it, each durable in the one it is in."""
        if folder.is_dir():
            return
        self._make(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o750)
        _sync(folder.parent)

    def _write(self, target: Path, data: bytes) -> None:
        handle, name = tempfile.mkstemp(prefix=".new-", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), 0o440)
                os.fsync(file.fileno())
            os.link(name, target)
        finally:
            with suppress(OSError):  # a hidden file that stays does no harm
                os.unlink(name)
        _sync(target.parent)

    def _folders(self) -> list[str]:
        """Oldest first."""
        names = [name for name in self._names(self.root) if _FOLDER.fullmatch(name)]
        return sorted(names, key=int)

    def _numbers(self, folder: str) -> list[int]:
        names = self._names(self.root / folder)
        return sorted(n for name in names if (n := numbered(f"{folder}/{name}")))

    def _names(self, folder: Path) -> list[str]:
        try:
            return os.listdir(folder)
        except FileNotFoundError:
            return []
        except OSError as e:
            what = f"cannot list {folder}: {e.strerror}"
            raise LedgerError(f"{what}; let this user read it, or mend `ledger.path`") from e

    def _read(self, number: int) -> bytes:
        path = self.root / path_of(number)
        try:
            return content(path)
        except OSError as e:
            what = f"cannot read {path}: {e.strerror}"
            raise LedgerError(f"{what}; without it nothing after it can be trusted") from e


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
