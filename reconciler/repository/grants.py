"""Files of grants/, standing/ and bundles/ -> the model. Looks at one file, never at another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, TypeVar

from reconciler.errors import Problem
from reconciler.model import Bundle, BundleRef, Grant, Item, SubjectRef
from reconciler.repository.grammar import Grammar, wrong
from reconciler.repository.items import access
from reconciler.repository.times import LAST, Beyond, instant, length
from reconciler.repository.tree import Tree
from reconciler.repository.words import nearest, shown

Value = TypeVar("Value")

_ENDS = ("expires", "duration")


def grant(tree: Tree, grammar: Grammar, *, standing: bool) -> tuple[Grant | None, list[Problem]]:
    """A grant, or everything that is wrong with the file."""
    problems = _end(tree, standing=standing)
    items = _judged(tree, grammar, "standing" if standing else "grant", problems)
    if not isinstance(tree.data, dict):
        return None, problems
    starts = _parsed(tree, "starts", instant, problems)
    expires = _parsed(tree, "expires", instant, problems)
    duration = _parsed(tree, "duration", length, problems)
    if starts and expires and expires <= starts:
        what = f"`expires` is `{tree.data['expires']}`, not after `starts`"
        spot = tree.position(("expires",))
        problems.append(Problem(spot, what, "write a later time", "window"))
    subjects = _subjects(tree, problems)
    if problems:
        return None, problems
    reason, ticket = tree.data["reason"].strip(), tree.data.get("ticket", "")
    spot = tree.position()
    ends = starts, expires, duration
    return Grant(tree.path, subjects, items, reason, *ends, ticket, position=spot), []


def bundle(tree: Tree, grammar: Grammar) -> tuple[Bundle | None, list[Problem]]:
    problems: list[Problem] = []
    items = _judged(tree, grammar, "bundle", problems, bundles=False)
    if problems:
        return None, problems
    name = PurePosixPath(tree.path).stem
    return Bundle(name, tuple(i for i in items if isinstance(i, Item)), tree.position()), []


def _judged(
    tree: Tree, grammar: Grammar, schema: str, problems: list[Problem], *, bundles: bool = True
) -> tuple[Item | BundleRef, ...]:
    """The access items of a file that is held against its schema."""
    checker = grammar.file(schema)
    if not checker.accepts(tree.data):
        found = wrong(checker, tree.data, tree, ())
        if problems:  # about the end: `_end` has said it better
            found = [p for p in found if not _about_ends(p)]
        problems += found
    listed = tree.data.get("access") if isinstance(tree.data, dict) else None
    if not isinstance(listed, list):
        return ()
    items, odd = access(listed, tree, grammar, bundles=bundles)
    problems += odd
    return items


def _about_ends(problem: Problem) -> bool:
    about = problem.rule in ("missing-key", "unknown-key")
    return about and any(f"`{key}`" in problem.what for key in _ENDS)


def _end(tree: Tree, *, standing: bool) -> list[Problem]:
    """An end is what tells a grant from standing access: say so rather than `unknown key`."""
    if not isinstance(tree.data, dict):
        return []
    there = [key for key in _ENDS if key in tree.data]
    if standing:
        fix = "remove it, or move the file to grants/"
        return [
            Problem(
                tree.position((key,), of_key=True),
                f"`{key}` in standing/, where access has no end",
                fix,
                "standing-end",
            )
            for key in there
        ]
    if there or any(nearest(key, _ENDS) for key in tree.data if isinstance(key, str)):
        return []  # an end is there, or was meant: then the schema finds the slip
    fix = "add `expires: 2026-12-01T18:00:00Z` or `duration: 8h`, or move the file to standing/"
    return [Problem(tree.position(), "a grant without an end", fix, "no-end")]


def _parsed(
    tree: Tree, key: str, parse: Callable[[str], Value], problems: list[Problem]
) -> Value | None:
    """A time that the schema took may still be one that no calendar has."""
    text = tree.data.get(key)
    if not isinstance(text, str):
        return None
    try:
        return parse(text)
    except ValueError as e:
        spot = tree.position((key,))
        if all(p.position != spot for p in problems):
            what = f"`{key}` is `{shown(text)}`: {e}"
            fix = "write a length such as `8h`" if key == "duration" else "write a time that exists"
            if isinstance(e, Beyond):
                fix = f"write a year before {LAST}"
            problems.append(Problem(spot, what, fix, "time"))
        return None


def _subjects(tree: Tree, problems: list[Problem]) -> tuple[SubjectRef, ...]:
    data: dict[str, Any] = tree.data
    if problems:
        return ()
    if "group" in data:
        return (SubjectRef(data["group"], group=True),)
    if "subject" in data:
        return (SubjectRef(data["subject"].lower()),)
    found: list[SubjectRef] = []
    for i, name in enumerate(data["subjects"]):
        ref = SubjectRef(name.lower())
        if ref in found:
            spot = tree.position(("subjects", i))
            what = f"`subjects` names `{shown(name)}` twice"
            problems.append(Problem(spot, what, "remove one of them", "duplicate-value"))
        found.append(ref)
    return tuple(found)
