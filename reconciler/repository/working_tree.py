"""What lies in a working tree: its paths, with the blob where git knows it. Reads no file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from reconciler.repository.git import Git
from reconciler.repository.git_answers import REGULAR, SUBMODULE, Entry
from reconciler.repository.paths import FOLDERS, LATER


class Found(NamedTuple):
    """One path of the working tree. `blob` is "" where the file must be read to know it; `odd`
    says what it is when it is no regular file."""

    path: str
    blob: str = ""
    odd: str = ""


def listed(root: Path, git: Git | None) -> Iterator[Found]:
    """Every path at the top and in the folders that mean something."""
    if git is None:
        yield from _walked(root)
        return
    folders = {*FOLDERS, *LATER}
    with git.looking() as found:
        entries = git.index()
        names, new = found()
        changed = frozenset(names)
        for entry in entries:
            top, slash, _ = entry.path.partition("/")
            if not slash or top in folders or top.lower() in folders:
                if entry.mode in REGULAR and entry.path not in changed:
                    yield Found(entry.path, entry.blob)
                else:
                    yield from _odd_or_changed(root, entry, entry.path in changed)
        for path in new:
            yield _new(root, path)


def _odd_or_changed(root: Path, entry: Entry, changed: bool) -> Iterator[Found]:
    if entry.mode == SUBMODULE:
        yield Found(entry.path, odd="a submodule")
    elif changed:
        if os.path.lexists(root / entry.path):
            yield _new(root, entry.path)
    else:
        yield Found(entry.path, entry.blob, "a symbolic link")


def _new(root: Path, path: str) -> Found:
    if path.endswith("/"):
        return Found(path.rstrip("/"), odd="a git repository of its own")
    return Found(path, odd=_odd(root / path))


def _walked(root: Path) -> Iterator[Found]:
    """Without git: everything but hidden folders."""
    for name in sorted(os.listdir(root)):
        top = root / name
        if top.is_symlink() or not top.is_dir():
            yield Found(name, odd=_odd(top))
            continue
        if name.lower() not in (*FOLDERS, *LATER):
            continue
        for folder, folders, files in os.walk(top):
            for inner in sorted([*files, *(f for f in folders if (Path(folder) / f).is_symlink())]):
                path = Path(folder) / inner
                yield Found(path.relative_to(root).as_posix(), odd=_odd(path))


def _odd(path: Path) -> str:
    try:
        mode = path.lstat().st_mode
    except OSError as e:
        return f"something unreadable ({e.strerror})"
    if stat.S_ISREG(mode):
        return ""
    return "a symbolic link" if stat.S_ISLNK(mode) else "something else"
