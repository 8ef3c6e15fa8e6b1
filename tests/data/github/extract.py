"""Cuts GitHub's own descriptions down to what this project uses. Run by hand, for a new version:

    npm pack @octokit/graphql-schema @octokit/openapi     # both MIT; unpack each into a folder
    python tests/data/github/extract.py FOLDER_OF_GRAPHQL_SCHEMA FOLDER_OF_OPENAPI

It writes schema.graphql and openapi.json beside itself.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    EnumTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    UnionTypeDefinitionNode,
    parse,
    print_ast,
)
from graphql.language.ast import FieldDefinitionNode

HERE = Path(__file__).parent
SERVED = HERE.parents[2] / "reconciler" / "sandbox" / "github" / "schema.graphql"
_R = "/repos/{owner}/{repo}"
OPERATIONS = (
    ("get", f"{_R}/pulls"),
    ("post", f"{_R}/pulls"),
    ("get", f"{_R}/pulls/{{pull_number}}"),
    ("put", f"{_R}/pulls/{{pull_number}}/merge"),
    ("get", f"{_R}/pulls/{{pull_number}}/reviews"),
    ("post", f"{_R}/pulls/{{pull_number}}/reviews"),
    ("put", f"{_R}/pulls/{{pull_number}}/reviews/{{review_id}}/dismissals"),
    ("post", f"{_R}/pulls/{{pull_number}}/requested_reviewers"),
    ("get", f"{_R}/issues/{{issue_number}}/comments"),
    ("post", f"{_R}/issues/{{issue_number}}/comments"),
    ("patch", f"{_R}/issues/comments/{{comment_id}}"),
    ("post", f"{_R}/statuses/{{sha}}"),
    ("get", f"{_R}/branches/{{branch}}/protection"),
    ("get", f"{_R}/rules/branches/{{branch}}"),
    ("get", f"{_R}/rulesets/{{ruleset_id}}"),
    ("get", f"{_R}/actions/permissions/workflow"),
    ("get", f"{_R}/codeowners/errors"),
    ("get", f"{_R}/activity"),
    ("get", "/user/{account_id}"),
)
_NOISE = ("description", "title", "example", "examples", "externalDocs", "discriminator", "format")
_STATUSES = ("200", "201", "401", "403", "404", "405", "409", "422")
# Optional parts of answers that neither side uses, and that would bring hundreds of schemas along.
_LEFT_OUT = ("apps", "dismissal_restrictions", "performed_via_github_app", "template_repository")


def graphql(package: Path) -> str:
    """The types and fields of the local GitHub's schema, each as GitHub declares it."""
    theirs = {d.name.value: d for d in _definitions(package / "schema.graphql")}
    kept = {d.name.value: d for d in _definitions(SERVED)}
    cut = [_cut(theirs[name], mine, set(kept)) for name, mine in sorted(kept.items())]
    version = json.loads((package / "package.json").read_text())["version"]
    head = f"# Cut by extract.py from @octokit/graphql-schema {version} (MIT).\n\n"
    return head + print_ast(DocumentNode(definitions=tuple(cut))) + "\n"


def _definitions(path: Path) -> list[Any]:
    return [d for d in parse(path.read_text(encoding="utf-8")).definitions if hasattr(d, "name")]


def _cut(theirs: Any, mine: Any, kept: set[str]) -> Any:
    name = theirs.name
    match theirs:
        case ScalarTypeDefinitionNode():
            return ScalarTypeDefinitionNode(name=name)
        case EnumTypeDefinitionNode():
            return EnumTypeDefinitionNode(name=name, values=tuple(map(_bare, theirs.values or ())))
        case UnionTypeDefinitionNode():
            types = tuple(t for t in theirs.types or () if t.name.value in kept)
            return UnionTypeDefinitionNode(name=name, types=types)
    wanted = {field.name.value for field in mine.fields}
    fields = tuple(_field(f, kept) for f in theirs.fields if f.name.value in wanted)
    kind = (
        ObjectTypeDefinitionNode
        if isinstance(theirs, ObjectTypeDefinitionNode)
        else InterfaceTypeDefinitionNode
    )
    interfaces = tuple(i for i in theirs.interfaces or () if i.name.value in kept)
    return kind(name=name, fields=fields, interfaces=interfaces)


def _field(field: Any, kept: set[str]) -> Any:
    known = {*kept, "Int", "String", "Boolean", "ID", "Float"}
    arguments = tuple(_bare(a) for a in field.arguments or () if _named(a.type) in known)
    return FieldDefinitionNode(name=field.name, type=field.type, arguments=arguments)


def _bare(node: Any) -> Any:
    parts = {key: getattr(node, key) for key in node.keys if key not in ("loc", "description")}
    return type(node)(**{**parts, "directives": ()})


def _named(node: Any) -> str:
    while hasattr(node, "type"):
        node = node.type
    return str(node.name.value)


def openapi(package: Path) -> dict[str, Any]:
    """Paths and what they refer to, as JSON schemas (OpenAPI's `nullable` spelled out)."""
    whole = json.loads((package / "generated" / "api.github.com.json").read_text())
    paths: dict[str, Any] = {}
    for method, path in OPERATIONS:
        paths.setdefault(path, {})[method] = _plain(_operation(whole["paths"][path][method]))
    components: dict[str, Any] = {}
    todo = list(_refs(paths))
    while todo:
        kind, name = todo.pop()
        if name not in components.setdefault(kind, {}):
            components[kind][name] = _plain(_answer(whole["components"][kind][name]))
            todo += _refs(components[kind][name])
    version = json.loads((package / "package.json").read_text())["version"]
    about = f"Cut by extract.py from @octokit/openapi {version} (MIT)."
    return {"$comment": about, "paths": paths, "components": components}


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {
        key: operation[key] for key in ("parameters", "requestBody") if key in operation
    }
    answers = {s: r for s, r in operation["responses"].items() if s in _STATUSES}
    return {**kept, "responses": answers}


def _answer(node: Any) -> Any:
    return {k: v for k, v in node.items() if k != "headers"} if isinstance(node, dict) else node


def _plain(node: Any, properties: bool = False) -> Any:
    """Without words, examples and vendor's extensions. `properties`: keys are names, not words."""
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, dict):
        return node
    if properties:
        return {k: _plain(v) for k, v in node.items() if k not in _LEFT_OUT}
    kept = {
        key: _plain(value, properties=key == "properties")
        for key, value in node.items()
        if key not in (*_NOISE, "headers", "links") and not key.startswith("x-")
    }
    return _nullable(kept) if kept.pop("nullable", False) is True else kept


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _refs(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            _, _, kind, name = node["$ref"].split("/")
            yield kind, name
        for value in node.values():
            yield from _refs(value)
    if isinstance(node, list):
        for each in node:
            yield from _refs(each)


if __name__ == "__main__":
    graphql_package, openapi_package = map(Path, sys.argv[1:])
    (HERE / "schema.graphql").write_text(graphql(graphql_package), encoding="utf-8")
    text = json.dumps(openapi(openapi_package), indent=1, sort_keys=True)
    (HERE / "openapi.json").write_text(text + "\n", encoding="utf-8")
