"""What the decisions of a moment stand on: the rules, the people and the catalog that counted then.

A change of those counts once it was shown to be approved, by the rules of the commit before it;
until then the version before stands.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from reconciler.model import (
    AfterReview,
    Bundle,
    CatalogPage,
    DirectoryPage,
    Grant,
    PolicyPage,
    Version,
)
from reconciler.policy.laws import Laws
from reconciler.policy.roster import Roster
from reconciler.repository.archive import Archive, Trace
from reconciler.repository.configuration import Configuration
from reconciler.repository.paths import NAMED, Kind

Content = Configuration | PolicyPage | CatalogPage | DirectoryPage | Bundle | AfterReview
Read = Callable[[int], "Version[Content] | None"]
"""One content by the id of its trace; None where it is not valid."""

GOVERNING = (
    Kind.CONFIGURATION,
    Kind.POLICY,
    Kind.CATALOG,
    Kind.DIRECTORY,
    Kind.BUNDLE,
    Kind.REVIEW,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A content that counts; where it is not valid, `before` does."""

    id: int
    kind: Kind
    path: str
    before: Entry | None = None

    def content(self, read: Read) -> Content | None:
        entry: Entry | None = self
        while entry is not None:
            if (version := read(entry.id)) is not None:
                return version.content
            entry = entry.before
        return None


@dataclass(frozen=True)
class Ground:
    """`policies` are in the order of the paths at which they came in: moving one is no change."""

    policies: tuple[PolicyPage, ...]
    catalog: tuple[CatalogPage, ...]
    pages: tuple[DirectoryPage, ...]

    @cached_property
    def roster(self) -> Roster:
        return Roster(self.pages)

    @cached_property
    def laws(self) -> Laws:
        return Laws(self.policies, self.catalog, self.roster)

    def grantees(self, grant: Grant) -> frozenset[str]:
        """Who would gain when it comes in. Whoever comes to a group later gains by their own
        claim."""
        found: set[str] = set()
        for ref in grant.subjects:
            found.add(ref.id)
            if ref.group:
                found |= self.roster.members(ref.id)
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class Event:
    """One path that a commit changed: `content` is what it brought, None for a deletion of
    `lost`."""

    number: int
    commit: str
    kind: Kind
    path: str
    origin: str
    content: Trace | None
    lost: Trace | None

    @property
    def blob(self) -> str:
        return self.content.blob if self.content else ""


def events(traces: Iterable[Trace], archive: Archive) -> tuple[Event, ...]:
    """In the order of the commits, and of the paths within one."""
    traces = tuple(traces)
    found = [Event(t.number, t.commit, t.kind, t.path, t.origin, t, None) for t in traces]
    replaced = {(t.previous, t.number) for t in traces if t.previous >= 0}
    found += [
        Event(t.gone_number, t.gone_by, t.kind, t.path, t.path, None, t)
        for t in traces
        if t.gone_number >= 0 and (t.id, t.gone_number) not in replaced
    ]
    return tuple(sorted(found, key=lambda e: (e.number, e.content is not None, e.path)))


@dataclass
class Standing:
    """What counts, commit by commit. Grows by `take`, `leave` and `close`; asked by `at`."""

    _standing: dict[int, Entry] = field(default_factory=dict)  # by the id of the latest trace
    _now: dict[int, int] = field(default_factory=dict)  # trace -> trace under which its line stands
    _lost: dict[str, int] = field(default_factory=dict)  # path -> what went from there unapproved
    _numbers: list[int] = field(default_factory=list)
    _states: list[tuple[Entry, ...]] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """It was approved."""
        before = self._line(event)
        if before is not None:
            del self._standing[before.id]
        if event.content is not None:
            lost = self._lost.pop(event.origin, -1)  # gone against the rules, now made anew
            before = self._standing.pop(lost, before)
            id = event.content.id
            self._standing[id] = Entry(id, event.kind, event.origin, before)
            self._now[id] = id

    def leave(self, event: Event) -> None:
        """It was not: the version before stands on."""
        before = self._line(event)
        if before is None:
            return
        if event.content is not None:
            self._now[event.content.id] = before.id
            if event.kind in NAMED and event.origin != before.path:
                self._lost[before.path] = before.id
        else:
            self._lost[event.path] = before.id

    def _line(self, event: Event) -> Entry | None:
        """The entry of which the event is the next step."""
        id = event.content.previous if event.content else event.lost.id if event.lost else -1
        return self._standing.get(self._now.get(id, -1))

    def close(self, number: int) -> None:
        """All events of this commit are told."""
        self._numbers.append(number)
        self._states.append(tuple(self._standing.values()))

    def at(self, number: int) -> tuple[Entry, ...]:
        """What counts once the commit `number` is there."""
        place = bisect_right(self._numbers, number)
        return self._states[place - 1] if place else ()


def ground(entries: Collection[Entry], read: Read) -> Ground:
    policies: list[PolicyPage] = []
    catalog: list[CatalogPage] = []
    pages: list[DirectoryPage] = []
    for entry in entries:
        if entry.kind not in (Kind.POLICY, Kind.CATALOG, Kind.DIRECTORY):
            continue
        match entry.content(read):
            case PolicyPage() as page:
                policies.append(replace(page, path=entry.path))
            case CatalogPage() as page:
                catalog.append(page)
            case DirectoryPage() as page:
                pages.append(page)
    policies.sort(key=lambda page: page.path)
    return Ground(tuple(policies), tuple(catalog), tuple(pages))


def configuration(entries: Iterable[Entry], read: Read) -> Configuration | None:
    for entry in entries:
        if entry.kind is Kind.CONFIGURATION:
            content = entry.content(read)
            return content if isinstance(content, Configuration) else None
    return None


def by_commit(found: Iterable[Event]) -> Iterator[tuple[int, tuple[Event, ...]]]:
    group: list[Event] = []
    for event in found:
        if group and event.number != group[0].number:
            yield group[0].number, tuple(group)
            group = []
        group.append(event)
    if group:
        yield group[0].number, tuple(group)
