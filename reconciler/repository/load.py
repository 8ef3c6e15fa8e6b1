"""A commit of the access repository -> everything that it declares and that was declared before.

Reads the commit, never the working tree's own state, and no clock: `now` is handed in.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

from reconciler.errors import Problem
from reconciler.model import (
    AfterReview,
    Bundle,
    CatalogPage,
    DirectoryPage,
    Grant,
    PolicyPage,
    PolicyTestPage,
    Version,
)
from reconciler.repository.archive import Archive
from reconciler.repository.cache import Cache
from reconciler.repository.configuration import FILE, LOOKBACK, Configuration
from reconciler.repository.configured import configured, irregular
from reconciler.repository.contents import Progress, Source, undisturbed
from reconciler.repository.documents import Reading
from reconciler.repository.git import Git, at
from reconciler.repository.history import History
from reconciler.repository.parse import Document
from reconciler.repository.paths import GRANTS, LATER, Kind, collisions, kind_of, trouble
from reconciler.repository.references import (
    Names,
    mentioned,
    of_directory,
    of_grants,
    of_protected,
    strange,
)
from reconciler.repository.rows import Mentions
from reconciler.repository.rules import Pages, of_pages
from reconciler.repository.schemas import installed
from reconciler.repository.spans import Span
from reconciler.repository.timeline import settled
from reconciler.repository.tree import Tree
from reconciler.repository.versions import Line, gone, lately, recent
from reconciler.repository.versions import older as before
from reconciler.repository.walk import walk

Some = TypeVar("Some", bound=Document)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The lists of versions hold every one that stands, and every one that went since `horizon`;
    `tests` are those of policies/tests/. `problems` are those of the files of this commit: what is
    invalid grants nothing new, and its last valid version still stands. That holds for the
    configuration too; None where it has never been valid, and then nothing else is read. With
    `whom`, `grants` are only those for these ids, and no problem is sought between files."""

    commit: str
    configuration: Configuration | None
    horizon: datetime
    grants: tuple[Version[Grant], ...]
    bundles: tuple[Version[Bundle], ...]
    directory: tuple[Version[DirectoryPage], ...]
    problems: tuple[Problem, ...]
    archive: Archive | None
    policies: tuple[Version[PolicyPage], ...] = ()
    catalog: tuple[Version[CatalogPage], ...] = ()
    reviews: tuple[Version[AfterReview], ...] = ()
    tests: tuple[Version[PolicyTestPage], ...] = ()
    whom: frozenset[str] | None = None


Whom = Callable[[Sequence[Version[Document]]], frozenset[str] | None]
"""Everything but the grants -> the ids whose grants are wanted; None for those of everybody."""


def load(
    root: Path,
    now: datetime,
    commit: str = "HEAD",
    *,
    horizon: datetime | None = None,
    cache: Path | None = None,
    schemas: Path | None = None,
    progress: Progress | None = None,
    without: frozenset[str] = frozenset(),
    git: Git | None = None,
    whom: Whom | None = None,
) -> Loaded:
    """Everything for a run at `now`.

    A configuration that one of the commits `without` brought in does not count: the one before
    stands. `git` reads a commit that is not in the repository itself (`merged_as`). Without
    `horizon` it is `now` less the configuration's `lookback`. `cache` is a folder
    (`cache.folder(environ)`); without one every run starts from nothing. Raises InputError: no git
    repository, a shallow clone, no commit, no reconciler.yaml.
    """
    with undisturbed():
        git = git or at(root)
        tip = git.commit(commit)
        source, store = Source(root, git), Cache(cache, root)
        try:
            history = walk(git, tip, store)
            schemas = schemas or installed()
            configuration, grammar, problems = configured(history, source, schemas, without)
            lookback = configuration.lookback if configuration else LOOKBACK
            since = horizon or now - lookback
            if configuration is None:
                return Loaded(tip, None, since, (), (), (), problems, None)
            reading = Reading(source, grammar, store, history, without, progress)
            line = Line(history, settled(history.times), now)
            archive = Archive(line, bisect_left(line.times, int(since.timestamp())), reading)
            others = _others(git, tip)
            return _loaded(tip, configuration, since, archive, problems, others, whom)
        finally:
            store.close()


def older(loaded: Loaded) -> Iterator[Version[Grant]]:
    """Every valid version of a grant that went before the horizon, newest first, read as far as it
    is asked for: to name the grant behind an old leftover. How long an invalid successor kept one
    standing is not followed so far back."""
    archive = loaded.archive
    if archive is not None:
        documents = partial(archive.reading.documents, whom=loaded.whom)
        for version in before(archive.line, archive.since, documents):
            if isinstance(version.content, Grant):
                yield cast(Version[Grant], version)


