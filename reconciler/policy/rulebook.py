"""All rules in the order in which they are asked, and whether one matches a case. Decides nothing.

Forbid rules come first, then permit rules; within each, pages as they are given and rules as they
stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reconciler.model import Effect, Match, PolicyPage, Rule
from reconciler.policy import sources
from reconciler.policy.case import Case
from reconciler.policy.catalog import Catalog
from reconciler.policy.cel import Expression, Facts
from reconciler.policy.matching import Index
from reconciler.policy.roster import Roster
from reconciler.policy.words import moment, some, what


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a rule matches, and what about it is worth a word ("" for nothing). `failed`: its
    expression could not be worked out."""

    matches: bool
    why: str = ""
    failed: bool = False


_FITS = Fit(True)


class Rulebook:
    def __init__(self, pages: Iterable[PolicyPage], catalog: Catalog, roster: Roster) -> None:
        said = [rule for page in pages for rule in page.rules]
        forbids = [rule for rule in said if rule.effect is Effect.FORBID]
        self.rules = (*forbids, *(rule for rule in said if rule.effect is Effect.PERMIT))
        self.forbids = (1 << len(forbids)) - 1
        self.permits = ((1 << len(self.rules)) - 1) ^ self.forbids
        self._catalog, self._roster = catalog, roster
        self._index = Index([rule.match for rule in self.rules])
        self._expressions = {i: Expression(r.when) for i, r in enumerate(self.rules) if r.when}
        held: list[Match] = []
        self._beside: dict[int, int] = {}  # rule -> which of `held` are its
        for i, rule in enumerate(self.rules):
            if rule.holds:
                self._beside[i] = ((1 << len(rule.holds)) - 1) << len(held)
                held += rule.holds
        self._held = Index(held)
        self.separating = sum(1 << i for i in self._beside)  # rules of separation of duties

    def alike(self, case: Case) -> int:
        """The rules whose `match` fits, one bit each."""
        return self._index.fits(case)

    def fit(self, i: int, case: Case, facts: Facts) -> Fit:
        """Whether rule `i`, whose `match` fits, matches by all else that it says. An expression
        that fails makes a forbid rule match and a permit rule not: an error is never wider access.
        """
        rule = self.rules[i]
        fit = _FITS
        if rule.effect is Effect.PERMIT:
            fit = self._serves(rule, case)
        elif i in self._beside:
            fit = self._together(i, case)
        expression = self._expressions.get(i)
        if not fit.matches or expression is None:
            return fit
        outcome = expression(facts)
        if outcome.error:
            return Fit(rule.effect is Effect.FORBID, f"its `when` failed: {outcome.error}", True)
        return fit if outcome.holds else Fit(False, f"its `when` does not hold: {rule.when}")

    def unlike(self, i: int, case: Case) -> Iterator[str]:
        """For each field of its `match` that does not fit, what it asks for and what there is."""
        for name, fitting in self._index.fields(case):
            if not fitting >> i & 1:
                yield self._index.why(i, name, case)

    def nearly(self, case: Case) -> tuple[int, int]:
        """The permit rules of whose `match` all fits, and those of which all but one field does."""
        missed, twice = 0, 0
        for _, fitting in self._index.fields(case):
            misses = self.permits & ~fitting
            twice |= missed & misses
            missed |= misses
        return self.permits & ~missed, missed & ~twice

    def wrong(self) -> Iterator[tuple[Rule, str]]:
        """Rules whose `when` cannot be compiled, with the reason."""
        for i, expression in self._expressions.items():
            if expression.wrong:
                yield self.rules[i], expression.wrong

    def _serves(self, rule: Rule, case: Case) -> Fit:
        if rule.standing is not case.endless:
            only = "without an end" if rule.standing else "with an end"
            return Fit(False, f"it permits only access {only}")
        if (rule.break_glass is not None) is not case.break_glass:
            only = "only" if rule.break_glass else "not"
            return Fit(False, f"it is {only} for grants with `break_glass: true`")
        if rule.ends is not None and case.merged >= rule.ends:
            return Fit(False, f"it permits nothing since {moment(rule.ends)}, its `ends`")
        if rule.break_glass is not None:
            serves = rule.break_glass.serves
            owner = case.resource.owner
            if case.subject.id not in sources.people(serves, owner, "", self._roster):
                words = some((*serves.groups, *serves.persons))
                return Fit(False, f"it serves {words}, and {case.subject.id} is not among them")
        return _FITS

    def _together(self, i: int, case: Case) -> Fit:
        """Separation of duties. More of what is asked for is nothing held beside it."""
        for entitlement in case.holds:
            if entitlement == case.entitlement:
                continue
            fitting = self._held.access(entitlement, self._catalog.facts(entitlement))
            if fitting & self._beside[i]:
                return Fit(True, f"{case.subject.id} has or asks for {what(entitlement)} as well")
        return Fit(False, f"{case.subject.id} holds nothing that it forbids beside this")
