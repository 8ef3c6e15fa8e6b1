"""The schemas as editors see them, and that both engines and our own wording agree with them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reconciler.providers import PROVIDERS
from reconciler.repository import editors, schemas, tree
from reconciler.repository.exact import Exact
from reconciler.repository.paths import Kind
from reconciler.repository.scalars import cast_of, resolve
from reconciler.repository.wording import problems
from tests.repository.build import CATALOG, GRANT, POLICY, POLICY_TEST, REVIEW, parsed

FOLDER = schemas.installed()
NAMES = schemas.names(FOLDER)
FILES = tuple(kind.value for kind in Kind)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_a_schema_with_its_address(name: str) -> None:
    schema = schemas.source(FOLDER, name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"https://access-reconciler.example.com/schemas/{name}.schema.json"


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_schema_refers_to_nothing_outside(name: str) -> None:
    schema = schemas.whole(FOLDER, name)
    Draft202012Validator.check_schema(schema)
    text = json.dumps(schema)
    assert ".schema.json#" not in text
    jsonschema_rs.Draft202012Validator(schema)  # resolves every reference


@pytest.mark.parametrize("name", [*FILES, "common"])
def test_every_key_is_explained_for_completion(name: str) -> None:
    schema = schemas.whole(FOLDER, name)
    for node in nodes(schema):
        for key, inner in node.get("properties", {}).items():
            chain = [inner]
            while "$ref" in chain[-1]:
                chain.append(resolve(chain[-1]["$ref"], schema))
            assert any("title" in c for c in chain), (name, key)
            assert any("description" in c for c in chain), (name, key)


def test_the_generated_schema_is_up_to_date() -> None:
    """`python -m reconciler.repository.editors` writes it again."""
    written = schemas.source(FOLDER, "providers")
    assert written == editors.providers_schema(FOLDER, PROVIDERS)


def test_an_editor_accepts_what_we_accept() -> None:
    """The schema for editors names every provider's forms, as the loader finds them by system."""
    validator = Draft202012Validator(schemas.whole(FOLDER, "grant"))
    data = yaml.load(GRANT, Loader=yaml.CBaseLoader)
    assert list(validator.iter_errors(data)) == []
    del data["access"][0]["role"]
    assert list(validator.iter_errors(data))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_examples_of_each_provider_fit_its_own_schema(provider: str) -> None:
    """What `did you mean` and `write it like` tell people to write must be right."""
    for node in nodes(schemas.whole(FOLDER, f"provider-{provider}")):
        if "examples" in node and "type" in node:
            root = {**node, "$defs": schemas.whole(FOLDER, f"provider-{provider}")["$defs"]}
            for example in node["examples"]:
                assert Exact(root).is_valid(example), (node.get("title"), example)


@pytest.mark.parametrize("name", [*FILES, "common", "plan", "check"])
def test_the_examples_of_a_schema_fit_it(name: str) -> None:
    whole = schemas.whole(FOLDER, name, loose=True)
    for node in nodes(whole):
        for example in node.get("examples", ()):
            if "$defs" not in node:
                root = {**node, "$defs": whole["$defs"]}
                assert Exact(root).is_valid(example), (node.get("title"), example)


def nodes(schema: Any) -> list[dict[str, Any]]:
    found, todo = [], [schema]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            found.append(node)
            todo += [v for k, v in node.items() if k not in ("examples", "default", "enum")]
        elif isinstance(node, list):
            todo += node
    return found


# Pieces that grants, directories and configurations are made of, right, wrong and misplaced.
PIECES = st.sampled_from(
    [
        *(
            "alice@example.com",
            "Alice@example.com\n",
            "\u0430lice@example.com",
            "deployer",
            "",
            "x",
        ),
        *("gcp", "azure", "payments", "roles/viewer", "Reader", "/subscriptions/x", "true", "no"),
        *("2026-12-01T18:00:00Z", "2026-12-01", "8h", "1d12h", "0", "5", "-1", "1.5", "9" * 30),
        *("github", "acme/access", "30d", "grants/**", "granted", "misuse", "person", "a" * 40),
        *("report", "enforce", "active", "A reason that is long enough", "x" * 300, "OPS-1\n"),
    ]
)
KEYS = st.sampled_from(
    [
        *("subject", "subjects", "group", "access", "expires", "duration", "starts", "reason"),
        *("ticket", "system", "bundle", "project", "role", "scope", "people", "groups", "id"),
        *("services", "members", "accounts", "status", "manager", "name", "systems", "guards"),
        *("provider", "mode", "rate", "calls", "seconds", "percent", "lookback", "description"),
        *("rules", "forbid", "permit", "match", "approvals", "break_glass", "standing", "changes"),
        *("roles", "paths", "count", "owner", "holds", "resources", "resource", "tags", "tests"),
        *("at", "facts", "expect", "decision", "forge", "repository", "check", "attributes"),
        *("subscription", "tenant", "pim", "account", "permission_set", "statements", "exp"),
    ]
)
DOCUMENTS = st.recursive(
    PIECES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5)
)
CHECKERS = [(name, "") for name in FILES] + [
    (provider, part) for provider in PROVIDERS for part in ("item", "settings")
]


