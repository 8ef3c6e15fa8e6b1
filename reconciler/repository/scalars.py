"""Text -> integer, number or boolean, where a schema asks for one. Guesses nothing by the look of
a value: `012345678901`, `no` and `1_000` stay what the author wrote."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?")
_BOOLEANS = {"true": True, "false": False}
_KINDS: dict[type, str] = {str: "string", bool: "boolean", int: "integer", float: "number"}


@dataclass(eq=False)
class Cast:
    """Where a schema wants something other than text. Casts may refer to each other in a ring.

    `text` marks a place where some form of the schema wants text: then it stays text.
    """

    scalar: Callable[[str], Any] | None = None
    text: bool = False
    keys: dict[str, Cast] = field(default_factory=dict)
    others: Cast | None = None
    items: Cast | None = None

    def apply(self, data: Any) -> Any:
        box = [data]
        todo: list[tuple[Any, Any, Any, Cast]] = [(box, 0, data, self)]
        while todo:
            holder, key, value, cast = todo.pop()
            if isinstance(value, str):
                if cast.scalar is not None:
                    holder[key] = cast.scalar(value)
            elif isinstance(value, dict):
                for name, inner in value.items():
                    way = cast.keys.get(name, cast.others)
                    if way is not None:
                        todo.append((value, name, inner, way))
            elif isinstance(value, list) and cast.items is not None:
                todo.extend((value, i, inner, cast.items) for i, inner in enumerate(value))
        return box[0]

    def inner(self) -> Iterator[Cast]:
        yield from self.keys.values()
        yield from (cast for cast in (self.others, self.items) if cast is not None)


def cast_of(schema: dict[str, Any]) -> Cast | None:
    """Read the types of all scalars out of a self-contained schema; None where all are text."""
    found = _read(schema, schema, {})
    assert found is not None
    return _pruned(found)


def resolve(ref: str, root: Any) -> Any:
    """What a reference within a self-contained schema points at."""
    node = root
    for step in ref.removeprefix("#").strip("/").split("/"):
        if step:
            step = step.replace("~1", "/").replace("~0", "~")
            node = node[int(step)] if isinstance(node, list) else node[step]
    return node


def _read(schema: Any, root: Any, seen: dict[int, Cast]) -> Cast | None:
    if not isinstance(schema, dict):
        return None
    if id(schema) in seen:
        return seen[id(schema)]
    cast = seen[id(schema)] = Cast()
    _type(schema, cast)
    for key, inner in schema.get("properties", {}).items():
        read = _read(inner, root, seen)
        if read is not None:
            cast.keys[key] = read
    cast.others = _read(schema.get("additionalProperties"), root, seen)
    cast.items = _read(schema.get("items"), root, seen)
    parts = [schema[k] for k in ("then", "else") if k in schema]
    parts += [part for k in ("allOf", "anyOf", "oneOf") for part in schema.get(k, ())]
    if "$ref" in schema:
        parts.append(resolve(schema["$ref"], root))
    for part in parts:
        other = _read(part, root, seen)
        if other is not None and other is not cast:
            _join(cast, other)
    return cast


def _join(cast: Cast, other: Cast) -> None:
    """Two forms of one place: where either wants text, it is text."""
    cast.text = cast.text or other.text
    cast.scalar = None if cast.text else cast.scalar or other.scalar
    for key, inner in other.keys.items():
        if key in cast.keys and cast.keys[key] is not inner:
            both = Cast()
            _join(both, cast.keys[key])
            _join(both, inner)
            cast.keys[key] = both
        else:
            cast.keys[key] = inner
    cast.others = cast.others or other.others
    cast.items = cast.items or other.items


def _pruned(cast: Cast) -> Cast | None:
    """Drop every way that leads to text only, so that nothing walks it."""
    every: dict[int, Cast] = {}
    todo = [cast]
    while todo:
        one = todo.pop()
        if id(one) not in every:
            every[id(one)] = one
            todo.extend(one.inner())
    useful = {i for i, one in every.items() if one.scalar is not None}
    size = -1
    while size != len(useful):
        size = len(useful)
        useful |= {i for i, one in every.items() if any(id(c) in useful for c in one.inner())}
    for one in every.values():
        one.keys = {k: c for k, c in one.keys.items() if id(c) in useful}
        one.others = one.others if one.others and id(one.others) in useful else None
        one.items = one.items if one.items and id(one.items) in useful else None
    return cast if id(cast) in useful else None


def _type(schema: Mapping[str, Any], cast: Cast) -> None:
    kinds = schema.get("type", ())
    kinds = (kinds,) if isinstance(kinds, str) else kinds
    values = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())]
    if not kinds:
        kinds = tuple({_KINDS[type(value)] for value in values if type(value) in _KINDS})
    cast.text = "string" in kinds
    if not cast.text:
        ways = (("boolean", _boolean), ("integer", _integer), ("number", _number))
        cast.scalar = next((way for kind, way in ways if kind in kinds), None)


def _boolean(text: str) -> Any:
    return _BOOLEANS.get(text, text)


def _integer(text: str) -> Any:
    return int(text) if _INTEGER.fullmatch(text) else text


def _number(text: str) -> Any:
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
