"""What the working tree says and no commit does yet: a run reads the commit. Changes nothing."""

from __future__ import annotations

from pathlib import Path

from reconciler.repository.configuration import FILE
from reconciler.repository.git import at
from reconciler.repository.paths import FOLDERS
from reconciler.repository.words import printable

_FILES = (*FOLDERS, FILE)


def uncommitted(root: Path) -> tuple[str, ...]:
    """Paths of new, changed or deleted files that a run would read if they were committed, with
    nothing that a terminal obeys."""
    git = at(root)
    lines = git.ask("status", "--porcelain=v1", "-z", "--no-renames", "--", *_FILES)
    found = lines.decode(errors="backslashreplace").split("\0")
    return tuple(sorted(printable(line[3:]) for line in found if line))
