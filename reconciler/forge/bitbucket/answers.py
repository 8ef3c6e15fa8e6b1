"""Bitbucket Cloud's answers, read into nouns. Never guesses: what is not there raises, and inside
`session.shaped` that is a ForgeError.

Shapes: the OpenAPI description of REST API 2.0. What it does not say: commits inside of pull
requests and activity are cut to 12 characters, and entries of the activity bear one key each,
`update`, `approval`, `changes_requested` or `comment`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from reconciler.forge.bitbucket.history import Head, Said, co_authors
from reconciler.model import Account, Word

Row = dict[str, Any]
_WORDS = {"approval": Word.APPROVED, "changes_requested": Word.CHANGES_REQUESTED}


def account(row: object) -> Account | None:
    """None for a deleted one. Apps and access tokens have other types than "user"."""
    match row:
        case {"uuid": str(uuid), **rest} if uuid:
            shown = str(rest.get("nickname") or rest.get("display_name") or "")
            return Account(uuid.lower(), person=rest.get("type") == "user", shown=shown)
        case None | dict():
            return None
    raise ValueError(f"{row!r} is no account")


def time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return at


def story(activity: Iterable[Row]) -> Iterator[Head | Said]:
    for row in activity:
        if update := row.get("update"):
            commit = update["source"]["commit"]["hash"]
            into = str(update["destination"]["branch"]["name"])
            yield Head(time(update["date"]), commit, account(update.get("author")), into)
        for key, word in _WORDS.items():
            if said := row.get(key):
                yield Said(time(said["date"]), account(said.get("user")), word)


def merged_at(activity: Iterable[Row]) -> datetime | None:
    """When the state became MERGED. Not `updated_on`, which moves with every comment later on: an
    approval given after the merge must not look like one before it."""
    merges = (u for row in activity if (u := row.get("update")) and u.get("state") == "MERGED")
    return min((time(update["date"]) for update in merges), default=None)


def writers(commit: Row) -> Iterator[Account]:
    for key in ("author", "committer"):  # answers have a committer since 2025, not all of them
        if person := commit.get(key):
            raw = str(person.get("raw") or "")
            _, email = parseaddr(raw)
            yield account(person.get("user")) or Account("", "" if email else raw, email=email)
    yield from co_authors(str(commit.get("message") or ""))


def listed(pull: Row) -> tuple[frozenset[str], frozenset[str]]:
    """Who approves now, and all who take part."""
    rows = [(account(row["user"]), bool(row["approved"])) for row in pull["participants"]]
    known = [(who.id, approves) for who, approves in rows if who]
    return frozenset(id for id, approves in known if approves), frozenset(id for id, _ in known)
