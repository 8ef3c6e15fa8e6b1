"""What git declares, and declared before: who may hold what, when, and which file says so. Never
what is live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from reconciler.model.access import Assignment, Entitlement
from reconciler.model.people import Subject
from reconciler.model.position import Position
from reconciler.model.window import Window


class Cause(StrEnum):
    """Why a change is planned."""

    DECLARED = "declared"  # of every addition, and of an end that moved
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"
    UNAPPROVED = "unapproved"
    LEFT = "left"
    CONDITION = "condition"
    FOREIGN = "foreign"  # undeclared in an exclusive scope


class Proof(StrEnum):
    """Whether it was shown that a claim was approved."""

    PROVED = "proved"
    WAITING = "waiting"  # the forge could not be asked: neither given nor taken
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Claim:
    """One version of one grant says: this subject may hold this entitlement in this window.

    `window` is what counts: the grant's own window `said`, cut to the time in which git said so.
    `cause` is why it ended or will end; `standing` says that the grant itself had no end. `ref` is
    whom the file names, where that is the group that the subject is a member of; `bundle` names
    the bundle that the item came with. `version` is the id of the grant's version.
    """

    subject: Subject
    entitlement: Entitlement
    account: str
    window: Window
    cause: Cause
    grant: str  # path of the file
    standing: bool = False
    position: Position = field(default=Position(""), compare=False)
    said: Window | None = None
    ref: str = ""
    bundle: str = ""
    version: int = -1
    proof: Proof = Proof.PROVED


@dataclass(frozen=True, slots=True, order=True)
class Unapproved:
    """What the main line says and nobody may rely on: access that was not shown to be approved
    (`subject` and what they would hold, `entitlement` as the file spells it), or a change of the
    rules (`subject` empty, the version before stays in force). `fix` is what to do about it."""

    path: str
    commit: str
    subject: str = ""
    access: str = ""
    rule: str = ""
    reason: str = ""
    fix: str = ""
    pull: str = ""
    entitlement: Entitlement | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Declared:
    """An assignment that should exist now, by all the grants that say so together."""

    assignment: Assignment
    subject: str
    until: datetime | None
    grants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Upcoming:
    """An assignment that will be declared at `start` and is not now."""

    assignment: Assignment
    subject: str
    start: datetime
    grants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier claims on one assignment were, and how the last of them ended.

    `standing` says whether one of the ended claims had no end of its own, and so may have left a
    row that carries none.
    """

    assignment: Assignment
    subject: str
    ended: datetime
    cause: Cause
    grants: tuple[str, ...]
    standing: bool = False


@dataclass(frozen=True, slots=True)
class Declaration:
    """All that git says about assignments at one moment, keyed by `Assignment.key`.

    `since` is when the first known claim on each assignment began. `waiting` are assignments that
    a claim of now would give if the forge could be asked: a live row of one stays as it is.
    `refused` are the files that claim one now, and were not shown to be approved.
    """

    declared: Mapping[str, Declared]
    upcoming: Mapping[str, Upcoming]
    past: Mapping[str, Past]
    since: Mapping[str, datetime]
    waiting: Mapping[str, Assignment] = field(default_factory=dict)
    refused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
