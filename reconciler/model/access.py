"""What can be held, by whom, and the atom of every plan: who holds what. Never says who may."""

from __future__ import annotations

from base64 import b32encode
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

SEPARATOR = "\x1f"  # cannot occur in a name: the YAML loader refuses control characters


@dataclass(frozen=True, slots=True, order=True)
class Entitlement:
    """Something that can be held: a `role` (what) on a `resource` (where) of a system.

    `kind` names the sort of entitlement within its provider ("account_assignment", "project"...).
    All four are spelled canonically, so that equal text means the same entitlement. `key` is one
    string that stands for them.
    """

    system: str
    kind: str
    resource: str
    role: str
    key: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        key = SEPARATOR.join((self.system, self.kind, self.resource, self.role))
        object.__setattr__(self, "key", key)  # once: a million assignments share few entitlements

    def __str__(self) -> str:
        return f"{self.system}: {self.role} on {self.resource}"


@dataclass(frozen=True, slots=True, order=True)
class Principal:
    """Who, in the system's own immutable `id` (with its type, as in "user:{uuid}").

    `name` is what a person recognises; it takes no part in comparisons.
    """

    id: str
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.name or self.id


@dataclass(frozen=True, slots=True, order=True)
class Assignment:
    """One principal holding one entitlement."""

    entitlement: Entitlement
    principal: Principal

    @property
    def key(self) -> str:
        """One string that stands for the whole: cheap to hash and to compare by the million."""
        return f"{self.entitlement.key}\x1f{self.principal.id}"

    @property
    def slot(self) -> str:
        """What a single-slot system can hold only one role in."""
        e = self.entitlement
        return SEPARATOR.join((e.system, e.kind, e.resource, self.principal.id))

    @property
    def id(self) -> str:
        """A stable id for markers and names: 26 characters of a-z and 2-7, from the key alone."""
        digest = sha256(self.key.encode(errors="backslashreplace")).digest()[:16]
        return b32encode(digest).decode().rstrip("=").lower()

    def __str__(self) -> str:
        e = self.entitlement
        return f"{e.system}: {self.principal} has {e.role} on {e.resource}"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a system can do for one entitlement. Data, so that the core needs no special cases.

    `slot` is not empty where a principal holds only one role per resource: the roles, lowest
    first, each including the ones before it.
    """

    native_expiry: bool
    marker: bool
    slot: tuple[str, ...] = ()
    admin: bool = False  # the guards never remove its last holder
    lag: int = 0  # seconds in which lists may not show yet what the writer confirmed
    note: str = ""  # why the end or the marker cannot be written there, for the plan
    sole: bool = False  # holds one row of an assignment, whoever made it: none goes in beside it


@dataclass(frozen=True, slots=True)
class Observed:
    """One assignment as a system reports it now.

    `marker` is the assignment id found in our marker (ours, whatever else the row says);
    `controller` names another tool's marker. `owner` is the owner in a marker of this program that
    is not ours: another access repository's, and then `controller` says so, or one that ours had
    before. `until` is the end that the system itself enforces, `since` when it says the row was
    made. `via` says through what an indirect row is held ("group payments", "inherited from /"):
    such a row is shown, never changed; `unsure` that it may give nothing, for it stands under a
    condition, or for a group whose members we may not list. `handle` is what the writer needs to
    find the row again; the core only carries it.
    """

    assignment: Assignment
    marker: str | None = None
    controller: str | None = None
    until: datetime | None = None
    since: datetime | None = None
    via: str = ""
    handle: str = ""
    owner: str | None = None
    unsure: bool = False

    @property
    def inherited(self) -> bool:
        """Whether it carries a marker that was ours before `owner` was changed."""
        return self.owner is not None and self.controller is None
