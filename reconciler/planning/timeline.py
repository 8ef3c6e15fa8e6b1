"""Who was who, and when, by all versions of the directory and the bundles. Never reads a file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Generic, TypeVar

from reconciler.model import (
    Bundle,
    DirectoryPage,
    Group,
    Item,
    Person,
    Service,
    Status,
    Subject,
    SubjectKind,
    SubjectRef,
    Version,
    Window,
)
from reconciler.model.people import Accounts, accounts_in

Value = TypeVar("Value", bound=Hashable)
Content = TypeVar("Content")

ALWAYS = Window(datetime.fromisoformat("0001-01-01T00:00:00+00:00"))


@dataclass(frozen=True, slots=True)
class Span(Generic[Value]):
    """Something that held for a while. `left` says that it ended because a person left."""

    window: Window
    value: Value
    left: bool = False


def known(version: Version[Content], horizon: datetime) -> Window:
    """When a version counts. Versions that went before the horizon are not loaded, so what the
    file said before its first loaded version is unknown: that version counts from ever."""
    window = version.window
    return Window(ALWAYS.start, window.end) if window.start < horizon else window


def joined(spans: Iterable[Span[Value]]) -> tuple[Span[Value], ...]:
    """Spans of equal value that touch or overlap, made one: an unrelated edit splits nothing."""
    by_value: dict[Value, list[Span[Value]]] = defaultdict(list)
    for span in sorted(spans, key=lambda s: s.window.start):
        row = by_value[span.value]
        last = row[-1] if row else None
        if last and (last.window.end is None or span.window.start <= last.window.end):
            row[-1] = Span(_hull(last.window, span.window), span.value, span.left)
        else:
            row.append(span)
    return tuple(span for row in by_value.values() for span in row)


def _hull(a: Window, b: Window) -> Window:
    ends = (a.end, b.end)
    return Window(a.start, None if None in ends else max(e for e in ends if e is not None))


class Directory:
    """Answers which subjects a reference meant, and when."""

    def __init__(self, pages: Iterable[Version[DirectoryPage]], horizon: datetime) -> None:
        people: dict[str, list[Span[Person]]] = defaultdict(list)
        groups: dict[str, list[Span[Group]]] = defaultdict(list)
        self._services: dict[str, list[Span[Service]]] = defaultdict(list)
        members: dict[str, list[Span[str]]] = defaultdict(list)
        for page in pages:
            window = known(page, horizon)
            for person in page.content.people:
                people[person.id].append(Span(window, person))
                for group in person.groups:
                    members[group].append(Span(window, person.id))
            for group_ in page.content.groups:
                groups[group_.id].append(Span(window, group_))
                for member in group_.members:
                    members[group_.id].append(Span(window, member))
            for service in page.content.services:
                self._services[service.id].append(Span(window, service))
        self._people = {id_: joined(_standing(spans)) for id_, spans in people.items()}
        self._groups = {id_: joined(_accounts(spans)) for id_, spans in groups.items()}
        self._members = {id_: joined(spans) for id_, spans in members.items()}

    def subjects(self, ref: SubjectRef, system: str) -> Iterator[Span[Subject]]:
        """Every principal-to-be that `ref` means in a system. A group with an account there is
        one; without, it is its members."""
        if not ref.group:
            yield from self._one(ref.id, system)
            return
        for group in self._groups.get(ref.id, ()):
            accounts = accounts_in(group.value, system)
            if accounts:
                yield Span(group.window, Subject(SubjectKind.GROUP, ref.id, accounts))
                continue
            for member in self._members.get(ref.id, ()):
                for span in self._one(member.value, system):
                    window = span.window.clip(member.window).clip(group.window)
                    if not window.never:
                        yield Span(window, span.value, span.left and window.end == span.window.end)

    def members(self, group: str) -> tuple[Span[str], ...]:
        """The ids of all who are, or were, active members, and when: as far back as is known."""
        return joined(
            Span(window, one.value)
            for one in self._members.get(group, ())
            for active in self._one(one.value, "")
            if not (window := active.window.clip(one.window)).never
        )

    def _one(self, id_: str, system: str) -> Iterator[Span[Subject]]:
        for person in self._people.get(id_, ()):
            accounts = accounts_in(person.value, system)
            subject = Subject(SubjectKind.PERSON, id_, accounts)
            yield Span(person.window, subject, person.left)
        for service in self._services.get(id_, ()):
            accounts = accounts_in(service.value.accounts, system)
            yield Span(service.window, Subject(SubjectKind.SERVICE, id_, accounts))


def _standing(spans: list[Span[Person]]) -> Iterator[Span[Accounts]]:
    """When a person was active, and under which accounts. A person who is taken out of the
    directory did not "leave": that could be a wrong edit, so the guards must count it."""
    ordered = sorted(spans, key=lambda s: s.window.start)
    for i, span in enumerate(ordered):
        if span.value.status is Status.ACTIVE:
            follower = ordered[i + 1].value if i + 1 < len(ordered) else None
            left = follower is not None and follower.status is not Status.ACTIVE
            yield Span(span.window, span.value.accounts, left)


def _accounts(spans: list[Span[Group]]) -> Iterator[Span[Accounts]]:
    for span in spans:
        yield Span(span.window, span.value.accounts)


def bundle_items(
    bundles: Iterable[Version[Bundle]], horizon: datetime
) -> Mapping[str, tuple[Span[Item], ...]]:
    """Every item that each bundle ever held, and when.

    A bundle that was deleted while grants still name it makes them invalid, and what is invalid
    loses nothing (rule 23): its last content stands until the grants end, or the bundle comes back.
    """
    versions: dict[str, list[Version[Bundle]]] = defaultdict(list)
    for version in bundles:
        versions[version.content.name].append(version)
    spans: dict[str, list[Span[Item]]] = defaultdict(list)
    for name, row in versions.items():
        row.sort(key=lambda v: v.merged)
        for version, following in zip_longest(row, row[1:]):
            window = Window(known(version, horizon).start, following.merged if following else None)
            spans[name].extend(Span(window, item) for item in version.content.access)
    return {name: joined(row) for name, row in spans.items()}
