"""What a forge must offer: a ForgeReader that looks, a ForgeWriter that touches. No IO here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from reconciler.errors import ReconcilerError
from reconciler.model import Evidence, PullRequest
from reconciler.model.finding import Finding as Finding


class ForgeError(ReconcilerError):
    """The forge said no, did not answer, or answered in part: nothing may be concluded."""

    def __init__(self, action: str, cause: object) -> None:
        super().__init__(f"the forge: cannot {action}: {cause}")
        self.action = action
        self.cause = str(cause)


@dataclass(frozen=True, slots=True)
class Want:
    """The proof of one file (`path`, with `blob`) that a first-parent commit brought in or, with
    an empty `blob`, took away."""

    commit: str
    path: str
    blob: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """From the environment, never from a file. `username` only where the forge asks for one."""

    token: str = ""
    username: str = ""


class State(StrEnum):
    """Of a commit status."""

    SUCCESS = "success"
    PENDING = "pending"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Draft:
    """A pull request to be opened from `branch`, which is pushed already."""

    branch: str
    title: str
    body: str
    reviewers: tuple[str, ...] = ()  # logins (GitHub: or ids, Bitbucket Cloud: "{uuid}")


class ForgeReader(Protocol):
    """Answers are whole, or a ForgeError is raised."""

    def evidence(self, wanted: Sequence[Want]) -> Iterator[tuple[Want, Evidence]]:
        """In any order, in as few calls as can be. What a call answered is handed out before the
        next call is made, so that an error later on loses nothing. Pull requests for another
        branch than ours, or not merged, are left out."""
        ...

    def pull(self, number: int, paths: Sequence[str]) -> PullRequest:
        """As it is now, with the contents of `paths`."""
        ...

    def open_pull(self, branch: str) -> PullRequest | None:
        """The open one from a branch of the repository itself, without contents."""
        ...

    def protection(self) -> tuple[Finding, ...]:
        """How the main line is protected, against what docs/approvals.md asks for."""
        ...

    def ledger_protection(self, branch: str, signed: bool) -> tuple[Finding, ...]:
        """How the branch that keeps the ledger is. `signed`: only what a key vouches for counts."""
        ...


class ForgeWriter(Protocol):
    def comment(self, number: int, text: str, mark: str) -> None:
        """One comment per `mark` (hidden in the text) and pull request: written, or updated."""
        ...

    def mention(self, name: str) -> str:
        """The text that tells somebody of a comment it stands in; `name` is how directory/ knows
        their account. "" where the forge cannot be told whom."""
        ...

    def status(self, commit: str, state: State, text: str) -> None:
        """The status `access-reconciler` of a commit; `text` is short."""
        ...

    def open(self, draft: Draft) -> PullRequest:
        """Open one, or find the one that is open from that branch. Asks the reviewers that it
        can ask: whom the forge refuses (the author, a stranger) it leaves out."""
        ...

    def merge(self, number: int, head: str) -> None:
        """Merge it, if `head` is still its last commit."""
        ...
