"""Files of grants/, standing/ and bundles/ -> the model. Looks at one file, never at another."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from reconciler.errors import Problem
from reconciler.model import Bundle, BundleRef, Grant, Item, SubjectRef
from reconciler.repository.grammar import Grammar, wrong
from reconciler.repository.items import access
from reconciler.repository.moments import parsed
from reconciler.repository.paths import BREAK_GLASS, Kind
from reconciler.repository.times import instant, length
from reconciler.repository.tree import Tree
from reconciler.repository.words import nearest, shown

_ENDS = ("expires", "duration")
_FLAG = "break_glass"


def grant(
    tree: Tree, grammar: Grammar, kind: Kind, path: str = ""
) -> tuple[Grant | None, list[Problem]]:
    """A grant, or everything that is wrong with the file. `path` is where it would lie, where that
    is not the file it stands in."""
    problems = _end(tree, kind)
    data = _without_flag(tree, kind, problems)
    items = _judged(tree, data, grammar, kind, problems)
    if not isinstance(data, dict):
        return None, problems
    starts = parsed(data.get("starts"), instant, tree, ("starts",), problems)
    expires = parsed(data.get("expires"), instant, tree, ("expires",), problems)
    duration = parsed(data.get("duration"), length, tree, ("duration",), problems)
    if starts and expires and expires <= starts:
        what = f"`expires` is `{data['expires']}`, not after `starts`"
        spot = tree.position(("expires",))
        problems.append(Problem(spot, what, "write a later time", "window"))
    subjects = _subjects(tree, problems)
    if problems:
        return None, problems
    return Grant(
        path or tree.path,
        subjects,
        items,
        data["reason"].strip(),
        starts,
        expires,
        duration,
        data.get("ticket", ""),
        kind is Kind.BREAK_GLASS,
        tree.position(),
    ), []


def bundle(tree: Tree, grammar: Grammar) -> tuple[Bundle | None, list[Problem]]:
    problems: list[Problem] = []
    items = _judged(tree, tree.data, grammar, Kind.BUNDLE, problems, bundles=False)
    if problems:
        return None, problems
    name = PurePosixPath(tree.path).stem
    return Bundle(name, tuple(i for i in items if isinstance(i, Item)), tree.position()), []


def _judged(
    tree: Tree,
    data: Any,
    grammar: Grammar,
    kind: Kind,
    problems: list[Problem],
    *,
    bundles: bool = True,
) -> tuple[Item | BundleRef, ...]:
    """The access items of a file that is held against its schema."""
    checker = grammar.file(kind)
    data = checker.typed(data)
    if not checker.accepts(data):
        found = wrong(checker, data, tree, ())
        if problems:  # about the end: `_end` has said it better
            found = [p for p in found if not _about_ends(p)]
        problems += found
    listed = data.get("access") if isinstance(data, dict) else None
    if not isinstance(listed, list):
        return ()
    items, odd = access(listed, tree, grammar, bundles=bundles)
    problems += odd
    return items


def _about_ends(problem: Problem) -> bool:
    about = problem.rule in ("missing-key", "unknown-key")
    return about and any(f"`{key}`" in problem.what for key in _ENDS)


def _without_flag(tree: Tree, kind: Kind, problems: list[Problem]) -> Any:
    """What the schema judges: in grants/ without `break_glass`, of which it is said better here."""
    if kind is not Kind.GRANT or not isinstance(tree.data, dict) or _FLAG not in tree.data:
        return tree.data
    what = f"`{_FLAG}` outside {BREAK_GLASS}, where nobody looks for it"
    fix = f"move the file to {BREAK_GLASS}, or remove the key and ask for approval"
    spot = tree.position((_FLAG,), of_key=True)
    problems.append(Problem(spot, what, fix, "break-glass"))
    return {key: value for key, value in tree.data.items() if key != _FLAG}


def _end(tree: Tree, kind: Kind) -> list[Problem]:
    """An end is what tells a grant from standing access: say so rather than `unknown key`."""
    if not isinstance(tree.data, dict):
        return []
    there = [key for key in _ENDS if key in tree.data]
    if kind is Kind.STANDING:
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
