"""What policies, their tests and catalog/ say of other files: names that nobody defines, and names
that are defined twice. What they decide is not looked at."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.errors import Problem
from reconciler.model import (
    Approvals,
    CatalogPage,
    Match,
    PolicyPage,
    PolicyTestPage,
    Position,
    Rule,
    Source,
)
from reconciler.repository.parse import Document
from reconciler.repository.references import Finding, Keys, Names, TreeOf
from reconciler.repository.words import absent_system, did_you_mean, shown

_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Pages:
    """Of one commit or working tree, by path: the files that are valid."""

    policies: dict[str, PolicyPage] = field(default_factory=dict)
    tests: dict[str, PolicyTestPage] = field(default_factory=dict)
    catalog: dict[str, CatalogPage] = field(default_factory=dict)

    def add(self, path: str, page: Document) -> None:
        match page:
            case PolicyPage():
                self.policies[path] = page
            case PolicyTestPage():
                self.tests[path] = page
            case CatalogPage():
                self.catalog[path] = page
            case _:
                pass


def of_pages(
    pages: Pages, names: Names, tree_of: TreeOf, *, policies: Collection[str]
) -> Iterator[Problem]:
    """`policies` are the paths of all files of policies/: where one of them is not valid, nobody
    can tell which rules there are."""
    rules: dict[str, Position] = {}
    entries: dict[tuple[str, str], Position] = {}
    found: list[tuple[str, Finding]] = []
    for path, policy in sorted(pages.policies.items()):
        found += ((path, one) for one in _of_policy(policy, names, rules))
    for path, catalog in sorted(pages.catalog.items()):
        found += ((path, one) for one in _of_catalog(catalog, names, entries))
    if pages.policies.keys() >= set(policies):
        for path, tests in sorted(pages.tests.items()):
            found += ((path, one) for one in _of_tests(tests, rules))
    trees = {path: tree_of(path) for path, _ in found}
    for path, (keys, what, fix, rule) in found:
        tree = trees[path]
        yield Problem(tree.position(keys) if tree else Position(path), what, fix, rule)


def _of_policy(page: PolicyPage, names: Names, rules: dict[str, Position]) -> Iterator[Finding]:
    for i, rule in enumerate(page.rules):
        at: Keys = ("rules", i)
        yield from _twice(rules, rule.name, (*at, rule.effect.value), rule.position)
        yield from _of_rule(rule, at, names)
    for i, change in enumerate(page.changes):
        at = ("changes", i)
        yield from _twice(rules, change.name, (*at, "change"), change.position)
        yield from _approvals(change.approvals, (*at, "approvals"), names)


def _twice(seen: dict[str, Position], name: str, at: Keys, spot: Position) -> Iterator[Finding]:
    first = seen.setdefault(name, spot)
    if first is not spot:
        where = f"on line {first.line}" if first.path == spot.path else f"in {first.path}"
        what = f"`{name}` is already the name of a rule {where}"
        yield at, what, "give it another name", "duplicate-name"


def _of_rule(rule: Rule, at: Keys, names: Names) -> Iterator[Finding]:
    yield from _match(rule.match, (*at, "match"), names)
    for i, held in enumerate(rule.holds):
        yield from _match(held, (*at, "holds", i), names)
    yield from _approvals(rule.approvals, (*at, "approvals"), names)
    if rule.automatic is not None:
        yield from _groups(rule.automatic.groups, (*at, "auto_approve", "groups"), names)
    if rule.break_glass is not None:
        under: Keys = (*at, "break_glass")
        yield from _source(rule.break_glass.serves, (*under, "serves"), names)
        yield from _source(rule.break_glass.review_by, (*under, "review"), names)
        yield from _told(rule.break_glass.wakes, (*under, "wakes"), names)
    yield from _told(rule.notify, (*at, "notify"), names)


def _match(match: Match, at: Keys, names: Names) -> Iterator[Finding]:
    yield from _groups(match.groups, (*at, "groups"), names)
    for i, system in enumerate(match.systems):
        if not _WILD.search(system) and system.lower() not in names.systems:
            yield _no_system(system, (*at, "systems", i), names)


def _approvals(approvals: Iterable[Approvals], at: Keys, names: Names) -> Iterator[Finding]:
    for i, one in enumerate(approvals):
        yield from _source(one.source, (*at, i), names)


def _source(source: Source, at: Keys, names: Names) -> Iterator[Finding]:
    yield from _groups(source.groups, (*at, "groups"), names)
    for i, person in enumerate(source.persons):
        if names.whole and person not in names.people:
            yield _nobody(person, (*at, "persons", i), names)


def _groups(groups: Iterable[str], at: Keys, names: Names) -> Iterator[Finding]:
    for i, group in enumerate(groups):
        if names.whole and group not in names.groups:
            yield _no_group(group, (*at, i), names)


def _told(told: Iterable[str], at: Keys, names: Names) -> Iterator[Finding]:
    """People by their address, groups by their id."""
    for i, name in enumerate(told):
        if not names.whole or name in names.people or name in names.groups:
            continue
        yield _nobody(name, (*at, i), names) if "@" in name else _no_group(name, (*at, i), names)


def _of_catalog(
    page: CatalogPage, names: Names, seen: dict[tuple[str, str], Position]
) -> Iterator[Finding]:
    for i, one in enumerate(page.resources):
        at: Keys = ("resources", i)
        first = seen.setdefault((one.system, one.resource), one.position)
        if first is not one.position:
            where = f"on line {first.line}" if first.path == page.path else f"in {first.path}"
            what = f"`{shown(one.resource)}` of `{one.system}` is already listed {where}"
            yield (*at, "resource"), what, "keep one of them", "duplicate-id"
        if one.system not in names.systems:
            yield _no_system(one.system, (*at, "system"), names)
        for _, what, fix, rule in _told([one.owner] if one.owner else [], at, names):
            yield (*at, "owner"), what, fix, rule


def _of_tests(page: PolicyTestPage, rules: Mapping[str, Position]) -> Iterator[Finding]:
    for i, test in enumerate(page.tests):
        if test.rule and test.rule not in rules:
            what = f"there is no rule `{test.rule}` in policies/"
            fix = did_you_mean(test.rule, rules) or "write the name of a rule"
            yield ("tests", i, "expect", "rule"), what, fix, "unknown-rule"


def _no_system(name: str, at: Keys, names: Names) -> Finding:
    fix = absent_system(name, names.systems) or "add it there"
    return at, f"there is no system `{shown(name)}` in reconciler.yaml", fix, "unknown-system"


def _no_group(name: str, at: Keys, names: Names) -> Finding:
    fix = did_you_mean(name, names.groups) or "add the group to directory/"
    return at, f"there is no group `{name}` in directory/", fix, "unknown-group"


def _nobody(name: str, at: Keys, names: Names) -> Finding:
    fix = did_you_mean(name, names.people) or "add the person to directory/"
    return at, f"nobody in directory/ is `{name}`", fix, "unknown-subject"
