"""Walks the changes of rules, people and configuration in order, and says for each whether it was
approved by the rules before it. The first commit that is not to be trusted is the `root`'s next.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import cast

from reconciler.forge.base import Want
from reconciler.model import ForgeKind, ForgeSettings, Unapproved, Version
from reconciler.policy.judge import Judgement, Verdict, judge_change
from reconciler.policy.roster import Roster
from reconciler.proof.carried import Carried
from reconciler.proof.code import code
from reconciler.proof.evidence import Dossier, Memory
from reconciler.proof.ground import (
    GOVERNING,
    Content,
    Entry,
    Event,
    Ground,
    Read,
    Standing,
    by_commit,
    configuration,
    events,
    ground,
)
from reconciler.repository.archive import Archive
from reconciler.repository.configuration import Configuration
from reconciler.repository.paths import Kind

OFF = ForgeSettings()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A change that does not count."""

    event: Event
    judgement: Judgement


@dataclass
class Changes:
    """`root` is the number of the commit up to which everything is trusted; None while no forge
    is set up. `unsure`: the forge could not be asked about some change, so that it is not known
    what counts."""

    archive: Archive
    read: Read
    last: int  # number of the commit that is loaded
    trusted: int = -1
    standing: Standing = field(default_factory=Standing)
    root: int | None = None
    settings: ForgeSettings = OFF
    refusals: list[Refusal] = field(default_factory=list)
    waiting: list[Event] = field(default_factory=list)  # what the forge could not be asked about
    unsure: bool = False
    refused: set[int] = field(default_factory=set)  # ids of contents that do not count
    _switched: list[tuple[int, ForgeSettings]] = field(default_factory=list)  # and by which commit
    _before: dict[int, int] = field(default_factory=dict)
    _grounds: dict[tuple[Entry, ...], Ground] = field(default_factory=dict)
    _bases: dict[tuple[Entry, ...], str] = field(default_factory=dict)

    def number(self, commit: str) -> int:
        """Of a commit that something was read from."""
        number = self.archive.number(commit)
        assert number is not None, commit  # it is on this line
        return number

    def ground(self, number: int) -> Ground:
        """What counts once the commit `number` is there."""
        entries = self.standing.at(number)
        found = self._grounds.get(entries)
        if found is None:
            found = self._grounds[entries] = ground(entries, self.read)
        return found

    def basis(self, number: int) -> str:
        """Names what counted then. It may be another once more is known: a forge can be slow to
        say which pull request a commit came by."""
        entries = self.standing.at(number)
        found = self._bases.get(entries)
        if found is None:
            found = self._bases[entries] = sha256(repr(entries).encode()).hexdigest()[:32]
        return found

    def previous(self, id: int) -> int:
        """The content that this one replaced, -1 for none."""
        if not self._before:
            self._before.update((t.id, t.previous) for t in self.archive.traces(GOVERNING))
        return self._before.get(id, -1)

    def forge(self, number: int) -> ForgeSettings:
        """Who knows how the commit `number` came in: the forge that counted before it. Once proof is
        no longer asked for, nobody need know."""
        before = bisect_left(self._switched, number, key=lambda one: one[0]) - 1
        return OFF if self.root is None or before < 0 else self._switched[before][1]

    def switch(self, number: int, settings: ForgeSettings) -> None:
        """Proof is asked for from the commit on that sets up a forge, until one that was approved
        takes it away."""
        self.settings = settings
        self._switched.append((number, settings))
        if settings.kind is ForgeKind.NONE:
            self.root = None
        elif self.root is None:
            self.root = number

    def trusts(self, number: int) -> bool:
        """Whether what this commit brought is taken as it is."""
        return self.root is None or number <= max(self.root, self.trusted)

    @property
    def anchor(self) -> str:
        """What every verdict stands on, beside the history between: where trust begins."""
        root = self.archive.commit(self.root) if self.root is not None else ""
        trusted = self.archive.commit(self.trusted) if self.trusted >= 0 else ""
        return f"{code()}:{root}:{trusted}"

    @property
    def tip(self) -> Ground:
        return self.ground(self.last)


Extra = Callable[["Changes", int, int], Iterable[Want]]
"""What else will be wanted for the commits from one number to another, to be fetched along."""


def walk(
    archive: Archive, dossier: Dossier, memory: Memory, last: int, trusted: int, extra: Extra
) -> Changes:
    """`last` is the number of the commit that is loaded; `trusted` (-1: none) that of a commit up
    to which all is taken as it is."""
    found = _Walk(archive, dossier, memory, last, trusted, extra).run(None)
    if found.refusals and not found.unsure:
        # An account may have been renamed since: the directory that counts in the end knows it
        # under its new name. Whoever is known by an immutable id needs no second look.
        found = _Walk(archive, dossier, memory, last, trusted, extra).run(found.tip.roster)
    return found


