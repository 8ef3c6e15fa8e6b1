"""Writes schemas/providers.schema.json: every provider's items and settings in the shape that an
editor needs, made of references into the providers' own fragments.

A fragment describes an item without `system` and forbids other keys, so it cannot be referred to
whole. `python -m reconciler.repository.editors` writes the file again; a test compares.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from reconciler.providers import PROVIDERS
from reconciler.repository import schemas
from reconciler.repository.scalars import resolve
from reconciler.repository.schemas import Schema

_COMMON = "common.schema.json#/$defs/"
# Keys of every system, beside provider and exclusive.
_SHARED = ("mode", "rate", "concurrency", "was")


def providers_schema(folder: Path, providers: Iterable[str]) -> Schema:
    items: list[Schema] = []
    systems: list[Schema] = []
    for provider in sorted(providers):
        found = schemas.source(folder, f"provider-{provider}")
        items += [_item(found, pointer) for pointer in _forms(found, "/$defs/item")]
        systems.append(_system(found, provider))
    bundle = {
        "title": "Bundle",
        "description": "Everything that a file of bundles/ contains.",
        "type": "object",
        "additionalProperties": False,
        "required": ["bundle"],
        "properties": {"bundle": {"$ref": f"{_COMMON}bundle"}},
    }
    what = "An access item: a system of reconciler.yaml, and what is wanted there."
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{schemas.BASE}{schemas.PROVIDERS}{schemas.SUFFIX}",
        "title": "Items and settings of all providers",
        "description": "Generated from the providers' own schemas, for completion in editors.",
        "$defs": {
            "item": {
                "title": "access item",
                "description": what[:-1] + ", or a bundle.",
                "anyOf": [bundle, {"$ref": "#/$defs/system_item"}],
            },
            "system_item": {"title": "access item", "description": what, "anyOf": items},
            "system": {
                "title": "system",
                "description": "One connection: its provider, how to treat it, its own settings.",
                "anyOf": systems,
            },
        },
    }


def _item(found: Schema, pointer: str) -> Schema:
    form = resolve(pointer, found)
    described = form.get("description") or resolve("/$defs/item", found).get("description", "")
    own = {"system": {"$ref": f"{_COMMON}system"}}
    return _extended(found, pointer, own, ["system"], described)


def _system(found: Schema, provider: str) -> Schema:
    [pointer] = _forms(found, "/$defs/settings")
    own: Schema = {"provider": {"const": provider, "title": "provider"}}
    own["provider"]["description"] = found.get("title", provider)
    own |= {key: {"$ref": f"{_COMMON}{key}"} for key in _SHARED}
    own["exclusive"] = {
        "title": "exclusive",
        "description": "Whoever holds one of these undeclared loses it, under the guards.",
        "type": "array",
        "items": {"$ref": f"{_file(found)}#/$defs/item"},
    }
    described = resolve(pointer, found).get("description", "")
    return _extended(found, pointer, own, ["provider"], described)


def _extended(
    found: Schema, pointer: str, own: Schema, required: list[str], description: str
) -> Schema:
    """The mapping at `pointer` with more keys allowed; each of its own keys by reference."""
    form, there = resolve(pointer, found), f"{_file(found)}#{pointer}"
    schema: Schema = {"title": form.get("title") or found.get("title", "")}
    if description:
        schema["description"] = description
    schema |= {
        "type": "object",
        "additionalProperties": False,
        "required": [*required, *form.get("required", ())],
        "properties": own
        | {key: {"$ref": f"{there}/properties/{key}"} for key in form.get("properties", {})},
    }
    every: list[Schema] = [
        {"$ref": f"{there}/allOf/{i}"} for i in range(len(form.get("allOf", ())))
    ]
    for choice in ("anyOf", "oneOf"):
        if choice in form:
            branches = range(len(form[choice]))
            every.append({choice: [{"$ref": f"{there}/{choice}/{i}"} for i in branches]})
    if "not" in form:
        every.append({"not": {"$ref": f"{there}/not"}})
    if "if" in form:
        keys = [key for key in ("if", "then", "else") if key in form]
        every.append({key: {"$ref": f"{there}/{key}"} for key in keys})
    if every:
        schema["allOf"] = every
    if "dependentRequired" in form:
        schema["dependentRequired"] = form["dependentRequired"]
    return schema


def _forms(found: Schema, pointer: str) -> Iterator[str]:
    """Pointers to the forms of what is at `pointer`: itself, or each branch of its choice."""
    node = resolve(pointer, found)
    if "$ref" in node and "properties" not in node:
        yield from _forms(found, node["$ref"].removeprefix("#"))
        return
    for choice in ("oneOf", "anyOf"):
        branches = [
            _end(found, f"{pointer}/{choice}/{i}") for i in range(len(node.get(choice, ())))
        ]
        if branches and all("properties" in resolve(branch, found) for branch in branches):
            yield from branches
            return
    yield pointer


def _end(found: Schema, pointer: str) -> str:
    node = resolve(pointer, found)
    return node["$ref"].removeprefix("#") if set(node) == {"$ref"} else pointer


def _file(found: Schema) -> str:
    return str(found["$id"]).removeprefix(schemas.BASE)


def write(folder: Path, providers: Iterable[str]) -> None:
    text = json.dumps(providers_schema(folder, providers), indent=2, ensure_ascii=False)
    (folder / f"{schemas.PROVIDERS}{schemas.SUFFIX}").write_text(text + "\n")


if __name__ == "__main__":
    write(schemas.installed(), PROVIDERS)
