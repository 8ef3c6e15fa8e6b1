"""The forge, as `check` asks it: what merged commits are proved by is asked as always, and for the
commit that a merge would make the open pull request answers. Keeps nothing of the latter."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.errors import InputError
from reconciler.forge.base import Finding, ForgeReader, Want
from reconciler.model import Evidence, ForgeKind, ForgeSettings, PullRequest
from reconciler.proof.evidence import Memory, Open


@dataclass
class Answers:
    """Every question is asked once. `commit` is the merge on trial, with what there is to prove
    it; "" before there is one."""

    open_reader: Open
    commit: str = ""
    evidence: Evidence | None = None
    readers: dict[ForgeSettings, ForgeReader] = field(default_factory=dict)
    known: dict[tuple[ForgeSettings, Want], Evidence] = field(default_factory=dict)

    def open(self, settings: ForgeSettings) -> ForgeReader:
        return _Trial(self, settings)

    def reader(self, settings: ForgeSettings) -> ForgeReader:
        """Opened when there is something to ask: without a question no token is needed."""
        found = self.readers.get(settings)
        if found is None:
            found = self.readers[settings] = self.open_reader(settings)
        return found

    def expect(self, commit: str, pull: PullRequest | None) -> None:
        self.commit = commit
        self.evidence = Evidence(commit, (pull,) if pull else ())


@dataclass(frozen=True)
class _Trial:
    answers: Answers
    settings: ForgeSettings

    def evidence(self, wanted: Sequence[Want]) -> Iterator[tuple[Want, Evidence]]:
        answers, missing = self.answers, []
        for want in wanted:
            found = answers.known.get((self.settings, want))
            if want.commit == answers.commit:
                found = answers.evidence
            if found is None:
                missing.append(want)
            else:
                yield want, found
        if missing:
            for want, found in answers.reader(self.settings).evidence(missing):
                answers.known[self.settings, want] = found
                yield want, found

    def pull(self, number: int, paths: Sequence[str]) -> PullRequest:
        return self.answers.reader(self.settings).pull(number, paths)

    def open_pull(self, branch: str) -> PullRequest | None:
        return self.answers.reader(self.settings).open_pull(branch)

    def protection(self) -> tuple[Finding, ...]:
        return self.answers.reader(self.settings).protection()

    def ledger_protection(self, branch: str, signed: bool) -> tuple[Finding, ...]:
        return self.answers.reader(self.settings).ledger_protection(branch, signed)


class NotThisOne(InputError):
    """The pull request is not what was to be judged, so that nothing can be said of it."""


def still_open(
    answers: Answers, settings: ForgeSettings, number: int, head: str, paths: Sequence[str]
) -> PullRequest:
    """The pull request with `paths`. Raises ForgeError, and NotThisOne where it is merged, or not
    the one that `head` is the last commit of."""
    if settings.kind is ForgeKind.NONE:
        what = f"--pull {number}: reconciler.yaml of the main line names no forge"
        raise NotThisOne(f"{what}; leave --pull out, or bring `forge:` in first")
    found = answers.open(settings).pull(number, paths)
    if found.merged_at is not None:
        raise NotThisOne(f"{found.url} is merged already; check one that is open")
    if found.head != head:
        what = f"{found.url} is at {found.head[:12]}, and {head[:12]} is what was to be judged"
        raise NotThisOne(f"{what}; fetch its branch and name it: --head origin/BRANCH")
    return found


@dataclass(frozen=True)
class Forgetful:
    """A memory that keeps nothing of one commit: it is never made, and what proves it changes
    with every review. Its keys begin with the commit."""

    memory: Memory
    commit: str

    def read(self, space: str, keys: Collection[str]) -> Mapping[str, str]:
        return self.memory.read(space, [key for key in keys if not self._about(key)])

    def write(self, space: str, rows: Mapping[str, str]) -> None:
        kept = {key: row for key, row in rows.items() if not self._about(key)}
        if kept:
            self.memory.write(space, kept)

    def _about(self, key: str) -> bool:
        return key.partition("\0")[0] == self.commit
