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
    people = tuple(_person(fields) for fields in data.get("people", ()))
    groups = tuple(_group(fields) for fields in data.get("groups", ()))
    services = tuple(_service(fields) for fields in data.get("services", ()))
    return DirectoryPage(people, groups, services), []


def _person(fields: dict[str, Any]) -> Person:
    return Person(
        id=fields["id"].lower(),
        name=fields.get("name", ""),
        status=Status(fields.get("status", Status.ACTIVE)),
        manager=fields.get("manager", "").lower(),
        groups=tuple(fields.get("groups", ())),
        accounts=_accounts(fields),
        attributes=_attributes(fields),
    )


def _group(fields: dict[str, Any]) -> Group:
    members = tuple(member.lower() for member in fields.get("members", ()))
    return Group(fields["id"], members, _accounts(fields))


def _service(fields: dict[str, Any]) -> Service:
    return Service(fields["id"], _accounts(fields), _attributes(fields))


def _attributes(fields: dict[str, Any]) -> Attributes:
    return tuple(sorted(fields.get("attributes", {}).items()))


def _accounts(fields: dict[str, Any]) -> Accounts:
    found = fields.get("accounts", {}).items()
    return tuple(
        sorted(
            (system, (names,) if isinstance(names, str) else tuple(names))
            for system, names in found
        )
    )
