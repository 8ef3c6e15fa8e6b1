"""The difference between declared and live, as data that can be printed, hashed and applied.
Applies nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from reconciler.model.access import Assignment, Observed
from reconciler.model.declaration import Cause, Declared, Unapproved


class Action(StrEnum):
    ADD = "add"
    EXTEND = "extend"  # the same assignment, with a later end (or none) in the system
    SHORTEN = "shorten"  # the same assignment, with an earlier end in the system
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Change:
    """One step towards what git declares.

    `live` is the row that is removed, or whose end moves; None for an addition. `until` is the end
    to be (None: no end, or a removal). In a single-slot system `replaces` is the role that an
    addition overwrites and `restores` the declared role that comes back with a removal: each is
    one call. `native_expiry` says whether the system itself will end it at `until`; where it will
    not, `note` may say why.
    """

    action: Action
    cause: Cause
    assignment: Assignment
    subject: str = ""
    until: datetime | None = None
    grants: tuple[str, ...] = ()
    native_expiry: bool = False
    live: Observed | None = None
    replaces: str = ""
    restores: str = ""
    note: str = ""

    @property
    def removes(self) -> bool:
        return self.action is Action.REMOVE


@dataclass(frozen=True, slots=True)
class Foreign:
    """Live, undeclared and not ours: shown, never touched."""

    observed: Observed
    note: str = ""


@dataclass(frozen=True, slots=True)
class AlreadyHeld:
    """Declared, but held without us: not ours, and it stays when the grant ends."""

    assignment: Assignment
    subject: str
    grants: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Unknown:
    """What could not be read: nothing is planned there. `where` is a scope or a subject."""

    system: str
    where: str
    error: str


@dataclass(frozen=True, slots=True, order=True)
class Warning:
    """Something that a person should know before access is lost or kept by surprise."""

    system: str
    text: str


@dataclass(frozen=True, slots=True, order=True)
class OpenReview:
    """Access that was taken in an emergency (`path`, as `commit` brought it in) and that nobody
    has looked at afterwards, to be done by `due`. `wakes` are the people and groups to be told,
    `reviewers` the people who may look at it."""

    due: datetime
    path: str
    commit: str
    subjects: tuple[str, ...]
    rule: str
    reason: str
    pull: str = ""
    wakes: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()


Step = Change | AlreadyHeld | Foreign | Warning  # what a plan is put together from


@dataclass(frozen=True, slots=True)
class Held:
    """A change that a guard holds back, and why."""

    change: Change
    guard: str
    reason: str


@dataclass(frozen=True, slots=True, order=True)
class Kept:
    """How many assignments of ours are as declared, for one kind of one system."""

    system: str
    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class Plan:
    """`changes` in the order to carry them out: removals first. `notices` are said first, and
    loudly. `unrecorded` is live, unmarked and ours by git's history, and not in the ledger yet.
    `reported` are the systems whose changes are only shown. `places` are (system, digest of where
    it is and how it is set up)."""

    at: datetime
    changes: tuple[Change, ...] = ()
    held: tuple[Held, ...] = ()
    foreign: tuple[Foreign, ...] = ()
    already_held: tuple[AlreadyHeld, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    warnings: tuple[Warning, ...] = ()
    kept: tuple[Kept, ...] = ()
    unapproved: tuple[Unapproved, ...] = ()
    reviews: tuple[OpenReview, ...] = ()
    notices: tuple[str, ...] = ()
    unrecorded: tuple[Declared, ...] = ()
    reported: frozenset[str] = frozenset()
    places: tuple[tuple[str, str], ...] = ()

    @property
    def to_record(self) -> tuple[Declared, ...]:
        """What apply writes down as ours: where nothing was ever written, nothing is."""
        return tuple(d for d in self.unrecorded if not self._shown(d.assignment))

    @property
    def hash(self) -> str:
        """Of all that apply does, not of the moment: equal work has an equal hash.

        The changes, what is held and what is only shown; what the ledger is told is ours or is
        not, which decides who may take it away later; and where all this is done, since the same
        addition elsewhere is another one.
        """
        rows = [[*_fields(c), "", self._shown(c.assignment)] for c in self.changes]
        rows += [[*_fields(h.change), h.guard, self._shown(h.change.assignment)] for h in self.held]
        ours = [[d.assignment.key, _instant(d.until), list(d.grants)] for d in self.to_record]
        others = [[a.assignment.key, list(a.grants)] for a in self.already_held]
        touched = {of.entitlement.system for of in self._touched()}
        places = [place for place in self.places if place[0] in touched]
        told = json.dumps([rows, ours, others, places], separators=(",", ":"))
        return sha256(told.encode()).hexdigest()

    def _touched(self) -> Iterator[Assignment]:
        yield from (change.assignment for change in self.changes)
        yield from (held.change.assignment for held in self.held)
        yield from (ours.assignment for ours in self.to_record)
        yield from (held.assignment for held in self.already_held)

    def _shown(self, of: Assignment) -> bool:
        return of.entitlement.system in self.reported


def _fields(c: Change) -> list[object]:
    """Lists within, so that no file's name can stand for something of the system."""
    live = [c.live.handle, c.live.marker or "", _instant(c.live.until)] if c.live else []
    fields: list[object] = [c.action, c.cause, c.assignment.key, _instant(c.until)]
    return [*fields, c.native_expiry, c.replaces, c.restores, list(c.grants), live]


def _instant(at: datetime | None) -> str:
    return at.isoformat() if at else ""
