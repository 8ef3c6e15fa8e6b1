"""Frozen dataclasses as JSON and back, by their types: for rows of files that are few.

Builds nothing but the class that is asked for and what its fields name. A position is kept without
its path, so that equal contents share a row wherever they lie.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from reconciler.model import Position

Read = Callable[[Any, str], Any]  # what JSON gave, and the path of the file it stands in


def plain(value: Any) -> Any:
    """What `json.dumps` takes."""
    if isinstance(value, Position):
        return [value.line, value.column]
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        found = [plain(getattr(value, f.name)) for f in fields(value) if f.init]
        return [type(value).__name__, *found]
    return value


def reader(kind: Any) -> Read:
    """How a value of this type is read. The reader raises ValueError, TypeError, IndexError or
    KeyError for what `plain` did not make of one."""
    return _reader(kind)


@cache
def _reader(kind: Any) -> Read:
    if kind is Position:
        return lambda data, path: Position(path, *map(_integer, data))
    if kind is datetime:
        return lambda data, _: datetime.fromtimestamp(_integer(data), UTC)
    if kind is timedelta:
        return lambda data, _: timedelta(seconds=_integer(data))
    if kind in (str, int, bool):
        return lambda data, _: _exactly(kind, data)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda data, _: kind(data)
    if get_origin(kind) is tuple:
        return _tuple(get_args(kind))
    if get_origin(kind) in (Union, UnionType):
        return _choice(get_args(kind))
    return _dataclass(kind)


def _tuple(kinds: tuple[Any, ...]) -> Read:
    if kinds[-1] is Ellipsis:
        each = reader(kinds[0])
        return lambda data, path: tuple([each(one, path) for one in _exactly(list, data)])
    readers = [reader(kind) for kind in kinds]
    return lambda data, path: tuple(
        [read(one, path) for read, one in zip(readers, data, strict=True)]
    )


def _choice(kinds: tuple[Any, ...]) -> Read:
    """Of dataclasses by name, or of one other type and None."""
    named: dict[str, Read] = {}
    others: list[Read] = []
    for kind in kinds:
        if is_dataclass(kind):
            named[getattr(kind, "__name__", "")] = reader(kind)
        elif kind is not type(None):
            others.append(reader(kind))

    def read(data: Any, path: str) -> Any:
        if data is None and type(None) in kinds:
            return None
        return (others[0] if others else named[data[0]])(data, path)

    return read


def _dataclass(kind: Any) -> Read:
    hints = get_type_hints(kind)
    each = [reader(hints[f.name]) for f in fields(kind) if f.init]

    def read(data: Any, path: str) -> Any:
        name, *values = _exactly(list, data)
        if name != kind.__name__:
            raise ValueError(f"{name} is no {kind.__name__}")
        return kind(*[read(one, path) for read, one in zip(each, values, strict=True)])

    return read


def _exactly(kind: type, data: Any) -> Any:
    if type(data) is not kind:
        raise TypeError(f"{data!r} is no {kind.__name__}")
    return data


def _integer(data: Any) -> int:
    found = _exactly(int, data)
    assert isinstance(found, int)
    return found
