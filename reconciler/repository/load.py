"""A commit of the access repository -> everything that it declares and that was declared before.

Reads the commit, never the working tree's own state, and no clock: `now` is handed in.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias, TypeVar, cast

from reconciler.errors import InputError, Problem
from reconciler.model import Bundle, DirectoryPage, Grant, Position, Version
from reconciler.repository.archive import Archive
from reconciler.repository.cache import Cache
from reconciler.repository.configuration import FILE, LOOKBACK, Configuration
from reconciler.repository.contents import Progress, Source, Wanted, undisturbed
from reconciler.repository.documents import Reading
from reconciler.repository.git import at
from reconciler.repository.grammar import Grammar
from reconciler.repository.history import History, Span
from reconciler.repository.parse import Document, parse_configuration
from reconciler.repository.paths import LATER, Kind, collisions, kind_of, trouble
from reconciler.repository.references import (
    Names,
    mentioned,
    of_directory,
    of_grants,
    of_protected,
    strange,
)
from reconciler.repository.schemas import installed
from reconciler.repository.timeline import settled
from reconciler.repository.tree import Tree
from reconciler.repository.versions import Line, recent
from reconciler.repository.versions import older as before
from reconciler.repository.walk import walk

Some = TypeVar("Some", Grant, Bundle, DirectoryPage)
Versions: TypeAlias = tuple[Version[Some], ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """`grants`, `bundles` and `directory` hold every version that stands, and every one that went
    since `horizon`. `problems` are those of the files of this commit: what is invalid grants
    nothing new, and its last valid version still stands. That holds for the configuration too;
    None where it has never been valid, and then nothing else is read."""

    commit: str
    configuration: Configuration | None
    horizon: datetime
    grants: tuple[Version[Grant], ...]
    bundles: tuple[Version[Bundle], ...]
    directory: tuple[Version[DirectoryPage], ...]
    problems: tuple[Problem, ...]
    archive: Archive | None


def load(
    root: Path,
    now: datetime,
    commit: str = "HEAD",
    *,
    horizon: datetime | None = None,
    cache: Path | None = None,
    schemas: Path | None = None,
    progress: Progress | None = None,
) -> Loaded:
    """Everything for a run at `now`.

    Without `horizon` it is `now` less the configuration's `lookback`. `cache` is a folder
    (`cache.folder(environ)`); without one every run starts from nothing. Raises InputError: no git
    repository, a shallow clone, no commit, no reconciler.yaml.
    """
    with undisturbed():
        git = at(root)
        tip = git.commit(commit)
        source, store = Source(root, git), Cache(cache, root)
        try:
            history = walk(git, tip, store)
            configuration, grammar, problems = _configured(history, source, schemas or installed())
            lookback = configuration.lookback if configuration else LOOKBACK
            since = horizon or now - lookback
            if configuration is None:
                return Loaded(tip, None, since, (), (), (), problems, None)
            reading = Reading(source, grammar, store, history, progress)
            line = Line(history, settled(history.times), now)
            archive = Archive(line, bisect_left(line.times, int(since.timestamp())), reading)
            others = [*git.top(tip), *(entry.path for entry in git.tree(tip, *LATER))]
            return _loaded(tip, configuration, since, archive, problems, others)
        finally:
            store.close()


def older(loaded: Loaded) -> Iterator[Version[Grant]]:
    """Every valid version of a grant that went before the horizon, newest first, read as far as it
    is asked for: to name the grant behind an old leftover. How long an invalid successor kept one
    standing is not followed so far back."""
    archive = loaded.archive
    if archive is not None:
        for version in before(archive.line, archive.since, archive.reading.documents):
            yield from _only([version], Grant)


def _configured(
    history: History, source: Source, schemas: Path
) -> tuple[Configuration | None, Grammar, tuple[Problem, ...]]:
    """The configuration that stands, its grammar, and what is wrong with that of the commit."""
    now = history.live.get(FILE)
    if now is None:
        raise InputError(
            f"there is no {FILE} in commit {history.tip[:12]}; `reconciler init` writes one"
        )
    if not now.blob:
        return None, Grammar(schemas), (_irregular(FILE),)
    found = _parsed(now, source, schemas)
    problems = found[2]
    for span in history.configurations():
        if found[0] is not None:
            break
        if span.blob:
            found = _parsed(span, source, schemas)
    return found[0], found[1], problems


def _parsed(
    span: Span, source: Source, schemas: Path
) -> tuple[Configuration | None, Grammar, tuple[Problem, ...]]:
    wanted = Wanted(Kind.CONFIGURATION, span.path, span.blob)
    [(_, data)] = source.read([wanted])
    return parse_configuration(data, schemas)


def _loaded(
    tip: str,
    configuration: Configuration,
    horizon: datetime,
    archive: Archive,
    problems: Sequence[Problem],
    others: Iterable[str],
) -> Loaded:
    reading = archive.reading
    versions = list(recent(archive.line, archive.since, reading.documents))
    grants = _only(versions, Grant)
    bundles = _only(versions, Bundle)
    pages = _only(versions, DirectoryPage)
    # Where there are problems it is an earlier configuration that stands.
    protected = () if problems else configuration.protected
    found = _problems(reading.history, others, reading, (grants, bundles, pages), protected)
    every = tuple(sorted({*problems, *found}))
    return Loaded(tip, configuration, horizon, grants, bundles, pages, every, archive)


def _only(versions: Iterable[Version[Document]], kind: type[Some]) -> tuple[Version[Some], ...]:
    return tuple(cast(Version[Some], v) for v in versions if isinstance(v.content, kind))


def _problems(
    history: History,
    others: Iterable[str],
    reading: Reading,
    versions: tuple[Versions[Grant], Versions[Bundle], Versions[DirectoryPage]],
    protected: Sequence[str],
) -> tuple[Problem, ...]:
    """Of the files of the commit: each on its own, then what they say of each other. `others` are
    paths that hold no document and may have to be refused for it."""
    grants, bundles, pages = versions
    live = history.live
    badly = {path: p for path in [*live, *others] if (p := trouble(path)) is not None}
    odd = [_irregular(s.path) for s in live.values() if not s.blob and s.path not in badly]
    names = Names(
        bundles=frozenset(v.content.name for v in bundles if v.gone is None),
        systems=frozenset(reading.grammar.systems) | reading.grammar.broken,
    )
    for version in pages:
        if version.gone is None:
            names.add(version.path, version.content)
    current = {v.path: v.content for v in pages if _current(v, live)}
    listed = {path for path in live if kind_of(path) is Kind.DIRECTORY}
    names.whole = listed <= current.keys()
    trees = Trees(reading, live)
    found: list[Problem] = [
        *badly.values(),
        *odd,
        *collisions(live),
        *reading.problems(live.values()),
    ]
    odd_ones = (v for v in grants if strange(v.content, names) and _current(v, live))
    said = [(version.path, mentioned(version.content)) for version in odd_ones]
    found += of_grants(said, names, trees.of)
    found += of_directory(current, names, trees.of)
    if protected:
        found += of_protected(protected, names, trees.of(FILE))
    return tuple(found)


def _current(version: Version[Some], live: Mapping[str, Span]) -> bool:
    """Whether it is what its file says now, and no predecessor that still stands."""
    span = live.get(version.path)
    return version.gone is None and span is not None and span.blob == version.blob


def _irregular(path: str) -> Problem:
    what = "not a regular file: a symbolic link or a submodule"
    return Problem(Position(path), what, "replace it with a file", "irregular-file")


@dataclass(frozen=True, slots=True)
class Trees:
    """Files of the commit, read again for the place of a problem."""

    reading: Reading
    live: Mapping[str, Span]

    def of(self, path: str) -> Tree | None:
        return self.reading.tree(self.live[path]) if path in self.live else None
