"""Which version of reconciler.yaml stands: the last valid one. Reads no other file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from reconciler.errors import InputError, Problem
from reconciler.model import Position
from reconciler.repository.configuration import FILE, Configuration
from reconciler.repository.contents import Source, Wanted
from reconciler.repository.grammar import Grammar
from reconciler.repository.history import History
from reconciler.repository.owners import unsaid
from reconciler.repository.parse import parse_configuration
from reconciler.repository.paths import Kind
from reconciler.repository.spans import Span


def configured(
    history: History, source: Source, schemas: Path, without: Collection[str]
) -> tuple[Configuration | None, Grammar, tuple[Problem, ...]]:
    """The configuration that stands, its grammar, and what is wrong with that of the commit."""
    now = history.live.get(FILE)
    if now is None:
        raise InputError(
            f"there is no {FILE} in commit {history.tip[:12]}; `reconciler init` writes one"
        )
    if not now.blob:
        return None, Grammar(schemas), (irregular(FILE),)
    counts = [
        span
        for span in history.configurations()
        if span.blob and history.commits[span.merged] not in without
    ]
    found = _parsed(now, counts, source, schemas)
    problems = found[2]
    if history.commits[now.merged] in without:
        found = None, Grammar(schemas), ()
    for place, span in enumerate(counts, 1):
        if found[0] is not None:
            break
        found = _parsed(span, counts[place:], source, schemas)
    return found[0], found[1], problems


def _parsed(
    span: Span, earlier: Iterable[Span], source: Source, schemas: Path
) -> tuple[Configuration | None, Grammar, tuple[Problem, ...]]:
    [data] = _contents([span], source)
    configuration, grammar, problems = parse_configuration(data, schemas)
    if configuration is not None and configuration.owner_was is None:
        changed = unsaid(data, configuration, _contents(earlier, source))
        if changed is not None:
            return None, grammar, (changed,)
    return configuration, grammar, problems


def _contents(spans: Iterable[Span], source: Source) -> Iterator[bytes]:
    wanted = {span.blob: Wanted(Kind.CONFIGURATION, span.path, span.blob) for span in spans}
    return (data for _, data in source.read(tuple(wanted.values())))


def irregular(path: str) -> Problem:
    what = "not a regular file: a symbolic link or a submodule"
    return Problem(Position(path), what, "replace it with a file", "irregular-file")
