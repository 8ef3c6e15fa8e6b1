"""The words of an answer about one person: what they hold, by what, and what comes next. No logic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from reconciler.model import (
    Assignment,
    Entitlement,
    Event,
    Mode,
    Observed,
    Plan,
    Recollection,
)
from reconciler.planning.basis import Basis, Named
from reconciler.planning.status import Line
from reconciler.planning.timeline import Span


class Holds(StrEnum):
    HAS = "has"
    HAS_NOT = "has not"
    HAD = "had"
    UNKNOWN = "not known"  # the system could not be read, or only perhaps gives it


class Turn(StrEnum):
    """What happens next."""

    GIVEN = "is given"
    STARTS = "starts"
    MOVES = "gets another end"
    ENDS = "ends"
    REMOVED = "is removed"
    STAYS = "stays"
    GUARDED = "waits for a guard"
    UNAPPROVED = "waits for approval"
    UNASKED = "waits for the forge"


@dataclass(frozen=True, slots=True)
class Next:
    """`at` None is in the next run, or whenever what it waits for comes. `by_system`: the system
    ends it itself, whether or not anything runs. `idle`: the system is in report mode, so the
    reconciler does not do it."""

    turn: Turn
    at: datetime | None = None
    why: str = ""
    fix: str = ""
    by_system: bool = False
    idle: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """What the system shows. `note` says why it is not ours, or by what way it is held."""

    observed: Observed
    ours: bool
    effective: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One assignment. `subject` is the person or the group of theirs that holds it or, where a
    group is asked about, the member. `bases` are the
    grants that speak of it, newest first; `since` is from when the ledger, or the system, says
    that it is held. `ways` are other ways to the same resource, in any role: through groups, or
    from what contains it. `unread` says why nothing is known of the system, `ways_unread` of the
    other ways."""

    assignment: Assignment
    subject: str
    holds: Holds
    lines: tuple[Line, ...] = ()
    bases: tuple[Basis, ...] = ()
    rows: tuple[Row, ...] = ()
    beside: tuple[Row, ...] = ()
    ways: tuple[Row, ...] = ()
    coming: tuple[Next, ...] = ()
    since: datetime | None = None
    events: tuple[Event, ...] = ()
    unread: str = ""
    ways_unread: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """All that was asked. `members` are who is or was in the group that was asked about, None where
    it was none. `whole` says that no entitlement was named."""

    who: str
    answers: tuple[Answer, ...]
    plan: Plan
    members: tuple[Span[str], ...] | None = None
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of one person. `named` are their claims and those of their groups, `lines`
    the status of these, `rows` what the systems show of them. `asked` are assignments that are to
    be answered for though nothing speaks of them; `ways` and `ways_unread` are what was asked of
    each `Assignment.slot`. Of a group, all this is of its members too; then `about` tells what the
    group gives from what else they hold, and `whose` who holds what was asked for, by
    `Assignment.key`."""

    who: str
    plan: Plan
    named: tuple[Named, ...]
    lines: tuple[Line, ...]
    rows: tuple[Observed, ...]
    modes: Mapping[str, Mode]
    scope: Callable[[Entitlement], str]
    asked: tuple[Assignment, ...] = ()
    memory: Mapping[str, Recollection] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    ways: Mapping[str, tuple[Observed, ...]] = field(default_factory=dict)
    ways_unread: Mapping[str, str] = field(default_factory=dict)
    about: Callable[[Assignment], bool] = lambda _: True
    whose: Mapping[str, str] = field(default_factory=dict)
