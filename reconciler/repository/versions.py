"""Spans of history -> the versions of documents that count: what is valid stands until something
valid, or nothing, takes its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import takewhile
from typing import TypeVar

from reconciler.model import Version
from reconciler.repository.history import History
from reconciler.repository.parse import Document
from reconciler.repository.spans import NONE, Span

Content = TypeVar("Content")
Documents = Callable[[Iterable[Span]], Mapping[int, Document | None]]
"""The valid documents among these spans, by span id; None for one that is not asked about."""


@dataclass(frozen=True)
class Line:
    """The main line with the times at which its commits count as made.

    `now` bounds when something went: a clock that runs ahead does not keep a deleted grant.
    """

    history: History
    times: list[int]
    now: datetime | None
    dates: dict[int, datetime] = field(default_factory=dict)  # of commits that were asked for

    def date(self, number: int) -> datetime:
        found = self.dates.get(number)
        if found is None:
            found = self.dates[number] = datetime.fromtimestamp(self.times[number], UTC)
        return found

    def gone(self, number: int, merged: datetime) -> datetime:
        found = self.date(number)
        if self.now is not None and found > self.now:
            found = self.now
        return max(found, merged)

    def version(self, span: Span, gone: int, content: Content) -> Version[Content]:
        merged = self.date(span.merged)
        commits = self.history.commits
        return Version(
            span.path,
            span.blob,
            commits[span.merged],
            merged,
            None if gone == NONE else self.gone(gone, merged),
            content,
            span.came or span.path,
            "" if gone == NONE else commits[gone],
            span.id,
            span.previous,
        )


def lately(line: Line, since: int) -> list[Span]:
    """What stands, and what went with commit number `since` or later."""
    return [*line.history.live.spans(), *gone(line, since)]


def gone(line: Line, since: int) -> Iterator[Span]:
    """What went with commit number `since` or later."""
    return takewhile(lambda span: span.gone >= since, line.history.went())


def recent(line: Line, spans: Iterable[Span], documents: Documents) -> Iterator[Version[Document]]:
    """The versions of these spans, and of what stands on in the place of those that are invalid."""
    history = line.history
    found = {span.id: span for span in spans}
    gone = {id: span.gone for id, span in found.items()}
    valid: dict[int, Document | None] = {}
    fresh = list(found.values())
    while fresh:
        valid |= documents(fresh)
        wanted = _stand_on(found, gone, valid, fresh)
        fresh = history.find(wanted) if wanted else []
        found |= {span.id: span for span in fresh}
    for id in sorted(valid):
        if (document := valid[id]) is not None:
            yield line.version(found[id], gone[id], document)


def _stand_on(
    found: Mapping[int, Span],
    gone: dict[int, int],
    valid: Mapping[int, Document | None],
    fresh: Iterable[Span],
) -> set[int]:
    """Rule 23: where a content is invalid, the one before it stands on as long as it does.

    Goes back along each line of contents, newest first; returns those that must be read first.
    """
    unread: set[int] = set()
    for span in sorted((s for s in fresh if s.id not in valid), key=lambda s: -s.id):
        before = span.previous
        if before == NONE:
            continue
        gone[before] = gone[span.id]
        if before not in found:
            unread.add(before)
    return unread


def older(line: Line, since: int, documents: Documents) -> Iterator[Version[Document]]:
    """What went before commit number `since`, newest first, read in small parts as it is asked
    for. How long an invalid successor kept one standing is not followed so far back."""
    batch: list[Span] = []
    for span in line.history.went():
        if span.gone >= since or not span.blob:
            continue
        batch.append(span)
        if len(batch) == 200:
            yield from _batch(line, batch, documents)
            batch = []
    yield from _batch(line, batch, documents)


def _batch(line: Line, batch: list[Span], documents: Documents) -> Iterator[Version[Document]]:
    valid = documents(batch)
    for span in batch:
        if (document := valid.get(span.id)) is not None:
            yield line.version(span, span.gone, document)
