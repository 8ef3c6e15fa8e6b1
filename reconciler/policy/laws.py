"""The policy of one commit: what it says of a case, and of a change of any other file. Pure: the
order of files, the machine and the day make no difference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import cache
from itertools import islice

from reconciler.errors import Problem
from reconciler.model import CatalogPage, Effect, Entitlement, PolicyPage, Rule, Status
from reconciler.policy import expressions, globs, limits
from reconciler.policy.case import Case, ResourceFacts, SubjectFacts
from reconciler.policy.catalog import Catalog
from reconciler.policy.cel import Facts
from reconciler.policy.matching import bits
from reconciler.policy.roster import Roster
from reconciler.policy.rulebook import Rulebook
from reconciler.policy.ruling import Need, Ruling
from reconciler.policy.sources import Asked
from reconciler.policy.words import moment, what

__all__ = ["Laws", "Need", "Ruling"]

_FEW = 3  # rules named as having come near


class Laws:
    def __init__(
        self, policies: Iterable[PolicyPage], catalog: Iterable[CatalogPage], roster: Roster
    ) -> None:
        pages = sorted(policies, key=lambda p: p.path)
        self.roster, self._asked = roster, Asked(roster)
        self._catalog = Catalog(catalog)
        self.book = Rulebook(pages, self._catalog, roster)
        self._changes = [change for page in pages for change in page.changes]
        self.auto_merge = any(page.auto_merge for page in pages)
        self._subject = cache(self._found)

    def subject(self, id: str, kind: str = "") -> SubjectFacts:
        """`kind` "person" or "service"; "" for whichever there is."""
        return self._subject(id, kind)

    def resource(self, e: Entitlement) -> ResourceFacts:
        return self._catalog.facts(e)

    def decide(self, case: Case) -> Ruling:
        refused = _stranger(case)
        if refused:
            return refused
        facts, alike = Facts(case), self.book.alike(case)
        forbidden = [
            (self.book.rules[i], fit.why)
            for i in bits(alike & self.book.forbids)
            if (fit := self.book.fit(i, case, facts)).matches
        ]
        if forbidden:
            return _forbidden(case, forbidden)
        passed: list[str] = []
        for i in bits(alike & self.book.permits):
            fit = self.book.fit(i, case, facts)
            if fit.matches:
                ruling = self._by(self.book.rules[i], case)
                return replace(ruling, reasons=(*ruling.reasons, *passed)) if passed else ruling
            if fit.failed:
                passed.append(f"rule `{self.book.rules[i].name}` was passed over: {fit.why}")
        return self._unmatched(case, facts)

    def separated(self, case: Case) -> tuple[str, str] | None:
        """The first rule of separation of duties that forbids the case beside what it `holds`,
        with the reason."""
        facts, alike = Facts(case), self.book.alike(case)
        for i in bits(alike & self.book.separating):
            if (fit := self.book.fit(i, case, facts)).matches:
                return self.book.rules[i].name, fit.why
        return None

    def change(self, path: str) -> tuple[str, tuple[Need, ...]] | None:
        """The rule of `changes:` for a file that is no grant, and whose approval it asks for. None:
        no rule covers it, so nobody may change it."""
        for rule in self._changes:
            if any(globs.path(glob)(path) for glob in rule.paths):
                return rule.name, self._asked.needs(rule.approvals)
        return None

    def problems(self, now: datetime) -> tuple[Problem, ...]:
        """What is to be mended in policies/, by what it says and what time it is."""
        found = [_ended(rule) for rule in self.book.rules if rule.ends and rule.ends <= now]
        found += [expressions.problem(rule, why) for rule, why in self.book.wrong()]
        found += [one for rule in self.book.rules for one in expressions.of_ticket(rule)]
        return tuple(sorted(found))

    def _found(self, id_: str, kind: str) -> SubjectFacts:
        person = self.roster.person(id_) if kind != "service" else None
        if person is not None:
            groups = self.roster.groups_of(id_)
            return SubjectFacts(
                person.id, "person", groups, person.attributes, person.manager, person.status.value
            )
        service = self.roster.service(id_) if kind != "person" else None
        if service is None:
            return SubjectFacts(id_, kind or "person")
        active = Status.ACTIVE.value
        return SubjectFacts(service.id, "service", attributes=service.attributes, status=active)

    def _by(self, rule: Rule, case: Case) -> Ruling:
        """What the permit rule that matches comes to."""
        broken = list(limits.broken(rule, case))
        if broken:
            reasons = tuple(f"rule `{rule.name}` does not permit it: {why}" for why, _ in broken)
            fixes = list(dict.fromkeys(fix for _, fix in broken))
            return Ruling(False, rule.name, reasons, fix=f"{case.path}: {', and '.join(fixes)}")
        waived = limits.automatic(rule, case)
        asked = () if waived or rule.break_glass is not None else rule.approvals
        owner, manager = case.resource.owner, case.subject.manager
        return Ruling(
            True,
            rule.name,
            (f"rule `{rule.name}` permits it",),
            self._asked.needs(asked, owner, manager),
            break_glass=rule.break_glass,
            notify=rule.notify,
            automatic=waived,
            self_approval=rule.self_approval,
        )

    def _unmatched(self, case: Case, facts: Facts) -> Ruling:
        whole, near = self.book.nearly(case)
        but = [(i, self.book.fit(i, case, facts).why) for i in islice(bits(whole), _FEW)]
        but += [(i, ", ".join(self.book.unlike(i, case))) for i in islice(bits(near), _FEW)]
        said = [f"rule `{self.book.rules[i].name}` comes near, but {why}" for i, why in but]
        reasons = (f"no rule permits {what(case.entitlement)} for {case.subject.id}", *said[:_FEW])
        fix = f"ask for what a rule permits, or have a rule for {case.path} added first"
        return Ruling(False, "", reasons, fix=fix)


def _stranger(case: Case) -> Ruling | None:
    subject = case.subject
    if subject.status == Status.ACTIVE.value:
        return None
    if not subject.status:
        reason = f"{subject.id} is not in the directory as it was before this change"
        fix = f"add {subject.id} to directory/ first, in a pull request of its own"
    else:
        reason = f"{subject.id} is {subject.status} in the directory"
        fix = f"take {subject.id} out of {case.path}, or have the directory corrected first"
    return Ruling(False, "", (reason,), fix=fix)


def _forbidden(case: Case, rules: list[tuple[Rule, str]]) -> Ruling:
    reasons = []
    for rule, why in rules:
        more = ": ".join(part for part in (rule.reason, why) if part)
        reasons.append(f"rule `{rule.name}` forbids it" + (f": {more}" if more else ""))
    name = rules[0][0].name
    fix = (
        f"take {what(case.entitlement)} out of {case.path}, or have rule `{name}` changed in a "
        "pull request of its own"
    )
    return Ruling(False, name, tuple(reasons), fix=fix)


def _ended(rule: Rule) -> Problem:
    at = moment(rule.ends) if rule.ends else ""
    if rule.effect is Effect.FORBID:
        words = f"forbid rule `{rule.name}` ended at {at}, and goes on forbidding"
        return Problem(rule.position, words, "delete the rule, or move `ends`", "rule-ended")
    words = f"permit rule `{rule.name}` ended at {at}, and permits nothing any more"
    return Problem(rule.position, words, "delete the rule, or move `ends`", "rule-ended")
