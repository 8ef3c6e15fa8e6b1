"""What a policy leaves open: rules that nothing reaches, access that no rule permits, and grants that
stand and would be refused today. Changes no decision."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.model import Draft, Effect, Entitlement, Resource, Rule
from reconciler.policy.case import Case, ResourceFacts
from reconciler.policy.examine import Examined
from reconciler.policy.laws import Laws
from reconciler.policy.matching import ACCESS, BUNDLE, Column, bits
from reconciler.policy.trace import MATCHES, trace
from reconciler.policy.words import moment, what

_OF_CATALOG = ("system", "resource", "tags", "classification")  # it names no kind and no role


@dataclass(frozen=True, slots=True)
class Granted:
    """A case that was asked before, by the file at `path`. `standing`: the file is still there;
    `active`: it gives access now."""

    case: Case
    path: str
    standing: bool
    active: bool


@dataclass(frozen=True, slots=True, order=True)
class Uncovered:
    """Access that nobody could get, and the files that name it."""

    access: str
    why: str
    where: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class Outlived:
    """Access that was given by the rules of its time and would be refused by these."""

    path: str
    subject: str
    access: str
    until: datetime | None
    reason: str
    fix: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """`unreached` are rules that match nothing that was ever asked or tested."""

    unreached: tuple[Rule, ...] = ()
    uncovered: tuple[Uncovered, ...] = ()
    outlived: tuple[Outlived, ...] = ()

    @property
    def whole(self) -> bool:
        return not (self.unreached or self.uncovered or self.outlived)


def coverage(
    draft: Draft, laws: Laws, tested: Iterable[Examined], granted: Sequence[Granted]
) -> Coverage:
    """`laws` are those of the draft; every case of `granted` was asked of them."""
    reached = {name for one in tested for name in one.reached}
    for one in granted:
        reached |= {step.rule for step in trace(laws, one.case) if step.outcome == MATCHES}
    return Coverage(
        tuple(rule for rule in laws.book.rules if rule.name not in reached),
        _uncovered(draft, laws, granted),
        tuple(sorted(set(_outlived(laws, granted)))),
    )


def _outlived(laws: Laws, granted: Iterable[Granted]) -> Iterator[Outlived]:
    for one in granted:
        case = one.case
        ruling = laws.decide(case) if one.active else None
        if ruling is None or ruling.permitted:
            continue
        end = f"until {moment(case.window.end)}" if case.window.end else "without an end"
        yield Outlived(
            one.path,
            case.subject.id,
            what(case.entitlement),
            case.window.end,
            "; ".join(ruling.reasons),
            f"it stands {end}, by the rules of its time; to end it now, take it out of {one.path} "
            "in a pull request",
        )


def _uncovered(draft: Draft, laws: Laws, granted: Iterable[Granted]) -> tuple[Uncovered, ...]:
    reach = _Reach(laws.book.rules)
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entitlement, bundle, path in {*_named(draft), *_asked(granted)}:
        if why := reach.lacking(entitlement, laws.resource(entitlement), bundle):
            found[what(entitlement), why].add(path)
    for page in draft.catalog:
        for resource in page.resources:
            if why := reach.closed(resource, laws):
                found[f"{resource.system}: {resource.resource}", why].add(page.path)
    return tuple(
        sorted(
            Uncovered(access, why, tuple(sorted(paths))) for (access, why), paths in found.items()
        )
    )


def _named(draft: Draft) -> Iterator[tuple[Entitlement, str, str]]:
    for bundle in draft.bundles:
        for item in bundle.access:
            yield item.entitlement, bundle.name, f"bundles/{bundle.name}.yaml"


def _asked(granted: Iterable[Granted]) -> Iterator[tuple[Entitlement, str, str]]:
    """What came with a bundle is told with the bundle."""
    for one in granted:
        if one.standing and not one.case.bundle:
            yield one.case.entitlement, "", one.path


class _Reach:
    """Whether anybody at all could get something, whoever they are and wherever they ask."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        matches = [rule.match for rule in rules]
        self._rules = rules
        self._columns = {field.name: Column(field, matches) for field in ACCESS}
        self._bundle = Column(BUNDLE, matches)
        self._permits = _mask(rule.effect is Effect.PERMIT for rule in rules)
        self._blanket = _mask(map(_blanket, rules))
        self._narrow = _mask(bool(m.kinds or m.roles or m.bundles) for m in matches)

    def lacking(self, entitlement: Entitlement, resource: ResourceFacts, bundle: str) -> str:
        """Why nobody could get it, "" where somebody could."""
        fitting = self._fitting(entitlement, resource, tuple(self._columns))
        return self._why(fitting & self._bundle.fits(bundle))

    def closed(self, resource: Resource, laws: Laws) -> str:
        """Why nobody could get anything there. Of a pattern nothing is said."""
        if any(c in resource.resource for c in "*?["):
            return ""
        place = Entitlement(resource.system, "", resource.resource, "")
        fitting = self._fitting(place, laws.resource(place), _OF_CATALOG)
        return self._why(fitting & ~(self._blanket & self._narrow))

    def _fitting(
        self, entitlement: Entitlement, resource: ResourceFacts, fields: Iterable[str]
    ) -> int:
        fitting = self._permits | self._blanket
        for name in fields:
            fitting &= self._columns[name].fits((entitlement, resource))
        return fitting

    def _why(self, fitting: int) -> str:
        for i in bits(fitting & self._blanket):
            return f"rule `{self._rules[i].name}` forbids it to everybody"
        return "" if fitting & self._permits else "no rule permits it to anybody"


def _blanket(rule: Rule) -> bool:
    """Whether it forbids what it is about to everybody, everywhere."""
    match = rule.match
    personal = match.subjects or match.groups or match.attributes or match.paths
    return rule.effect is Effect.FORBID and not (personal or rule.when or rule.holds)


def _mask(which: Iterable[bool]) -> int:
    return sum(1 << i for i, yes in enumerate(which) if yes)
