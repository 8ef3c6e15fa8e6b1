"""Reads on in the history of grants, where a verdict needs what the run itself did not."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import cast

from reconciler.model import Claim, DirectoryPage, Grant, Version
from reconciler.planning.resolve import claims
from reconciler.proof import effective
from reconciler.proof.changes import Changes
from reconciler.proof.ground import Ground
from reconciler.proof.holdings import GAP
from reconciler.repository.archive import Archive
from reconciler.repository.load import Loaded
from reconciler.repository.paths import GRANTS


@dataclass
class Past:
    loaded: Loaded
    changes: Changes
    _known: dict[int, Version[Grant] | None] = field(default_factory=dict)
    _before: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._known.update((v.id, v) for v in self.loaded.grants)

    @property
    def _archive(self) -> Archive:
        assert self.loaded.archive is not None  # there is a configuration
        return self.loaded.archive

    @property
    def pages(self) -> tuple[Version[DirectoryPage], ...]:
        """The directory as it counts: what nobody approved gives nobody an account."""
        return effective.pages(self.loaded.directory, self.changes)

    def claims(self, versions: Iterable[Version[Grant]]) -> Iterator[Claim]:
        """As people and bundles count: what nobody approved gives nothing. Reads the versions one
        by one, as far as it is asked for."""
        bundles = effective.bundles(self.loaded.bundles, self.changes)
        yield from claims(versions, bundles, self.pages, self.loaded.horizon)

    def version(self, id: int) -> Version[Grant] | None:
        """None where the content is not valid."""
        if id not in self._known:
            self._known[id] = None
            self._fetch([id])
        return self._known[id]

    def before(self, id: int) -> int:
        """The id of what this content replaced, valid or not; -1 for nothing."""
        if not self._before:
            self._before.update((t.id, t.previous) for t in self._archive.traces(GRANTS))
        return self._before.get(id, -1)

    def earlier(self, version: Version[Grant], ground: Ground) -> tuple[Version[Grant], ...]:
        """What went long enough ago not to be loaded, and still counts for the longest chain of
        extensions that a rule bounds."""
        totals = [r.max_total for page in ground.policies for r in page.rules if r.max_total]
        oldest = (version.merged - max(totals) - GAP).timestamp()
        since, loaded = bisect_left(self._archive.line.times, int(oldest)), self._known
        ids = [t.id for t in self._archive.traces(GRANTS) if t.gone_number >= since]
        self._fetch([id for id in ids if id not in loaded], self.loaded.whom)
        found = (self._known.get(id) for id in ids)
        return tuple(v for v in found if v is not None and v.merged <= version.merged)

    def _fetch(self, ids: list[int], whom: frozenset[str] | None = None) -> None:
        if ids:
            for found in self._archive.versions(ids, whom):
                if isinstance(found.content, Grant):
                    self._known[found.id] = cast(Version[Grant], found)
