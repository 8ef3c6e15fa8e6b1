"""What a local Bitbucket knows: members, pull requests, and what happened to them, in order.

Speaks to nobody: `cloud` and `dc` put it into words. `Book`'s methods are what a person would do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from reconciler.sandbox.bare import Bare, Commit, Files, GitRefused, Ident

BOT = "reconciler"
_TOKEN = "local-pulls-"  # a member's token is this and the login


class Kind(StrEnum):
    OPENED = "opened"
    EDITED = "edited"
    PUSHED = "pushed"
    APPROVED = "approved"
    UNAPPROVED = "unapproved"
    CHANGES_REQUESTED = "changes requested"
    COMMENTED = "commented"
    MERGED = "merged"


class Strategy(StrEnum):
    MERGE_COMMIT = "merge_commit"
    SQUASH = "squash"
    FAST_FORWARD = "fast_forward"


@dataclass(slots=True)
class Member:
    """`person` is False for a bot. `gone`: the account was deleted."""

    login: str
    number: int
    person: bool = True
    gone: bool = False

    @property
    def identity(self) -> Ident:
        return Ident(self.login.title(), f"{self.login}@example.com")


@dataclass(frozen=True, slots=True)
class Event:
    """`source` and `destination` are the heads as they were then, `before` the source before it;
    `into` is the branch that it was for."""

    number: int
    kind: Kind
    who: Member
    at: datetime
    source: str
    destination: str
    before: str = ""
    into: str = ""


@dataclass(slots=True)
class Comment:
    number: int
    who: Member
    text: str
    version: int = 0
    deleted: bool = False


@dataclass(slots=True)
class Pull:
    """`version` goes up with each change, as Data Center counts. `base` is where its source left
    the main line, `seen` every commit that was ever in it."""

    number: int
    title: str
    body: str
    author: Member
    branch: str
    into: str
    head: str
    destination: str
    at: datetime
    reviewers: list[Member] = field(default_factory=list)
    words: dict[str, tuple[Kind, str]] = field(default_factory=dict)  # login: word, commit
    events: list[Event] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    merged: str = ""
    closed_by: Member | None = None
    version: int = 0


def token(login: str = BOT) -> str:
    return f"{_TOKEN}{login}"


class Book:
    """`clock` is asked once for each thing that happens."""

    def __init__(
        self,
        bare: Bare,
        logins: Iterable[str] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.bare = bare
        self.main = bare.main
        self.members: dict[str, Member] = {}
        self.pulls: dict[int, Pull] = {}
        self.statuses: dict[tuple[str, str], dict[str, str]] = {}  # (commit, key)
        self.lock = threading.RLock()
        self._clock = clock
        self._count = 0
        for login in logins:
            self.add(login)
        if not bare.tip(self.main):
            start = Ident("Start", "start@example.com")
            bare.add(self.main, {}, "Start", start, start, clock())

    def add(self, login: str, person: bool = True) -> Member:
        member = Member(login, 101 + len(self.members), person)
        self.members[login] = member
        return member

    def owner(self, token: str) -> Member | None:
        return self.members.get(token.removeprefix(_TOKEN)) if token.startswith(_TOKEN) else None

    def delete_account(self, login: str) -> None:
        self.members[login].gone = True

    def push(
        self,
        login: str,
        branch: str,
        files: Files,
        message: str = "",
        author: Ident | None = None,
        onto: str = "",
    ) -> str:
        """One commit, pushed by `login`; forced where it is put `onto` another. Straight to the
        main line too. `author` is what the commit claims."""
        with self.lock:
            at = self._clock()
            who = self.members[login]
            by = author or who.identity
            made = self.bare.add(branch, files, message or branch, by, by, at, onto)
            for pull in self.pulls.values():
                if pull.branch == branch and not pull.merged:
                    before, pull.head = pull.head, made
                    self._note(pull, Kind.PUSHED, who, at, before)
                    self._see(pull)
            return made

    def open_pull(
        self,
        login: str,
        branch: str,
        title: str,
        into: str = "",
        body: str = "",
        reviewers: Iterable[str] = (),
    ) -> Pull:
        with self.lock:
            into = into or self.main
            at = self._clock()
            pull = Pull(
                number=len(self.pulls) + 1,
                title=title,
                body=body,
                author=self.members[login],
                branch=branch,
                into=into,
                head=self.bare.tip(branch),
                destination=self.bare.tip(into),
                at=at,
                reviewers=[self.members[name] for name in reviewers],
            )
            self.pulls[pull.number] = pull
            self._note(pull, Kind.OPENED, pull.author, at)
            self._see(pull)
            return pull

    def edit(self, login: str, number: int, title: str) -> None:
        with self.lock:
            pull = self.pulls[number]
            pull.title = title
            self._note(pull, Kind.EDITED, self.members[login], self._clock())

    def retarget(self, login: str, number: int, into: str) -> None:
        """Has it merged elsewhere. Approvals stay."""
        with self.lock:
            pull = self.pulls[number]
            pull.into, pull.destination = into, self.bare.tip(into)
            self._see(pull)
            self._note(pull, Kind.EDITED, self.members[login], self._clock())

    def approve(self, login: str, number: int) -> None:
        self._say(login, number, Kind.APPROVED)

    def request_changes(self, login: str, number: int) -> None:
        self._say(login, number, Kind.CHANGES_REQUESTED)

    def unapprove(self, login: str, number: int) -> None:
        """Takes either word back."""
        self._say(login, number, Kind.UNAPPROVED)

    def comment(self, login: str, number: int, text: str) -> Comment:
        with self.lock:
            pull = self.pulls[number]
            self._count += 1
            said = Comment(self._count, self.members[login], text)
            pull.comments.append(said)
            self._note(pull, Kind.COMMENTED, said.who, self._clock())
            return said

    def merge(self, login: str, number: int, strategy: str = Strategy.MERGE_COMMIT) -> str:
        """The commit that the main line ends with. Nobody is stopped: neither are admins. Raises
        GitRefused where git cannot merge so."""
        with self.lock:
            pull = self.pulls[number]
            who, at = self.members[login], self._clock()
            pull.destination = self.bare.tip(pull.into)
            self._see(pull)
            message = f"Merged in {pull.branch} (pull request #{number})\n\n{pull.title}"
            pull.merged = self._merged(pull, Strategy(strategy), who, at, message)
            pull.closed_by = who
            self._note(pull, Kind.MERGED, who, at)
            return pull.merged

    def commits(self, pull: Pull) -> tuple[Commit, ...]:
        """Newest first; those that were merged, once it is."""
        if not pull.merged:
            pull.destination = self.bare.tip(pull.into)
        return self.between(pull.destination, pull.head)

    def between(self, since: str, head: str) -> tuple[Commit, ...]:
        """What `head` has and `since` has not, newest first."""
        return tuple(self.bare.facts(oid) for oid in reversed(self.bare.commits(since, head)))

    def _merged(
        self, pull: Pull, strategy: Strategy, who: Member, at: datetime, message: str
    ) -> str:
        made = pull.head
        if pull.into == self.main:
            made = self._made(pull, strategy, who.identity, at, message)
        self.bare.move(pull.into, made)
        return made

    def _made(self, pull: Pull, strategy: Strategy, who: Ident, at: datetime, message: str) -> str:
        """The three ways in which Bitbucket merges, as git commits. Moves no branch."""
        ours, head = pull.destination, pull.head
        base = self.bare.fork_point(ours, head)
        if strategy is Strategy.FAST_FORWARD:
            if base != ours:
                raise GitRefused(f"{self.main} has commits that {head} has not")
            return head
        try:
            tree = self.bare.merged_tree(base, ours, head, at)
        except GitRefused as e:
            raise GitRefused(f"{head} conflicts with {self.main}") from e
        parents = (ours, head) if strategy is Strategy.MERGE_COMMIT else (ours,)
        return self.bare.commit(tree, parents, message, who, who, at)

    def _say(self, login: str, number: int, kind: Kind) -> None:
        with self.lock:
            pull = self.pulls[number]
            pull.words[login] = (kind, pull.head)
            self._note(pull, kind, self.members[login], self._clock())

    def _see(self, pull: Pull) -> None:
        pull.seen |= {commit.hash for commit in self.commits(pull)}

    def _note(self, pull: Pull, kind: Kind, who: Member, at: datetime, before: str = "") -> None:
        self._count += 1
        pull.version += 1
        event = Event(self._count, kind, who, at, pull.head, pull.destination, before, pull.into)
        pull.events.append(event)
