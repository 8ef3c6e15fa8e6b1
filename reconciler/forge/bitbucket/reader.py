"""Evidence from Bitbucket Cloud's pull requests. Decides nothing, writes nothing.

For a commit: one call for its pull requests, and for each of these one for itself, one for each 50
entries of its activity, one for each 50 commits, one to see the merge commit whole (none after a
fast-forward), and one for each wanted path at its head and at each other commit that was reviewed.
A commit that was forced away, and a file that is not there, take one more each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from reconciler.forge.base import Finding, ForgeError, Want
from reconciler.forge.bitbucket import answers
from reconciler.forge.bitbucket.answers import Row
from reconciler.forge.bitbucket.history import distinct, gathered, pushers, reviews
from reconciler.forge.bitbucket.pages import rows
from reconciler.forge.bitbucket.protection import findings, of_ledger
from reconciler.forge.bitbucket.rest import Rest
from reconciler.forge.session import Refused, shaped
from reconciler.model import Content, Evidence, ForgeSettings, PullRequest, Review

_WHOLE = 40  # characters of a hash that is not cut
_LINKS = (
    "Bitbucket has no links from commits to pull requests here: install the app `Pull Request "
    "Commit Links` (open a commit on the web and click `Go to pull request`), or check "
    "`repository` under `forge:`"
)


class Reader:
    def __init__(self, rest: Rest, settings: ForgeSettings) -> None:
        self._rest = rest
        self._branch = settings.branch
        self._settings = settings
        self._path = f"/2.0/repositories/{quote(settings.repository)}"
        self._hashes: dict[str, str] = {}  # cut: whole, "" where there is no such commit

    def evidence(self, wanted: Sequence[Want]) -> Iterator[tuple[Want, Evidence]]:
        return gathered(wanted, self._evidence)

    def pull(self, number: int, paths: Sequence[str]) -> PullRequest:
        row = self._row(number)
        return self._read(row, self._commits(row), paths)

    def open_pull(self, branch: str) -> PullRequest | None:
        action = f"look for an open pull request from {branch}"
        query = f"source.branch.name={_quoted(branch)} AND destination.branch.name="
        params = {"state": "OPEN", "q": query + _quoted(self._branch)}
        for row in rows(self._rest, action, f"{self._path}/pullrequests", params):
            with shaped(action):
                source = row["source"]
                ours = (
                    source["repository"]["full_name"].lower() == self._settings.repository.lower()
                )
                right = source["branch"]["name"] == branch and row["state"] == "OPEN"
            if ours and right and self._is_for_ours(row):
                return self.pull(int(row["id"]), ())
        return None

    def protection(self) -> tuple[Finding, ...]:
        return findings(self._rest, self._path, self._settings)

    def ledger_protection(self, branch: str, signed: bool) -> tuple[Finding, ...]:
        return of_ledger(self._rest, self._path, branch, signed)

    def _evidence(self, commit: str, paths: tuple[str, ...]) -> Evidence:
        """The app's links tell of every pull request in which a commit was reviewed, in any version
        of it, merged or not. They are needed because a fast-forward puts commits on the main line
        that no pull request names as its merge. That this one came in by it is seen here."""
        found: list[PullRequest] = []
        for number in self._linked(commit):
            row = self._row(number)
            if row["state"] != "MERGED" or not self._is_for_ours(row):
                continue
            commits = self._commits(row)
            if self._brought(row, commits, commit):
                found.append(self._read(row, commits, paths))
        return Evidence(commit, tuple(found))

    def _linked(self, commit: str) -> tuple[int, ...]:
        action = f"find the pull requests of commit {commit}"
        path = f"{self._path}/commit/{quote(commit, safe='')}/pullrequests"
        try:
            found = rows(self._rest, action, path)
        except Refused as e:
            if e.status == 404:
                raise Refused(action, _LINKS, 404) from e
            raise
        with shaped(action):
            return tuple(int(row["id"]) for row in found)

    def _row(self, number: int) -> Row:
        action = f"read pull request {number}"
        body = self._rest.get(action, f"{self._path}/pullrequests/{number}").body
        with shaped(action):
            if body["id"] != number or not isinstance(body["state"], str):
                raise ValueError(f"it is {body['id']!r}, {body['state']!r}")
        return dict(body)

    def _is_for_ours(self, row: Row) -> bool:
        with shaped(f"read pull request {row['id']}"):
            return bool(row["destination"]["branch"]["name"] == self._branch)

    def _commits(self, row: Row) -> tuple[Row, ...]:
        """Without its source branch a pull request's list is empty; then git's own tells."""
        number = row["id"]
        action = f"list the commits of pull request {number}"
        try:
            found = rows(self._rest, action, f"{self._path}/pullrequests/{number}/commits")
        except Refused as e:
            if e.status == 404:
                raise ForgeError(action, f"{e.cause}; the fork it came from is gone") from e
            raise
        if found:
            return found
        with shaped(action):
            head, base = row["source"]["commit"]["hash"], row["destination"]["commit"]["hash"]
        whole = self._whole(head)
        if whole:
            path = f"{self._path}/commits/{whole}"
            found = rows(self._rest, action, path, {"exclude": base})
        if not found:
            what = f"its source branch is gone, and {head} can no longer be read"
            raise ForgeError(action, f"{what}; do not close source branches when merging")
        return found

    def _brought(self, row: Row, commits: tuple[Row, ...], commit: str) -> bool:
        """By a merge or squash commit; or, after a fast-forward, as one of its own. What was pushed
        by hand is not, whatever pull request once had it."""
        with shaped(f"read pull request {row['id']}"):
            merge = (row.get("merge_commit") or {}).get("hash") or ""
            head = row["source"]["commit"]["hash"]
            own = {str(c["hash"]) for c in commits}
        if not merge:
            return False
        if _same(merge, head):
            return commit in own
        return _same(merge, commit) and self._whole(merge) == commit

    def _read(self, row: Row, commits: tuple[Row, ...], paths: Sequence[str]) -> PullRequest:
        number = int(row["id"])
        action = f"read pull request {number}"
        path = f"{self._path}/pullrequests/{number}/activity"
        activity = rows(self._rest, f"list the activity of pull request {number}", path)
        with shaped(action):
            own = tuple(str(c["hash"]) for c in commits)
            head = self._whole(row["source"]["commit"]["hash"], own)
            story = tuple(answers.story(activity))
            approving, known = answers.listed(row)
            said = tuple(
                Review(r.account, r.word, r.at, self._whole(r.commit, own) or r.commit)
                for r in reviews(story, approving, known)
            )
            merged = answers.merged_at(activity) if row["state"] == "MERGED" else None
            if not head or (row["state"] == "MERGED" and merged is None):
                raise ValueError("neither its last commit nor its merge can be dated")
            return PullRequest(
                number=number,
                url=str(row["links"]["html"]["href"]),
                base=str(row["destination"]["branch"]["name"]),
                head=head,
                author=answers.account(row["author"]),
                merged_at=merged,
                merged_by=answers.account(row.get("closed_by")),
                writers=distinct(
                    (*(a for c in commits for a in answers.writers(c)), *pushers(story))
                ),
                unsigned=own,  # the API does not tell of signatures
                reviews=said,
                contents=self._contents(head, said, paths),
                title=str(row["title"]),
            )

    def _contents(
        self, head: str, said: tuple[Review, ...], paths: Sequence[str]
    ) -> tuple[Content, ...]:
        """A reviewed commit that nothing reaches any more has none: nothing is known of it."""
        if not paths:
            return ()
        found = []
        for commit in dict.fromkeys((head, *(r.commit for r in said))):
            if len(commit) == _WHOLE:
                found += [Content(commit, path, self._blob(commit, path)) for path in paths]
        return tuple(found)

    def _blob(self, commit: str, path: str) -> str:
        action = f"read {path} at {commit}"
        try:
            return self._rest.blob(action, f"{self._path}/src/{commit}/{quote(path)}")
        except Refused as e:
            if 300 <= e.status < 400:
                raise ForgeError(action, "it is kept outside of git, in LFS; keep it in git") from e
            if e.status != 404:
                raise
        # 404 is also said of a commit that is not there: then nothing is known of the file.
        if not self._exists(commit):
            raise ForgeError(action, "the commit can no longer be read")
        return ""

    def _exists(self, commit: str) -> bool:
        return bool(self._asked(commit))

    def _whole(self, hash: str, known: Sequence[str] = ()) -> str:
        """The hash that was cut to this, "" where there is no such commit."""
        if not hash or len(hash) == _WHOLE:
            return hash
        return next((whole for whole in known if whole.startswith(hash)), "") or self._asked(hash)

    def _asked(self, hash: str) -> str:
        if hash not in self._hashes:
            action = f"read commit {hash}"
            try:
                body = self._rest.get(action, f"{self._path}/commit/{quote(hash, safe='')}").body
            except Refused as e:
                if e.status != 404:
                    raise
                self._hashes[hash] = ""
                return ""
            with shaped(action):
                whole = str(body["hash"])
                if len(whole) != _WHOLE or not whole.startswith(hash):
                    raise ValueError(f"it is {whole!r}")
                self._hashes[hash] = whole
        return self._hashes[hash]


def _same(one: str, other: str) -> bool:
    """Either may be cut."""
    return bool(one and other) and (one.startswith(other) or other.startswith(one))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