def _loaded(
    tip: str,
    configuration: Configuration,
    horizon: datetime,
    archive: Archive,
    problems: Sequence[Problem],
    others: Iterable[str],
    whom: Whom | None,
) -> Loaded:
    reading, line = archive.reading, archive.line
    history = reading.history
    ids: frozenset[str] | None = None
    if whom is not None:
        versions, ids = _near(archive, whom)
    else:
        versions = list(recent(line, lately(line, archive.since), reading.documents))
    now = history.live.get(FILE)
    unproven = now is not None and history.commits[now.merged] in reading.without
    # Then it is an earlier configuration that stands, and its names have no place in this one.
    protected = () if problems or unproven else configuration.protected
    if ids is None:
        found = _problems(history, others, reading, versions, protected)
    else:
        found = tuple(reading.problems(history.live.spans()))
    sorts = _Sorts(versions)
    return Loaded(
        tip,
        configuration,
        horizon,
        sorts.of(Grant),
        sorts.of(Bundle),
        sorts.of(DirectoryPage),
        tuple(sorted({*problems, *found})),
        archive,
        sorts.of(PolicyPage),
        sorts.of(CatalogPage),
        sorts.of(AfterReview),
        sorts.of(PolicyTestPage),
        ids,
    )


def _others(git: Git, tip: str) -> Iterator[str]:
    """Asked for only when somebody wants to know."""
    yield from git.top(tip)
    yield from (entry.path for entry in git.tree(tip, *LATER))


def _near(archive: Archive, whom: Whom) -> tuple[list[Version[Document]], frozenset[str] | None]:
    """Everything but the grants, then the grants for those ids. What the cache knows to be for
    others is not so much as made a span of."""
    reading, line = archive.reading, archive.line
    live, went = line.history.live, list(gone(line, archive.since))
    rest = [span for kind in Kind if kind not in GRANTS for span in live.of(kind).values()]
    rest += [span for span in went if kind_of(span.path) not in GRANTS]
    versions = list(recent(line, rest, reading.documents))
    ids = whom(versions)
    grants = [span for span in went if kind_of(span.path) in GRANTS]
    for kind in GRANTS:
        grants += live.but(kind, reading.others(kind, ids) if ids is not None else ())
    versions += recent(line, grants, partial(reading.documents, whom=ids))
    return versions, ids


class _Sorts:
    """Versions by what they say, told apart in one pass: there may be very many."""

    def __init__(self, versions: Iterable[Version[Document]]) -> None:
        self.found: dict[type, list[Version[Document]]] = {}
        for version in versions:
            self.found.setdefault(type(version.content), []).append(version)

    def of(self, kind: type[Some]) -> tuple[Version[Some], ...]:
        return tuple(cast(list[Version[Some]], self.found.get(kind, [])))


def _problems(
    history: History,
    others: Iterable[str],
    reading: Reading,
    versions: Sequence[Version[Document]],
    protected: Sequence[str],
) -> tuple[Problem, ...]:
    """Of the files of the commit: each on its own, then what they say of each other. `others` are
    paths that hold no document and may have to be refused for it."""
    live = history.live.every()
    badly = {path: p for path in [*live, *others] if (p := trouble(path)) is not None}
    odd = [irregular(s.path) for s in live.values() if not s.blob and s.path not in badly]
    found: list[Problem] = [
        *badly.values(),
        *odd,
        *collisions(live),
        *reading.problems(live.values()),
    ]
    found += _across(versions, reading, live, protected)
    return tuple(found)


def _across(
    versions: Sequence[Version[Document]],
    reading: Reading,
    live: Mapping[str, Span],
    protected: Sequence[str],
) -> Iterator[Problem]:
    standing = [version for version in versions if version.gone is None]
    rest = [v for v in standing if type(v.content) is not Grant]
    names = Names(
        bundles=frozenset(v.content.name for v in rest if isinstance(v.content, Bundle)),
        systems=frozenset(reading.grammar.systems) | reading.grammar.broken,
    )
    for version in rest:
        if isinstance(version.content, DirectoryPage):
            names.add(version.path, version.content)
    current: dict[str, DirectoryPage] = {}
    strangers: list[tuple[str, Mentions]] = []
    pages = Pages()
    for one in standing:
        span = live.get(one.path)
        if span is None or span.blob != one.blob:
            continue  # a predecessor that still stands is not what its file says now
        if isinstance(one.content, Grant):
            if strange(one.content, names):
                strangers.append((one.path, mentioned(one.content)))
        elif isinstance(one.content, DirectoryPage):
            current[one.path] = one.content
        else:
            pages.add(one.path, one.content)
    ruling = {path: kind for path in live if (kind := kind_of(path)) not in GRANTS}
    names.whole = current.keys() >= {p for p, kind in ruling.items() if kind is Kind.DIRECTORY}
    trees = Trees(reading, live)
    yield from of_grants(strangers, names, trees.of)
    yield from of_directory(current, names, trees.of)
    policies = [path for path, kind in ruling.items() if kind is Kind.POLICY]
    yield from of_pages(pages, names, trees.of, policies=policies)
    if protected:
        yield from of_protected(protected, names, trees.of(FILE))


@dataclass(frozen=True, slots=True)
class Trees:
    """Files of the commit, read again for the place of a problem."""

    reading: Reading
    live: Mapping[str, Span]

    def of(self, path: str) -> Tree | None:
        return self.reading.tree(self.live[path]) if path in self.live else None
