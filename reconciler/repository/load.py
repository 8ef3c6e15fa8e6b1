"""A commit of the access repository -> everything that it declares and that was declared before.

Reads the commit, never the working tree's own state, and no clock: `now` is handed in.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar, cast

from reconciler.errors import InputError, Problem
from reconciler.model import Bundle, DirectoryPage, Grant, Position, Version
from reconciler.repository.cache import Cache
from reconciler.repository.configuration import FILE, Configuration
from reconciler.repository.contents import Progress, Source, undisturbed
from reconciler.repository.documents import Reading
from reconciler.repository.git import Git, at
from reconciler.repository.grammar import Grammar
from reconciler.repository.history import History, Span
from reconciler.repository.parse import Document, parse_configuration
from reconciler.repository.paths import LATER, collisions, trouble
from reconciler.repository.references import Names, of_directory, of_grants
from reconciler.repository.schemas import installed
from reconciler.repository.timeline import settled
from reconciler.repository.tree import Tree
from reconciler.repository.versions import Line, older, recent
from reconciler.repository.walk import walk

Some = TypeVar("Some", Grant, Bundle, DirectoryPage)


class InvalidFiles(InputError):
    """Files that nothing can go on without; `problems` says what is wrong with them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Loaded:
    """`grants`, `bundles` and `directory` hold every version that stands, and every one that went
    since `horizon`. `problems` are those of the files of this commit; what is invalid grants
    nothing new, and its last valid version still stands."""

    commit: str
    configuration: Configuration
    horizon: datetime
    grants: tuple[Version[Grant], ...]
    bundles: tuple[Version[Bundle], ...]
    directory: tuple[Version[DirectoryPage], ...]
    problems: tuple[Problem, ...]
    archive: Archive


@dataclass(frozen=True, slots=True)
class Archive:
    """What went before the horizon, read when somebody asks."""

    line: Line
    since: int
    reading: Reading

    def grants(self) -> Iterator[Version[Grant]]:
        """Newest first: to name the grant behind an old leftover. How long an invalid successor
        kept a version standing is not followed so far back."""
        for version in older(self.line, self.since, self.reading.documents):
            yield from _only([version], Grant)


def load(
    root: Path,
    horizon: datetime | None = None,
    commit: str = "HEAD",
    *,
    now: datetime | None = None,
    cache: Path | None = None,
    schemas: Path | None = None,
    progress: Progress | None = None,
) -> Loaded:
    """Everything for a run. Without `horizon` it is `now` less the configuration's `lookback`.

    `now` also bounds when something went, should a committer's clock run ahead. `cache` is a
    folder (`cache.folder(environ)`); without one every run starts from nothing. Raises InputError:
    no git repository, a shallow clone, no commit, no configuration; InvalidFiles (an InputError)
    where reconciler.yaml is wrong.
    """
    with undisturbed():
        git = at(root)
        tip = git.commit(commit)
        configuration, grammar = configured(git, tip, schemas or installed())
        if horizon is None:
            if now is None:
                raise ValueError("load needs a horizon, or now to reckon it from")
            horizon = now - configuration.lookback
        store = Cache(cache, root)
        try:
            history = walk(git, tip, store)
            reading = Reading(Source(root, git), grammar, store, history, progress)
            others = [*git.top(tip), *(entry.path for entry in git.tree(tip, *LATER))]
            return _loaded(tip, configuration, horizon, now, history, others, reading)
        finally:
            store.close()


def configured(git: Git, commit: str, schemas: Path) -> tuple[Configuration, Grammar]:
    """reconciler.yaml as the commit has it."""
    data = git.blob(commit, FILE)
    if data is None:
        raise InputError(
            f"there is no {FILE} in commit {commit[:12]}; `reconciler init` writes one"
        )
    configuration, grammar, problems = parse_configuration(data, schemas)
    if configuration is None:
        raise InvalidFiles(problems)
    return configuration, grammar


def _loaded(
    tip: str,
    configuration: Configuration,
    horizon: datetime,
    now: datetime | None,
    history: History,
    others: Iterable[str],
    reading: Reading,
) -> Loaded:
    line = Line(history, settled(history.times), now)
    since = bisect_left(line.times, int(horizon.timestamp()))
    versions = list(recent(line, since, reading.documents))
    grants = _only(versions, Grant)
    bundles = _only(versions, Bundle)
    pages = _only(versions, DirectoryPage)
    problems = _problems(history, others, reading, bundles, pages)
    archive = Archive(line, since, reading)
    return Loaded(tip, configuration, horizon, grants, bundles, pages, problems, archive)


def _only(versions: Iterable[Version[Document]], kind: type[Some]) -> tuple[Version[Some], ...]:
    return tuple(cast(Version[Some], v) for v in versions if isinstance(v.content, kind))


def _problems(
    history: History,
    others: Iterable[str],
    reading: Reading,
    bundles: Iterable[Version[Bundle]],
    pages: Iterable[Version[DirectoryPage]],
) -> tuple[Problem, ...]:
    """Of the files of the commit: each on its own, then what they say of each other. `others` are
    paths that hold no document and may have to be refused for it."""
    live = history.live
    refused = [p for path in [*live, *others] if (p := trouble(path)) is not None]
    badly = {p.position.path for p in refused}
    refused += [_irregular(s.path) for s in live.values() if not s.blob and s.path not in badly]
    names = Names(
        bundles=frozenset(v.content.name for v in bundles if v.gone is None),
        systems=frozenset(reading.grammar.systems) | reading.grammar.broken,
    )
    standing = {v.path: v.content for v in pages if v.gone is None}
    for path, page in standing.items():
        names.add(path, page)
    trees = Trees(reading, live)
    found = [*refused, *collisions(live), *reading.problems(live.values())]
    found += of_grants(reading.mentions(live.values()), names, trees.of)
    found += of_directory(standing, names, trees.of)
    return tuple(sorted(set(found)))


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
