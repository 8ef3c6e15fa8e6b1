"""GitHub's GraphQL nodes as values. Fetches nothing, and decides nothing about them.

What is missing or of another kind raises KeyError, TypeError or ValueError: see session.shaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from reconciler.forge.github.documents import Paths
from reconciler.model import Account, Content

T = TypeVar("T")

_BASE_CHANGES = ("BaseRefChangedEvent", "AutomaticBaseChangeSucceededEvent")
_WEB_FLOW = "web-flow"  # commits what is edited or merged in the browser
_NO_REPLY = "noreply@github.com"  # its address


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`more` is the cursor behind which there are further rows, "" after the last."""

    rows: tuple[T, ...]
    more: str
    total: int

    def then(self, other: Page[T]) -> Page[T]:
        return Page(self.rows + other.rows, other.more, other.total)


@dataclass(frozen=True, slots=True)
class SeenCommit:
    """`committer` is None where GitHub itself committed."""

    oid: str
    authors: Page[Account]
    committer: Account | None
    signed: bool


@dataclass(frozen=True, slots=True)
class SeenReview:
    """`state` is GitHub's, of now. `commit` is "" where it is gone."""

    id: str
    state: str
    account: Account | None
    at: datetime | None
    commit: str
    contents: tuple[Content, ...]


@dataclass(frozen=True, slots=True)
class ForcePush:
    at: datetime
    account: Account | None


@dataclass(frozen=True, slots=True)
class Dismissal:
    at: datetime
    previous: str
    review: str


@dataclass(frozen=True, slots=True)
class BaseChange:
    """From then on it was for another branch."""

    at: datetime


Event = ForcePush | Dismissal | BaseChange


@dataclass(frozen=True, slots=True)
class SeenPull:
    """`repository` is the one that it is for. `tip` is the last commit that GitHub lists, with the
    `contents` there; it may lag behind `head`. `branch` is where `head` was pushed to."""

    number: int
    url: str
    title: str
    base: str
    repository: str
    head: str
    author: Account | None
    merged_at: datetime | None
    merged_by: Account | None
    reviews: Page[SeenReview]
    commits: Page[SeenCommit]
    events: Page[Event]
    tip: str
    contents: tuple[Content, ...]
    branch: str
    from_fork: bool
    opened_at: datetime
    merged_as: str = ""


def page(node: Any, row: Callable[[Any], T]) -> Page[T]:
    info = node["pageInfo"]
    more = str(info["endCursor"] or "") if info["hasNextPage"] is not False else ""
    if info["hasNextPage"] is not False and not more:
        raise ValueError("a page that is not the last has no cursor")
    return Page(tuple(row(each) for each in node["nodes"]), more, int(node["totalCount"]))


def pulls(node: Any, wanted: Iterable[str], paths: Paths) -> Page[SeenPull]:
    return page(node["associatedPullRequests"], lambda each: pull(each, tuple(wanted), paths))


def pull(node: Any, wanted: tuple[str, ...], paths: Paths) -> SeenPull:
    base = node["baseRepository"]
    tip = node["head"]["nodes"][0]["commit"] if node["head"]["nodes"] else None
    return SeenPull(
        number=int(node["number"]),
        url=str(node["url"]),
        title=str(node["title"]),
        base=str(node["baseRefName"]),
        repository=str(base["nameWithOwner"]) if base else "",
        head=_oid(node["headRefOid"]),
        author=actor(node["author"]),
        merged_at=time(node["mergedAt"]) if node["merged"] is True else None,
        merged_by=actor(node["mergedBy"]),
        reviews=reviews(node, wanted, paths),
        commits=commits(node),
        events=events(node),
        tip=_oid(tip["oid"]) if tip else "",
        contents=contents(tip, wanted, paths) if tip else (),
        branch=str(node["headRefName"]),
        from_fork=node["isCrossRepository"] is not False,
        opened_at=time(node["createdAt"]),
        merged_as=_oid(node["mergeCommit"]["oid"]) if node["mergeCommit"] else "",
    )


def reviews(node: Any, wanted: tuple[str, ...], paths: Paths) -> Page[SeenReview]:
    def review(each: Any) -> SeenReview:
        commit = each["commit"]
        return SeenReview(
            id=str(each["id"]),
            state=str(each["state"]),
            account=actor(each["author"]),
            at=time(each["submittedAt"]) if each["submittedAt"] is not None else None,
            commit=_oid(commit["oid"]) if commit else "",
            contents=contents(commit, wanted, paths) if commit else (),
        )

    return page(node["reviews"], review)


def commits(node: Any) -> Page[SeenCommit]:
    def commit(each: Any) -> SeenCommit:
        inner = each["commit"]
        signature = inner["signature"]
        return SeenCommit(
            oid=_oid(inner["oid"]),
            authors=authors(inner),
            committer=_committer(inner["committer"]),
            signed=signature is not None and signature["isValid"] is True,
        )

    return page(node["commits"], commit)


def authors(node: Any) -> Page[Account]:
    return page(node["authors"], git_actor)


def events(node: Any) -> Page[Event]:
    def event(each: Any) -> Event:
        at = time(each["createdAt"])
        if each["__typename"] == "HeadRefForcePushedEvent":
            return ForcePush(at, actor(each["actor"]))
        if each["__typename"] in _BASE_CHANGES:
            return BaseChange(at)
        review = each["review"]
        return Dismissal(at, str(each["previousReviewState"]), str(review["id"]) if review else "")

    return page(node["timelineItems"], event)


def contents(commit: Any, wanted: Iterable[str], paths: Paths) -> tuple[Content, ...]:
    oid = _oid(commit["oid"])
    entries = ((path, commit[paths.field(path)]) for path in wanted)
    return tuple(Content(oid, path, _oid(entry["oid"]) if entry else "") for path, entry in entries)


def actor(node: Any) -> Account | None:
    """None for a deleted account. GraphQL leaves out the "[bot]" that REST and people know."""
    if node is None:
        return None
    kind, login = str(node["__typename"]), str(node["login"])
    id = node.get("databaseId")
    if kind == "Bot" and not login.endswith("[bot]"):
        login += "[bot]"
    return Account("" if id is None else str(int(id)), login, person=kind == "User")


def git_actor(node: Any) -> Account:
    """Who a commit says that it was; somebody without an account is known by the address."""
    return actor(node["user"]) or Account("", email=str(node["email"] or node["name"] or "nobody"))


def _committer(node: Any) -> Account | None:
    if node is None:
        return None
    account = git_actor(node)
    own = account.login == _WEB_FLOW or (not account.id and account.email == _NO_REPLY)
    return None if own else account


def time(text: Any) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"the time {text} has no offset")
    return at


def _oid(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{value!r} is no object id")
    return value
