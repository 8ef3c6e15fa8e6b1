"""Files of directory/ -> people, groups and services. Looks at one file, never at another."""

from __future__ import annotations

from typing import Any

from reconciler.errors import Problem
from reconciler.model import DirectoryPage, Group, Person, Service, Status
from reconciler.model.people import Accounts, Attributes
from reconciler.repository.grammar import Grammar, wrong
from reconciler.repository.tree import Tree


def page(tree: Tree, grammar: Grammar) -> tuple[DirectoryPage | None, list[Problem]]:
    checker = grammar.file("directory")
    if not checker.accepts(tree.data):
        return None, wrong(checker, tree.data, tree, ())
    data: dict[str, Any] = tree.data
    people = tuple(_person(fields, grammar) for fields in data.get("people", ()))
    groups = tuple(_group(fields, grammar) for fields in data.get("groups", ()))
    services = tuple(_service(fields, grammar) for fields in data.get("services", ()))
    return DirectoryPage(people, groups, services), []


def _person(fields: dict[str, Any], grammar: Grammar) -> Person:
    return Person(
        id=fields["id"].lower(),
        name=fields.get("name", ""),
        status=Status(fields.get("status", Status.ACTIVE)),
        manager=fields.get("manager", "").lower(),
        groups=tuple(fields.get("groups", ())),
        accounts=_accounts(fields, grammar),
        attributes=_attributes(fields),
    )


def _group(fields: dict[str, Any], grammar: Grammar) -> Group:
    members = tuple(member.lower() for member in fields.get("members", ()))
    return Group(fields["id"], members, _accounts(fields, grammar))


def _service(fields: dict[str, Any], grammar: Grammar) -> Service:
    return Service(fields["id"], _accounts(fields, grammar), _attributes(fields))


def _attributes(fields: dict[str, Any]) -> Attributes:
    return tuple(sorted(fields.get("attributes", {}).items()))


def _accounts(fields: dict[str, Any], grammar: Grammar) -> Accounts:
    """By the systems' names now; of what stands under a former one too, all counts."""
    found: dict[str, tuple[str, ...]] = {}
    for system, names in fields.get("accounts", {}).items():
        now = grammar.now(system)
        listed = (names,) if isinstance(names, str) else tuple(names)
        found[now] = tuple(dict.fromkeys((*found.get(now, ()), *listed)))
    return tuple(sorted(found.items()))
