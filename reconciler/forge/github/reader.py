"""Reads pull requests and their reviews from GitHub: fifty wanted proofs in one call. Never
concludes anything from an answer that is not whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from reconciler.forge.base import Finding, ForgeError, Want
from reconciler.forge.github import documents, nodes, protection
from reconciler.forge.github.calls import Calls, TooMuch
from reconciler.forge.github.documents import Paths
from reconciler.forge.github.facts import pull_request
from reconciler.forge.github.log import PushLog
from reconciler.forge.github.nodes import Page, SeenPull
from reconciler.forge.github.pushes import Pushers
from reconciler.forge.github.whole import Rest, Untold, is_whole, told
from reconciler.forge.session import shaped
from reconciler.model import Evidence, ForgeSettings, PullRequest

BATCH = 50  # wants in one call
_NONE: Page[SeenPull] = Page((), "", 0)

Files = tuple[str, ...]
Batch = Sequence[Want]


class GithubReader:
    def __init__(self, settings: ForgeSettings, calls: Calls) -> None:
        self._settings = settings
        self._calls = calls
        self._log = PushLog(calls)

    def evidence(self, wanted: Sequence[Want]) -> Iterator[tuple[Want, Evidence]]:
        todo = sorted(set(wanted), key=lambda want: (want.commit, want.path, want.blob))
        rest = Rest(self._calls)
        self._log.expect(len({want.commit for want in todo}))
        untold: list[Untold] = []
        for start in range(0, len(todo), BATCH):
            yield from self._batch(todo[start : start + BATCH], rest, untold)
        if untold:  # concerns nobody else, so everybody else was answered first
            raise untold[0]

    def _batch(
        self, batch: Batch, rest: Rest, untold: list[Untold]
    ) -> Iterator[tuple[Want, Evidence]]:
        try:
            found = self._asked(batch)
        except TooMuch:
            if len(batch) == 1:
                raise
            half = len(batch) // 2
            yield from self._batch(batch[:half], rest, untold)
            yield from self._batch(batch[half:], rest, untold)
            return
        # First what needs no further call, so that an error in one of those loses nothing.
        for wants, pulls in sorted(found, key=lambda each: not self._is_answered(each[1])):
            files = tuple(dict.fromkeys(want.path for want in wants))
            try:
                whole = [rest.of(p, files) for p in self._all(wants[0].commit, pulls, files)]
                whole.sort(key=lambda pull: pull.number)
                ours = tuple(pull_request(pull, self._log.of(pull)) for pull in whole)
            except Untold as e:
                if e.ever:
                    yield from ((w, Evidence(w.commit, untold=e.cause)) for w in wants)
                else:
                    untold.append(e)
                continue
            for want in wants:
                yield want, Evidence(want.commit, ours)

    def _asked(self, batch: Batch) -> list[tuple[tuple[Want, ...], Page[SeenPull]]]:
        """One call: each commit's wants, and the first page of its pull requests."""
        groups = [tuple(wants) for _, wants in groupby(batch, key=lambda want: want.commit)]
        paths = Paths(tuple(dict.fromkeys(want.path for want in batch)))
        asked = [(wants[0].commit, tuple(dict.fromkeys(w.path for w in wants))) for wants in groups]
        variables = {f"o{i}": commit for i, (commit, _) in enumerate(asked)}
        what = f"read what brought {len(asked)} commits in"
        document = documents.evidence(asked, paths)
        data = self._calls.ask(what, document, {**variables, **paths.variables})
        found: list[tuple[tuple[Want, ...], Page[SeenPull]]] = []
        with shaped(what):
            for i, (commit, files) in enumerate(asked):
                node = data["repository"][f"c{i}"]
                if node is None:  # GitHub has no such commit, so nothing on it proves anything
                    found.append((groups[i], _NONE))
                    continue
                if node["oid"] != commit:
                    raise ValueError(f"asked for {commit}, told of {node['oid']}")
                found.append((groups[i], nodes.pulls(node, files, paths)))
        return found

    def _is_answered(self, pulls: Page[SeenPull]) -> bool:
        return not pulls.more and all(is_whole(p) for p in pulls.rows if self._counts(p))

    def _all(self, commit: str, pulls: Page[SeenPull], files: Files) -> Iterator[SeenPull]:
        """Those that count, from this page and the further ones."""
        what, paths = f"read what brought {commit} in", Paths(files)
        while pulls.more:
            asked = {"oid": commit, "after": pulls.more, **paths.variables}
            data = self._calls.ask(what, documents.more_pulls(files, paths), asked)
            with shaped(what):
                pulls = pulls.then(nodes.pulls(data["repository"]["object"], files, paths))
        told(what, "pull requests", pulls)
        return (pull for pull in pulls.rows if self._counts(pull))

    def _counts(self, pull: SeenPull) -> bool:
        ours = f"{self._calls.owner}/{self._calls.name}".casefold()
        here = pull.base == self._settings.branch and pull.repository.casefold() == ours
        return here and pull.merged_at is not None

    def pull(self, number: int, paths: Sequence[str]) -> PullRequest:
        seen = seen_by_number(self._calls, number, tuple(dict.fromkeys(paths)))
        return pull_request(seen, self._log.of_branch(seen))

    def open_pull(self, branch: str) -> PullRequest | None:
        return open_pull(self._calls, branch, self._settings.branch)

    def protection(self) -> tuple[Finding, ...]:
        return protection.findings(self._calls, self._settings)

    def ledger_protection(self, branch: str, signed: bool) -> tuple[Finding, ...]:
        return protection.of_ledger(self._calls, branch, signed)


def pull_by_number(calls: Calls, number: int) -> PullRequest:
    """Without contents, and without asking who pushed."""
    return pull_request(seen_by_number(calls, number), Pushers(untold="nobody has asked"))


def seen_by_number(calls: Calls, number: int, files: Files = ()) -> SeenPull:
    what, paths = f"read pull request #{number}", Paths(files)
    data = calls.ask(what, documents.pull(paths), {"number": number, **paths.variables})
    with shaped(what):
        node = data["repository"]["pullRequest"]
        if node is None:
            raise ForgeError(what, f"there is none in {calls.owner}/{calls.name}")
        seen = nodes.pull(node, files, paths)
    return Rest(calls).of(seen, files)


def open_pull(calls: Calls, branch: str, base: str) -> PullRequest | None:
    what = f"look for an open pull request from {branch}"
    data = calls.ask(what, documents.open_pulls(), {"branch": branch, "base": base})
    with shaped(what):
        node = data["repository"]["pullRequests"]
        page = nodes.page(node, lambda each: (int(each["number"]), each["isCrossRepository"]))
    own = [number for number, from_fork in page.rows if from_fork is False]
    if not own and page.more:
        raise ForgeError(what, f"more than {len(page.rows)} forks have one; close some of them")
    return pull_by_number(calls, own[0]) if own else None
