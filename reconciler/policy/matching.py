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
from reconciler.policy.words import listed, some

Value = TypeVar("Value", bound=Hashable)
Pairs = tuple[tuple[str, str], ...]
Wanted = tuple[tuple[str, tuple[str, ...]], ...]
Access = tuple[Entitlement, ResourceFacts]


@dataclass(frozen=True, slots=True)
class Field(Generic[Value]):
    """One key of `match`. `wants` is what a rule says (empty: anything will do), `test` makes of it
    a test of what a case has; `asks` and `has` put the two into words."""

    name: str
    wants: Callable[[Match], tuple[Any, ...]]
    test: Callable[[Any], Callable[[Value], bool]]
    has: Callable[[Value], str]
    asks: Callable[[Any], str] = listed


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, lowest first."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


class Column(Generic[Value]):
    """One field over all rules. Equal wants are tested once."""

    def __init__(self, field: Field[Value], matches: Sequence[Match]) -> None:
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
        self._known: dict[Value, int] = {}

    def fits(self, value: Value) -> int:
        mask = self._known.get(value)
        if mask is None:
            mask = self._free
            for test, fitting in self._tests:
                if test(value):
                    mask |= fitting
            self._known[value] = mask
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


class Part(Generic[Value]):
    """The fields about one part of a case, together."""

    def __init__(self, fields: Sequence[Field[Value]], matches: Sequence[Match]) -> None:
        self.columns = [Column(field, matches) for field in fields]
        self._all = (1 << len(matches)) - 1
        self._known: dict[Value, int] = {}

    def fits(self, value: Value) -> int:
        mask = self._known.get(value)
        if mask is None:
            mask = self._all
            for column in self.columns:
                mask &= column.fits(value)
            self._known[value] = mask
        return mask


def _any_of(want: tuple[str, ...]) -> Callable[[SubjectFacts], bool]:
    wanted = {name.casefold() for name in want}
    return lambda subject: any(group.casefold() in wanted for group in subject.groups)


def _kind(want: tuple[str, ...]) -> Callable[[SubjectFacts], bool]:
    return lambda subject: subject.kind in want


def _classified(wanted: frozenset[str]) -> Callable[[Access], bool]:
    return lambda access: access[1].classification.casefold() in wanted


def _tags(want: Pairs) -> Callable[[Access], bool]:
    wanted = _folded(want)
    return lambda access: wanted <= _folded(access[1].tags)


def _folded(pairs: Pairs) -> frozenset[tuple[str, str]]:
    return frozenset((key.casefold(), value.casefold()) for key, value in pairs)


def having(want: Wanted) -> Callable[[SubjectFacts], bool]:
    """Whether a subject has each attribute, with one of the values where any is given."""
    wanted = [(name.casefold(), frozenset(v.casefold() for v in values)) for name, values in want]

    def test(subject: SubjectFacts) -> bool:
        has = dict(_folded(subject.attributes))
        return all(name in has and (not any_ or has[name] in any_) for name, any_ in wanted)

    return test


def _asked(want: Wanted) -> str:
    each = (f"{name}: {listed(values)}" if values else name for name, values in want)
    return listed(each, "and")


def _pairs(pairs: Pairs) -> str:
    return listed((f"{key}: {value}" for key, value in pairs), "and") or "none"


def _on(
    name: str, wants: Callable[[Match], tuple[str, ...]], of: Callable[[Access], str]
) -> Field[Access]:
    def test(want: tuple[str, ...]) -> Callable[[Access], bool]:
        fits = globs.text(want)
        return lambda access: fits(of(access))

    return Field(name, wants, test, lambda access: of(access) or "none")


ACCESS: tuple[Field[Access], ...] = (
    _on("system", lambda m: m.systems, lambda a: a[0].system),
    _on("kind", lambda m: m.kinds, lambda a: a[0].kind),
    _on("resource", lambda m: m.resources, lambda a: a[0].resource),
    _on("role", lambda m: m.roles, lambda a: a[0].role),
    Field(
        "classification",
        lambda m: m.classification,
        lambda want: _classified(frozenset(word.casefold() for word in want)),
        lambda a: a[1].classification or "none",
    ),
    Field("tags", lambda m: m.tags, _tags, lambda a: _pairs(a[1].tags), _pairs),
)
SUBJECT: tuple[Field[SubjectFacts], ...] = (
    Field("subject", lambda m: m.subjects, _kind, lambda s: s.kind),
    Field("groups", lambda m: m.groups, _any_of, lambda s: some(s.groups, "and") or "none"),
    Field("attributes", lambda m: m.attributes, having, lambda s: _pairs(s.attributes), _asked),
)
BUNDLE: Field[str] = Field("bundle", lambda m: m.bundles, globs.text, lambda b: b or "none")


class Index:
    """Of rules in order; bit i of every answer is the i-th."""

    def __init__(self, matches: Sequence[Match]) -> None:
        self._matches = matches
        self._access = Part(ACCESS, matches)
        self._subject = Part(SUBJECT, matches)
        self._bundle = Column(BUNDLE, matches)
        self._path = Paths([match.paths for match in matches])

    def access(self, entitlement: Entitlement, resource: ResourceFacts) -> int:
        return self._access.fits((entitlement, resource))

    def fits(self, case: Case) -> int:
        mask = self._access.fits((case.entitlement, case.resource))
        mask &= self._subject.fits(case.subject) & self._bundle.fits(case.bundle)
        return mask & self._path.fits(case.path) if mask else 0

    def fields(self, case: Case) -> Iterator[tuple[str, int]]:
        """Each field's name, and what fits by it alone."""
        access = (case.entitlement, case.resource)
        yield from ((c.field.name, c.fits(access)) for c in self._access.columns)
        yield from ((c.field.name, c.fits(case.subject)) for c in self._subject.columns)
        yield "bundle", self._bundle.fits(case.bundle)
        yield "path", self._path.fits(case.path)

    def why(self, i: int, name: str, case: Case) -> str:
        """ "it asks for role read or write, and this is admin"."""
        match = self._matches[i]
        if name == "path":
            return f"its paths are {listed(match.paths)}, and the file is {case.path}"
        access = (case.entitlement, case.resource)
        for field in ACCESS:
            if field.name == name:
                return _asks(field, match, access)
        for field_ in SUBJECT:
            if field_.name == name:
                return f"{_asks(field_, match, case.subject)} ({case.subject.id})"
        return _asks(BUNDLE, match, case.bundle)


def _asks(field: Field[Value], match: Match, value: Value) -> str:
    return (
        f"it asks for {field.name} {field.asks(field.wants(match))}, here it is {field.has(value)}"
    )
