"""What a forge knows about how a commit came onto the main line. Facts only: nothing is decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ForgeKind(StrEnum):
    GITHUB = "github"
    BITBUCKET = "bitbucket"
    BITBUCKET_DC = "bitbucket-dc"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ForgeSettings:
    """`forge:` of reconciler.yaml. `repository` is "owner/name" (Data Center: "PROJECT/name"),
    `branch` the main line, `url` the API's address where it is not the vendor's own. `signed` asks
    that every commit of a pull request carries a signature that the forge verified, `pushers` that
    the forge tells who pushed each of them."""

    kind: ForgeKind = ForgeKind.NONE
    repository: str = ""
    branch: str = "main"
    url: str = ""
    signed: bool = False
    pushers: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """Who, on the forge. `id` is the forge's immutable one (GitHub's database id, "{uuid}", Data
    Center's numeric id), "" for a commit's author whom the forge knows by `email` only. `person`
    is False for a bot or app. `shown` is a name for people that names nobody for certain: Bitbucket
    Cloud lets everybody choose his own, also one that somebody has."""

    id: str
    login: str = ""
    person: bool = True
    email: str = ""
    shown: str = ""

    def __str__(self) -> str:
        return self.login or self.shown or self.email or self.id


class Word(StrEnum):
    """What a review says. A comment says nothing and is left out."""

    APPROVED = "approved"
    CHANGES_REQUESTED = "changes requested"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Review:
    """`account` is None where it was deleted. `commit` is what the reviewer saw. Somebody's last
    word before the merge is what counts; a dismissal is dated `at` the dismissal."""

    account: Account | None
    word: Word
    at: datetime
    commit: str


@dataclass(frozen=True, slots=True)
class Content:
    """The blob of a file in a commit of the pull request, "" where it has no such file."""

    commit: str
    path: str
    blob: str


@dataclass(frozen=True, slots=True)
class PullRequest:
    """One pull request, as it is or as it was merged.

    `base` is the branch it is for, `head` its last commit, `merged_at` None while it is open.
    `author` is None where the account was deleted. `writers` are the authors, co-authors and
    committers of all its commits, and who pushed them, as far as the forge tells; the forge's own
    account for edits in the browser is left out. `untold_pushers` says why it does not tell of all
    who pushed, "" where it does. `unsigned` are commits without a verified signature, `size` is how
    many commits there are. `merged_as` is the last commit that its merge left on the main line, ""
    where that is not told. `reviews` are oldest first. `contents` has the wanted files at `head` and
    at the commit of every review.
    """

    number: int
    url: str
    base: str
    head: str
    author: Account | None
    merged_at: datetime | None = None
    merged_by: Account | None = None
    writers: tuple[Account, ...] = ()
    unsigned: tuple[str, ...] = ()
    reviews: tuple[Review, ...] = ()
    contents: tuple[Content, ...] = ()
    title: str = ""
    merged_as: str = ""
    size: int = 0
    untold_pushers: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Every merged pull request of our branch that brought `commit` in; none for a direct push.

    `untold` says why the forge will never tell everything about one: it proves nothing then.
    """

    commit: str
    pulls: tuple[PullRequest, ...] = field(default=())
    untold: str = ""
