"""What an expression may not do, because its time and memory would grow by powers. Reads the compiled
form, evaluates nothing.

CEL bounds how often macros (`all`, `exists`, `exists_one`, `filter`, `map`) go round, and not what they
make: `['a'].map(x, x + x)` some thirty times over is gigabytes of text in thirty rounds, and a list that
holds itself twice is compared in as many steps. What is left after this grows no faster than the text of
the expression, times the rounds that CEL allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

DEEPEST = 3  # macros within macros, or over what macros made
_JOINS = {"add_string", "add_bytes", "add_list"}
# What is read here of cel.expr.CheckedExpr, which a compiled expression is serialised as, in an Any
# (github.com/google/cel-spec, proto/cel/expr/checked.proto and syntax.proto). An expression within
# another is bytes: the library reads messages no more than a hundred deep.
_SHAPES = {
    "Any": {"value": (2, "bytes")},
    "Checked": {"references": (2, "Entry*"), "expr": (4, "bytes")},
    "Entry": {"key": (1, "int64"), "value": (2, "Reference")},
    "Reference": {"overloads": (3, "string*")},
    "Expr": {
        "id": (2, "int64"), "ident": (4, "Ident"), "select": (5, "Select"), "call": (6, "Call"),
        "list": (7, "List"), "struct": (8, "Struct"), "macro": (9, "Macro"),
    },
    "Ident": {"name": (1, "string")},
    "Select": {"operand": (1, "bytes")},
    "Call": {"target": (1, "bytes"), "arguments": (3, "bytes*")},
    "List": {"elements": (1, "bytes*")},
    "Struct": {"fields": (2, "Field*")},
    "Field": {"key": (3, "bytes"), "value": (4, "bytes")},
    "Macro": {
        "item": (1, "string"), "over": (2, "bytes"), "result_name": (3, "string"),
        "begin": (4, "bytes"), "condition": (5, "bytes"), "step": (6, "bytes"),
        "result": (7, "bytes"), "second_item": (8, "string"),
    },
}  # fmt: skip


def excess(compiled: bytes) -> str:
    """Why an expression is refused, "" where it is not. `compiled` is what CEL serialises."""
    checked = _read("Checked", _read("Any", compiled).value)
    joins = {each.key for each in checked.references if _JOINS & set(each.value.overloads)}
    # (expression, how many macros it is within or above, names that change from round to round)
    rest: list[tuple[Any, int, frozenset[str]]] = [(_expr(checked.expr), 0, frozenset())]
    while rest:
        expr, depth, changing = rest.pop()
        joined = bool(changing) and expr.id in joins and not _collects(expr)
        if joined and (depth > 1 or changing & _names(expr)):
            return "it joins texts or lists with `+` within a macro, and they could grow"
        deeper = depth + expr.HasField("macro")
        if deeper > DEEPEST:
            return f"it has macros more than {DEEPEST} deep, within or after one another"
        macro = expr.macro
        own = {macro.item, macro.second_item, macro.result_name}
        body = (macro.condition, macro.step)  # what is done each time round
        rest += ((_expr(part), deeper, changing) for part in _around(expr))
        rest += ((_expr(part), deeper, changing | own) for part in body if part)
    return ""


def _around(expr: Any) -> Iterator[bytes]:
    """The expressions in an expression, without what a macro does each time round."""
    macro, call, fields = expr.macro, expr.call, expr.struct.fields
    parts = (macro.over, macro.begin, macro.result, expr.select.operand, call.target)
    yield from filter(None, parts)
    yield from call.arguments
    yield from expr.list.elements
    yield from (part for field in fields for part in (field.key, field.value) if part)


def _names(expr: Any) -> set[str]:
    found: set[str] = set()
    rest = [expr]
    while rest:
        one = rest.pop()
        found.add(one.ident.name)
        rest += map(_expr, _around(one))
        rest += map(_expr, filter(None, (one.macro.condition, one.macro.step)))
    return found - {""}


def _collects(expr: Any) -> bool:
    """Whether this is a macro's own `@result + [...]`, which nobody can write."""
    arguments = expr.call.arguments
    return bool(arguments) and _expr(arguments[0]).ident.name.startswith("@")


def _expr(data: bytes) -> Any:
    return _read("Expr", data)


def _read(name: str, data: bytes) -> Any:
    return _shapes()[name](data)


@cache
def _shapes() -> dict[str, Callable[[bytes], Any]]:
    """A reader of each shape. Imported here: a policy without `when:` needs none of it."""
    from google.protobuf import descriptor_pb2, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="costs.proto", package="costs", syntax="proto3")
    for name, fields in _SHAPES.items():
        message = file.message_type.add(name=name)
        for key, (number, kind) in fields.items():
            one = kind.removesuffix("*")
            field = message.field.add(name=key, number=number, label=kinds.LABEL_OPTIONAL)
            if one != kind:
                field.label = kinds.LABEL_REPEATED
            if one in _SHAPES:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".costs.{one}"
            else:
                field.type = kinds.Type.Value(f"TYPE_{one.upper()}")
    made = message_factory.GetMessages([file])
    return {name: made[f"costs.{name}"].FromString for name in _SHAPES}
