"""Access items as their systems' own words: those that files of the past spelled, and those that can
be made up for a resource of the catalog. Asks no system."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, permutations
from typing import Any

from reconciler.errors import ItemError
from reconciler.model import BundleRef, Grant, Item, SubjectRef, Version
from reconciler.repository import characters
from reconciler.repository.contents import Wanted
from reconciler.repository.grammar import Grammar, Known
from reconciler.repository.load import Loaded, older
from reconciler.repository.parse import read
from reconciler.repository.paths import kind_of
from reconciler.repository.scalars import resolve

_OLDER = 500  # grants from before the look-back that are looked at for what one may ask


@dataclass(frozen=True, slots=True)
class Spelled:
    """An item as JSON of the keys that a file writes, and what it means. `subjects` are those whom
    it was for, none where it is for anybody."""

    text: str
    access: Item | BundleRef
    subjects: tuple[SubjectRef, ...] = ()


def of_history(loaded: Loaded) -> Iterator[Spelled]:
    """What grants asked for, the newest first."""
    archive = loaded.archive
    if archive is None:
        return
    newest = sorted(loaded.grants, key=lambda v: (v.merged, v.id), reverse=True)
    versions = {v.blob: v for v in (*newest, *islice(older(loaded), _OLDER))}
    wanted = [Wanted(kind, v.path, v.blob) for v in versions.values() if (kind := kind_of(v.path))]
    texts = {one.blob: data for one, data in archive.reading.source.read(wanted)}
    for blob, version in versions.items():
        if blob in texts:
            yield from _of_grant(version, texts[blob])


def of_bundles(loaded: Loaded) -> Iterator[Spelled]:
    for version in loaded.bundles:
        if version.gone is None:
            name = version.content.name
            yield Spelled(json.dumps({"bundle": name}), BundleRef(name))


def of_catalog(loaded: Loaded, roles: dict[str, set[str]]) -> Iterator[Spelled]:
    """Every resource that is named exactly, with each of the `roles` of its system that fits."""
    if loaded.archive is None:
        return
    grammar = loaded.archive.reading.grammar
    for version in loaded.catalog:
        for entry in version.content.resources if version.gone is None else ():
            known = grammar.systems.get(entry.system)
            if known is None or any(c in entry.resource for c in "*?["):
                continue
            for role in sorted(roles.get(entry.system, ())):
                yield from _made_up(entry.system, entry.resource, role, known, grammar)


def _of_grant(version: Version[Grant], data: bytes) -> Iterator[Spelled]:
    tree = read(version.path, data, characters.LARGE)[0]
    items = tree.data.get("access") if tree and isinstance(tree.data, dict) else None
    access = version.content.access
    if isinstance(items, list) and len(items) == len(access):
        for fields, one in zip(items, access, strict=True):
            own = version.content.subjects if isinstance(one, Item) and one.account else ()
            yield Spelled(json.dumps(fields, ensure_ascii=False), one, own)


def _made_up(
    system: str, resource: str, role: str, known: Known, grammar: Grammar
) -> Iterator[Spelled]:
    """By trying what the provider's schema has keys for, until the provider reads it as meant."""
    for fields in _tries(grammar.item(known.provider).schema, resource, role):
        checker = grammar.item(known.provider)
        if not checker.accepts(checker.typed(dict(fields))):
            continue
        try:
            found, account = known.system.item(checker.typed(dict(fields)))
        except (ItemError, KeyError):
            continue
        if found.resource.casefold() == resource.casefold() and found.role == role:
            text = json.dumps({"system": system, **fields}, ensure_ascii=False)
            yield Spelled(text, Item(found, account))
            return


def _tries(schema: dict[str, Any], resource: str, role: str) -> Iterator[dict[str, str]]:
    segments = tuple(resource.split("/"))
    top = resolve(schema["$ref"], schema)
    for form in top.get("oneOf", [top]):
        keys = form.get("required", [])
        for key in keys:
            rest = [k for k in keys if k != key]
            if len(rest) == 1:
                for value in dict.fromkeys((segments[-1], resource)):
                    yield {rest[0]: value, key: role}
            elif len(rest) == len(segments) <= 3:
                for order in permutations(segments):
                    yield {**dict(zip(rest, order, strict=True)), key: role}
