"""Comments, statuses, pull requests and merges on Bitbucket Data Center. Never edits what another
account wrote, and never approves."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from reconciler.forge.base import Draft, ForgeError, State
from reconciler.forge.bitbucket.rest import Rest
from reconciler.forge.bitbucket.writer import KEY, MOST_SAID, STATES
from reconciler.forge.bitbucket_dc.pages import base, rows
from reconciler.forge.bitbucket_dc.reader import Reader
from reconciler.forge.session import Refused, shaped
from reconciler.model import ForgeSettings, PullRequest


class Writer:
    def __init__(self, rest: Rest, settings: ForgeSettings) -> None:
        self._rest = rest
        self._settings = settings
        self._reader = Reader(rest, settings)
        self._path = base(settings)

    def comment(self, number: int, text: str, mark: str) -> None:
        """Only the author of a comment may change it, so it is ours if the change is taken."""
        action = f"comment on pull request {number}"
        path = f"{self._path}/pull-requests/{number}"
        said = text if mark in text else f"{text}\n\n{mark}"
        for row in rows(self._rest, action, f"{path}/activities"):
            with shaped(action):
                comment = row.get("comment") if row["action"] == "COMMENTED" else None
                if comment and mark in str(comment["text"]):
                    body = {"text": said, "version": int(comment["version"])}
                    if self._edited(action, f"{path}/comments/{int(comment['id'])}", body):
                        return
        self._rest.send(action, "POST", f"{path}/comments", {"text": said})

    def mention(self, name: str) -> str:
        """By name: Data Center finds nobody by id."""
        return "" if name.isdigit() else f"@{name}"

    def status(self, commit: str, state: State, text: str) -> None:
        project, _, name = self._settings.repository.partition("/")
        body = {
            "key": KEY,
            "name": KEY,
            "state": STATES[state],
            "description": text[:MOST_SAID],
            "url": f"{self._rest.url}/projects/{project}/repos/{name}/commits/{commit}",
        }
        path = f"/rest/build-status/1.0/commits/{quote(commit, safe='')}"
        self._rest.send(f"set the status of commit {commit}", "POST", path, body)

    def open(self, draft: Draft) -> PullRequest:
        action = f"open a pull request from {draft.branch}"
        found = self._reader.open_pull(draft.branch)
        if found:
            return found
        body: dict[str, Any] = {
            "title": draft.title,
            "description": draft.body,
            "fromRef": self._ref(draft.branch),
            "toRef": self._ref(self._settings.branch),
        }
        path, asked = f"{self._path}/pull-requests", [_reviewer(name) for name in draft.reviewers]
        try:
            made = self._rest.send(action, "POST", path, {**body, "reviewers": asked}).body
            left: tuple[str, ...] = ()
        except Refused as e:
            if e.status != 409 or not asked:
                raise
            made, left = self._rest.send(action, "POST", path, body).body, draft.reviewers
        with shaped(action):
            number = int(made["id"])
        for name in left:
            self._ask(number, name)
        return self._reader.pull(number, ())

    def merge(self, number: int, head: str) -> None:
        """The version that goes with the order makes it fail if the pull request was changed since
        the look; a push that the server has not worked in yet may still go in, and is not proved
        then."""
        action = f"merge pull request {number}"
        row = self._reader.row(number)
        with shaped(action):
            latest, version, state = (
                row["fromRef"]["latestCommit"],
                int(row["version"]),
                row["state"],
            )
        if state == "MERGED":
            return
        if latest != head:
            raise ForgeError(action, f"its last commit is {latest} by now, not {head}")
        path = f"{self._path}/pull-requests/{number}/merge"
        self._rest.send(action, "POST", path, {}, {"version": str(version)})

    def _edited(self, action: str, path: str, body: dict[str, object]) -> bool:
        try:
            self._rest.send(action, "PUT", path, body)
        except Refused as e:
            if e.status not in (401, 403):
                raise
            return False
        return True

    def _ask(self, number: int, name: str) -> None:
        """Leaves out whom Bitbucket refuses: the author, or a stranger."""
        path = f"{self._path}/pull-requests/{number}/participants"
        body = {**_reviewer(name), "role": "REVIEWER"}
        try:
            self._rest.send(f"ask {name} to review", "POST", path, body)
        except Refused as e:
            if e.status not in (400, 404, 409):
                raise

    def _ref(self, branch: str) -> dict[str, Any]:
        project, _, name = self._settings.repository.partition("/")
        repository = {"slug": name, "project": {"key": project}}
        return {"id": f"refs/heads/{branch}", "repository": repository}


def _reviewer(name: str) -> dict[str, Any]:
    return {"user": {"name": name}}