def agree(found: schemas.Checker, data: Any) -> None:
    built = tree.build(yaml.dump(data, allow_unicode=True), "x")
    data = found.typed(data)
    verdict = found.accepts(data)
    assert verdict == Exact(found.schema).is_valid(data)
    assert verdict == (not problems(found.schema, data, built))


@pytest.mark.parametrize(("name", "part"), CHECKERS)
@settings(max_examples=60)
@given(data=DOCUMENTS)
def test_the_fast_gate_and_the_wording_agree_on_anything(name: str, part: str, data: Any) -> None:
    agree(schemas.checker(FOLDER, name, part), data)


VALID = {
    "grant": GRANT,
    "standing": GRANT.replace("expires: 2026-12-01T18:00:00Z\n", ""),
    "bundle": "description: For payments on call\naccess: [{system: gcp, project: p, role: r}]\n",
    "directory": "people: [{id: a@example.com, accounts: {gcp: x}}]\ngroups: [{id: g}]\n",
    "configuration": "systems: {g: {provider: gcp, rate: {calls: 1, seconds: 1}}}\nlookback: 3d\n"
    "forge: {provider: bitbucket-dc, repository: ACME/access, url: 'https://git.example.com'}\n"
    "check: {max_files: 5}\n",
    "break-glass": GRANT + "break_glass: true\n",
    "policy": POLICY,
    "policy-test": POLICY_TEST,
    "catalog": CATALOG,
    "review": REVIEW,
}


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), piece=PIECES, key=KEYS)
def test_they_agree_on_valid_files_with_one_mistake(
    name: str, seed: int, piece: str, key: str
) -> None:
    data = yaml.load(VALID[name], Loader=yaml.CBaseLoader)
    found = schemas.checker(FOLDER, name)
    assert found.accepts(found.typed(data))
    agree(found, mutated(data, random.Random(seed), piece, key))


def mutated(data: Any, rng: random.Random, piece: str, key: str) -> Any:
    """One value replaced, removed or renamed somewhere within."""
    holders = [node for node in within(data) if node]
    holder = rng.choice(holders)
    spot = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    match rng.randrange(4):
        case 0:
            holder[spot] = piece
        case 1:
            del holder[spot]
        case 2 if isinstance(holder, dict):
            holder[key] = holder.pop(spot)
        case _:
            holder[spot] = [holder[spot]]
    return data


def within(data: Any) -> list[Any]:
    found, todo = [], [data]
    while todo:
        node = todo.pop()
        if isinstance(node, dict | list):
            found.append(node)
            todo += node.values() if isinstance(node, dict) else node
    return found


def test_a_dollar_in_a_pattern_is_the_very_end_for_both_engines() -> None:
    """Python's own `$` lets a line break through at the end, and a grant with it."""
    schema = {"type": "string", "pattern": "^(a|[$])$"}
    for text, right in (("a", True), ("$", True), ("a\n", False)):
        assert Exact(schema).is_valid(text) is right
        assert jsonschema_rs.Draft202012Validator(schema).is_valid(text) is right


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "integer"}, "5", 5),
        ({"type": "integer"}, "05", "05"),
        ({"type": "integer"}, "1_000", "1_000"),
        ({"type": "integer"}, "9" * 5000, "9" * 5000),
        ({"type": "number"}, "2.5", 2.5),
        ({"type": "number"}, "inf", "inf"),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "yes", "yes"),
        ({"enum": [True]}, "true", True),
        ({"type": "string"}, "true", "true"),
        ({"type": ["string", "integer"]}, "5", "5"),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "5", "5"),
    ],
)
def test_a_scalar_becomes_what_the_schema_says_or_stays_text(
    schema: dict[str, Any], text: str, value: object
) -> None:
    whole = {"properties": {"a": {"items": schema}}}
    cast = cast_of(whole)
    typed = cast.apply({"a": [text]}) if cast else {"a": [text]}
    assert typed == {"a": [value]}
    assert type(typed["a"][0]) is type(value)


def test_a_grant_passes_the_gate_without_jsonschema(tmp_path: Path) -> None:
    """It takes longer to import than most files take to check."""
    import subprocess
    import sys

    code = (
        "import sys; from tests.repository.build import GRANT, parsed;"
        "assert parsed(GRANT).document; assert 'jsonschema' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert parsed(GRANT, Kind.GRANT).document
