"""What the local GitHub remembers beside git: accounts, pull requests, reviews, settings.
Never speaks HTTP itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reconciler.sandbox.bare import Ident
from reconciler.sandbox.rest import Refusal

OWNER, NAME = "acme", "access"
WEB_FLOW = "web-flow"  # whom GitHub names as the committer of what is made in the browser
GITHUB = Ident("GitHub", "noreply@github.com")


def invalid(detail: str) -> Refusal:
    """What GitHub says of a request that it understood and will not do."""
    return Refusal(422, "Validation Failed", detail=detail)


@dataclass
class User:
    """`kind` is "User" or "Bot". Deleted, it is nobody: what it did stays, with no author."""

    id: int
    login: str
    email: str
    kind: str = "User"
    alive: bool = True

    @property
    def ident(self) -> Ident:
        return Ident(self.login.title(), self.email)

    @property
    def token(self) -> str:
        return f"local-{self.id}"


@dataclass
class Review:
    id: int
    author: User
    state: str  # APPROVED, CHANGES_REQUESTED, COMMENTED; DISMISSED afterwards
    commit: str
    at: datetime
    body: str = ""


@dataclass(frozen=True)
class Dismissal:
    review: Review
    previous: str
    at: datetime


@dataclass(frozen=True)
class ForcePush:
    actor: User
    at: datetime


@dataclass(frozen=True)
class BaseChange:
    actor: User
    at: datetime
    previous: str
    current: str
    automatic: bool = False  # GitHub did it, when the branch that it was for was deleted


@dataclass
class Pull:
    """`commits` are those that it adds to its base; `introduced` those that its merge made, or
    brought, on the base."""

    number: int
    title: str
    body: str
    author: User
    base: str
    branch: str
    head: str
    created: datetime
    commits: tuple[str, ...] = ()
    state: str = "OPEN"  # or CLOSED, MERGED
    merged_at: datetime | None = None
    merged_by: User | None = None
    merge_commit: str = ""
    introduced: frozenset[str] = frozenset()
    reviews: list[Review] = field(default_factory=list)
    events: list[Dismissal | ForcePush | BaseChange] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)  # logins
    from_fork: bool = False  # said only: its branch lies here


@dataclass
class Comment:
    id: int
    number: int
    author: User
    body: str
    created: datetime
    updated: datetime


@dataclass(frozen=True)
class Status:
    id: int
    commit: str
    state: str
    context: str
    description: str
    creator: User
    at: datetime


@dataclass
class Settings:
    """As GitHub's REST answers have them; tests and people set them. `protection` None: none."""

    protection: dict[str, Any] | None = None
    rulesets: list[dict[str, Any]] = field(default_factory=list)
    actions_may_approve: bool = False
    codeowners_errors: list[dict[str, Any]] = field(default_factory=list)
    merge_method: str = "MERGE"
    may_administer: bool = True  # whether tokens see protection and settings at all
    dismiss_stale: bool = False
    required_approvals: int = 0
    former_names: frozenset[str] = frozenset()  # "owner/name" that lead here since a rename
