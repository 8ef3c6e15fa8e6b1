"""Which rules' `match` fits a case: a number with one bit per rule. Weighs nothing else of a rule.

What is known of a resource, a subject or a folder is found out once and remembered, so that a
hundred thousand cases against hundreds of rules cost a few look-ups each.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from reconciler.model import Entitlement, Match
from reconciler.policy import globs
from reconciler.policy.case import Case, ResourceFacts, SubjectFacts
from reconciler.policy.words import listed, short, some

Value = TypeVar("Value")
Key = TypeVar("Key", bound=Hashable)
Pairs = tuple[tuple[str, str], ...]
Wanted = tuple[tuple[str, tuple[str, ...]], ...]
Access = tuple[Entitlement, ResourceFacts]


@dataclass(frozen=True, slots=True)
class Field(Generic[Value, Key]):
    """One key of `match`. `wants` is what a rule says (empty: anything will do), `of` what a case
    has, `test` makes of the one a test of the other; `asks` and `has` put the two into words."""

    name: str
    wants: Callable[[Match], tuple[Any, ...]]
    of: Callable[[Value], Key]
    test: Callable[[Any], Callable[[Key], bool]]
    has: Callable[[Key], str] = lambda key: str(key) or "none"
    asks: Callable[[Any], str] = listed

    def differs(self, match: Match, value: Value) -> str:
        """ "it asks for role read or write, here it is admin"."""
        asked, found = self.asks(self.wants(match)), self.has(self.of(value))
        return f"it asks for {self.name} {asked}, here it is {found}"


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, lowest first."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


class Column(Generic[Value, Key]):
    """One field over all rules. Equal wants are tested once, and each thing that cases have."""

    def __init__(self, field: Field[Value, Key], matches: Sequence[Match]) -> None:
        self.field = field
        self._free = 0
        wanted: dict[Any, int] = {}
        for i, match in enumerate(matches):
            want = field.wants(match)
            if want:
                wanted[want] = wanted.get(want, 0) | 1 << i
            else:
                self._free |= 1 << i
        self._tests = [(field.test(want), mask) for want, mask in wanted.items()]
        self._known: dict[Key, int] = {}

    def fits(self, value: Value) -> int:
        key = self.field.of(value)
        mask = self._known.get(key)
        if mask is None:
            mask = self._free
            for test, fitting in self._tests:
                if test(key):
                    mask |= fitting
            self._known[key] = mask
        return mask


class Paths:
    """The column of `path`. Paths are all different and folders are not: what is remembered is
    which globs can fit in a folder."""

    def __init__(self, patterns: Sequence[Sequence[str]]) -> None:
        self._free = sum(1 << i for i, globs_ in enumerate(patterns) if not globs_)
        wanted: dict[str, int] = {}
        for i, globs_ in enumerate(patterns):
            for glob in globs_:
                wanted[glob] = wanted.get(glob, 0) | 1 << i
        self._tests = [(globs.folder(g), globs.path(g), mask) for g, mask in wanted.items()]
        self._near: dict[str, tuple[tuple[globs.Test, int], ...]] = {}

    def fits(self, path: str) -> int:
        folder = path[: path.rfind("/") + 1]
        near = self._near.get(folder)
        if near is None:
            near = tuple((t, mask) for under, t, mask in self._tests if folder.startswith(under))
            self._near[folder] = near
        mask = self._free
        for test, fitting in near:
            if fitting & ~mask and test(path):
                mask |= fitting
        return mask


def _in_folded(want: tuple[str, ...]) -> Callable[[str], bool]:
    wanted = frozenset(word.casefold() for word in want)
    return lambda word: word.casefold() in wanted


def _any_folded(want: tuple[str, ...]) -> Callable[[frozenset[str]], bool]:
    fits = _in_folded(want)
    return lambda words: any(map(fits, words))


def _tags(want: Pairs) -> Callable[[Pairs], bool]:
    wanted = _folded(want)
    return lambda tags: wanted <= _folded(tags)


def _folded(pairs: Pairs) -> frozenset[tuple[str, str]]:
    return frozenset((key.casefold(), value.casefold()) for key, value in pairs)


def having(want: Wanted) -> Callable[[Pairs], bool]:
    """Whether each attribute is there, with one of the values where any is given."""
    wanted = [(name.casefold(), frozenset(v.casefold() for v in values)) for name, values in want]

    def test(attributes: Pairs) -> bool:
        has = dict(_folded(attributes))
        return all(name in has and (not any_ or has[name] in any_) for name, any_ in wanted)

    return test


def _asked(want: Wanted) -> str:
    each = (f"{name}: {listed(values)}" if values else name for name, values in want)
    return listed(each, "and")


def _pairs(pairs: Pairs) -> str:
    return listed((f"{key}: {value}" for key, value in pairs), "and") or "none"


def _groups(groups: frozenset[str]) -> str:
    return some(groups, "and") or "none"


ACCESS: tuple[Field[Access, Any], ...] = (
    Field("system", lambda m: m.systems, lambda a: a[0].system, globs.text),
    Field("kind", lambda m: m.kinds, lambda a: a[0].kind, globs.text),
    Field("resource", lambda m: m.resources, lambda a: a[0].resource, globs.text),
    Field("role", lambda m: m.roles, lambda a: a[0].role, globs.text, short),
    Field("tags", lambda m: m.tags, lambda a: a[1].tags, _tags, _pairs, _pairs),
    Field("classification", lambda m: m.classification, lambda a: a[1].classification, _in_folded),
)
SUBJECT: tuple[Field[SubjectFacts, Any], ...] = (
    Field("subject", lambda m: m.subjects, lambda s: s.kind, _in_folded),
    Field("groups", lambda m: m.groups, lambda s: s.groups, _any_folded, _groups),
    Field("attributes", lambda m: m.attributes, lambda s: s.attributes, having, _pairs, _asked),
)
BUNDLE: Field[str, str] = Field("bundle", lambda m: m.bundles, lambda b: b, globs.text)


class Index:
    """Of rules in order; bit i of every answer is the i-th."""

    def __init__(self, matches: Sequence[Match]) -> None:
        self._matches = matches
        self._all = (1 << len(matches)) - 1
        self._access = [Column(field, matches) for field in ACCESS]
        self._subject = [Column(field, matches) for field in SUBJECT]
        self._bundle = Column(BUNDLE, matches)
        self._path = Paths([match.paths for match in matches])
        self._subjects: dict[SubjectFacts, int] = {}

    def access(self, entitlement: Entitlement, resource: ResourceFacts) -> int:
        access, mask = (entitlement, resource), self._all
        for column in self._access:
            mask &= column.fits(access)
        return mask

    def fits(self, case: Case) -> int:
        mask = self.access(case.entitlement, case.resource) & self._about(case.subject)
        mask &= self._bundle.fits(case.bundle)
        return mask & self._path.fits(case.path) if mask else 0

    def fields(self, case: Case) -> Iterator[tuple[str, int]]:
        """Each field's name, and what fits by it alone."""
        access = (case.entitlement, case.resource)
        yield from ((c.field.name, c.fits(access)) for c in self._access)
        yield from ((c.field.name, c.fits(case.subject)) for c in self._subject)
        yield "bundle", self._bundle.fits(case.bundle)
        yield "path", self._path.fits(case.path)

    def why(self, i: int, name: str, case: Case) -> str:
        """Of a field that does not fit."""
        match = self._matches[i]
        if name == "path":
            return f"it asks for path {listed(match.paths)}, here it is {case.path}"
        access = (case.entitlement, case.resource)
        for field in ACCESS:
            if field.name == name:
                return field.differs(match, access)
        for field_ in SUBJECT:
            if field_.name == name:
                return f"{field_.differs(match, case.subject)} for {case.subject.id}"
        return BUNDLE.differs(match, case.bundle)

    def _about(self, subject: SubjectFacts) -> int:
        mask = self._subjects.get(subject)
        if mask is None:
            mask = self._all
            for column in self._subject:
                mask &= column.fits(subject)
            self._subjects[subject] = mask
        return mask
