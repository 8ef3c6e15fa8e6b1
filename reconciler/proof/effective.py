"""What of a change of people and bundles takes effect though nobody approved it: only what it
takes away. Pure, but for reading the versions before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.model import Bundle, DirectoryPage, Version
from reconciler.policy.narrowed import narrowed_bundle, narrowed_page
from reconciler.proof.changes import Changes
from reconciler.proof.ground import Content


def pages(
    versions: Iterable[Version[DirectoryPage]], changes: Changes
) -> tuple[Version[DirectoryPage], ...]:
    return tuple(
        replace(v, content=_page(v, changes)) if v.id in changes.refused else v for v in versions
    )


def bundles(versions: Iterable[Version[Bundle]], changes: Changes) -> tuple[Version[Bundle], ...]:
    return tuple(
        replace(v, content=_bundle(v, changes)) if v.id in changes.refused else v for v in versions
    )


def _page(version: Version[DirectoryPage], changes: Changes) -> DirectoryPage:
    found = DirectoryPage()
    for page, counts in _line(version.id, changes):
        if isinstance(page, DirectoryPage):
            found = page if counts else _without_leavers(found, narrowed_page(found, page))
    return found


def _without_leavers(before: DirectoryPage, after: DirectoryPage) -> DirectoryPage:
    """Nobody has confirmed that they left: they are as good as taken out, which the guards count."""
    status = {person.id: person.status for person in before.people}
    return replace(after, people=tuple(p for p in after.people if p.status is status[p.id]))


def _bundle(version: Version[Bundle], changes: Changes) -> Bundle:
    found = replace(version.content, access=())
    for bundle, counts in _line(version.id, changes):
        if isinstance(bundle, Bundle):
            found = bundle if counts else narrowed_bundle(found, bundle)
    return found


def _line(id: int, changes: Changes) -> list[tuple[Content, bool]]:
    """The contents from the last one that counts up to this one, each with whether it counts."""
    found: list[tuple[Content, bool]] = []
    while id >= 0:
        version, counts = changes.read(id), id not in changes.refused
        if version is not None:
            found.append((version.content, counts))
            if counts:
                break
        id = changes.previous(id)
    return found[::-1]
