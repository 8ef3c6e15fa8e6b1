"""The names that systems had before, under `was`: each leads to one system, whatever file or version
still uses it. Knows no provider."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from reconciler.errors import Problem
from reconciler.model.people import FORGE
from reconciler.repository.tree import Tree

Names = Mapping[str, tuple[str, ...]]  # by the name now, the former names, first one first


def former_names(systems: Mapping[str, Any], tree: Tree, problems: list[Problem]) -> Names:
    """`systems` as written. What the schema does not accept is passed over: it has said so."""
    found: dict[str, tuple[str, ...]] = {}
    taken: dict[str, str] = {}
    for name, fields in systems.items():
        said = fields.get("was") if isinstance(fields, dict) else None
        names = [one for one in said if isinstance(one, str)] if isinstance(said, list) else []
        for place, one in enumerate(names):
            if one in systems or one in taken or one == FORGE:
                spot = tree.position(("systems", name, "was", place))
                what, fix = _clash(one, name, systems, taken)
                problems.append(Problem(spot, what, fix, "former-name"))
            taken.setdefault(one, name)
        if names:
            found[name] = tuple(names)
    return found


def _clash(
    one: str, name: str, systems: Mapping[str, Any], taken: Mapping[str, str]
) -> tuple[str, str]:
    if one == name:
        return f"`was` of `{name}` has its own name", "write only what it was called before"
    if one in systems:
        what = f"`was` of `{name}` has `{one}`, which is another system's name now"
        return what, "a name leads to one system: give the other one a new name"
    if one == FORGE:
        return f"`was` of `{name}` has `{FORGE}`, which no system can be called", "remove it"
    what = f"`was` of `{name}` has `{one}`, and so has `{taken[one]}`"
    return what, "a name leads to one system: remove it at the other one"


def leading(names: Names) -> dict[str, str]:
    """Former name -> name now."""
    return {one: name for name, before in names.items() for one in before}


def patterns(globs: Iterable[str], former: Mapping[str, str]) -> Iterator[str]:
    """The globs of a rule, so that they fit the names now wherever they fit a former one."""
    added: set[str] = set()
    for glob in globs:
        if (now := former.get(glob.lower())) is not None:
            yield now
            continue
        yield glob
        added |= {now for one, now in former.items() if fnmatchcase(one, glob.lower())}
    yield from sorted(added)
