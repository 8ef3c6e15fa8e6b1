"""What of a pull request's evidence is about this very commit, and about files that are the pull
request's own, and not what its branch carried along from the main line. Asks git; never the forge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from reconciler.forge.base import Want
from reconciler.model import Evidence, PullRequest, Word
from reconciler.repository.archive import Archive


@dataclass(frozen=True)
class Carried:
    """A branch has every file of the commit that it was cut from, and lacks every file that came
    later. What it merely has, no reviewer was shown: once the main line has another content, the
    branch can bring the old one back by keeping it in a merge, long after the approval."""

    archive: Archive
    _past: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)

    def own(self, evidence: Evidence, want: Want) -> Evidence:
        """With only the pull requests whose merge brought the commit, and only those contents of the
        wanted file that they brought themselves."""
        brought = (pull for pull in evidence.pulls if self._brought(pull, want.commit))
        pulls = tuple(self._own(pull, want) for pull in brought)
        return evidence if pulls == evidence.pulls else replace(evidence, pulls=pulls)

    def _own(self, pull: PullRequest, want: Want) -> PullRequest:
        if self._kept_by_the_merge(pull, want):
            return _without(pull, want, {c.commit for c in pull.contents})
        stale = set(_stale(pull, want))
        return _without(pull, want, stale) if stale and self._had(want) else pull

    def _brought(self, pull: PullRequest, commit: str) -> bool:
        """Old commits of a pull request can be pushed again, long after it was merged. A rebase
        leaves as many commits as it had, or fewer."""
        if not pull.merged_as:
            return True  # open, or the forge's reader has seen to it
        at, merged = self.archive.number(commit), self.archive.number(pull.merged_as)
        if at is None or merged is None:
            return False  # it was merged into another line than this
        return merged - max(pull.size, 1) < at <= merged

    def _had(self, want: Want) -> bool:
        """Whether anything before the commit had this content at this path; every file was once
        not there."""
        return not want.blob or want.blob in self._blobs(want.commit, want.path)

    def _blobs(self, commit: str, path: str) -> frozenset[str]:
        key = commit, path
        if key not in self._past:
            self._past[key] = self.archive.git.contents_before(commit, path)
        return self._past[key]

    def _kept_by_the_merge(self, pull: PullRequest, want: Want) -> bool:
        """Whether a merge by hand took a content that the pull request has and never changed."""
        if want.blob and not self.archive.stood_before(want.commit, want.path, want.blob):
            return False
        git = self.archive.git
        return any(
            git.id_of(base, want.path) == want.blob
            for base in git.forks(f"{want.commit}^1", pull.head, within=want.commit)
        )


def _stale(pull: PullRequest, want: Want) -> Iterator[str]:
    """Commits before the last one in which somebody approved this content."""
    same = {c.commit for c in pull.contents if (c.path, c.blob) == (want.path, want.blob)}
    for review in pull.reviews:
        if review.word is Word.APPROVED and review.commit != pull.head and review.commit in same:
            yield review.commit


def _without(pull: PullRequest, want: Want, commits: set[str]) -> PullRequest:
    kept = (c for c in pull.contents if c.path != want.path or c.commit not in commits)
    return replace(pull, contents=tuple(kept))
