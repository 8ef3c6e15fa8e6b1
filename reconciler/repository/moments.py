"""Times and lengths at a place of a file, or the problem with them. Reads no clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from reconciler.errors import Problem
from reconciler.repository.times import LAST, Beyond, length
from reconciler.repository.tree import Tree
from reconciler.repository.words import shown

Value = TypeVar("Value")


def parsed(
    text: object,
    parse: Callable[[str], Value],
    tree: Tree,
    at: tuple[str | int, ...],
    problems: list[Problem],
) -> Value | None:
    """A time that the schema took may still be one that no calendar has."""
    if not isinstance(text, str):
        return None
    try:
        return parse(text)
    except ValueError as e:
        spot = tree.position(at)
        if all(p.position != spot for p in problems):
            what = f"`{at[-1]}` is `{shown(text)}`: {e}"
            long = parse is length
            fix = "write a length such as `8h`" if long else "write a time that exists"
            if isinstance(e, Beyond):
                fix = f"write a year before {LAST}"
            problems.append(Problem(spot, what, fix, "time"))
        return None
