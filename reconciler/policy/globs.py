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
    wanted, _ = glob.translate(glob_, flags=_PATHS)
    fits = re.compile("|".join(wanted)).match
    return lambda value: fits(value) is not None


def folder(glob_: str) -> str:
    """The folders that everything under a path glob has in common, "" for none."""
    fixed = re.split(r"[*?\[\\]", glob_, maxsplit=1)[0]
    return fixed[: fixed.rfind("/") + 1]
