"""What git answers, as values: the entries of a tree and the commits of a log. Never asks git
itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, NamedTuple

REGULAR = ("100644", "100755")
SUBMODULE = "160000"
CHUNK = 1 << 20


class Entry(NamedTuple):
    """One path of a commit or of the index."""

    mode: str
    blob: str
    path: str


@dataclass(frozen=True, slots=True)
class Step:
    """One path that a first-parent commit touched; a mode of zeros is a file that is not there."""

    old_mode: str
    mode: str
    old_blob: str
    blob: str
    path: str


@dataclass(frozen=True, slots=True)
class Commit:
    id: str
    time: int
    parent: str  # the first one, "" for a root
    steps: tuple[Step, ...]


def commits(tokens: Iterator[str]) -> Iterator[Commit]:
    head: list[str] = []
    steps: list[Step] = []
    for token in tokens:
        if token.startswith("\n"):
            token = token[1:]
        if token.startswith(":"):
            old_mode, mode, old_blob, blob, _ = token[1:].split(" ")
            steps.append(Step(old_mode, mode, old_blob, blob, next(tokens)))
            continue
        if head:
            yield _commit(head, steps)
        head, steps = token.split(" "), []
    if head:
        yield _commit(head, steps)


def _commit(head: list[str], steps: list[Step]) -> Commit:
    return Commit(head[0], int(head[1]), head[2] if len(head) > 2 else "", tuple(steps))


def tokens(out: IO[bytes]) -> Iterator[str]:
    """What stands between NUL bytes; bytes that are no UTF-8 survive as surrogates."""
    rest = b""
    while chunk := out.read1(CHUNK):  # type: ignore[attr-defined]
        whole, nul, rest_of = (rest + chunk).rpartition(b"\0")
        rest = rest_of
        if nul:
            yield from os.fsdecode(whole).split("\0")
    if rest:
        yield os.fsdecode(rest)


def tree_entry(line: str) -> Entry:
    meta, _, path = line.partition("\t")
    mode, _, blob = meta.split(" ")
    return Entry(mode, blob, path)


def split(answer: bytes) -> list[str]:
    return os.fsdecode(answer).split("\0")[:-1]
