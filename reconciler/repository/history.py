"""Every content that every file of the main line ever had, and from which commit to which.

Knows paths and blobs, not what they say: whether a content is valid is decided elsewhere. Pure,
but for the commits it is fed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from reconciler.repository.configuration import FILE
from reconciler.repository.git_answers import REGULAR, Commit, Step
from reconciler.repository.paths import MANY, NAMED, Kind, kind_of, trouble
from reconciler.repository.spans import NONE, Live, Span, unflat


@dataclass(slots=True)
class History:
    """The main line as far as `commits` reaches. Grows by `feed`."""

    commits: list[str] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    live: Live = field(default_factory=Live)
    ended: list[Span] = field(default_factory=list)  # in the order in which they went
    parts: list[bytes] = field(default_factory=list)  # what ended before those, in `flat` parts
    ruled: list[Span] = field(default_factory=list)  # like `ended`, without the grants of `MANY`
    ruled_parts: list[bytes] = field(default_factory=list)
    spans: int = 0

    @property
    def tip(self) -> str:
        return self.commits[-1] if self.commits else ""

    def went(self) -> Iterator[Span]:
        """What no longer stands but configurations, newest first. What is not asked for is not
        unpacked."""
        return _backwards(self.ended, self.parts)

    def ruled_before(self) -> Iterator[Span]:
        """Of what no longer stands, everything but the grants of `MANY`, newest first:
        configurations, policies, the directory, emergencies, and so on. Few beside those grants, so
        that none is unpacked for them."""
        return _backwards(self.ruled, self.ruled_parts)

    def configurations(self) -> Iterator[Span]:
        """Every one that ended, newest first."""
        return (span for span in self.ruled_before() if span.path == FILE)

    def find(self, ids: set[int]) -> list[Span]:
        """Of what went, the spans with these ids. Unpacks as much as it must: for rare cases."""
        found: list[Span] = []
        for span in self.went():
            if span.id in ids:
                found.append(span)
                if len(found) == len(ids):
                    break
        return found

    def feed(self, commits: Iterable[Commit]) -> None:
        for commit in commits:
            number = len(self.commits)
            self.commits.append(commit.id)
            self.times.append(commit.time)
            steps = [step for step in commit.steps if kind_of(step.path) is not None]
            if steps:
                self._step(steps, number)

    def _step(self, steps: list[Step], number: int) -> None:
        """One commit: what it took away, then what it brought, matched by content."""
        taken: dict[str, list[Span]] = {}
        brought: list[tuple[Step, Span | None]] = []
        for step in steps:
            if step.blob == step.old_blob and _regular(step.mode) == _regular(step.old_mode):
                continue  # only the executable bit
            old = self.live.pop(step.path)
            if old is not None:
                taken.setdefault(step.old_blob, []).append(old)
            if step.mode != "000000":
                brought.append((step, old))
        claimed: set[int] = set()
        moved: set[int] = set()
        new: list[tuple[Step, Span | None, Span | None]] = []
        for step, old in brought:
            source = _source(step, taken.get(step.blob, ()), claimed)
            if source is not None:
                claimed.add(source.id)
            if source is not None and source.blob and _same_place(source.path, step):
                moved.add(source.id)
                self.live.put(source.moved(step.path))
            else:
                new.append((step, old, source))
        for step, old, source in new:
            before = source or (old if old is not None and old.id not in claimed else None)
            self.live.put(self._new(step, number, before))
        for spans in taken.values():
            for span in spans:
                if span.id not in moved:
                    self._end(span._replace(gone=number))

    def _end(self, span: Span) -> None:
        if span.path != FILE:
            self.ended.append(span)
        if kind_of(span.path) not in MANY:
            self.ruled.append(span)

    def _new(self, step: Step, number: int, before: Span | None) -> Span:
        previous = before.id if before is not None and _chained(before, step) else NONE
        blob = step.blob if _holds_document(step) else ""
        self.spans += 1
        return Span(step.path, blob, "", self.spans - 1, number, NONE, previous)


def _backwards(spans: Sequence[Span], parts: Sequence[bytes]) -> Iterator[Span]:
    yield from reversed(spans)
    for part in reversed(parts):
        yield from reversed(unflat(part))


def _source(step: Step, taken: Iterable[Span], claimed: set[int]) -> Span | None:
    """The content that this step brings, if the same commit took it away somewhere: first where
    the file had the same name, then by path."""
    free = [span for span in taken if span.id not in claimed]
    if not free:
        return None
    name = step.path.rpartition("/")[2]
    return min(free, key=lambda span: (span.path.rpartition("/")[2] != name, span.path))


def _same_place(old: str, step: Step) -> bool:
    """A move within one kind of folder changes nothing: not the merge, not the claims. Where the
    file's name says something (a bundle's name, the order of policies), what moved is another."""
    kind = kind_of(step.path)
    return kind is kind_of(old) and kind not in NAMED and _holds_document(step)


def _chained(before: Span, step: Step) -> bool:
    """Whether `before` may stand on if what the step brings is invalid."""
    renamed = before.path != step.path and kind_of(before.path) is Kind.BUNDLE
    return not (renamed and _holds_document(step))


def _holds_document(step: Step) -> bool:
    return _regular(step.mode) and trouble(step.path) is None


def _regular(mode: str) -> bool:
    return mode in REGULAR
