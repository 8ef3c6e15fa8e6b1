"""Files of policies/ -> rules. Looks at one file, never at another; compiles no CEL and no pattern of a
ticket, knows no date."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reconciler.errors import Problem
from reconciler.model import (
    Approvals,
    Automatic,
    BreakGlass,
    ChangeRule,
    Effect,
    Match,
    PolicyPage,
    Require,
    Rule,
    Source,
)
from reconciler.repository.former import patterns
from reconciler.repository.grammar import Grammar, wrong
from reconciler.repository.moments import parsed
from reconciler.repository.times import instant, length
from reconciler.repository.tree import Tree
from reconciler.repository.words import did_you_mean, shown, ticked

Keys = tuple[str | int, ...]

_OF_PERMITS = (
    "standing",
    "max_duration",
    "min_duration",
    "max_total",
    "max_ahead",
    "require",
    "approvals",
    "self_approval",
    "auto_approve",
    "break_glass",
    "notify",
)
_OF_FORBIDS = ("holds",)
_OF_GRANTS_THAT_END = ("max_duration", "min_duration", "max_total", "break_glass")
_PLACES = ("grants", "standing")
_WILD = re.compile(r"[*?\[]")


def page(tree: Tree, grammar: Grammar) -> tuple[PolicyPage | None, list[Problem]]:
    problems: list[Problem] = []
    judged = _without_misplaced(tree, problems)
    checker = grammar.file("policy")
    judged = checker.typed(judged)
    if not checker.accepts(judged):
        return None, [*problems, *wrong(checker, judged, tree, ())]
    reading = _Reading(tree, grammar, problems)
    rules = tuple(reading.rule(fields, ("rules", i)) for i, fields in _listed(judged, "rules"))
    changes = tuple(
        reading.change(fields, ("changes", i)) for i, fields in _listed(judged, "changes")
    )
    if problems:
        return None, problems
    return PolicyPage(tree.path, rules, changes, judged.get("auto_merge", False)), []


def _listed(data: Mapping[str, Any], key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    return enumerate(data.get(key, ()))


def _without_misplaced(tree: Tree, problems: list[Problem]) -> Any:
    """What the schema judges: each rule without keys that belong to the other sort of rule, and of
    those it is said better here."""
    data = tree.data
    if not isinstance(data, dict) or not isinstance(data.get("rules"), list):
        return data
    rules: list[Any] = []
    for i, fields in enumerate(data["rules"]):
        odd: tuple[str, ...] = ()
        if isinstance(fields, dict) and ("forbid" in fields) != ("permit" in fields):
            forbids = "forbid" in fields
            odd = tuple(k for k in (_OF_PERMITS if forbids else _OF_FORBIDS) if k in fields)
            fields = {key: value for key, value in fields.items() if key not in odd}
        for key in odd:
            sort, other = ("forbid", "permit") if forbids else ("permit", "forbid")
            what = f"`{key}` in a {sort} rule, where it has no meaning"
            spot = tree.position(("rules", i, key), of_key=True)
            fix = f"remove it, or write it in a {other} rule"
            problems.append(Problem(spot, what, fix, "misplaced-key"))
        rules.append(fields)
    return {**data, "rules": rules}


@dataclass(frozen=True, slots=True)
class _Reading:
    """Of one file that the schema took. What is wrong all the same goes to `problems`."""

    tree: Tree
    grammar: Grammar
    problems: list[Problem]

    def rule(self, fields: dict[str, Any], at: Keys) -> Rule:
        effect = Effect.FORBID if "forbid" in fields else Effect.PERMIT
        if "standing" in fields:
            self.no_end(fields, at)
        longest = self.length(fields, (*at, "max_duration"))
        shortest = self.length(fields, (*at, "min_duration"))
        total = self.length(fields, (*at, "max_total"))
        self.in_order(shortest, longest, (*at, "min_duration"), "`max_duration`")
        self.in_order(longest, total, (*at, "max_duration"), "`max_total`")
        return Rule(
            name=fields[effect],
            effect=effect,
            match=self.match(fields.get("match", {}), (*at, "match")),
            when=fields.get("when", "").strip(),
            holds=tuple(
                self.match(held, (*at, "holds", i)) for i, held in _listed(fields, "holds")
            ),
            reason=fields.get("reason", "").strip(),
            ends=self.instant(fields, (*at, "ends")),
            standing=fields.get("standing", False),
            max_duration=longest,
            min_duration=shortest,
            max_total=total,
            max_ahead=self.length(fields, (*at, "max_ahead")),
            require=self.require(fields.get("require", {}), (*at, "require")),
            approvals=self.approvals(fields, (*at, "approvals")),
            self_approval=fields.get("self_approval", False),
            automatic=self.automatic(fields.get("auto_approve"), (*at, "auto_approve")),
            break_glass=self.break_glass(fields.get("break_glass"), (*at, "break_glass")),
            notify=tuple(name.lower() for name in fields.get("notify", ())),
            position=self.tree.position(at),
            when_position=self.tree.position((*at, "when") if "when" in fields else at),
        )

    def change(self, fields: dict[str, Any], at: Keys) -> ChangeRule:
        approvals = self.approvals(fields, (*at, "approvals"))
        paths = tuple(fields["paths"])
        return ChangeRule(fields["change"], paths, approvals, self.tree.position(at))

    def match(self, fields: dict[str, Any], at: Keys) -> Match:
        for i, path in enumerate(fields.get("paths", ())):
            self.path(path, (*at, "paths", i))
        return Match(
            systems=tuple(patterns(fields.get("systems", ()), self.grammar.former)),
            kinds=tuple(fields.get("kinds", ())),
            resources=tuple(fields.get("resources", ())),
            roles=tuple(fields.get("roles", ())),
            bundles=tuple(fields.get("bundles", ())),
            paths=tuple(fields.get("paths", ())),
            tags=tuple(sorted(fields.get("tags", {}).items())),
            classification=tuple(fields.get("classification", ())),
            subjects=tuple(fields.get("subjects", ())),
            groups=tuple(fields.get("groups", ())),
            attributes=_attributes(fields),
        )

    def path(self, path: str, at: Keys) -> None:
        """A pattern that can match no grant is a slip of the pen."""
        top = path.partition("/")[0]
        if _WILD.search(top) or (top in _PLACES and "/" in path):
            return
        known = ticked(f"{place}/**" for place in _PLACES)
        fix = did_you_mean(top, _PLACES) or f"write a path such as {known}"
        self.problem(at, f"no grant can lie at `{shown(path)}`", fix, "no-match")

    def require(self, fields: dict[str, Any], at: Keys) -> Require:
        spot = self.tree.position((*at, "ticket"))
        return Require(fields.get("ticket", ""), fields.get("reason", 0), spot)

    def approvals(self, fields: dict[str, Any], at: Keys) -> tuple[Approvals, ...]:
        found = []
        for i, one in _listed(fields, "approvals"):
            source, count = _source(one), one.get("count", 1)
            more = source.groups or source.owner or source.manager
            if not more and count > len(source.persons):
                what = f"`count` is `{count}`, and `persons` names {len(source.persons)}"
                fix = f"write at most {len(source.persons)}, or name more people"
                self.problem((*at, i, "count"), what, fix, "range")
            found.append(Approvals(count, source))
        return tuple(found)

    def automatic(self, fields: dict[str, Any] | None, at: Keys) -> Automatic | None:
        if fields is None:
            return None
        longest = self.length(fields, (*at, "max_duration"))
        groups, roles = tuple(fields.get("groups", ())), tuple(fields.get("roles", ()))
        return Automatic(groups, _attributes(fields), roles, longest)

    def break_glass(self, fields: dict[str, Any] | None, at: Keys) -> BreakGlass | None:
        if fields is None:
            return None
        longest = self.length(fields, (*at, "max_duration"))
        within = self.length(fields["review"], (*at, "review", "within"))
        wakes = tuple(name.lower() for name in fields["wakes"])
        if longest is None or within is None:
            return None  # and its problem is told
        review = _source(fields["review"])
        return BreakGlass(_source(fields["serves"]), longest, wakes, review, within)

    def no_end(self, fields: dict[str, Any], at: Keys) -> None:
        for key in _OF_GRANTS_THAT_END:
            if key in fields:
                what = f"`{key}` beside `standing`, which permits access with no end"
                spot = self.tree.position((*at, key), of_key=True)
                fix = "remove one of them, or write two rules"
                self.problems.append(Problem(spot, what, fix, "conflict"))

    def in_order(self, less: timedelta | None, more: timedelta | None, at: Keys, of: str) -> None:
        if less is not None and more is not None and less > more:
            what = f"`{at[-1]}` is longer than {of}: nothing can be permitted"
            self.problem(at, what, "write a shorter time", "range")

    def length(self, fields: dict[str, Any], at: Keys) -> timedelta | None:
        return parsed(fields.get(str(at[-1])), length, self.tree, at, self.problems)

    def instant(self, fields: dict[str, Any], at: Keys) -> datetime | None:
        return parsed(fields.get(str(at[-1])), instant, self.tree, at, self.problems)

    def problem(self, at: Keys, what: str, fix: str, rule: str) -> None:
        self.problems.append(Problem(self.tree.position(at), what, fix, rule))


def _source(fields: dict[str, Any]) -> Source:
    return Source(
        tuple(fields.get("groups", ())),
        tuple(person.lower() for person in fields.get("persons", ())),
        fields.get("owner", False),
        fields.get("manager", False),
    )


def _attributes(fields: dict[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found = fields.get("attributes", {}).items()
    return tuple(
        sorted(
            (name, (values,) if isinstance(values, str) else tuple(values))
            for name, values in found
        )
    )
