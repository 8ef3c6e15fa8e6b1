"""The files of a working tree -> everything that is wrong with them, without history or cloud.

Reads what is tracked and what is new, not what git ignores. Works without git, too.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from reconciler.errors import InputError, Problem
from reconciler.model import Bundle, DirectoryPage, Draft, Grant, Position
from reconciler.repository import characters
from reconciler.repository.cache import Cache
from reconciler.repository.configuration import FILE
from reconciler.repository.contents import (
    Progress,
    Rows,
    Source,
    Wanted,
    blob_id,
    parsed_again,
    rows,
    undisturbed,
)
from reconciler.repository.git import Git, inside_of, tracked_by_git
from reconciler.repository.grammar import Grammar
from reconciler.repository.parse import Parsed, parse_configuration, read
from reconciler.repository.paths import GRANTS, Kind, collisions, kind_of, trouble
from reconciler.repository.references import Names, of_directory, of_grants, of_protected
from reconciler.repository.rows import Mentions, Stale, decode, mentions
from reconciler.repository.rules import Pages, of_pages
from reconciler.repository.schemas import installed
from reconciler.repository.tree import Tree
from reconciler.repository.working_tree import Found, listed


@dataclass(frozen=True, slots=True)
class Validated:
    """`files` were looked at, `grants` of them are grants or standing access. `draft` has what the
    valid ones say, whatever was chosen to be looked at."""

    problems: tuple[Problem, ...]
    files: int
    grants: int
    draft: Draft = field(default_factory=Draft)


def check(
    root: Path,
    only: Sequence[str] = (),
    *,
    grants: Collection[str] = (),
    cache: Path | None = None,
    schemas: Path | None = None,
    progress: Progress | None = None,
) -> Validated:
    """Every problem of every file, or of the files and folders `only` (paths within `root`); what
    these refer to is read all the same. `grants` are paths of those that the draft shall have.
    Raises InputError where there is no reconciler.yaml."""
    git = Git(root) if tracked_by_git(root) else None
    with undisturbed():
        store = Cache(cache, root)
        try:
            return _Check(root, git, store, schemas or installed()).run(only, grants, progress)
        finally:
            store.close()


class _Check:
    def __init__(self, root: Path, git: Git | None, cache: Cache, schemas: Path) -> None:
        self.source, self.cache, self.schemas = Source(root, git), cache, schemas
        self.grammar = Grammar(schemas)
        self.rows: Rows = {}  # by kind and blob
        self.protected: tuple[str, ...] = ()

    def run(
        self, only: Sequence[str], wanted: Collection[str], progress: Progress | None
    ) -> Validated:
        every = {found.path: found for found in listed(self.source.root, self.source.git)}
        kinds = {path: kind for path in every if (kind := kind_of(path)) is not None}
        refused = {path: problem for path in every if (problem := trouble(path)) is not None}
        refused |= {p: _irregular(every[p]) for p in kinds if every[p].odd and p not in refused}
        problems = [*refused.values(), *collisions(sorted(p for p in kinds if p not in refused))]
        problems += self.configuration(every.get(FILE))
        documents = self.known(every, kinds, refused)
        self.rows = rows(self.source, documents.values(), self.grammar, self.cache, progress)
        documents = {p: one for p, one in documents.items() if one.blob in self.rows[one.kind]}
        problems += self.own_problems(documents)
        few = {path: one for path, one in documents.items() if one.kind not in GRANTS}
        directory, pages = self.ruling(few)
        unread = {p for p, kind in kinds.items() if kind is Kind.DIRECTORY} - directory.keys()
        problems = list(_partly(problems, unread))
        bundles = {path: one for path, one in few.items() if one.kind is Kind.BUNDLE}
        names = self.names(bundles, directory, whole=not unread)
        problems += self.cross_problems(documents, directory, pages, kinds, names)
        if only:
            problems = [p for p in problems if _chosen(p.position.path, only)]
            kinds = {path: kind for path, kind in kinds.items() if _chosen(path, only)}
        grants = sum(kind in GRANTS for kind in kinds.values())
        draft = self.draft({**self.grants(documents, wanted), **bundles}, directory, pages)
        return Validated(tuple(sorted(set(problems))), len(kinds), grants, draft)

    def grants(
        self, documents: Mapping[str, Wanted], wanted: Collection[str]
    ) -> Mapping[str, Wanted]:
        if not wanted:
            return {}
        return {p: one for p, one in documents.items() if p in wanted and one.kind in GRANTS}

    def draft(
        self,
        chosen: Mapping[str, Wanted],
        directory: Mapping[str, DirectoryPage],
        pages: Pages,
    ) -> Draft:
        found = [self.parsed(path, one).document for path, one in chosen.items()]
        return Draft(
            tuple(pages.policies[path] for path in sorted(pages.policies)),
            tuple(pages.tests[path] for path in sorted(pages.tests)),
            tuple(pages.catalog[path] for path in sorted(pages.catalog)),
            tuple(directory[path] for path in sorted(directory)),
            tuple(page for page in found if isinstance(page, Bundle)),
            tuple(page for page in found if isinstance(page, Grant)),
        )

    def configuration(self, found: Found | None) -> tuple[Problem, ...]:
        data = self.source.file(FILE) if found is not None and not found.odd else None
        if data is None:
            raise _no_configuration(self.source.root.resolve())
        settled, self.grammar, problems = parse_configuration(data, self.schemas)
        self.protected = settled.protected if settled else ()
        return problems

    def known(
        self, every: Mapping[str, Found], kinds: Mapping[str, Kind], refused: Container[str]
    ) -> dict[str, Wanted]:
        """What must be parsed, by path."""
        wanted: dict[str, Wanted] = {}
        for path, kind in kinds.items():
            if kind is Kind.CONFIGURATION or path in refused:
                continue
            blob = every[path].blob
            if not blob:
                data = self.source.file(path)
                if data is None:
                    continue  # gone since it was listed
                blob = blob_id(data)
            wanted[path] = Wanted(kind, path, blob)
        return wanted

    def own_problems(self, documents: Mapping[str, Wanted]) -> Iterator[Problem]:
        for path, one in documents.items():
            if self.rows[one.kind][one.blob][0] == "P":
                yield from self.parsed(path, one).problems

    def parsed(self, path: str, one: Wanted) -> Parsed:
        try:
            return decode(path, self.rows[one.kind][one.blob], {})
        except Stale:
            return decode(path, self.again(one), {})

    def again(self, one: Wanted) -> str:
        row = self.rows[one.kind][one.blob] = parsed_again(self.source, one, self.grammar)
        return row

    def ruling(self, documents: Mapping[str, Wanted]) -> tuple[dict[str, DirectoryPage], Pages]:
        """The valid files among these, which are no grants, without the bundles."""
        directory: dict[str, DirectoryPage] = {}
        others = Pages()
        for path, one in documents.items():
            if one.kind is Kind.BUNDLE:
                continue
            page = self.parsed(path, one).document
            if isinstance(page, DirectoryPage):
                directory[path] = page
            elif page is not None:
                others.add(path, page)
        return directory, others

    def names(
        self, bundles: Iterable[str], directory: Mapping[str, DirectoryPage], *, whole: bool
    ) -> Names:
        names = Names(
            bundles=frozenset(PurePosixPath(path).stem for path in bundles),
            systems=frozenset(self.grammar.systems) | self.grammar.broken,
            whole=whole,
        )
        for path, page in directory.items():
            names.add(path, page)
        return names

    def cross_problems(
        self,
        documents: Mapping[str, Wanted],
        directory: Mapping[str, DirectoryPage],
        pages: Pages,
        kinds: Mapping[str, Kind],
        names: Names,
    ) -> Iterator[Problem]:
        trees = _Trees(self.source, documents)
        yield from of_directory(directory, names, trees.of)
        yield from of_grants(self.mentions(documents), names, trees.of)
        policies = [path for path, kind in kinds.items() if kind is Kind.POLICY]
        yield from of_pages(pages, names, trees.of, policies=policies)
        if self.protected:
            tree = read(FILE, self.source.file(FILE) or b"", characters.LARGE)[0]
            yield from of_protected(self.protected, names, tree)

    def mentions(self, documents: Mapping[str, Wanted]) -> Iterator[tuple[str, Mentions]]:
        for path, one in documents.items():
            try:
                said = mentions(self.rows[one.kind][one.blob])
            except Stale:
                said = mentions(self.again(one))
            if said is not None:
                yield path, said


@dataclass(frozen=True, slots=True)
class _Trees:
    source: Source
    documents: Mapping[str, Wanted]

    def of(self, path: str) -> Tree | None:
        for _, data in self.source.read([self.documents[path]]):
            return read(path, data, characters.LARGE)[0]
        return None


def _partly(problems: Iterable[Problem], unread: Container[str]) -> Iterator[Problem]:
    """The first problem of an unread file of directory/ says what else is not told for it."""
    told = False
    for problem in sorted(problems):
        if not told and problem.position.path in unread:
            told = True
            fix = f"{problem.fix} (until then, unknown people and groups are not reported)"
            problem = replace(problem, fix=fix)
        yield problem


def _no_configuration(root: Path) -> InputError:
    for above in root.parents:
        if (above / FILE).is_file():
            return inside_of(above)
    fix = "run in an access repository, or make one with `reconciler init`"
    return InputError(f"there is no {FILE} in {root}; {fix}")


def _irregular(found: Found) -> Problem:
    what = f"not a regular file but {found.odd}"
    return Problem(Position(found.path), what, "replace it with a file", "irregular-file")


def _chosen(path: str, only: Sequence[str]) -> bool:
    return any(path == o or path.startswith(o + "/") or o in ("", ".") for o in only)
