"""What the working tree says and no commit does yet: a run reads the commit. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.repository.configuration import FILE
from reconciler.repository.git import at
from reconciler.repository.paths import FOLDERS
from reconciler.repository.words import printable

_FILES = (*FOLDERS, FILE)


@contextmanager
def uncommitted(root: Path) -> Iterator[Callable[[], tuple[str, ...]]]:
    """Paths of new, changed or deleted files that a run would read if they were committed, with
    nothing that a terminal obeys; git begins to look at once, for it takes long with many files."""
    asked = ("status", "--porcelain=v1", "-z", "--no-renames", "--", *_FILES)
    with at(root).beside(*asked) as answer:
        yield lambda: _paths(answer())


def _paths(answer: bytes) -> tuple[str, ...]:
    found = answer.decode(errors="backslashreplace").split("\0")
    return tuple(sorted(printable(line[3:]) for line in found if line))
