"""Files of policies/tests/ -> grants with what is known and what must be decided. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.errors import Problem
from reconciler.model import Entitlement, Expected, Grant, Item, Position
from reconciler.model.policy_test import PolicyTest, PolicyTestPage
from reconciler.repository import grants
from reconciler.repository.grammar import Grammar, wrong
from reconciler.repository.items import access
from reconciler.repository.moments import parsed
from reconciler.repository.paths import kind_of, trouble
from reconciler.repository.times import instant
from reconciler.repository.tree import Tree
from reconciler.repository.words import shown

Keys = tuple[str | int, ...]


def page(tree: Tree, grammar: Grammar) -> tuple[PolicyTestPage | None, list[Problem]]:
    checker = grammar.file("policy-test")
    if not checker.accepts(tree.data):
        return None, wrong(checker, tree.data, tree, ())
    problems: list[Problem] = []
    reading = _Reading(tree, grammar, problems)
    listed: list[dict[str, Any]] = tree.data["tests"]
    tests = [reading.test(fields, i) for i, fields in enumerate(listed)]
    problems += _twice(tree, listed)
    if problems:
        return None, problems
    return PolicyTestPage(tree.path, tuple(test for test in tests if test is not None)), []


def _twice(tree: Tree, listed: list[dict[str, Any]]) -> list[Problem]:
    seen: dict[str, Position] = {}
    found: list[Problem] = []
    for i, fields in enumerate(listed):
        spot = tree.position(("tests", i, "name"))
        first = seen.setdefault(fields["name"], spot)
        if first != spot:
            what = f"`{shown(fields['name'])}` is already a test on line {first.line}"
            found.append(Problem(spot, what, "give it another name", "duplicate-name"))
    return found


@dataclass(frozen=True, slots=True)
class _Reading:
    """Of one file that the schema took. What is wrong all the same goes to `problems`."""

    tree: Tree
    grammar: Grammar
    problems: list[Problem]

    def test(self, fields: dict[str, Any], number: int) -> PolicyTest | None:
        """None only with a problem."""
        at: Keys = ("tests", number)
        path, facts, expect = fields["path"], fields.get("facts", {}), fields["expect"]
        grant = self.grant(path, at)
        moment = parsed(fields["at"], instant, self.tree, (*at, "at"), self.problems)
        holds = self.holds(facts.get("holds", []), (*at, "facts", "holds"))
        if grant is None or moment is None:
            return None
        groups = facts.get("groups", {}).items()
        attributes = facts.get("attributes", {}).items()
        return PolicyTest(
            name=fields["name"],
            grant=grant,
            at=moment,
            author=facts.get("author", "").lower(),
            approved_by=tuple(name.lower() for name in facts.get("approved_by", ())),
            groups=tuple(sorted((name.lower(), tuple(listed)) for name, listed in groups)),
            attributes=tuple(
                sorted((name.lower(), tuple(sorted(said.items()))) for name, said in attributes)
            ),
            holds=holds,
            decision=Expected(expect["decision"]),
            rule=expect.get("rule", ""),
            reason=expect.get("reason", ""),
            position=self.tree.position(at),
        )

    def grant(self, path: str, at: Keys) -> Grant | None:
        """By the very code that reads its file, if it lay there."""
        refused, kind = trouble(path), kind_of(path)
        if refused is not None or kind is None:
            what = f"no grant can lie at `{shown(path)}`"
            fix = refused.fix if refused else "write a path such as `grants/payments/alice.yaml`"
            self.problems.append(Problem(self.tree.position((*at, "path")), what, fix, "path"))
            return None
        found, problems = grants.grant(self.tree.within((*at, "grant")), self.grammar, kind, path)
        self.problems.extend(problems)
        return found

    def holds(self, listed: list[Any], at: Keys) -> tuple[Entitlement, ...]:
        items, problems = access(listed, self.tree, self.grammar, bundles=False, under=at)
        self.problems.extend(problems)
        return tuple(one.entitlement for one in items if isinstance(one, Item))
