"""`when:` of a rule, in CEL. An expression sees four typed inputs, and neither clock nor world.

`grant` {path, reason, ticket, standing, break_glass, starts, expires, duration}, `subject` {id,
kind, groups, attributes, manager, status}, `access` {system, kind, resource, role, bundle, account}
and `resource` {owner, tags, classification}. They are messages of a schema, so that a misspelt name
is refused when the expression is compiled. Access with no end expires in the year 9999, so that
whoever compares times or lengths catches it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from reconciler.policy import costs
from reconciler.policy.case import Case, ResourceFacts, SubjectFacts
from reconciler.policy.words import listed

_NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_TIME, _LENGTH = ".google.protobuf.Timestamp", ".google.protobuf.Duration"
_INPUTS = {
    "grant": {
        "path": "text", "reason": "text", "ticket": "text", "standing": "yes or no",
        "break_glass": "yes or no", "starts": _TIME, "expires": _TIME, "duration": _LENGTH,
    },
    "subject": {
        "id": "text", "kind": "text", "groups": "texts", "attributes": "pairs", "manager": "text",
        "status": "text",
    },
    "access": dict.fromkeys(("system", "kind", "resource", "role", "bundle", "account"), "text"),
    "resource": {"owner": "text", "tags": "pairs", "classification": "text"},
}  # fmt: skip
_PLACE = re.compile(r"ERROR: <input>:(\d+):(\d+): ([^\n]*)")
_STRUCT = re.compile(r"struct 'acc\.(\w+)'")
_CODE = re.compile(r"^[A-Z_]+: ")


@dataclass(frozen=True, slots=True)
class Outcome:
    """`error` is not empty where the expression could not be worked out; `holds` is False then."""

    holds: bool
    error: str = ""


class Facts:
    """One case as expressions see it, made when the first of them asks."""

    __slots__ = ("_activation", "_case")

    def __init__(self, case: Case) -> None:
        self._case = case
        self._activation: Any = None

    def activation(self) -> Any:
        if self._activation is None:
            world = _world()
            case, e = self._case, self._case.entitlement
            data = {
                "grant": _grant(case),
                "subject": _subject(case.subject),
                "access": world.message["access"](
                    system=e.system, kind=e.kind, resource=e.resource, role=e.role,
                    bundle=case.bundle, account=case.account,
                ),
                "resource": _resource(case.resource),
            }  # fmt: skip
            self._activation = world.env.Activation(data=data)
        return self._activation


class Expression:
    """Compiled once; `wrong` says why it cannot be, and then it never holds: every evaluation is
    an error."""

    def __init__(self, text: str) -> None:
        self.wrong = ""
        self._program: Any = None
        try:
            self._program = _compiled(text)
        except _Refused as e:
            self.wrong = e.message

    def __call__(self, facts: Facts) -> Outcome:
        if self.wrong:
            return Outcome(False, self.wrong)
        try:
            found = self._program.eval(activation=facts.activation()).value()
        except (RuntimeError, ValueError) as e:
            return Outcome(False, _CODE.sub("", str(e)))
        if found is True or found is False:
            return Outcome(found)
        return Outcome(False, _CODE.sub("", str(found)))


def check_expression(text: str) -> tuple[str, int] | None:
    """What is wrong with an expression and in which column, from 1; None: nothing."""
    try:
        _compiled(text)
    except _Refused as e:
        return e.message, e.column
    return None


class _Refused(ValueError):
    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.message, self.column = message, column


def _compiled(text: str) -> Any:
    world = _world()
    try:
        program = world.env.compile(text)
    except RuntimeError as e:
        raise _refused(text, str(e)) from None
    if program.return_type() != world.truth:
        kind = program.return_type().name().lower()
        raise _Refused(f"it gives {kind}, and must give true or false", 1)
    if why := costs.excess(program.serialize()):
        raise _Refused(why, 1)
    return program


def _refused(text: str, error: str) -> _Refused:
    """The library's message is a page, with the place in it."""
    place = _PLACE.search(error)
    if place is None:
        return _Refused(_CODE.sub("", error).split("\n")[0], 1)
    line, column, message = int(place[1]), int(place[2]), place[3]
    message = message.removesuffix(" [INVALID_ARGUMENT]").replace(" (in container '')", "")
    message = _STRUCT.sub(
        lambda found: f"`{found[1]}`, which has {_all(_INPUTS[found[1]])}", message
    )
    if message.startswith("undeclared reference"):
        message += f"; an expression sees {_all(_INPUTS)}"
    where = f"line {line}, column {column}" if "\n" in text.strip() else f"column {column}"
    return _Refused(f"{message} ({where})", column)


def _all(names: Iterable[str]) -> str:
    return listed(names, "and")


@dataclass(frozen=True, slots=True)
class _World:
    env: Any
    truth: Any
    message: dict[str, Callable[..., Any]]


@lru_cache(1)
def _world() -> _World:
    """Imported here: a policy without `when:` needs none of it."""
    from cel_expr_python import cel
    from google.protobuf import message_factory

    pool = _pool()
    env = cel.NewEnv(
        descriptor_pool=pool, variables={name: cel.Type(f"acc.{name}") for name in _INPUTS}
    )
    messages = {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"acc.{name}"))
        for name in _INPUTS
    }
    return _World(env, cel.Type.BOOL, messages)


def _pool() -> Any:
    from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, timestamp_pb2

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="acc.proto", package="acc", syntax="proto3")
    file.dependency.extend(m.DESCRIPTOR.name for m in (timestamp_pb2, duration_pb2))
    for name, fields in _INPUTS.items():
        message = file.message_type.add(name=name)
        for number, (key, kind) in enumerate(fields.items(), 1):
            field = message.field.add(name=key, number=number, label=kinds.LABEL_OPTIONAL)
            if kind in ("text", "texts"):
                field.type = kinds.TYPE_STRING
            elif kind == "yes or no":
                field.type = kinds.TYPE_BOOL
            else:
                field.type, field.type_name = kinds.TYPE_MESSAGE, kind
            if kind in ("texts", "pairs"):
                field.label = kinds.LABEL_REPEATED
            if kind == "pairs":  # a map is a repeated message of this name and shape
                entry = message.nested_type.add(name=f"{key.capitalize()}Entry")
                entry.options.map_entry = True
                for part, at in (("key", 1), ("value", 2)):
                    entry.field.add(
                        name=part, number=at, label=kinds.LABEL_OPTIONAL, type=kinds.TYPE_STRING
                    )
                field.type_name = f".acc.{name}.{entry.name}"
    pool = descriptor_pool.DescriptorPool()
    for module in (timestamp_pb2, duration_pb2):
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _grant(case: Case) -> Any:
    message = _world().message["grant"](
        path=case.path,
        reason=case.reason,
        ticket=case.ticket,
        standing=case.standing,
        break_glass=case.break_glass,
    )
    end = case.window.end or _NEVER
    message.starts.FromDatetime(case.window.start)
    message.expires.FromDatetime(end)
    message.duration.FromTimedelta(end - case.window.start)
    return message


@lru_cache(65536)
def _subject(of: SubjectFacts) -> Any:
    return _world().message["subject"](
        id=of.id,
        kind=of.kind,
        groups=sorted(of.groups),
        attributes=dict(of.attributes),
        manager=of.manager,
        status=of.status,
    )


@lru_cache(65536)
def _resource(of: ResourceFacts) -> Any:
    return _world().message["resource"](
        owner=of.owner, tags=dict(of.tags), classification=of.classification
    )
