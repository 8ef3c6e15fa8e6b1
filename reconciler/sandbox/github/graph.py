"""The local GitHub's GraphQL: its world as the nodes of schema.graphql. Changes nothing.

A node is a dict of values, and of functions for what costs something to find out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graphql import GraphQLError, GraphQLSchema, build_schema, graphql_sync

from reconciler.sandbox.bare import Ident
from reconciler.sandbox.github.hub import Hub
from reconciler.sandbox.github.state import (
    NAME,
    OWNER,
    BaseChange,
    Dismissal,
    ForcePush,
    Pull,
    Review,
    User,
)

Node = dict[str, Any]

_CO_AUTHOR = re.compile(r"^co-authored-by: *(.*?) *<(.*?)>", re.IGNORECASE | re.MULTILINE)
_MOST = 100  # rows in a page; GitHub answers with an error above it
_EVENTS: Mapping[str, Callable[[object], bool]] = {
    "HEAD_REF_FORCE_PUSHED_EVENT": lambda e: isinstance(e, ForcePush),
    "REVIEW_DISMISSED_EVENT": lambda e: isinstance(e, Dismissal),
    "BASE_REF_CHANGED_EVENT": lambda e: isinstance(e, BaseChange) and not e.automatic,
    "AUTOMATIC_BASE_CHANGE_SUCCEEDED_EVENT": lambda e: isinstance(e, BaseChange) and e.automatic,
}


def schema() -> GraphQLSchema:
    return build_schema(Path(__file__).with_name("schema.graphql").read_text(encoding="utf-8"))


class Graph:
    """`page_most` is GitHub's 100; tests make it small. Answers one question at a time."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._schema = schema()
        self._empty = False
        self.page_most = _MOST
        self.most_commits = 250  # of a pull request that GitHub lists at all

    def answer(self, login: str, body: Mapping[str, Any], empty: bool = False) -> Node:
        self._empty = empty
        root = {"viewer": self._actor(self._hub.users[login]), "repository": self._repository}
        result = graphql_sync(
            self._schema,
            str(body.get("query", "")),
            root_value=root,
            variable_values=body.get("variables") or {},
        )
        answer: Node = {"data": result.data}
        if result.errors:
            answer["errors"] = [_error(e) for e in result.errors]
        return answer

    def _repository(self, info: Any, owner: str, name: str, followRenames: bool = True) -> Node:
        former = followRenames and f"{owner}/{name}" in self._hub.settings.former_names
        if not former and (owner.casefold(), name.casefold()) != (OWNER, NAME):
            what = f"Could not resolve to a Repository with the name '{owner}/{name}'."
            raise GraphQLError(what, extensions={"type": "NOT_FOUND"})
        return self._this_repository()

    def _this_repository(self) -> Node:
        return {
            "nameWithOwner": f"{OWNER}/{NAME}",
            "viewerDefaultMergeMethod": self._hub.settings.merge_method,
            "object": lambda info, oid="", expression="": self._object(oid or expression),
            "pullRequest": lambda info, number: self._numbered(number),
            "pullRequests": self._listed,
        }

    def _object(self, oid: str) -> Node | None:
        match self._hub.bare.kind(oid):
            case "commit":
                return self._commit(oid)
            case "blob" | "tree" as kind:
                return {"__typename": kind.title(), "oid": oid}
        return None

    def _numbered(self, number: int) -> Node:
        self._hub.notice()
        if number not in self._hub.pulls:
            what = f"Could not resolve to a PullRequest with the number of {number}."
            raise GraphQLError(what, extensions={"type": "NOT_FOUND"})
        return self._pull(self._hub.pulls[number])

    def _listed(
        self,
        info: Any,
        states: Sequence[str] | None = None,
        baseRefName: str | None = None,
        headRefName: str | None = None,
        **page: Any,
    ) -> Node:
        self._hub.notice()
        found = [
            pull
            for pull in self._hub.pulls.values()
            if (states is None or pull.state in states)
            and baseRefName in (None, pull.base)
            and headRefName in (None, pull.branch)
        ]
        return self._page(found, self._pull, **page)

    def _commit(self, oid: str) -> Node:
        bare = self._hub.bare
        facts = bare.facts(oid)
        authors = dict.fromkeys((facts.author, *_co_authors(facts.message)))
        return {
            "__typename": "Commit",
            "oid": oid,
            "authors": lambda info, **page: self._page(list(authors), self._git_actor, **page),
            "committer": self._git_actor(facts.committer),
            "signature": (
                {"__typename": "GpgSignature", "isValid": True} if oid in self._hub.signed else None
            ),
            "file": lambda info, path: self._file(oid, path),
            "associatedPullRequests": lambda info, **page: self._page(
                self._hub.associated(oid), self._pull, **page
            ),
        }

    def _file(self, oid: str, path: str) -> Node | None:
        entry = self._hub.bare.entry(oid, path)
        return {"mode": entry[0], "type": entry[1], "oid": entry[2]} if entry else None

    def _git_actor(self, ident: Ident) -> Node:
        user = self._hub.user_of(ident.email)
        return {"name": ident.name, "email": ident.email, "user": self._actor(user)}

    def _actor(self, user: User | None) -> Node | None:
        if user is None or not user.alive:
            return None
        return {"__typename": user.kind, "databaseId": user.id, "login": user.login}

    def _pull(self, pull: Pull) -> Node:
        listed = pull.commits[: self.most_commits]
        return {
            "number": pull.number,
            "url": f"https://github.com/{OWNER}/{NAME}/pull/{pull.number}",
            "title": pull.title,
            "state": pull.state,
            "createdAt": _time(pull.created),
            "merged": pull.state == "MERGED",
            "mergedAt": _time(pull.merged_at),
            "mergedBy": self._actor(pull.merged_by),
            "author": self._actor(pull.author),
            "baseRefName": pull.base,
            "baseRepository": self._this_repository(),
            "headRefName": pull.branch,
            "headRefOid": pull.head,
            "isCrossRepository": pull.from_fork,
            "mergeCommit": self._object(pull.merge_commit) if pull.merge_commit else None,
            "reviews": lambda info, **page: self._page(pull.reviews, self._review, **page),
            "commits": lambda info, **page: self._page(
                listed,
                lambda oid: {"commit": self._commit(oid)},
                total=len(pull.commits),
                **page,
            ),
            "timelineItems": lambda info, itemTypes=None, **page: self._page(
                [e for e in pull.events if itemTypes is None or _is_one_of(e, itemTypes)],
                self._event,
                **page,
            ),
        }

    def _review(self, review: Review) -> Node:
        return {
            "id": f"PRR_{review.id}",
            "author": self._actor(review.author),
            "state": review.state,
            "submittedAt": _time(review.at),
            "commit": self._object(review.commit),
        }

    def _event(self, event: Dismissal | ForcePush | BaseChange) -> Node:
        if isinstance(event, BaseChange):
            kind = "AutomaticBaseChangeSucceededEvent" if event.automatic else "BaseRefChangedEvent"
            return {"__typename": kind, "createdAt": _time(event.at)}
        if isinstance(event, ForcePush):
            return {
                "__typename": "HeadRefForcePushedEvent",
                "actor": self._actor(event.actor),
                "createdAt": _time(event.at),
            }
        return {
            "__typename": "ReviewDismissedEvent",
            "createdAt": _time(event.at),
            "previousReviewState": event.previous,
            "review": self._review(event.review),
        }

    def _page(
        self,
        rows: Sequence[Any],
        node: Callable[[Any], Any],
        first: int | None = None,
        last: int | None = None,
        after: str | None = None,
        before: str | None = None,
        total: int | None = None,
    ) -> Node:
        wanted = first if last is None else last
        if wanted is None or not 1 <= wanted <= _MOST:
            raise GraphQLError("You must provide a `first` or `last` value from 1 to 100.")
        wanted = min(wanted, self.page_most)
        start = max(0, len(rows) - wanted) if first is None else int(after or 0)
        end = min(len(rows), start + wanted)
        return {
            "nodes": [] if self._empty else [node(row) for row in rows[start:end]],
            "pageInfo": {"hasNextPage": end < len(rows), "endCursor": str(end)},
            "totalCount": len(rows) if total is None else total,
        }


def _is_one_of(event: object, names: Iterable[str]) -> bool:
    return any(_EVENTS[name](event) for name in names)


def _co_authors(message: str) -> list[Ident]:
    return [Ident(name, email) for name, email in _CO_AUTHOR.findall(message)]


def _time(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def _error(error: GraphQLError) -> Node:
    kind = {key: value for key, value in (error.extensions or {}).items() if key == "type"}
    return {**kind, "message": error.message, "path": list(error.path or ())}
