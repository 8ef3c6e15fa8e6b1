"""Writes to GitHub: comments, statuses, pull requests. Decides nothing, and touches no comment but
those of its own account."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.forge.base import Draft, State
from reconciler.forge.github import documents
from reconciler.forge.github.calls import Calls
from reconciler.forge.github.reader import open_pull, pull_by_number
from reconciler.forge.session import Refused, shaped
from reconciler.model import ForgeSettings, PullRequest

_CONTEXT = "access-reconciler"
_LONGEST_BODY = 65_536  # characters
_LONGEST_STATUS = 140
_CUT = "\n\n*The rest was cut off: GitHub takes no longer comments.*"


class GithubWriter:
    def __init__(self, settings: ForgeSettings, calls: Calls) -> None:
        self._settings = settings
        self._calls = calls

    def comment(self, number: int, text: str, mark: str) -> None:
        """Anybody can write our mark into a comment of his own: the author decides."""
        hidden = f"<!-- access-reconciler: {mark} -->"
        body = _cut(f"{hidden}\n{text}")
        found = self._own_comment(number, hidden)
        what = f"comment on #{number}"
        if found is None:
            self._calls.send(what, "POST", f"/issues/{number}/comments", {"body": body})
        elif found[1] != body:
            self._calls.send(what, "PATCH", f"/issues/comments/{found[0]}", {"body": body})

    def _own_comment(self, number: int, hidden: str) -> tuple[int, str] | None:
        what = f"read the comments of #{number}"
        me = self._own_id()
        for page in self._calls.pages(what, f"/issues/{number}/comments"):
            with shaped(what):
                for each in page.body:
                    body = str(each.get("body") or "")
                    author = each["user"]
                    if author and author["id"] == me and body.startswith(hidden):
                        return int(each["id"]), body
        return None

    def _own_id(self) -> int:
        """By GraphQL: a workflow's own token may not ask REST for its user."""
        what = "see whose token this is"
        data = self._calls.ask(what, documents.VIEWER, {})
        with shaped(what):
            return int(data["viewer"]["databaseId"])

    def mention(self, name: str) -> str:
        login = self._login(name)
        return f"@{login}" if login else ""

    def status(self, commit: str, state: State, text: str) -> None:
        short = text if len(text) <= _LONGEST_STATUS else f"{text[: _LONGEST_STATUS - 1]}…"
        body = {"state": state.value, "context": _CONTEXT, "description": short}
        self._calls.send(f"set the status of {commit}", "POST", f"/statuses/{commit}", body)

    def open(self, draft: Draft) -> PullRequest:
        what = f"open a pull request from {draft.branch}"
        body = {
            "title": draft.title,
            "body": draft.body[:_LONGEST_BODY],
            "head": draft.branch,
            "base": self._settings.branch,
        }
        try:
            made = self._calls.send(what, "POST", "/pulls", body)
            with shaped(what):
                number = int(made["number"])
        except Refused as e:
            there = e.status == 422 and open_pull(self._calls, draft.branch, self._settings.branch)
            if not there:
                raise
            number = there.number
        self._ask(number, tuple(filter(None, map(self._login, draft.reviewers))))
        return pull_by_number(self._calls, number)

    def _login(self, name: str) -> str:
        """Of an account by its id, "" where there is none. GitHub asks by login only."""
        if not name.isdigit():
            return name
        what = f"find account {name}"
        try:
            found = self._calls.session.get(what, f"/user/{name}").body
        except Refused as e:
            if e.status != 404:
                raise
            return ""
        with shaped(what):
            return str(found["login"])

    def _ask(self, number: int, reviewers: Sequence[str]) -> None:
        """GitHub asks all of them or, where it refuses one, nobody."""
        what, path = f"ask for reviews of #{number}", f"/pulls/{number}/requested_reviewers"
        try:
            if reviewers:
                self._calls.send(what, "POST", path, {"reviewers": list(reviewers)})
        except Refused as e:
            if e.status != 422:
                raise
            if len(reviewers) > 1:
                for one in reviewers:
                    self._ask(number, (one,))

    def merge(self, number: int, head: str) -> None:
        what = f"merge #{number}"
        data = self._calls.ask(what, documents.MERGE_METHOD, {})
        with shaped(what):
            method = str(data["repository"]["viewerDefaultMergeMethod"]).lower()
        body = {"sha": head, "merge_method": method}
        self._calls.send(what, "PUT", f"/pulls/{number}/merge", body)


def _cut(body: str) -> str:
    if len(body) <= _LONGEST_BODY:
        return body
    return body[: _LONGEST_BODY - len(_CUT)] + _CUT
