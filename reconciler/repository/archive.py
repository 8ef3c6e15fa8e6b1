"""Looking back: every content that the main line ever had, found by commit, by kind or by id.

Reads a content only when it is asked for. Decides nothing: whether a content stood for another
that was invalid is for whoever asks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.model import Version
from reconciler.repository.configuration import FILE, Configuration
from reconciler.repository.documents import Reading
from reconciler.repository.git import Git
from reconciler.repository.parse import Document
from reconciler.repository.paths import MANY, Kind, kind_of
from reconciler.repository.spans import NONE, Span
from reconciler.repository.versions import Line


@dataclass(frozen=True, slots=True)
class Trace:
    """One content of one file, without reading it.

    The first-parent commit `commit`, at place `number` of the main line, brought it in at the path
    `origin`; pure renames took it to `path`. `gone_by` took it away ("" and -1 while it stands),
    whether or not what came then is valid. `previous` is the `id` of what it replaced, -1 for none.
    `blob` is "" for what can hold no document: a symbolic link, a path that is refused.
    """

    kind: Kind
    path: str
    origin: str
    blob: str
    commit: str
    number: int
    gone_by: str
    gone_number: int
    id: int
    previous: int


@dataclass(frozen=True, slots=True)
class Archive:
    """Of one load. `since` is the number of the first commit after the horizon."""

    line: Line
    since: int
    reading: Reading
    numbers: dict[str, int] = field(default_factory=dict)  # by commit, made when first asked for
    seen: dict[int, Span] = field(default_factory=dict)  # what `traces` unpacked, by id
    first: dict[tuple[str, str], int] = field(default_factory=dict)  # see `stood_before`

    @property
    def git(self) -> Git:
        git = self.reading.source.git
        assert git is not None  # what is loaded comes from git
        return git

    def stood_before(self, commit: str, path: str, blob: str) -> bool:
        """Whether the main line had this content at this path before the commit brought it."""
        if not self.first:
            for trace in self.traces(tuple(Kind)):
                self.first.setdefault((trace.origin, trace.blob), trace.number)
        number = self.number(commit)
        return number is not None and self.first.get((path, blob), number) < number

    def number(self, commit: str) -> int | None:
        """Its place on the main line, from 0; None where it is not on it."""
        if not self.numbers:
            commits = self.line.history.commits
            self.numbers.update(zip(commits, range(len(commits)), strict=True))
        return self.numbers.get(commit)

    def commit(self, number: int) -> str:
        return self.line.history.commits[number]

    def traces(self, kinds: Collection[Kind]) -> tuple[Trace, ...]:
        """Every content there ever was, in the order in which they came in."""
        history = self.line.history
        wanted = [(kind, span) for kind in kinds for span in history.live.of(kind).values()]
        went: list[Span] = []
        if any(kind not in MANY for kind in kinds):
            went += history.ruled_before()
        if any(kind in MANY for kind in kinds):
            went += (span for span in history.went() if kind_of(span.path) in MANY)
        wanted += [(k, s) for s in went if (k := kind_of(s.path)) is not None and k in kinds]
        self.seen.update((span.id, span) for _, span in wanted)
        wanted.sort(key=lambda one: (one[1].merged, one[1].id))
        return tuple(self._trace(kind, span) for kind, span in wanted)

    def versions(
        self, ids: Collection[int], whom: frozenset[str] | None = None
    ) -> tuple[Version[Document | Configuration], ...]:
        """The valid ones among these, in the order in which they came in; with `whom`, no grants
        that are for none of them. How long an invalid successor kept one standing is not
        followed."""
        spans = sorted(self._spans(set(ids)), key=lambda span: span.id)
        found: list[Version[Document | Configuration]] = []
        with self.reading.cache.opened():
            documents = self.reading.documents(spans, whom)
        for span in spans:
            content = documents.get(span.id) or self._configuration(span)
            if content is not None:
                found.append(self.line.version(span, span.gone, content))
        return tuple(found)

    def touched(self, commits: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
        """Every path that each commit changed against its first parent, also of files that say
        nothing to us. Raises InputError for a commit that git does not have."""
        changes = self.git.changes(commits)
        return {commit.id: tuple(step.path for step in commit.steps) for commit in changes}

    def _trace(self, kind: Kind, span: Span) -> Trace:
        commits = self.line.history.commits
        gone_by = "" if span.gone == NONE else commits[span.gone]
        came = commits[span.merged], span.merged
        went = gone_by, span.gone
        return Trace(kind, span.path, span.origin, span.blob, *came, *went, span.id, span.previous)

    def _spans(self, ids: set[int]) -> list[Span]:
        history = self.line.history
        found = {id: self.seen[id] for id in ids if id in self.seen}
        for spans in (history.live.spans(), history.ruled_before(), history.went()):
            if len(found) == len(ids):
                break
            for span in spans:
                if span.id in ids:
                    found[span.id] = span
                    if len(found) == len(ids):
                        break
        return list(found.values())

    def _configuration(self, span: Span) -> Configuration | None:
        return self.reading.configuration(span) if span.path == FILE and span.blob else None
