"""The words of Bitbucket Data Center's REST API 1.0 for what the book of pull requests knows.

Never more than is asked for often.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.sandbox.bare import Commit, Ident
from reconciler.sandbox.pulls.book import Book, Comment, Event, Kind, Member, Pull

_ACTIONS = {
    Kind.OPENED: "OPENED",
    Kind.EDITED: "UPDATED",
    Kind.PUSHED: "RESCOPED",
    Kind.APPROVED: "APPROVED",
    Kind.UNAPPROVED: "UNAPPROVED",
    Kind.CHANGES_REQUESTED: "REVIEWED",
    Kind.COMMENTED: "COMMENTED",
    Kind.MERGED: "MERGED",
}
_STATUS = {Kind.APPROVED: "APPROVED", Kind.CHANGES_REQUESTED: "NEEDS_WORK"}


@dataclass(frozen=True, slots=True)
class Shapes:
    book: Book
    repository: str

    def pull(self, pull: Pull) -> dict[str, Any]:
        reviewers = [member.login for member in pull.reviewers]
        others = [login for login in pull.words if login not in reviewers]
        project, slug = self.repository.split("/")
        href = f"https://bitbucket.example.com/projects/{project}/repos/{slug}/pull-requests"
        shown: dict[str, Any] = {
            "id": pull.number,
            "version": pull.version,
            "title": pull.title,
            "description": pull.body,
            "state": "MERGED" if pull.merged else "OPEN",
            "open": not pull.merged,
            "closed": bool(pull.merged),
            "createdDate": _milliseconds(pull.at),
            "updatedDate": _milliseconds(pull.events[-1].at),
            "fromRef": self._ref(pull.branch, pull.head),
            "toRef": self._ref(pull.into, pull.destination),
            "author": {"user": _user(pull.author), "role": "AUTHOR", "approved": False},
            "reviewers": [self.participant(pull, login) for login in reviewers],
            "participants": [self.participant(pull, login) for login in others],
            "links": {"self": [{"href": f"{href}/{pull.number}"}]},
        }
        if pull.merged:
            commit = {"id": pull.merged, "displayId": pull.merged[:11]}
            shown["properties"] = {"mergeCommit": commit}
        return shown

    def participant(self, pull: Pull, login: str) -> dict[str, Any]:
        kind, commit = pull.words.get(login, (Kind.UNAPPROVED, ""))
        reviewer = self.book.members[login] in pull.reviewers
        row = {
            "user": _user(self.book.members[login]),
            "role": "REVIEWER" if reviewer else "PARTICIPANT",
            "approved": kind is Kind.APPROVED,
            "status": _STATUS.get(kind, "UNAPPROVED"),
        }
        return row | ({"lastReviewedCommit": commit} if commit else {})

    def activities(self, pull: Pull) -> Iterator[dict[str, Any]]:
        """Newest first."""
        for event in reversed(pull.events):
            yield {
                "id": event.number,
                "createdDate": _milliseconds(event.at),
                "user": _user(event.who),
                "action": _ACTIONS[event.kind],
                **self._more(pull, event),
            }

    def _more(self, pull: Pull, event: Event) -> dict[str, Any]:
        if event.kind is Kind.PUSHED:
            return {
                "fromHash": event.source,
                "previousFromHash": event.before,
                "toHash": event.destination,
                "previousToHash": event.destination,
            }
        if event.kind is Kind.MERGED:
            return {"commit": {"id": pull.merged, "displayId": pull.merged[:11]}}
        if event.kind is Kind.COMMENTED:
            said = next(c for c in pull.comments if c.number == event.number - 1)
            return {"commentAction": "ADDED", "comment": self.comment(said)}
        return {}

    def comment(self, said: Comment) -> dict[str, Any]:
        return {
            "id": said.number,
            "version": said.version,
            "text": said.text,
            "author": _user(said.who),
        }

    def commit(self, commit: Commit) -> dict[str, Any]:
        return {
            "id": commit.hash,
            "displayId": commit.hash[:11],
            "author": self._writer(commit.author),
            "authorTimestamp": _milliseconds(commit.at),
            "committer": self._writer(commit.committer),
            "committerTimestamp": _milliseconds(commit.at),
            "message": commit.message,
            "parents": [{"id": parent, "displayId": parent[:11]} for parent in commit.parents],
        }

    def _writer(self, identity: Ident) -> dict[str, Any]:
        """The whole user where the e-mail address is one's, else what git says."""
        for member in self.book.members.values():
            if member.identity.email == identity.email and not member.gone:
                return _user(member) or {}
        return {"name": identity.name, "emailAddress": identity.email}

    def _ref(self, branch: str, commit: str) -> dict[str, Any]:
        project, slug = self.repository.split("/")
        return {
            "id": f"refs/heads/{branch}",
            "displayId": branch,
            "latestCommit": commit,
            "repository": {"slug": slug, "project": {"key": project}},
        }


def _user(member: Member) -> dict[str, Any] | None:
    if member.gone:
        return None
    return {
        "name": member.login,
        "emailAddress": member.identity.email,
        "active": True,
        "displayName": member.login.title(),
        "id": member.number,
        "slug": member.login.lower(),
        "type": "NORMAL" if member.person else "SERVICE",
    }


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
