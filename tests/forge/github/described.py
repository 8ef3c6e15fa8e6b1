"""Holds what is sent to GitHub, and what the local one answers, against GitHub's own descriptions."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    get_variable_values,
    parse,
    validate,
)
from jsonschema import Draft202012Validator
from werkzeug.wrappers import Request, Response

from reconciler.sandbox.github import LocalGithub

DATA = Path(__file__).parents[2] / "data" / "github"


@dataclass(frozen=True)
class Exchange:
    method: str
    path: str
    query: dict[str, str]
    sent: Any
    status: int
    answer: Any


class RecordedGithub(LocalGithub):
    """Keeps every exchange; those that a fault took never came here."""

    exchanges: list[Exchange]

    def answered(self, request: Request, response: Response) -> None:
        sent = json.loads(request.get_data() or b"null")
        self.exchanges.append(
            Exchange(
                request.method,
                request.path,
                request.args.to_dict(),
                sent,
                response.status_code,
                json.loads(response.get_data()),
            )
        )


@cache
def github_schema() -> GraphQLSchema:
    return build_schema((DATA / "schema.graphql").read_text(encoding="utf-8"))


@cache
def openapi() -> Any:
    return json.loads((DATA / "openapi.json").read_text(encoding="utf-8"))


def check(exchange: Exchange) -> None:
    if exchange.path == "/graphql":
        check_document(exchange.sent["query"], exchange.sent["variables"])
    else:
        check_rest(exchange)


def check_document(text: str, variables: dict[str, Any]) -> None:
    document = parse(text)
    assert validate(github_schema(), document) == [], text
    (operation,) = (d for d in document.definitions if isinstance(d, OperationDefinitionNode))
    declared = operation.variable_definitions or ()
    assert set(variables) == {each.variable.name.value for each in declared}
    coerced = get_variable_values(github_schema(), declared, variables)
    assert not isinstance(coerced, list), coerced  # of errors


def check_rest(exchange: Exchange) -> None:
    operation = _operation(exchange)
    named = {p["name"]: p["schema"] for p in map(_of, operation.get("parameters", ()))}
    for name, value in exchange.query.items():
        assert name in named, f"{exchange.path} takes no {name}"
        typed = int(value) if named[name].get("type") == "integer" else value
        _valid(named[name], typed)
    if exchange.sent is not None:
        schema = _of(operation["requestBody"])["content"]["application/json"]["schema"]
        known = {
            name for one in schema.get("anyOf", [schema]) for name in one.get("properties", ())
        }
        assert set(exchange.sent) <= known
        _valid(schema, exchange.sent)
    answers = operation["responses"]
    if exchange.status < 300:
        assert str(exchange.status) in answers, exchange
    if answer := answers.get(str(exchange.status)):
        content = _of(answer).get("content", {}).get("application/json")
        if content:
            _valid(content["schema"], exchange.answer)


def _operation(exchange: Exchange) -> Any:
    for template, methods in openapi()["paths"].items():
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, exchange.path) and exchange.method.lower() in methods:
            return methods[exchange.method.lower()]
    raise AssertionError(f"GitHub describes no {exchange.method} {exchange.path}")


def _of(node: Any) -> Any:
    if "$ref" not in node:
        return node
    _, _, kind, name = node["$ref"].split("/")
    return openapi()["components"][kind][name]


def _valid(schema: Any, value: object) -> None:
    whole = {"components": openapi()["components"], **schema}
    errors = sorted(Draft202012Validator(whole).iter_errors(value), key=str)
    assert not errors, "\n".join(f"{e.json_path}: {e.message[:300]}" for e in errors[:5])
