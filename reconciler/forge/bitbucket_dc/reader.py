"""Evidence from Bitbucket Data Center's pull requests. Decides nothing, writes nothing.

For a commit: one call for its pull requests, and for each of these that was merged into our branch
one for each 500 activities, one for each 500 commits, and one for each wanted path at its head and
at each other commit that was reviewed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from reconciler.forge.base import Finding, ForgeError, Want
from reconciler.forge.bitbucket.history import distinct, gathered, pushers, reviews
from reconciler.forge.bitbucket.rest import Rest
from reconciler.forge.bitbucket_dc import answers
from reconciler.forge.bitbucket_dc.answers import Row
from reconciler.forge.bitbucket_dc.pages import base, rows
from reconciler.forge.bitbucket_dc.protection import findings, of_ledger
from reconciler.forge.session import Refused, shaped
from reconciler.model import Content, Evidence, ForgeSettings, PullRequest, Review


class Reader:
    def __init__(self, rest: Rest, settings: ForgeSettings) -> None:
        self._rest = rest
        self._settings = settings
        self._path = base(settings)
        self._there: dict[str, bool] = {}  # commit

    def evidence(self, wanted: Sequence[Want]) -> Iterator[tuple[Want, Evidence]]:
        return gathered(wanted, self._evidence)

    def pull(self, number: int, paths: Sequence[str]) -> PullRequest:
        row = self.row(number)
        return self._read(row, self._activities(number), self._commits(number), paths)

    def row(self, number: int) -> Row:
        action = f"read pull request {number}"
        body = self._rest.get(action, f"{self._path}/pull-requests/{number}").body
        with shaped(action):
            if body["id"] != number:
                raise ValueError(f"it is {body['id']!r}")
            return dict(body)

    def open_pull(self, branch: str) -> PullRequest | None:
        action = f"look for an open pull request from {branch}"
        params = {"state": "OPEN", "direction": "OUTGOING", "at": f"refs/heads/{branch}"}
        for row in rows(self._rest, action, f"{self._path}/pull-requests", params):
            with shaped(action):
                source = row["fromRef"]["repository"]
                name = f"{source['project']['key']}/{source['slug']}"
                ours = name.lower() == self._settings.repository.lower()
                right = row["fromRef"]["id"] == f"refs/heads/{branch}" and row["state"] == "OPEN"
                if ours and right and self._is_for_ours(row):
                    return self.pull(int(row["id"]), ())
        return None

    def protection(self) -> tuple[Finding, ...]:
        return findings(self._rest, self._settings)

    def ledger_protection(self, branch: str, signed: bool) -> tuple[Finding, ...]:
        return of_ledger(self._rest, self._settings, branch, signed)

    def _evidence(self, commit: str, paths: tuple[str, ...]) -> Evidence:
        """The list has every pull request that contains the commit, merged or not. That it came in
        by one of them is seen here."""
        action = f"find the pull requests of commit {commit}"
        path = f"{self._path}/commits/{quote(commit, safe='')}/pull-requests"
        found: list[PullRequest] = []
        for row in rows(self._rest, action, path):
            with shaped(action):
                number, state = int(row["id"]), row["state"]
                if state != "MERGED" or not self._is_for_ours(row):
                    continue
            activities, commits = self._activities(number), self._commits(number)
            with shaped(action):
                if not self._brought(row, activities, commits, commit):
                    continue
            found.append(self._read(row, activities, commits, paths))
        return Evidence(commit, tuple(found))

    def _is_for_ours(self, row: Row) -> bool:
        return bool(row["toRef"]["id"] == f"refs/heads/{self._settings.branch}")

    def _activities(self, number: int) -> tuple[Row, ...]:
        action = f"list the activities of pull request {number}"
        return rows(self._rest, action, f"{self._path}/pull-requests/{number}/activities")

    def _commits(self, number: int) -> tuple[Row, ...]:
        action = f"list the commits of pull request {number}"
        found = rows(self._rest, action, f"{self._path}/pull-requests/{number}/commits")
        if not found:
            raise ForgeError(action, "it has none, so nobody can be ruled out as their author")
        return found

    def _brought(
        self, row: Row, activities: Sequence[Row], commits: Sequence[Row], commit: str
    ) -> bool:
        """By a merge or squash commit; or, after a fast-forward, as one of its own. What was pushed
        by hand is not, whatever pull request once had it."""
        merge = answers.merge_commit(row, answers.merge(activities))
        if merge and merge == row["fromRef"]["latestCommit"]:
            return any(own["id"] == commit for own in commits)
        return merge == commit

    def _read(
        self, row: Row, activities: Sequence[Row], commits: Sequence[Row], paths: Sequence[str]
    ) -> PullRequest:
        with shaped(f"read pull request {row.get('id')}"):
            head = str(row["fromRef"]["latestCommit"])
            story = answers.story(row, activities)
            said = reviews(story, *answers.listed(row))
            merged = answers.merge(activities) if row["state"] == "MERGED" else None
            if row["state"] == "MERGED" and merged is None:
                raise ValueError("its merge is not among its activities")
            own = tuple(account for commit in commits for account in answers.writers(commit))
            return PullRequest(
                number=int(row["id"]),
                url=str(row["links"]["self"][0]["href"]),
                base=str(row["toRef"]["id"]).removeprefix("refs/heads/"),
                head=head,
                author=answers.account(row["author"]["user"]),
                merged_at=answers.time(merged["createdDate"]) if merged else None,
                merged_by=answers.account(merged.get("user")) if merged else None,
                writers=distinct((*own, *pushers(story))),
                unsigned=tuple(str(c["id"]) for c in commits),  # the API does not tell
                reviews=said,
                contents=self._contents(head, said, paths),
                title=str(row["title"]),
            )

    def _contents(
        self, head: str, said: tuple[Review, ...], paths: Sequence[str]
    ) -> tuple[Content, ...]:
        """A reviewed commit that is gone has none: nothing is known of it."""
        found = []
        for commit in dict.fromkeys((head, *(r.commit for r in said))) if paths else ():
            for path in paths:
                blob = self._blob(commit, path) if commit else None
                if blob is not None:
                    found.append(Content(commit, path, blob))
        if paths and not any(content.commit == head for content in found):
            raise ForgeError(f"read {paths[0]} at {head}", "the commit can no longer be read")
        return tuple(found)

    def _blob(self, commit: str, path: str) -> str | None:
        """ "" where the commit has no such file, None where there is no such commit."""
        action = f"read {path} at {commit}"
        try:
            return self._rest.blob(action, f"{self._path}/raw/{quote(path)}", {"at": commit})
        except Refused as e:
            if e.status != 404:
                raise
        return "" if self._exists(commit) else None

    def _exists(self, commit: str) -> bool:
        if commit not in self._there:
            try:
                self._rest.get(f"read commit {commit}", f"{self._path}/commits/{quote(commit)}")
                self._there[commit] = True
            except Refused as e:
                if e.status != 404:
                    raise
                self._there[commit] = False
        return self._there[commit]
