"""The JSON schemas that ship with the package: found, made self-contained, compiled. Knows no file
of an access repository."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import reconciler
from reconciler.errors import InputError
from reconciler.repository.scalars import Cast, cast_of

Schema = dict[str, Any]

BASE = "https://access-reconciler.example.com/schemas/"
SUFFIX = ".schema.json"
GRANTS = "grants"  # any of the schemas of grants
PROVIDERS = "providers"  # the generated schema of all providers' items and settings

_COMMON = f"common{SUFFIX}#/$defs/"

# What the repository itself checks of an access item and of a system before a provider's own
# fragment is asked, and of a grant within a test before its own schema is: which one that is, a
# schema cannot look up.
_LOOSE: Schema = {
    GRANTS: {"type": "object"},
    PROVIDERS: {
        "$defs": {
            "item": {"type": "object"},
            "system_item": {"type": "object"},
            "system": {
                "type": "object",
                "properties": {
                    "provider": {"type": "string"},
                    "mode": {"$ref": f"{_COMMON}mode"},
                    "rate": {"$ref": f"{_COMMON}rate"},
                    "concurrency": {"$ref": f"{_COMMON}concurrency"},
                    "was": {"$ref": f"{_COMMON}was"},
                    "exclusive": {"type": "array", "items": {"type": "object"}},
                },
                "required": ["provider"],
            },
        }
    },
}


def installed() -> Path:
    """The folder of schemas: inside the package when installed, beside it in a checkout."""
    package = Path(reconciler.__file__).parent
    inside = package / "schemas"
    return inside if inside.is_dir() else package.parent / "schemas"


def names(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(p.name.removesuffix(SUFFIX) for p in folder.glob(f"*{SUFFIX}")))


@cache
def source(folder: Path, name: str) -> Schema:
    """One schema file as it is written. Not to be changed by the caller."""
    try:
        found = json.loads((folder / f"{name}{SUFFIX}").read_bytes())
    except FileNotFoundError:
        known = ", ".join(names(folder)) or "none"
        raise InputError(f"there is no schema named {name!r}; write one of: {known}") from None
    assert isinstance(found, dict)
    return found


@cache
def digest(folder: Path) -> str:
    """Changes when any schema does."""
    total = sha256()
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def whole(folder: Path, name: str, *, loose: bool = False) -> Schema:
    """The schema in one document: every file it refers to is in its `$defs`, and every reference
    stays inside. `loose` leaves out what another schema judges: see `_LOOSE`."""
    written = source(folder, name)
    found: Schema = _moved(written, "")
    defs = found.setdefault("$defs", {})
    wanted = set(_files(written))
    done = {name}
    while wanted - done:
        other = min(wanted - done)
        done.add(other)
        schema = source(folder, other)
        if loose:
            schema = _LOOSE.get(other, schema)
        defs[other] = _moved(schema, f"/$defs/{other}")
        wanted.update(_files(schema))
    return found


def fragment(folder: Path, provider: str, part: str) -> Schema:
    """`settings` or `item` of one provider, in one document."""
    name = f"provider-{provider}"
    found = whole(folder, name)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": f"#/$defs/{part}",
        "$defs": found["$defs"],
    }


def _files(schema: Any) -> Iterator[str]:
    for node in _nodes(schema):
        ref = node.get("$ref")
        if isinstance(ref, str) and (file := ref.split("#")[0]):
            yield file.removeprefix(BASE).removesuffix(SUFFIX)


def _nodes(schema: Any) -> Iterator[Schema]:
    """Every mapping within; iterative only because there is no reason to be clever."""
    todo = [schema]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            yield node
            todo.extend(node.values())
        elif isinstance(node, list):
            todo.extend(node)


def _moved(schema: Any, to: str) -> Any:
    """A copy whose references fit its new place, the pointer `to` in the whole document."""
    if isinstance(schema, list):
        return [_moved(part, to) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {k: _moved(v, to) for k, v in schema.items() if not (to and k in ("$id", "$schema"))}
    ref = found.get("$ref")
    if isinstance(ref, str):
        file, _, pointer = ref.partition("#")
        other = file.removeprefix(BASE).removesuffix(SUFFIX)
        found["$ref"] = f"#/$defs/{other}{pointer}" if other else f"#{to}{pointer}"
    return found


@dataclass(frozen=True)
class Checker:
    """One compiled schema. `accepts` is the fast gate; its verdict is the one that counts."""

    schema: Schema
    gate: Any
    cast: Cast | None

    def accepts(self, data: Any) -> bool:
        return bool(self.gate.is_valid(data))

    def typed(self, data: Any) -> Any:
        """Text becomes what the schema wants where it can; containers are changed in place."""
        return self.cast.apply(data) if self.cast else data


@cache
def checker(folder: Path, name: str, part: str = "") -> Checker:
    """For a whole file by schema `name`, or for `part` (settings, item) of the provider `name`."""
    import jsonschema_rs

    schema = fragment(folder, name, part) if part else whole(folder, name, loose=True)
    return Checker(schema, jsonschema_rs.Draft202012Validator(schema), cast_of(schema))
