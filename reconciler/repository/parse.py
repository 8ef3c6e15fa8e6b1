"""The bytes of one file -> a document of the model, or every problem of that file: never both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import Problem
from reconciler.model import (
    AfterReview,
    Bundle,
    CatalogPage,
    DirectoryPage,
    Grant,
    PolicyPage,
    PolicyTestPage,
)
from reconciler.repository import (
    catalog,
    characters,
    configuration,
    directory,
    grants,
    policies,
    policy_tests,
    tree,
)
from reconciler.repository.grammar import Grammar
from reconciler.repository.paths import LONG, Kind

MOST = 50  # problems of one file that are told

Page = DirectoryPage | PolicyPage | PolicyTestPage | CatalogPage | AfterReview
Document = Grant | Bundle | Page


@dataclass(frozen=True, slots=True)
class Parsed:
    """`document` is None exactly when there are problems."""

    document: Document | None
    problems: tuple[Problem, ...] = ()


def parse(kind: Kind, path: str, data: bytes, grammar: Grammar) -> Parsed:
    """Never raises for the file's sake, whatever its bytes are."""
    limit = characters.LARGE if kind in LONG else characters.SMALL
    found, problems = read(path, data, limit)
    if found is None or not found.sound:
        return Parsed(None, _some(problems))
    document, more = _document(kind, found, grammar)
    if problems or more:
        return Parsed(None, _some([*problems, *more]))
    return Parsed(document)


def _document(
    kind: Kind, found: tree.Tree, grammar: Grammar
) -> tuple[Document | None, list[Problem]]:
    match kind:
        case Kind.GRANT | Kind.STANDING | Kind.BREAK_GLASS:
            return grants.grant(found, grammar, kind)
        case Kind.BUNDLE:
            return grants.bundle(found, grammar)
        case Kind.DIRECTORY:
            return directory.page(found, grammar)
        case Kind.POLICY:
            return policies.page(found, grammar)
        case Kind.POLICY_TEST:
            return policy_tests.page(found, grammar)
        case Kind.CATALOG:
            return catalog.page(found, grammar)
        case Kind.REVIEW:
            return catalog.review(found, grammar)
        case Kind.CONFIGURATION:
            raise AssertionError("`parse_configuration` reads it")


def _some(problems: list[Problem]) -> tuple[Problem, ...]:
    """In the order of their places; of very many the first, and how many there are."""
    every = sorted(set(problems))
    if len(every) <= MOST:
        return tuple(every)
    what = f"{len(every) - MOST:,} more mistakes in this file"
    last = Problem(every[-1].position, what, "mend the first ones and run again", "more")
    return (*every[:MOST], last)


def parse_configuration(
    data: bytes, schemas: Path
) -> tuple[configuration.Configuration | None, Grammar, tuple[Problem, ...]]:
    found, problems = read(configuration.FILE, data, characters.LARGE)
    if found is None or not found.sound:
        return None, Grammar(schemas), _some(problems)
    settled, grammar, more = configuration.configuration(found, schemas)
    every = _some([*problems, *more])
    return (None if every else settled), grammar, every


def read(path: str, data: bytes, limit: int) -> tuple[tree.Tree | None, list[Problem]]:
    """The tree, where the bytes can be trusted to mean what a reviewer sees."""
    text, problems = characters.read(data, path, limit)
    if not text and problems:
        return None, problems
    found = tree.build(text, path)
    return found, [*problems, *found.problems]
