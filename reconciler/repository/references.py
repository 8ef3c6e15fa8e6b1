"""What files say of each other: every name that is used must be one that some file defines. Asks no
system."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.errors import Problem
from reconciler.model import BundleRef, DirectoryPage, Grant, Group, Person, Position, Service
from reconciler.model.people import FORGE
from reconciler.repository.configuration import FILE
from reconciler.repository.rows import Mentions
from reconciler.repository.tree import Tree
from reconciler.repository.words import absent_system, did_you_mean, shown


def strange(grant: Grant, names: Names) -> bool:
    """Whether it may use a name that nobody defines: a quick look, for very many."""
    for ref in grant.subjects:
        if ref.id not in (names.groups if ref.group else names.people):
            return True
    return any(type(one) is BundleRef and one.name not in names.bundles for one in grant.access)


def mentioned(grant: Grant) -> Mentions:
    subjects = tuple(ref.id for ref in grant.subjects if not ref.group)
    groups = tuple(ref.id for ref in grant.subjects if ref.group)
    bundles = tuple(one.name for one in grant.access if isinstance(one, BundleRef))
    return Mentions(subjects, groups, bundles)


_ADDRESS = re.compile(r"[^@:/\s]+@[^@:/\s]+\.[^@:/\s]+")
Keys = tuple[str | int, ...]
Finding = tuple[Keys, str, str, str]  # where, what, the fix, the rule
TreeOf = Callable[[str], Tree | None]  # a file's tree, read again to find a place in it


@dataclass
class Names:
    """Every name that the files define, and the first file that does."""

    people: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    services: dict[str, str] = field(default_factory=dict)
    bundles: frozenset[str] = frozenset()
    systems: frozenset[str] = frozenset()
    accounts: set[str] = field(default_factory=set)  # as some system knows somebody; lower case
    whole: bool = True  # False where a file of directory/ cannot be read: who is missing is unknown

    def add(self, path: str, page: DirectoryPage) -> None:
        for person in page.people:
            self.people.setdefault(person.id, path)
        for group in page.groups:
            self.groups.setdefault(group.id, path)
        for service in page.services:
            self.services.setdefault(service.id, path)
        every: Sequence[Person | Group | Service] = [*page.people, *page.groups, *page.services]
        for one in every:
            known = (listed for system, listed in one.accounts if system != FORGE)
            self.accounts.update(name.lower() for listed in known for name in listed)


def of_grants(
    mentions: Iterable[tuple[str, Mentions]], names: Names, tree_of: TreeOf
) -> Iterator[Problem]:
    """`mentions` by path. Only a file with something wrong is opened again."""
    people, services, whole = names.people, names.services, names.whole
    right: set[Mentions] = set()  # very many mention the same
    for path, said in mentions:
        if said in right:
            continue
        strangers = [s for s in said.subjects if whole and s not in people and s not in services]
        groups = [g for g in said.groups if whole and g not in names.groups]
        bundles = [b for b in said.bundles if b not in names.bundles]
        if strangers or groups or bundles:
            yield from _of_grant(path, tree_of(path), (strangers, groups, bundles), names)
        else:
            right.add(said)


def _of_grant(
    path: str, tree: Tree | None, wrong: tuple[list[str], list[str], list[str]], names: Names
) -> Iterator[Problem]:
    strangers, groups, bundles = wrong
    for name in strangers:
        known = [*names.people, *names.services]
        fix = did_you_mean(name, known) or "add the person or service to directory/"
        spot = _subject(path, tree, name)
        yield Problem(spot, f"nobody in directory/ is `{name}`", fix, "unknown-subject")
    for name in groups:
        fix = did_you_mean(name, names.groups) or "add the group to directory/"
        spot = tree.position(("group",)) if tree else Position(path)
        yield Problem(spot, f"there is no group `{name}` in directory/", fix, "unknown-group")
    for name in bundles:
        fix = did_you_mean(name, names.bundles) or f"add bundles/{name}.yaml"
        spot = _bundle(path, tree, name)
        yield Problem(spot, f"there is no bundles/{name}.yaml", fix, "unknown-bundle")


def _subject(path: str, tree: Tree | None, name: str) -> Position:
    if tree is None:
        return Position(path)
    for i, one in enumerate(tree.data.get("subjects", ())):
        if one.lower() == name:
            return tree.position(("subjects", i))
    return tree.position(("subject",))


def _bundle(path: str, tree: Tree | None, name: str) -> Position:
    if tree is None:
        return Position(path)
    for i, one in enumerate(tree.data["access"]):
        if one.get("bundle") == name:
            return tree.position(("access", i, "bundle"))
    return tree.position()


def of_protected(protected: Sequence[str], names: Names, tree: Tree | None) -> Iterator[Problem]:
    """Addresses under `protected` that are somebody's but for a slip of the pen, in a valid
    reconciler.yaml. A break-glass account need not be in directory/: an address that is nobody's is
    taken as it is, like the ids and names that only a system knows."""
    for i, name in enumerate(protected):
        known = name.lower() in names.people or name.lower() in names.accounts
        if known or not names.whole or not _ADDRESS.fullmatch(name):
            continue
        hint = did_you_mean(name.lower(), names.people)
        if not hint:
            continue
        fix = f"{hint} or write a principal's id as `reconciler plan --format json` shows it"
        spot = tree.position(("protected", i)) if tree else Position(FILE)
        yield Problem(spot, f"nobody in directory/ is `{shown(name)}`", fix, "unknown-subject")


def of_directory(
    pages: Mapping[str, DirectoryPage], names: Names, tree_of: TreeOf
) -> Iterator[Problem]:
    """Names that directory/ uses and does not define, and names that it defines twice."""
    seen: dict[tuple[str, str], str] = {}
    for path, page in sorted(pages.items()):
        found = [*_twice(path, page, seen), *_unknown(page, names)]
        if not found:
            continue
        tree = tree_of(path)
        for keys, what, fix, rule in found:
            spot = tree.position(keys) if tree else Position(path)
            yield Problem(spot, what, fix, rule)


def _twice(path: str, page: DirectoryPage, seen: dict[tuple[str, str], str]) -> Iterator[Finding]:
    listed: dict[str, Sequence[Person | Group | Service]]
    listed = {"people": page.people, "groups": page.groups, "services": page.services}
    for kind, entries in listed.items():
        for i, one in enumerate(entries):
            # A grant's `subject` may be a person or a service, so these share their names.
            key = ("groups" if kind == "groups" else "subjects", one.id)
            if key in seen:
                where = "above" if seen[key] == path else f"in {seen[key]}"
                what = f"`{one.id}` is listed twice, first {where}"
                yield (kind, i, "id"), what, "keep one of them", "duplicate-id"
            seen.setdefault(key, path)


def _unknown(page: DirectoryPage, names: Names) -> Iterator[Finding]:
    for i, person in enumerate(page.people):
        at: Keys = ("people", i)
        if names.whole and person.manager and person.manager not in names.people:
            what = f"nobody in directory/ is `{person.manager}`"
            fix = did_you_mean(person.manager, names.people) or "add the manager as a person"
            yield (*at, "manager"), what, fix, "unknown-subject"
        for j, group in enumerate(person.groups):
            if names.whole and group not in names.groups:
                what = f"there is no group `{group}` in directory/"
                fix = did_you_mean(group, names.groups) or f"add it: `groups: [{{id: {group}}}]`"
                yield (*at, "groups", j), what, fix, "unknown-group"
        yield from _systems(at, person.accounts, names)
    for i, one in enumerate(page.groups):
        for j, member in enumerate(one.members):
            if names.whole and member not in names.people:
                what = f"nobody in directory/ is `{member}`"
                fix = did_you_mean(member, names.people) or "add the member as a person"
                yield ("groups", i, "members", j), what, fix, "unknown-subject"
        yield from _systems(("groups", i), one.accounts, names)
    for i, service in enumerate(page.services):
        yield from _systems(("services", i), service.accounts, names)


def _systems(at: Keys, accounts: Iterable[tuple[str, object]], names: Names) -> Iterator[Finding]:
    for system, _ in accounts:
        if system not in names.systems and system != FORGE:
            fix = absent_system(system, names.systems) or "add it there, or remove the account"
            what = f"there is no system `{system}` in reconciler.yaml"
            yield (*at, "accounts", system), what, fix, "unknown-system"
