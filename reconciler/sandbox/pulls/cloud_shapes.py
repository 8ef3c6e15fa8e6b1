"""The words of Bitbucket Cloud's REST API 2.0 for what the book of pull requests knows.

Never more than is asked for often: avatars, rendered texts and most links are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reconciler.sandbox.bare import Commit
from reconciler.sandbox.bitbucket_cloud import User
from reconciler.sandbox.pulls.book import Book, Comment, Event, Kind, Member, Pull

_SHORT = 12  # characters of a commit's hash in a pull request and its activity


@dataclass(frozen=True, slots=True)
class Shapes:
    book: Book
    repository: str

    def entries(self, pull: Pull) -> Iterator[dict[str, Any]]:
        """Newest first. A word that was taken back is no longer there."""
        kept = {login: kind for login, (kind, _) in pull.words.items()}
        done: set[str] = set()
        said = {Kind.APPROVED: "approval", Kind.CHANGES_REQUESTED: "changes_requested"}
        about = {"pull_request": self.reference(pull)}
        for event in reversed(pull.events):
            if event.kind in said:
                if kept[event.who.login] is event.kind and event.who.login not in done:
                    done.add(event.who.login)
                    row = {"date": _date(event), "user": account(event.who), "pullrequest": {}}
                    yield {said[event.kind]: {**row, "pullrequest": about["pull_request"]}, **about}
            elif event.kind is Kind.COMMENTED:
                yield {"comment": {"type": "pullrequest_comment", "user": account(event.who)}}
            elif event.kind is not Kind.UNAPPROVED:
                yield {"update": self._update(pull, event), **about}

    def _update(self, pull: Pull, event: Event) -> dict[str, Any]:
        return {
            "title": pull.title,
            "description": pull.body,
            "state": "MERGED" if event.kind is Kind.MERGED else "OPEN",
            "reason": "",
            "author": account(event.who),
            "date": _date(event),
            "source": self._end(pull.branch, event.source),
            "destination": self._end(event.into, event.destination),
        }

    def pull(self, pull: Pull) -> dict[str, Any]:
        logins = {*pull.words, *(member.login for member in pull.reviewers)}
        merged = {"hash": pull.merged[:_SHORT]} if pull.merged else None
        return {
            **self.reference(pull),
            "state": state(pull),
            "author": account(pull.author),
            "closed_by": account(pull.closed_by),
            "source": self._end(pull.branch, pull.head),
            "destination": self._end(pull.into, pull.destination),
            "merge_commit": merged,
            "created_on": pull.at.isoformat(),
            "updated_on": pull.events[-1].at.isoformat(),
            "reviewers": [account(member) for member in pull.reviewers],
            "participants": [participant(self.book, pull, login) for login in sorted(logins)],
        }

    def reference(self, pull: Pull) -> dict[str, Any]:
        href = f"https://bitbucket.org/{self.repository}/pull-requests/{pull.number}"
        links = {"html": {"href": href}}
        return {"type": "pullrequest", "id": pull.number, "title": pull.title, "links": links}

    def _end(self, branch: str, commit: str) -> dict[str, Any]:
        return {
            "branch": {"name": branch},
            "commit": {"hash": commit[:_SHORT]},
            "repository": {"type": "repository", "full_name": self.repository},
        }

    def commit(self, commit: Commit) -> dict[str, Any]:
        author = commit.author
        known = next((m for m in self.book.members.values() if m.identity.email == author.email), 0)
        row: dict[str, Any] = {"type": "author", "raw": f"{author.name} <{author.email}>"}
        if isinstance(known, Member) and not known.gone:
            row["user"] = account(known)
        return {
            "type": "commit",
            "hash": commit.hash,
            "date": commit.at.isoformat(),
            "author": row,
            "message": commit.message,
            "parents": [{"type": "commit", "hash": parent} for parent in commit.parents],
        }


def account(member: Member | None) -> dict[str, Any] | None:
    if member is None or member.gone:
        return None
    if member.person:
        return dict(User(member.login).shown)
    return {"type": "app_user", "display_name": member.login, "uuid": User(member.login).uuid}


def participant(book: Book, pull: Pull, login: str) -> dict[str, Any]:
    kind, _ = pull.words.get(login, (Kind.UNAPPROVED, ""))
    words = {Kind.APPROVED: "approved", Kind.CHANGES_REQUESTED: "changes_requested"}
    return {
        "type": "participant",
        "user": account(book.members[login]),
        "role": "REVIEWER" if book.members[login] in pull.reviewers else "PARTICIPANT",
        "approved": kind is Kind.APPROVED,
        "state": words.get(kind),
    }


def comment(said: Comment) -> dict[str, Any]:
    return {
        "type": "pullrequest_comment",
        "id": said.number,
        "user": account(said.who),
        "content": {"raw": said.text, "markup": "markdown"},
        "deleted": said.deleted,
    }


def state(pull: Pull) -> str:
    return "MERGED" if pull.merged else "OPEN"


def _date(event: Event) -> str:
    return event.at.isoformat()
