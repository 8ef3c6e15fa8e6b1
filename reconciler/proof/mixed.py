"""Which files decide over others, so that no commit may change them together with grants (rule 19).
Pure."""

from __future__ import annotations

from collections.abc import Iterable

_FOLDERS = ("policies", "directory", "catalog", ".github", ".schemas", ".bitbucket")
_FILES = ("reconciler.yaml", "CODEOWNERS", "bitbucket-pipelines.yml", "reconciler.sh")
_GRANTS = ("grants", "standing")


def governing(path: str) -> bool:
    """Rules, people, configuration and workflows; not bundles, whose items are judged one by one."""
    folder, slash, _ = path.partition("/")
    name = path.rpartition("/")[2]
    if slash and folder.lower() in _FOLDERS:
        return True
    return name in _FILES and (not slash or name == "CODEOWNERS")


def granting(path: str) -> bool:
    folder, slash, _ = path.partition("/")
    return bool(slash) and folder in _GRANTS


def mixed(paths: Iterable[str]) -> tuple[str, ...]:
    """The governing files among these, where there are grants beside them."""
    paths = tuple(paths)
    if not any(map(granting, paths)):
        return ()
    return tuple(sorted(filter(governing, paths)))
