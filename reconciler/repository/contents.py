"""Blobs -> rows: from the cache, else parsed, in two processes where there are many.

A file of the working tree stands in for its blob only when its bytes hash to the blob's id, so
that what is read is always what was committed.
"""

from __future__ import annotations

import gc
import hashlib
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from reconciler.errors import InputError
from reconciler.repository.cache import Cache, space
from reconciler.repository.characters import LARGE
from reconciler.repository.git import Git
from reconciler.repository.grammar import Grammar
from reconciler.repository.parse import parse
from reconciler.repository.paths import Kind
from reconciler.repository.rows import encode, letters

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

Rows = dict[Kind, dict[str, str]]  # by kind of file, then by blob
Progress = Callable[[int, int], None]  # files done, files in all

MANY = 1_500  # files from which a second process pays for itself
_SLICE = 1_000


class Wanted(NamedTuple):
    """One content, and a path where it may lie in the working tree."""

    kind: Kind
    path: str
    blob: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where contents come from: files under `root`, and git where there is one."""

    root: Path
    git: Git | None

    def read(self, wanted: Sequence[Wanted]) -> Iterator[tuple[Wanted, bytes]]:
        """Every content, in any order. Raises InputError for one that git lacks (a partial clone)
        or that is not what its id says (damaged).

        Nothing goes on without it: what a file declares would be taken for gone, and removed, and
        a rule that cannot be read would let more pass.
        """
        missing: dict[str, list[Wanted]] = {}
        for one in wanted:
            data = self.file(one.path)
            if data is not None and blob_id(data, one.blob) == one.blob:
                yield one, data
            else:
                missing.setdefault(one.blob, []).append(one)
        if missing and self.git is not None:
            yield from self._stored(self.git, missing)

    def _stored(self, git: Git, missing: dict[str, list[Wanted]]) -> Iterator[tuple[Wanted, bytes]]:
        left, said = dict(missing), ""
        try:
            for blob, data in git.blobs(missing):
                if blob_id(data, blob) != blob:  # git writes less than it said, and dies
                    break
                for one in left.pop(blob):
                    yield one, data
        except InputError as e:
            said = f" ({e})"
        for blob, (one, *_) in left.items():  # git answers in order
            what = f"its content {blob[:12]} is not in this clone, or damaged{said}"
            fix = "run `git fetch --refetch origin`, or clone anew, without a filter"
            raise InputError(f"{one.path} cannot be read: {what}; {fix}")

    def file(self, path: str) -> bytes | None:
        """The bytes of a regular file, None for anything else. Of a huge one only so much that
        its size is seen to be too much."""
        try:
            handle = os.open(f"{self.root}/{path}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                return None
            size = min(status.st_size, LARGE)
            data = os.read(handle, size + 1)
            while len(data) <= size and (more := os.read(handle, size + 1 - len(data))):
                data += more
            return data
        except OSError:
            return None
        finally:
            os.close(handle)


def blob_id(data: bytes, like: str = "") -> str:
    """What git calls these bytes; `like` is an id of the same repository (SHA-1 or SHA-256)."""
    new = hashlib.sha256 if len(like) == 64 else hashlib.sha1
    digest = new(b"blob %d\0" % len(data), usedforsecurity=False)
    digest.update(data)
    return digest.hexdigest()


def rows(
    source: Source,
    wanted: Iterable[Wanted],
    grammar: Grammar,
    cache: Cache,
    progress: Progress | None = None,
    known: Rows | None = None,
) -> Rows:
    """A row for every content that is wanted. What is new is remembered. `known` are all the rows
    that the cache has to offer of some kinds, read before."""
    by_kind: dict[Kind, dict[str, Wanted]] = {}
    for kind, group in groupby(wanted, key=attrgetter("kind")):
        by_kind.setdefault(kind, {}).update({one.blob: one for one in group})
    before = known or {}
    found = {
        kind: before[kind] if kind in before else cache.rows(space(kind, grammar))
        for kind in by_kind
    }
    missing: list[Wanted] = []
    for kind, contents in by_kind.items():
        texts, fitting = found[kind], letters(kind)
        missing += [one for b, one in contents.items() if not texts.get(b, "").startswith(fitting)]
    if not missing:
        return found
    fresh = _parsed(source, missing, grammar, progress)
    for kind, contents in by_kind.items():
        new = fresh.get(kind, {})
        if kind in before:
            cache.add(space(kind, grammar), new)
        else:
            cache.remember(space(kind, grammar), new, found[kind], contents)
        found[kind].update(new)
    return found


def parsed_again(source: Source, one: Wanted, grammar: Grammar) -> str:
    """The row of one content, past any cache."""
    return _parse_all(source, [one], grammar)[one.kind][one.blob]


def _parsed(
    source: Source, wanted: Sequence[Wanted], grammar: Grammar, progress: Progress | None
) -> Rows:
    slices = [wanted[i : i + _SLICE] for i in range(0, len(wanted), _SLICE)]
    if len(wanted) >= MANY and _may_fork():
        from concurrent.futures.process import BrokenProcessPool  # seldom, and slow to import

        for kind in {one.kind for one in wanted}:
            grammar.file(kind)  # compiled once, before the processes part
        with suppress(BrokenProcessPool), _pool(source, grammar, slices) as pool:
            return _gathered(pool.map(_slice, range(len(slices))), len(wanted), progress)
    parts = (_parse_all(source, part, grammar) for part in slices)
    return _gathered(parts, len(wanted), progress)


def _gathered(parts: Iterable[Rows], total: int, progress: Progress | None) -> Rows:
    found: Rows = {}
    done = 0
    for part in parts:
        for kind, new in part.items():
            found.setdefault(kind, {}).update(new)
            done += len(new)
        if progress:
            progress(done, total)
    return found


def _parse_all(source: Source, wanted: Sequence[Wanted], grammar: Grammar) -> Rows:
    found: Rows = {}
    for one, data in source.read(wanted):
        row = encode(parse(one.kind, one.path, data, grammar))
        found.setdefault(one.kind, {})[one.blob] = row
    return found


@dataclass(frozen=True, slots=True)
class _Work:
    source: Source
    grammar: Grammar
    slices: Sequence[Sequence[Wanted]]


_work: _Work | None = None  # set in a forked process only


def _pool(
    source: Source, grammar: Grammar, slices: Sequence[Sequence[Wanted]]
) -> ProcessPoolExecutor:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    work = _Work(source, grammar, slices)
    return ProcessPoolExecutor(2, get_context("fork"), _begin, (work,))


def _begin(work: _Work) -> None:
    global _work
    _work = work
    gc.disable()


def _slice(number: int) -> Rows:
    assert _work is not None
    return _parse_all(_work.source, _work.slices[number], _work.grammar)


def _may_fork() -> bool:
    """Forking copies locks that other threads hold, and macOS forbids it after some calls."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return sys.platform == "linux" and cores > 1 and threading.active_count() == 1


@contextmanager
def undisturbed() -> Iterator[None]:
    """Without the cycle collector: loading makes many objects and no cycles."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
