"""Access items -> entitlements, through the pure part of each system's provider. Asks no system."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconciler.errors import ItemError, Problem
from reconciler.model import BundleRef, Item, Position
from reconciler.repository.grammar import Grammar, Known, wrong
from reconciler.repository.tree import Tree
from reconciler.repository.words import absent_system, did_you_mean, shown, ticked

Keys = tuple[str | int, ...]


def access(
    listed: list[Any], tree: Tree, grammar: Grammar, *, bundles: bool, under: Keys = ("access",)
) -> tuple[tuple[Item | BundleRef, ...], list[Problem]]:
    """The list under `access` or another key, and what is wrong in it. `bundles`: may it name any?"""
    found: list[Item | BundleRef] = []
    problems: list[Problem] = []
    seen: dict[object, Position] = {}
    for i, fields in enumerate(listed):
        at: Keys = (*under, i)
        if not isinstance(fields, dict):
            continue  # the schema has said so
        if bundles and "bundle" in fields:
            one: Item | BundleRef | None = _bundle(fields, tree, at, problems)
        else:
            one = _system_item(fields, tree, at, grammar, problems)
        if one is None:
            continue
        key: object = one.name if isinstance(one, BundleRef) else (one.entitlement, one.account)
        if key in seen:
            what = f"the same access as on line {seen[key].line}"
            problems.append(Problem(one.position, what, "remove one of them", "duplicate-item"))
        seen[key] = one.position
        found.append(one)
    return tuple(found), problems


def _bundle(
    fields: dict[str, Any], tree: Tree, at: Keys, problems: list[Problem]
) -> BundleRef | None:
    sound = True
    for key in fields:
        if key != "bundle":
            what = f"`{shown(key)}` beside `bundle`"
            spot = tree.position((*at, key), of_key=True)
            fix = "write the bundle as an entry of its own: `- bundle: NAME`"
            problems.append(Problem(spot, what, fix, "unknown-key"))
            sound = False
    name = fields["bundle"]
    if not isinstance(name, str) or not name:
        spot = tree.position((*at, "bundle"))
        problems.append(
            Problem(spot, "`bundle` is no name", "write the name of a file in bundles/", "type")
        )
        sound = False
    return BundleRef(name, tree.position((*at, "bundle"))) if sound else None


def _system_item(
    fields: dict[str, Any], tree: Tree, at: Keys, grammar: Grammar, problems: list[Problem]
) -> Item | None:
    name = fields.get("system")
    if name is None:
        hint = did_you_mean_key(fields, ("system", "bundle"))
        known = ticked(grammar.systems) or "`NAME`"
        fix = hint or f"add `system:` with {known}"
        problems.append(Problem(tree.position(at), "`system` is missing", fix, "missing-key"))
        return None
    now = grammar.now(name) if isinstance(name, str) else ""
    known_system = grammar.systems.get(now)
    if known_system is None:
        if now not in grammar.broken:
            problems.append(_unknown_system(name, tree, (*at, "system"), grammar))
        return None
    own = {key: value for key, value in fields.items() if key != "system"}
    return item(own, tree, at, known_system, grammar, problems)


def item(
    own: dict[str, Any],
    tree: Tree,
    at: Keys,
    known: Known,
    grammar: Grammar,
    problems: list[Problem],
) -> Item | None:
    """One item of a known system, from its own keys."""
    checker = grammar.item(known.provider)
    own = checker.typed(own)
    if not checker.accepts(own):
        problems.extend(wrong(checker, own, tree, at))
        return None
    try:
        entitlement, account = known.system.item(own)
    except ItemError as e:
        spot = _within(tree, at, e.field)
        what = f"`{e.field}`: {e.problem}" if e.field else e.problem
        problems.append(Problem(spot, what, e.fix, "access-item"))
        return None
    return Item(entitlement, account, tree.position(at))


def did_you_mean_key(fields: dict[str, Any], wanted: tuple[str, ...]) -> str:
    for key in fields:
        hint = did_you_mean(key, wanted)
        if hint:
            return f"`{shown(key)}`: {hint}"
    return ""


def _unknown_system(name: object, tree: Tree, at: Keys, grammar: Grammar) -> Problem:
    fix = absent_system(str(name), grammar.systems)
    if not fix:
        known = ticked(grammar.systems)
        fix = f"write {known}, or add it to reconciler.yaml" if known else "add it there"
    what = f"there is no system `{shown(name)}` in reconciler.yaml"
    return Problem(tree.position(at), what, fix, "unknown-system")


def _within(tree: Tree, at: Keys, field: str) -> Position:
    """Where `field` is: a key of the item, or a path of keys and indices joined with dots."""
    if not field:
        return tree.position(at)
    steps = [int(step) if step.isdigit() else step for step in field.split(".")]
    return tree.position((*at, *steps))


def system_items(
    values: list[Any], tree: Tree, at: Keys, known: Known, grammar: Grammar
) -> Iterator[Item | Problem]:
    """The items under a system's own `exclusive`, which do not name it again."""
    for i, own in enumerate(values):
        problems: list[Problem] = []
        found = item(dict(own), tree, (*at, i), known, grammar, problems)
        yield from problems
        if found is not None:
            yield found
