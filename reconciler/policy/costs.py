"""What an expression may not do, because its time and memory would grow by powers. Reads the compiled
form, evaluates nothing.

CEL bounds how often macros (`all`, `exists`, `exists_one`, `filter`, `map`) go round, and not what they
make: `['a'].map(x, x + x)` some thirty times over is gigabytes of text in thirty rounds, and a list that
holds itself twice is compared in as many steps. What is left after this grows no faster than the text of
the expression, times the rounds that CEL allows.
"""

from __future__ import annotations

from collections.abc import Iterator

DEEPEST = 3  # macros within macros, or over what macros made
# Numbers of fields in cel.expr.CheckedExpr, which a compiled expression is serialised as, in an Any
# (github.com/google/cel-spec, proto/cel/expr/checked.proto and syntax.proto).
_ANY_VALUE, _REFERENCES, _EXPR = 2, 2, 4
_KEY, _VALUE, _OVERLOADS = 1, 2, 3
_ID, _IDENT, _SELECT, _CALL, _LIST, _STRUCT, _MACRO = 2, 4, 5, 6, 7, 8, 9
_WITHIN = {_SELECT: (1,), _CALL: (1, 3), _LIST: (1,), _MACRO: (2, 4, 5, 6, 7)}
_ENTRIES, _OF_ENTRY = 2, (3, 4)
_BODY = (5, 6)  # of a macro: what is done each time round
_NAMES = (1, 3, 8)  # of a macro: what is another value each time round
_JOINS = {b"add_string", b"add_bytes", b"add_list"}

Fields = list[tuple[int, bytes]]


def excess(compiled: bytes) -> str:
    """Why an expression is refused, "" where it is not. `compiled` is what CEL serialises."""
    checked = _fields(_first(_fields(compiled), _ANY_VALUE))
    joins = _joins(checked)
    # (expression, how many macros it is within or above, names that change from round to round)
    rest: list[tuple[Fields, int, frozenset[bytes]]] = []
    rest.append((_fields(_first(checked, _EXPR)), 0, frozenset()))
    while rest:
        expr, depth, changing = rest.pop()
        joined = bool(changing) and _number(_first(expr, _ID)) in joins and not _collects(expr)
        if joined and (depth > 1 or changing & _names(expr)):
            return "it joins texts or lists with `+` within a macro, and they could grow"
        for kind, data in expr:
            deeper = depth + (kind == _MACRO)
            if deeper > DEEPEST:
                return f"it has macros more than {DEEPEST} deep, within or after one another"
            own = _variables(data) if kind == _MACRO else frozenset()
            rest += (
                (_fields(part), deeper, changing | own if number in _BODY else changing)
                for number, part in _parts(kind, data)
            )
    return ""


def _joins(checked: Fields) -> set[int]:
    """The ids of all `+` that join."""
    entries = [_fields(data) for number, data in checked if number == _REFERENCES]
    return {
        _number(_first(entry, _KEY))
        for entry in entries
        if _JOINS & {data for n, data in _fields(_first(entry, _VALUE)) if n == _OVERLOADS}
    }


def _variables(macro: bytes) -> frozenset[bytes]:
    return frozenset(data for number, data in _fields(macro) if number in _NAMES)


def _parts(kind: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    if kind == _STRUCT:
        entries = (entry for number, entry in _fields(data) if number == _ENTRIES)
        yield from (part for e in entries for part in _fields(e) if part[0] in _OF_ENTRY)
    elif kind in _WITHIN:
        yield from (part for part in _fields(data) if part[0] in _WITHIN[kind])


def _names(expr: Fields) -> set[bytes]:
    found: set[bytes] = set()
    rest = [expr]
    while rest:
        for kind, data in rest.pop():
            if kind == _IDENT:
                found.add(_first(_fields(data), 1))
            rest += (_fields(part) for _, part in _parts(kind, data))
    return found


def _collects(expr: Fields) -> bool:
    """Whether this is a macro's own `@result + [...]`, which nobody can write."""
    arguments = [part for number, part in _parts(_CALL, _first(expr, _CALL)) if number != 1]
    name = _first(_fields(_first(_fields(arguments[0]), _IDENT)), 1) if arguments else b""
    return name.startswith(b"@")


def _first(fields: Fields, number: int) -> bytes:
    return next((data for n, data in fields if n == number), b"")


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _fields(data: bytes) -> Fields:
    """Protocol Buffers' wire format; a number as its bytes, the lowest first."""
    found: Fields = []
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 == 2:
            size, at = _varint(data, at)
        elif tag & 7 == 0:
            value, at = _varint(data, at)
            found.append((tag >> 3, value.to_bytes(10, "little")))
            continue
        else:
            size = 8 if tag & 7 == 1 else 4
        found.append((tag >> 3, data[at : at + size]))
        at += size
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
        if byte < 128:
            return value, at
