"""What happened, one fact at a time: the words of the ledger. Facts only, and never a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from reconciler.model.access import Assignment


class EventKind(StrEnum):
    """The names are in the ledger for ever: none is ever renamed or used for something else."""

    RUN_STARTED = "run-started"
    RUN_ENDED = "run-ended"
    DECIDED = "decided"  # a claim was granted or refused: the rule, the approvals, the pull request
    INTENDED = "intended"  # a change is about to be made
    DONE = "done"  # it was made, or failed (`error`)
    FOUND = "found"  # what a run died over, as the live system shows it (`outcome`)
    ALREADY_HELD = "already-held"  # declared, and there before us: never ours
    CAME_BACK = "came-back"  # we took it away, and it is there again without us
    HELD_BACK = "held-back"  # a guard kept a change from being made
    UNKNOWN = "unknown"  # what could not be read
    UNAPPROVED = "unapproved"  # a change of the rules that nobody approved
    BREAK_GLASS = "break-glass"  # access taken in an emergency
    REVIEWED = "reviewed"  # somebody looked at that afterwards
    NOTIFIED = "notified"
    LEDGER_LOST = "ledger-lost"  # this chain begins where an earlier one must have been
    SIGNED = "signed"  # a key vouches for this entry and all that it carries on


@dataclass(frozen=True, slots=True)
class Event:
    """`at` is in UTC; `run` groups the events of one run. What a kind has nothing to say of is
    empty. `subject` is the directory's id of who it is about; `assignment` names the entitlement
    and the principal by the system's own ids. `path` is the grant's file (or the file of rules)
    and `commit` the one that brought it in. `action` and `cause` are those of the change, `until`
    the end to be, `replaces` the role that was overwritten and `restores` the one that came back.
    `outcome` is the verdict of a decision, or how a run ended; `approved_by` are ids of people;
    `reason` is a sentence, `error` what went wrong, as it was told to people. `justification` and
    `ticket` are what the grant was asked for with (its `reason` and `ticket`). `handle` finds the
    row again in its system. `counts` are of a run: (word, number). `signature` is in hexadecimal, and
    `signed_by` the fingerprint of the key that made it.
    """

    kind: EventKind
    at: datetime
    run: str
    subject: str = ""
    assignment: Assignment | None = None
    action: str = ""
    cause: str = ""
    until: datetime | None = None
    path: str = ""
    grants: tuple[str, ...] = ()
    commit: str = ""
    rule: str = ""
    outcome: str = ""
    approved_by: tuple[str, ...] = ()
    pull: str = ""
    reason: str = ""
    error: str = ""
    replaces: str = ""
    restores: str = ""
    handle: str = ""
    native_expiry: bool = False
    counts: tuple[tuple[str, int], ...] = ()
    justification: str = ""
    ticket: str = ""
    signed_by: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in its place. `hash` is over everything else, `before` (the hash of the entry
    before, "" for the first) included."""

    number: int  # from 1, without a gap
    before: str
    event: Event
    hash: str


@dataclass(frozen=True, slots=True)
class Recollection:
    """What the ledger remembers of one assignment, for ownership: the times of the last that is
    known of each kind. `replaced` is the role that ours overwrote in a single-slot system."""

    added: datetime | None = None
    removed: datetime | None = None
    already_held: datetime | None = None
    replaced: str = ""


@dataclass(frozen=True, slots=True)
class Remembered:
    """All that the ledger remembers, by `Assignment.key`. Of what git said up to `began` it need not
    know whether it was given; None where there is no ledger or nothing in it; `unfinished` are changes that a run
    died over, of which only the live systems can tell what became of them."""

    began: datetime | None = None
    of: Mapping[str, Recollection] = field(default_factory=dict)
    unfinished: tuple[Event, ...] = ()
