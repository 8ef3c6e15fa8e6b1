"""A file as a target, for an agent that watches it. Appends; never shortens what is there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.ledger.export import Style, text
from reconciler.ledger.ship import ShipError
from reconciler.model import Entry


@dataclass(frozen=True, slots=True)
class FileTarget:
    path: Path
    style: Style

    def deliver(self, entries: Sequence[Entry]) -> None:
        lines = "".join(f"{text(entry, self.style)}\n" for entry in entries)
        try:
            with self.path.open("ab+") as file:
                if _cut(file.fileno()):
                    lines = f"\n{lines}"  # half a line of one who died; the whole one comes now
                file.write(lines.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as e:
            raise ShipError(f"cannot write {self.path}: {e.strerror}") from None


def _cut(file: int) -> bool:
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"
