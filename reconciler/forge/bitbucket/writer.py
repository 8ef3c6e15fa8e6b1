"""Comments, statuses, pull requests and merges on Bitbucket Cloud. Never edits what another account
wrote, and never approves."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_exponential

from reconciler.forge.base import Draft, ForgeError, State
from reconciler.forge.bitbucket import answers
from reconciler.forge.bitbucket.pages import rows
from reconciler.forge.bitbucket.reader import Reader
from reconciler.forge.bitbucket.rest import Rest
from reconciler.forge.session import Refused, shaped
from reconciler.model import ForgeSettings, PullRequest

KEY = "access-reconciler"
STATES = {State.SUCCESS: "SUCCESSFUL", State.PENDING: "INPROGRESS", State.FAILURE: "FAILED"}
MOST_SAID = 255  # characters of a status
_MERGE_LIMIT = 60.0  # seconds


class Writer:
    def __init__(self, rest: Rest, settings: ForgeSettings) -> None:
        self._rest = rest
        self._settings = settings
        self._reader = Reader(rest, settings)
        self._path = f"/2.0/repositories/{quote(settings.repository)}"

    def comment(self, number: int, text: str, mark: str) -> None:
        action = f"comment on pull request {number}"
        path = f"{self._path}/pullrequests/{number}/comments"
        me = self._me()
        body = {"content": {"raw": text if mark in text else f"{text}\n\n{mark}"}}
        for row in rows(self._rest, action, path):
            with shaped(action):
                who = answers.account(row.get("user"))
                mine = who is not None and who.id == me and not row.get("deleted")
                if mine and mark in str(row["content"]["raw"]):
                    self._rest.send(action, "PUT", f"{path}/{int(row['id'])}", body)
                    return
        self._rest.send(action, "POST", path, body)

    def mention(self, name: str) -> str:
        """By id in braces. That Cloud takes a uuid there as it takes an Atlassian account id is
        not documented, and was not tried on the live service."""
        return f"@{name}" if name.startswith("{") else ""

    def status(self, commit: str, state: State, text: str) -> None:
        body = {
            "key": KEY,
            "name": KEY,
            "state": STATES[state],
            "description": text[:MOST_SAID],
            # Required; where else it leads would be for the caller to know.
            "url": f"https://bitbucket.org/{self._settings.repository}/commits/{commit}",
        }
        path = f"{self._path}/commit/{quote(commit, safe='')}/statuses/build"
        self._rest.send(f"set the status of commit {commit}", "POST", path, body)

    def open(self, draft: Draft) -> PullRequest:
        action = f"open a pull request from {draft.branch}"
        found = self._reader.open_pull(draft.branch)
        if found:
            return found
        body: dict[str, Any] = {
            "title": draft.title,
            "description": draft.body,
            "source": {"branch": {"name": draft.branch}},
            "destination": {"branch": {"name": self._settings.branch}},
        }
        path, asked = f"{self._path}/pullrequests", _users(draft.reviewers)
        try:
            made = self._rest.send(action, "POST", path, {**body, "reviewers": asked}).body
        except Refused as e:
            if e.status != 400 or not asked or "reviewer" not in e.cause.lower():
                raise
            made = self._rest.send(action, "POST", path, body).body
            with shaped(action):
                self._ask(int(made["id"]), draft)
        with shaped(action):
            return self._reader.pull(int(made["id"]), ())

    def merge(self, number: int, head: str) -> None:
        """Bitbucket takes no commit with the order to merge: a push in the moment between the look
        and the merge goes in with it, and is not proved then."""
        action = f"merge pull request {number}"
        pull = self._reader.pull(number, ())
        if pull.merged_at:
            return
        if pull.head != head:
            raise ForgeError(action, f"its last commit is {pull.head} by now, not {head}")
        order = {"type": "pullrequest_merge_parameters", "merge_strategy": "merge_commit"}
        path = f"{self._path}/pullrequests/{number}/merge"
        if self._rest.send(action, "POST", path, order).status == 202 and not self._merges(number):
            raise ForgeError(action, f"it is still not merged after {_MERGE_LIMIT:.0f} s")

    def _merges(self, number: int) -> bool:
        path, action = f"{self._path}/pullrequests/{number}", f"see pull request {number} merged"
        patient = Retrying(
            stop=stop_after_delay(_MERGE_LIMIT),
            wait=wait_exponential(multiplier=0.5, max=10),
            retry=retry_if_result(lambda merged: not merged),
            retry_error_callback=lambda _: False,
        )
        return bool(patient(lambda: self._rest.get(action, path).body.get("state") == "MERGED"))

    def _ask(self, number: int, draft: Draft) -> None:
        """One more reviewer at a time, to find out whom Bitbucket refuses."""
        asked: tuple[str, ...] = ()
        for reviewer in draft.reviewers:
            body = {"title": draft.title, "reviewers": _users((*asked, reviewer))}
            path = f"{self._path}/pullrequests/{number}"
            try:
                self._rest.send(f"ask {reviewer} to review", "PUT", path, body)
            except Refused as e:
                if e.status != 400:
                    raise
            else:
                asked = (*asked, reviewer)

    def _me(self) -> str:
        action = "find out whose token it is"
        with shaped(action):
            who = answers.account(self._rest.get(action, "/2.0/user").body)
            if who is None:
                raise ValueError("it has no uuid")
            return who.id


def _users(reviewers: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"uuid": reviewer} for reviewer in reviewers]
