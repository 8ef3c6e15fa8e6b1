"""What catalog/ says of a resource, by all its pages together. Never reads a file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from reconciler.model import CatalogPage, Entitlement, Resource
from reconciler.policy import globs
from reconciler.policy.case import ResourceFacts


class Catalog:
    """Entries that name a resource exactly come before globs, then pages by path, then lines."""

    def __init__(self, pages: Iterable[CatalogPage]) -> None:
        self._exact: dict[tuple[str, str], list[Resource]] = defaultdict(list)
        self._globs: dict[str, list[tuple[globs.Test, Resource]]] = defaultdict(list)
        for page in sorted(pages, key=lambda p: p.path):
            for entry in page.resources:
                system = entry.system.casefold()
                self._exact[system, entry.resource.casefold()].append(entry)
                if any(c in entry.resource for c in "*?["):
                    self._globs[system].append((globs.text((entry.resource,)), entry))
        self._known: dict[tuple[str, str], ResourceFacts] = {}

    def facts(self, entitlement: Entitlement) -> ResourceFacts:
        key = entitlement.system.casefold(), entitlement.resource.casefold()
        found = self._known.get(key)
        if found is None:
            exact = self._exact.get(key, [])
            near = [e for fits, e in self._globs.get(key[0], ()) if fits(key[1]) and e not in exact]
            found = self._known[key] = _merged([*exact, *near])
        return found


def _merged(entries: list[Resource]) -> ResourceFacts:
    """The first word on anything stands."""
    tags: dict[str, tuple[str, str]] = {}
    for entry in entries:
        for key, value in entry.tags:
            tags.setdefault(key.casefold(), (key, value))
    return ResourceFacts(
        next((e.owner for e in entries if e.owner), ""),
        tuple(sorted(tags.values())),
        next((e.classification for e in entries if e.classification), ""),
    )
