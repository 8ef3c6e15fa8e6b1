"""Bitbucket Data Center's answers, read into nouns. Never guesses: what is not there raises, and
inside `session.shaped` that is a ForgeError.

Shapes: the vendor's REST documentation of version 8; what it shows of an activity is only `action`,
`createdDate`, `id` and `user`. The hashes of a RESCOPED one are those of its event in the Java API.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from reconciler.forge.bitbucket.history import Head, Said, co_authors
from reconciler.model import Account, Word

Row = dict[str, Any]
_WORDS = {
    "APPROVED": Word.APPROVED,
    "REVIEWED": Word.CHANGES_REQUESTED,  # "Needs work", by now "Requested changes"
    "UNAPPROVED": Word.DISMISSED,
}


def account(row: object) -> Account | None:
    """None for a deleted one. Of type SERVICE are the users that stand for access tokens of a
    project or repository, and other add-on users."""
    match row:
        case {"id": int(id), "name": str(name), **rest}:
            email = str(rest.get("emailAddress") or "")
            return Account(str(id), name, rest.get("type") == "NORMAL", email)
        case None | dict():
            return None
    raise ValueError(f"{row!r} is no account")


def time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def story(pull: Row, activities: Iterable[Row]) -> tuple[Head | Said, ...]:
    """The head that it was opened with is told only by the first rescope, or by none."""
    seen = {who.id: commit for who, _, commit in _listed(pull) if who}
    events: list[Head | Said] = []
    first = str(pull["fromRef"]["latestCommit"])
    last_words: set[str] = set()
    for row in activities:  # newest first
        at, who, action = time(row["createdDate"]), account(row.get("user")), row["action"]
        if action == "RESCOPED":
            # A push to the target alone is one too, and moves nothing here.
            if row["fromHash"] != row["previousFromHash"]:
                events.append(Head(at, row["fromHash"], who))
                first = str(row["previousFromHash"])
        elif action in _WORDS:
            id = who.id if who else ""
            noted = seen.get(id, "") if id not in last_words else ""
            last_words.add(id)
            events.append(Said(at, who, _WORDS[action], noted))
    opened = Head(time(pull["createdDate"]), first)
    return (opened, *reversed(events))


def merge(activities: Iterable[Row]) -> Row | None:
    return next((row for row in activities if row["action"] == "MERGED"), None)


def merge_commit(pull: Row, merged: Row | None) -> str:
    """The commit that the main line ended with: the activity's, or the pull request's own."""
    commit: Mapping[str, Any] = (merged or {}).get("commit") or {}
    kept: Mapping[str, Any] = (pull.get("properties") or {}).get("mergeCommit") or {}
    return str(commit.get("id") or kept.get("id") or "")


def writers(commit: Row) -> Iterator[Account]:
    """A commit's author is a whole user where the server knows the e-mail address."""
    for key in ("author", "committer"):
        if person := commit.get(key):
            name, email = str(person.get("name") or ""), str(person.get("emailAddress") or "")
            yield account(person) or Account("", "" if email else name, email=email)
    yield from co_authors(str(commit.get("message") or ""))


def listed(pull: Row) -> tuple[frozenset[str], frozenset[str]]:
    """Who approves now, and all who take part."""
    known = [(who.id, status) for who, status, _ in _listed(pull) if who]
    approving = frozenset(id for id, status in known if status == "APPROVED")
    return approving, frozenset(id for id, _ in known)


def _listed(pull: Row) -> Iterator[tuple[Account | None, str, str]]:
    for row in (*pull["reviewers"], *pull["participants"]):
        yield account(row["user"]), str(row["status"]), str(row.get("lastReviewedCommit") or "")
