"""Spans of history -> documents, each judged by the configuration, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from functools import partial

from reconciler.errors import Problem
from reconciler.model import Bundle, Grant, Item
from reconciler.repository import characters
from reconciler.repository.cache import Cache, space
from reconciler.repository.configuration import FILE, Configuration
from reconciler.repository.contents import Progress, Rows, Source, Wanted, parsed_again, rows
from reconciler.repository.grammar import Grammar
from reconciler.repository.history import History
from reconciler.repository.parse import Document, parse, parse_configuration, read
from reconciler.repository.paths import GRANTS, Kind, kind_of
from reconciler.repository.rows import Entitlements, Stale, for_others, letters
from reconciler.repository.rows import document as document_of
from reconciler.repository.rows import problems as problems_of
from reconciler.repository.spans import NONE, Span
from reconciler.repository.tree import Tree

Near = tuple[Set[str], dict[str, str]]


@dataclass
class Reading:
    """Reads each content once. `grammar` is that of the configuration that stands; those that the
    commits `without` brought in never did."""

    source: Source
    grammar: Grammar
    cache: Cache
    history: History
    without: Collection[str] = ()
    progress: Progress | None = None
    refused: dict[int, tuple[Problem, ...]] = field(default_factory=dict)  # by span id
    entitlements: Entitlements = field(default_factory=dict)
    before: list[tuple[int, Grammar]] | None = None  # until which commit, the grammar till then
    near: dict[tuple[Kind, frozenset[str]], Near] = field(default_factory=dict)

    def others(self, kind: Kind, whom: frozenset[str]) -> Set[str]:
        """The contents that the cache knows as valid grants of this kind for none of these ids."""
        return self._near(kind, whom)[0]

    def _near(self, kind: Kind, whom: frozenset[str]) -> Near:
        """Those, and the rows of all others that the cache knows."""
        found = self.near.get((kind, whom))
        if found is None:
            aside = partial(for_others, whom=whom)
            known = self.cache.apart(space(kind, self.grammar), letters(kind)[0], whom, aside)
            found = self.near[kind, whom] = known
        return found

    def documents(
        self, spans: Iterable[Span], whom: frozenset[str] | None = None
    ) -> Mapping[int, Document | None]:
        """The valid ones among them, by span id. What is wrong with the others is in `refused`.
        With `whom`, a grant that is for none of these ids is there as None: valid, and not read."""
        by_kind: dict[Kind, list[Span]] = {}
        for span in spans:
            kind = kind_of(span.path) if span.blob else None
            if kind is not None and kind is not Kind.CONFIGURATION:
                by_kind.setdefault(kind, []).append(span)
        found: dict[int, Document | None] = {}
        near = self._aside(by_kind, whom, found) if whom is not None else {}
        wanted = (Wanted(k, s.path, s.blob) for k, listed in by_kind.items() for s in listed)
        known = rows(self.source, wanted, self.grammar, self.cache, self.progress, near)
        for kind, texts in known.items():
            for span in by_kind[kind]:
                try:
                    if whom is not None and kind in near and for_others(texts[span.blob], whom):
                        found[span.id] = None  # the cache did not have it
                        continue
                    document = document_of(span.path, texts[span.blob], self.entitlements)
                except Stale:
                    document = self._again(span, kind, texts)
                if document is None:
                    self.refused[span.id] = problems_of(span.path, texts[span.blob])
                    document = self._as_it_was(span, kind)
                if document is not None:
                    found[span.id] = document
        return found

    def _aside(
        self,
        by_kind: dict[Kind, list[Span]],
        whom: frozenset[str],
        found: dict[int, Document | None],
    ) -> Rows:
        """Takes out of `by_kind` what is for others, and puts it into `found`; what the cache has
        of the rest."""
        near: Rows = {}
        for kind in by_kind.keys() & GRANTS:
            others, near[kind] = self._near(kind, whom)
            found |= {span.id: None for span in by_kind[kind] if span.blob in others}
            by_kind[kind] = [span for span in by_kind[kind] if span.blob not in others]
        return near

    def problems(self, spans: Iterable[Span]) -> Iterator[Problem]:
        """What is wrong with each of these, which `documents` has read before. Where nothing is,
        they are not gone through."""
        if self.refused:
            for span in spans:
                yield from self.refused.get(span.id, ())

    def tree(self, span: Span) -> Tree | None:
        """A content once more with all its places, for a problem that concerns other files."""
        kind = kind_of(span.path)
        assert kind is not None
        for _, data in self.source.read([Wanted(kind, span.path, span.blob)]):
            return read(span.path, data, characters.LARGE)[0]
        return None

    def configuration(self, span: Span) -> Configuration | None:
        """What an earlier reconciler.yaml said, if that was valid."""
        wanted = Wanted(Kind.CONFIGURATION, span.path, span.blob)
        [(_, data)] = self.source.read([wanted])
        return parse_configuration(data, self.grammar.schemas)[0]

    def _again(self, span: Span, kind: Kind, texts: dict[str, str]) -> Document | None:
        wanted = Wanted(kind, span.path, span.blob)
        texts[span.blob] = parsed_again(self.source, wanted, self.grammar)
        return document_of(span.path, texts[span.blob], self.entitlements)

    def _as_it_was(self, span: Span, kind: Kind) -> Document | None:
        """A content may have become invalid because the configuration changed under it (a system
        or an alias went). It was valid while an earlier configuration stood, so it stands; what it
        asks of systems that are gone is gone with them."""
        earlier = [grammar for until, grammar in self._before() if until > span.merged]
        if not earlier:
            return None
        for _, data in self.source.read([Wanted(kind, span.path, span.blob)]):
            for grammar in earlier:
                document = parse(kind, span.path, data, grammar).document
                if document is not None:
                    return _without(document, self.grammar)
        return None

    def _before(self) -> list[tuple[int, Grammar]]:
        """Newest first."""
        if self.before is None:
            self.before = []
            spans = list(self._stood())
            wanted = [Wanted(Kind.CONFIGURATION, s.path, s.blob) for s in spans]
            texts = {one.blob: data for one, data in self.source.read(wanted)}
            for span in spans:
                _, grammar, _ = parse_configuration(texts[span.blob], self.grammar.schemas)
                if grammar.settings != self.grammar.settings:
                    self.before.append((span.gone, grammar))
        return self.before

    def _stood(self) -> Iterator[Span]:
        """The configurations that ended, newest first, each until the next one that counts."""
        commits = self.history.commits
        now = self.history.live.get(FILE)
        until = len(commits) if now is not None and commits[now.merged] in self.without else NONE
        for span in self.history.configurations():
            gone = span.gone if until == NONE else until
            until = gone if commits[span.merged] in self.without else NONE
            if span.blob and until == NONE:
                yield span._replace(gone=gone)


def _without(document: Document, grammar: Grammar) -> Document:
    match document:
        case Bundle(access=items):
            return replace(document, access=tuple(i for i in items if _known(i, grammar)))
        case Grant(access=access):
            kept = tuple(i for i in access if not isinstance(i, Item) or _known(i, grammar))
            return replace(document, access=kept)
        case _:
            return document  # names no item, or only to test


def _known(item: Item, grammar: Grammar) -> bool:
    return item.entitlement.system in grammar.systems
