"""Which file of an access repository is what, by its path alone. Opens nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import lru_cache

from reconciler.errors import Problem
from reconciler.model import Position
from reconciler.repository.configuration import FILE
from reconciler.repository.words import printable, shown


class Kind(StrEnum):
    """What a file says. The values name the schemas."""

    GRANT = "grant"
    BREAK_GLASS = "break-glass"  # a grant below grants/break-glass/
    STANDING = "standing"
    BUNDLE = "bundle"
    DIRECTORY = "directory"
    POLICY = "policy"
    POLICY_TEST = "policy-test"  # below policies/tests/
    CATALOG = "catalog"
    REVIEW = "review"
    CONFIGURATION = "configuration"


GRANTS = frozenset({Kind.GRANT, Kind.BREAK_GLASS, Kind.STANDING})  # what gives access
MANY = GRANTS - {Kind.BREAK_GLASS}  # of which there are very many, also gone ones
NAMED = frozenset({Kind.BUNDLE, Kind.POLICY, Kind.CATALOG})  # whose file name says something
LONG = frozenset({Kind.DIRECTORY, Kind.CATALOG})  # what a program may write

FOLDERS = {
    "grants": Kind.GRANT,
    "standing": Kind.STANDING,
    "bundles": Kind.BUNDLE,
    "directory": Kind.DIRECTORY,
    "policies": Kind.POLICY,
    "catalog": Kind.CATALOG,
    "reviews": Kind.REVIEW,
}
BREAK_GLASS = "grants/break-glass/"
_TESTS = "policies/tests/"
# Folders that later versions will read. Until then a file there would look like a rule and be none.
LATER = ("revocations",)

_FLAT = ("bundles", "directory", "policies", "catalog", "reviews")
_BYSTANDERS = (".gitkeep", "README.md")  # may lie in any folder, and say nothing
_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
_GOOD = re.compile(r"(?:grants|standing)(?:/[A-Za-z0-9][A-Za-z0-9._@+-]{0,127})+(?<=\.yaml)")
_CONFIGURATIONS = (FILE, "reconciler.yml", ".reconciler.yaml", "reconciler.json")


def kind_of(path: str) -> Kind | None:
    """None for a file that says nothing to us. A path that `trouble` refuses still has a kind."""
    folder, slash, name = path.rpartition("/")
    if not slash:
        return Kind.CONFIGURATION if path == FILE else None
    return None if name in _BYSTANDERS else _kind_within(folder)


@lru_cache(maxsize=100_000)
def _kind_within(folder: str) -> Kind | None:
    """Very many files lie in few folders."""
    kind = FOLDERS.get(folder.partition("/")[0])
    if kind is Kind.GRANT and f"{folder}/".startswith(BREAK_GLASS):
        return Kind.BREAK_GLASS
    if kind is Kind.POLICY and f"{folder}/".startswith(_TESTS):
        return Kind.POLICY_TEST
    return kind


def trouble(path: str) -> Problem | None:
    """Why a path is refused, whatever the file says."""
    if _GOOD.fullmatch(path):
        return None
    folder, slash, rest = path.partition("/")
    if not slash:
        return _at_the_top(path)
    right = folder.lower()
    if folder != right and (right in FOLDERS or right in LATER):
        return _refused(
            path, f"the folder `{shown(folder)}/` grants nothing", f"name it `{right}/`"
        )
    name = rest.rpartition("/")[2]
    if not rest or name in _BYSTANDERS or (folder not in FOLDERS and folder not in LATER):
        return None
    if folder in LATER:
        what = f"nothing reads {folder}/ yet: what stands here has no effect"
        return _refused(path, what, "remove the file, so that nobody trusts it", "unsupported")
    for segment in rest.split("/"):
        if not _SEGMENT.fullmatch(segment):
            what = f"`{shown(segment)}` in the path has characters that are not allowed"
            fix = "use letters, digits and . _ @ + -, and start with a letter or digit"
            return _refused(path, what, fix)
    flat = _TESTS[:-1] if path.startswith(_TESTS) else folder
    if folder in _FLAT and path != f"{flat}/{name}":
        return _refused(path, f"a folder within {flat}/", f"move the file to {flat}/{name}")
    if not name.endswith(".yaml"):
        what = f"`{shown(name)}` does not end in `.yaml`"
        return _refused(path, what, "rename it, or move it out of the folder", "extension")
    return None


def collisions(paths: Iterable[str]) -> Iterator[Problem]:
    """Paths that are one file where file names have no case."""
    seen: dict[str, str] = {}
    for path in paths:
        first = seen.setdefault(path.lower(), path)
        if first != path:
            what = f"the path differs from {shown(first)} only in case"
            yield _refused(path, what, "rename one of them")


def _at_the_top(path: str) -> Problem | None:
    if path.lower() in FOLDERS or path.lower() in LATER:
        what = f"`{shown(path)}` is not a folder"
        return _refused(path, what, "replace it with a folder of files", "irregular-file")
    if path != FILE and path.lower() in _CONFIGURATIONS:
        what = f"`{shown(path)}` is not read"
        return _refused(path, what, f"name it `{FILE}`", "extension")
    return None


def _refused(path: str, what: str, fix: str, rule: str = "path") -> Problem:
    return Problem(Position(printable(path)), what, fix, rule)
