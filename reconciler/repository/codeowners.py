"""Who owns a path by a CODEOWNERS file, as GitHub and Bitbucket read it: the last line that matches
decides. Reads text, never a forge."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from wcmatch import glob

from reconciler.model import ForgeKind

# Where it lies, the first that is there (docs of code owners of each forge).
PLACES = {
    ForgeKind.GITHUB: (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"),
    ForgeKind.BITBUCKET: (".bitbucket/CODEOWNERS",),
    ForgeKind.BITBUCKET_DC: (".bitbucket/CODEOWNERS",),
}
# What decides over grants; of each folder one file that it could have.
GOVERNING = (
    "policies/a.yaml",
    "policies/tests/a.yaml",
    "directory/a.yaml",
    "bundles/a.yaml",
    "catalog/a.yaml",
    "standing/a.yaml",
    "reconciler.yaml",
)
WORKFLOWS = {
    ForgeKind.GITHUB: (".github/workflows/a.yml", ".github/CODEOWNERS"),
    ForgeKind.BITBUCKET: ("bitbucket-pipelines.yml", ".bitbucket/CODEOWNERS"),
    ForgeKind.BITBUCKET_DC: (".bitbucket/CODEOWNERS",),
}
_FLAGS = glob.GLOBSTAR | glob.DOTGLOB | glob.CASE | glob.FORCEUNIX
_NO_LINE = ("#", "@@@", "[")  # comments, and definitions of groups


def unowned(text: str, paths: Iterable[str]) -> tuple[str, ...]:
    """The paths that the last matching line gives no owner, or that no line matches."""
    lines = tuple(_lines(text))
    found: list[str] = []
    for path in paths:
        owners = [owners for globs, owners in lines if glob.globmatch(path, globs, flags=_FLAGS)]
        if not owners or not owners[-1]:
            found.append(path)
    return tuple(found)


def _lines(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """(globs, owners) of each line."""
    for line in text.splitlines():
        words = re.split(r"\s#", line.strip())[0].split()
        if words and not words[0].startswith(_NO_LINE):
            yield _globs(words[0]), words[1:]


def _globs(pattern: str) -> list[str]:
    """A pattern with a slash within is for the top folder; one that names a folder is for all that
    is in it, and one that ends in `*` is not for what lies deeper."""
    inner = pattern.strip("/")
    top = pattern.startswith("/") or "/" in inner
    whole = inner if top else f"**/{inner}"
    found = [] if pattern.endswith("/") else [whole]
    if pattern.endswith("/") or "*" not in inner.rpartition("/")[2]:
        found.append(f"{whole}/**")
    return found
