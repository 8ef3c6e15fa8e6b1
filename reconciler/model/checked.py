"""What `reconciler check` says of a pull request before it is merged. Only data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.model.access import Entitlement
from reconciler.model.plan import Unknown
from reconciler.model.position import Position
from reconciler.model.window import Window


class Step(StrEnum):
    """What becomes of somebody's access, by the time that it gains and loses."""

    ADDED = "added"
    EXTENDED = "extended"  # gains time, and loses none
    MOVED = "moved"  # gains and loses
    SHORTENED = "shortened"
    REMOVED = "removed"


class Answer(StrEnum):
    """The worst that stands against a merge, or nothing."""

    GRANTED = "granted"
    WAITING = "waiting"  # approvals are missing, and nothing else
    REFUSED = "refused"
    INVALID = "invalid"
    UNKNOWN = "unknown"  # the forge could not be asked


@dataclass(frozen=True, slots=True)
class AccessChange:
    """One subject and one entitlement, over all files that say something of them.

    `account` is under which name in the system, "" where the system is asked by the subject's id;
    `ref` the group that they are a member of, "" for none. `before` and `after` are the times in
    which access holds, from now on, in order and apart from each other. `gained` is how much more
    time there is, None for time without an end.
    """

    subject: str
    entitlement: Entitlement
    account: str
    step: Step
    before: tuple[Window, ...]
    after: tuple[Window, ...]
    gained: timedelta | None
    grants: tuple[str, ...]
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """Approvals that are missing: `words` say whose, `candidates` are the ids of those who could
    give one and have not."""

    count: int
    words: str
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ruled:
    """What the rules of the main line say of a file: of a grant with `about`, pairs of subject
    and access that they answer alike, or of another file without."""

    path: str
    about: tuple[tuple[str, str], ...]
    answer: Answer
    rule: str = ""
    reasons: tuple[str, ...] = ()
    fix: str = ""
    approved_by: tuple[str, ...] = ()
    missing: tuple[Asked, ...] = ()
    break_glass: bool = False
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the pull request as a whole cannot be merged as it is, and what to do."""

    what: str
    fix: str


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    position: Position
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.position}: {self.what}; {self.fix}"


@dataclass(frozen=True, slots=True)
class Checked:
    """`at` is when it was merged for trial. `pull` is 0 where no forge was asked about it.

    `unjudged` are files over which only the forge's own protection decides. `paths` are all that
    it touches. `auto_merge`: the policy of the main line lets `check` merge.
    """

    base: str
    head: str
    at: datetime
    pull: int = 0
    url: str = ""
    paths: tuple[str, ...] = ()
    changes: tuple[AccessChange, ...] = ()
    ruled: tuple[Ruled, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    unjudged: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    auto_merge: bool = False

    @property
    def answer(self) -> Answer:
        answers = {each.answer for each in self.ruled}
        if self.unknown or Answer.UNKNOWN in answers:
            return Answer.UNKNOWN
        if self.mistakes:
            return Answer.INVALID
        if self.refusals or Answer.REFUSED in answers:
            return Answer.REFUSED
        return Answer.WAITING if Answer.WAITING in answers else Answer.GRANTED
