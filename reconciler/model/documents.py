"""What the files of an access repository say, each file on its own: no history, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from reconciler.model.access import Entitlement
from reconciler.model.people import Group, Person, Service
from reconciler.model.position import Position
from reconciler.model.window import Window

_LATEST = datetime.fromisoformat("9999-01-01T00:00:00+00:00")  # what a datetime can bear


class Mode(StrEnum):
    REPORT = "report"  # plan, never write: the default of a new system
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True)
class Item:
    """One access item, spelled by the pure part of its provider.

    `account` is the account that the item itself names ("user/alice"), "" for the subject's own.
    """

    entitlement: Entitlement
    account: str = ""
    position: Position = field(default=Position(""), compare=False)


@dataclass(frozen=True, slots=True)
class BundleRef:
    name: str
    position: Position = field(default=Position(""), compare=False)


@dataclass(frozen=True, slots=True, order=True)
class SubjectRef:
    """`alice@example.com`, or a group of the directory."""

    id: str
    group: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """One file of grants/ or standing/: who, what, until when, why.

    `expires` and `duration` are both None exactly in standing/.
    """

    path: str
    subjects: tuple[SubjectRef, ...]
    access: tuple[Item | BundleRef, ...]
    reason: str
    starts: datetime | None = None
    expires: datetime | None = None
    duration: timedelta | None = None
    ticket: str = ""
    break_glass: bool = False
    position: Position = field(default=Position(""), compare=False)

    def window(self, merged: datetime) -> Window:
        """`duration` counts from the merge, or from `starts` where that is later."""
        start = max(merged, self.starts) if self.starts else merged
        if self.duration is not None:
            fits = self.duration <= _LATEST - start
            return Window(start, start + self.duration if fits else _LATEST)
        return Window(start, self.expires)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A named set of access items across systems. Bundles do not contain bundles."""

    name: str
    access: tuple[Item, ...]
    position: Position = field(default=Position(""), compare=False)


@dataclass(frozen=True, slots=True)
class DirectoryPage:
    """What one file of directory/ says."""

    people: tuple[Person, ...] = ()
    groups: tuple[Group, ...] = ()
    services: tuple[Service, ...] = ()


Document = TypeVar("Document")


@dataclass(frozen=True, slots=True)
class Version(Generic[Document]):
    """One valid content of one file, and how long the main line said so.

    `merged` is the committer time of the first-parent commit that brought this content in (a pure
    rename keeps it), `gone` that of the commit that replaced or deleted it; None while it stands.
    A content whose successor is invalid still stands. `commit` is the one that brought it in, at
    the path `origin`; `gone_by` the one that took it away. `id` names the version within one
    history, `previous` the version that it replaced (-1: none).
    """

    path: str
    blob: str
    commit: str
    merged: datetime
    gone: datetime | None
    content: Document
    origin: str = ""
    gone_by: str = ""
    id: int = -1
    previous: int = -1

    @property
    def window(self) -> Window:
        return Window(self.merged, self.gone)
