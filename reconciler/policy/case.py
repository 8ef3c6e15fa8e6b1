"""What a rule is asked about: one subject, one entitlement, by one version of one grant. Only data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.model import Entitlement, Window
from reconciler.model.people import Attributes


@dataclass(frozen=True, slots=True)
class SubjectFacts:
    """`kind` is "person" or "service"; `status` is "" for somebody whom the directory lacks."""

    id: str
    kind: str = "person"
    groups: frozenset[str] = frozenset()
    attributes: Attributes = ()
    manager: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """By catalog/: `owner` is a person's id or a group's, "" where nobody is named."""

    owner: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    classification: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """`account` and `bundle` are "" where the item names no account and came with no bundle.

    `holds` is what the subject holds by other grants that overlap in time, or asks for beside this
    in the same grant. `chain` is the length from the start of the chain of windows that this one
    extends to this one's end, None where it extends nothing.
    """

    path: str
    reason: str
    ticket: str
    window: Window
    merged: datetime
    standing: bool
    break_glass: bool
    entitlement: Entitlement
    account: str
    bundle: str
    subject: SubjectFacts
    resource: ResourceFacts
    holds: tuple[Entitlement, ...] = ()
    chain: timedelta | None = None

    @property
    def length(self) -> timedelta | None:
        """None for access with no end."""
        return None if self.window.end is None else self.window.end - self.window.start

    @property
    def endless(self) -> bool:
        return self.standing or self.window.end is None
