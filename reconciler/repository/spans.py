"""One content of one file for as long as it stood, and very many of them, packed. Pure."""

from __future__ import annotations

import os
from array import array
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.repository.paths import Kind, kind_of

NONE = -1

_NUL = "\0"  # the one character that no path has
_NUMBERS = 4  # of one span
_TEXTS = 3  # of one span


class Span(NamedTuple):
    """One content of one file, from the commit `merged` to the commit `gone` (numbers on the main
    line; NONE while it stands).

    `blob` is "" for what can hold no document: a symlink, a submodule, a path that is refused.
    `previous` is the content that this one replaced, so that it can stand on if this is invalid.
    `came` is the path at which the content came in, "" where it never moved.
    """

    path: str
    blob: str
    came: str
    id: int
    merged: int
    gone: int = NONE
    previous: int = NONE

    @property
    def origin(self) -> str:
        return self.came or self.path

    def moved(self, path: str) -> Span:
        return self._replace(path=path, came="" if path == self.origin else self.origin)


@dataclass(frozen=True, slots=True)
class Columns:
    """Spans column by column: packed and unpacked at once, and looked through without making them
    one by one."""

    texts: tuple[list[str], ...]  # paths, blobs, came
    numbers: tuple[list[int], ...]

    @classmethod
    def of(cls, part: bytes) -> Columns:
        """Raises ValueError for bytes that `flat` did not make."""
        if not part:
            return cls(([],) * _TEXTS, ([],) * _NUMBERS)
        count = int(part[part.rindex(b"\0") + 1 :])
        numbers = array("i", part[: 4 * _NUMBERS * count]).tolist()
        texts = fields(part[4 * _NUMBERS * count :])
        if len(texts) != _TEXTS * count + 1 or len(numbers) != _NUMBERS * count:
            raise ValueError("a column is cut short")
        return cls(
            tuple(texts[i * count : (i + 1) * count] for i in range(_TEXTS)),
            tuple(numbers[i * count : (i + 1) * count] for i in range(_NUMBERS)),
        )

    def spans(self) -> Iterator[Span]:
        return map(Span._make, zip(*self.texts, *self.numbers, strict=True))

    def but(self, blobs: Container[str]) -> Iterator[Span]:
        """Without those of these contents."""
        for i, blob in enumerate(self.texts[1]):
            if blob not in blobs:
                texts, numbers = self.texts, self.numbers
                yield Span._make([*(t[i] for t in texts), *(n[i] for n in numbers)])


class Live:
    """What stands, by path and kind. What was unpacked from a cache stays in columns until it is
    needed one by one: of very many grants most runs for one person need few."""

    def __init__(self, columns: Mapping[Kind, Columns] | None = None) -> None:
        self._columns = dict(columns or {})
        self._spans: dict[Kind, dict[str, Span]] = {}

    def of(self, kind: Kind) -> dict[str, Span]:
        """All of one kind, by path."""
        if (columns := self._columns.pop(kind, None)) is not None:
            self._spans[kind] = {span.path: span for span in columns.spans()}
        return self._spans.setdefault(kind, {})

    def but(self, kind: Kind, blobs: Container[str]) -> Iterator[Span]:
        """Of one kind, without those of these contents."""
        if (columns := self._columns.get(kind)) is not None:
            return columns.but(blobs)
        return (span for span in self.of(kind).values() if span.blob not in blobs)

    def every(self) -> dict[str, Span]:
        """All, by path, kind after kind."""
        found: dict[str, Span] = {}
        for kind in Kind:
            found |= self.of(kind)
        return found

    def spans(self) -> Iterator[Span]:
        for kind in Kind:
            yield from self.of(kind).values()

    def get(self, path: str) -> Span | None:
        kind = kind_of(path)
        return self.of(kind).get(path) if kind is not None else None

    def pop(self, path: str) -> Span | None:
        kind = kind_of(path)
        return self.of(kind).pop(path, None) if kind is not None else None

    def put(self, span: Span) -> None:
        kind = kind_of(span.path)
        assert kind is not None, span  # else it says nothing, and is not kept
        self.of(kind)[span.path] = span


def flat(spans: Sequence[Span]) -> bytes:
    """Spans as bytes, column by column, for the cache: all numbers, then all texts."""
    if not spans:
        return b""
    paths, blobs, came, *numbers = zip(*spans, strict=True)
    packed = b"".join(array("i", column).tobytes() for column in numbers)
    return packed + joined([*paths, *blobs, *came, str(len(spans))])


def unflat(part: bytes) -> list[Span]:
    """Raises ValueError for bytes that `flat` did not make."""
    return list(Columns.of(part).spans())


def joined(texts: Iterable[str]) -> bytes:
    return os.fsencode(_NUL.join(texts))


def fields(data: bytes) -> list[str]:
    return os.fsdecode(data).split(_NUL) if data else []