class _Walk:
    def __init__(
        self,
        archive: Archive,
        dossier: Dossier,
        memory: Memory,
        last: int,
        trusted: int,
        extra: Extra,
    ) -> None:
        self._archive, self._dossier, self._memory = archive, dossier, memory
        self._last, self._trusted, self._extra = last, trusted, extra
        self._events = events(archive.traces(GOVERNING), archive)
        self._read = Reading(archive)
        self._eras = self._forges()
        self._carried = Carried(archive)
        self._known: dict[str, str] = {}
        self._proved: dict[str, dict[str, str]] = {}

    def run(self, today: Roster | None) -> Changes:
        changes = Changes(self._archive, self._read, self._last, self._trusted)
        fetched = -1
        for number, group in by_commit(self._events):
            trusts = changes.trusts(number)
            if not trusts and number > fetched:
                fetched = self._fetch(changes, fetched)
            for event in group:
                if trusts or self._approved(event, changes, today):
                    changes.standing.take(event)
                else:
                    changes.standing.leave(event)
            changes.standing.close(number)
            if any(event.kind is Kind.CONFIGURATION for event in group):
                settled = configuration(changes.standing.at(number), self._read)
                changes.switch(number, settled.forge if settled else OFF)
        if changes.root is not None and fetched < self._last:
            self._fetch(changes, fetched)
        for space, rows in self._proved.items():
            self._memory.write(space, rows)
        return changes

    def _forges(self) -> tuple[int, ...]:
        """The commits with which the forge's settings change, approved or not."""
        ids = [e.content.id for e in self._events if e.kind is Kind.CONFIGURATION and e.content]
        self._read.fetch(ids)
        found: list[int] = []
        before = OFF
        for event in self._events:
            if event.kind is Kind.CONFIGURATION and event.content:
                version = self._read(event.content.id)
                content = version.content if version else None
                if isinstance(content, Configuration) and content.forge != before:
                    found.append(event.number)
                    before = content.forge
        return tuple(found)

    def _fetch(self, changes: Changes, fetched: int) -> int:
        """Everything that will be wanted of the forge that counts now, after the commits that it
        was `fetched` for, at once. Returns the last commit that it is fetched for now."""
        assert changes.root is not None
        start = max(fetched, changes.root, self._trusted) + 1
        end = min((era for era in self._eras if era >= start), default=self._last)
        spaces = self._spaces(changes)
        due = [e for e in self._events if start <= e.number <= end]
        self._known.update(self._memory.read(spaces, [_key(e) for e in due]))
        wants = [_want(e) for e in due if _key(e) not in self._known]
        self._dossier.prefetch(changes.settings, [*wants, *self._extra(changes, start, end)])
        return end

    def _approved(self, event: Event, changes: Changes, today: Roster | None) -> bool:
        space, key = self._spaces(changes), _key(event)
        basis = changes.basis(event.number - 1)
        if self._known.get(key) == basis:
            return True
        evidence = self._dossier.of(changes.settings, _want(event))
        if evidence is None or changes.unsure:  # by rules that are not known nothing is judged
            changes.unsure = True
            changes.waiting.append(event)
            return False
        before = changes.ground(event.number - 1)
        judgement = judge_change(
            before.laws,
            event.origin,  # not the path that it was moved to since: moving it is no change
            event.origin,
            event.blob,
            self._carried.own(evidence, _want(event)),
            before.roster,
            today or before.roster,
            changes.settings,
        )
        if judgement.verdict is Verdict.GRANTED:
            self._proved.setdefault(space, {})[key] = basis
            return True
        changes.refusals.append(Refusal(event, judgement))
        if event.content is not None:
            changes.refused.add(event.content.id)
        return False

    def _spaces(self, changes: Changes) -> str:
        return f"changes:{changes.anchor}"


@dataclass
class Reading:
    """Contents by id, each read once."""

    archive: Archive
    _found: dict[int, Version[Content] | None] = field(default_factory=dict)

    def fetch(self, ids: Iterable[int]) -> None:
        missing = [id for id in ids if id not in self._found]
        if missing:
            self._found.update(dict.fromkeys(missing))
            for version in self.archive.versions(missing):
                if isinstance(version.content, Content):
                    self._found[version.id] = cast("Version[Content]", version)

    def __call__(self, id: int) -> Version[Content] | None:
        self.fetch([id])
        return self._found[id]


def _want(event: Event) -> Want:
    return Want(event.commit, event.origin, event.blob)


def _key(event: Event) -> str:
    return f"{event.commit}\0{event.blob}\0{event.origin}"


def unapproved(changes: Changes) -> tuple[Unapproved, ...]:
    """The changes that the main line still has and that do not count."""
    counts = {entry.id for entry in changes.standing.at(changes.last)}
    return tuple(
        Unapproved(
            r.event.path,
            r.event.commit,
            rule=r.judgement.rule,
            reason="; ".join(r.judgement.reasons),
            fix=r.judgement.fix,
            pull=r.judgement.pull,
        )
        for r in changes.refusals
        if (r.event.content.gone_number < 0 if r.event.content else _id(r.event) in counts)
    )


def _id(event: Event) -> int:
    return event.lost.id if event.lost else -1
