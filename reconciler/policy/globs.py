"""Globs of rules and of catalog/, each compiled once. Touches no files."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from functools import lru_cache

from wcmatch import glob

# Only `grants/x`, never a name on a disk: the same answer on every machine. Dot files are files.
_PATHS = glob.GLOBSTAR | glob.DOTGLOB | glob.CASE | glob.FORCEUNIX

Test = Callable[[str], bool]


def text(globs: Sequence[str]) -> Test:
    """Whether any of `globs` fits a whole text, without regard to case. `*` crosses every
    character; a glob also fits the text that it is, brackets and all."""
    folded = [glob_.casefold() for glob_ in globs]
    literal = frozenset(folded)
    patterns = [translate(glob_) for glob_ in folded if any(c in glob_ for c in "*?[")]
    if not patterns:
        return lambda value: value.casefold() in literal
    fits = re.compile("|".join(patterns)).match
    return lambda value: (v := value.casefold()) in literal or fits(v) is not None


@lru_cache(4096)
def path(glob_: str) -> Test:
    """Whether a glob fits a path of the repository: `*` stays within a folder, `**` does not."""
    return _expression(glob_) if glob_.count("**") < 2 else _folders(glob_)


def _expression(glob_: str) -> Test:
    wanted, _ = glob.translate(glob_, flags=_PATHS)
    fits = re.compile("|".join(wanted)).match
    return lambda value: fits(value) is not None


def _folders(glob_: str) -> Test:
    """The same, folder by folder: several `**` in one regular expression are tried in every way
    there is, which for some paths takes for ever. Here only the last that was met is moved on."""
    parts = glob_.split("/")
    parts = [part for i, part in enumerate(parts) if part or i in (0, len(parts) - 1)]
    if parts[-1] == "**":
        parts.append("*")  # `a/**` does not fit `a`
    tests = [None if part == "**" else _expression(part) for part in parts]

    def fits(value: str) -> bool:
        names = value.split("/")
        at = i = moved = 0
        star = -1
        while at < len(names):
            test = tests[i] if i < len(tests) else _nothing
            if test is None:
                star, moved = i, at
                i += 1
            elif test(names[at]):
                at, i = at + 1, i + 1
            elif star >= 0:
                moved += 1
                at, i = moved, star + 1
            else:
                return False
        return all(test is None for test in tests[i:])

    return fits


def _nothing(_: str) -> bool:
    return False


def folder(glob_: str) -> str:
    """The folders that everything under a path glob has in common, "" for none."""
    fixed = re.split(r"[*?\[\\]", glob_, maxsplit=1)[0]
    return fixed[: fixed.rfind("/") + 1]
