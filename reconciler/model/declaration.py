"""What git declares, and declared before: who may hold what, when, and which file says so."""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class Claim:
    """One version of one grant says: this subject may hold this entitlement in this window.

    `window` is what counts: the grant's own, cut to the time in which git said so. `cause` is why
    it ended or will end.
    """

    subject: Subject
    entitlement: Entitlement
    account: str
    window: Window
    cause: Cause
    grant: str  # path of the file
    position: Position = field(default=Position(""), compare=False)


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
    """An assignment that was declared, is no longer, and when and why that ended."""

    assignment: Assignment
    subject: str
    ended: datetime
    cause: Cause
    grants: tuple[str, ...]
