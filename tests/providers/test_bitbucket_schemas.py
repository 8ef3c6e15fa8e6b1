"""What the schemas of both Bitbuckets let in: the examples, and nothing that would be guessed at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from reconciler.providers import connect

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "bitbucket": {"workspace": "acme"},
    "bitbucket-dc": {"url": "https://bitbucket.example.com"},
}


def valid(provider: str, part: str, data: object) -> bool:
    schema = json.loads((ROOT / "schemas" / f"provider-{provider}.schema.json").read_text())
    whole = {"$ref": f"#/$defs/{part}", "$defs": schema["$defs"]}
    return bool(Draft202012Validator(whole).is_valid(data))


@pytest.mark.parametrize("provider", SETTINGS)
def test_the_example_is_valid_and_understood(provider: str) -> None:
    grant = yaml.safe_load((ROOT / "examples" / "grants" / f"{provider}.yaml").read_text())
    system = connect(provider, provider, SETTINGS[provider])
    spelled = []
    for item in grant["access"]:
        own = {key: value for key, value in item.items() if key != "system"}
        assert item["system"] == provider
        assert valid(provider, "item", own)
        spelled.append(str(system.item(own)[0]))
    assert (
        spelled
        == {
            "bitbucket": ["bitbucket: write on payments-api", "bitbucket: read on PAY"],
            "bitbucket-dc": [
                "bitbucket-dc: admin on PAY/ledger",
                "bitbucket-dc: project-create on instance",
            ],
        }[provider]
    )


@pytest.mark.parametrize(
    ("provider", "item"),
    [
        ("bitbucket", {"repository": "ledger", "permission": "none"}),
        ("bitbucket", {"repository": "ledger", "permission": "create-repo"}),
        ("bitbucket", {"repository": "ledger", "project": "PAY", "permission": "read"}),
        ("bitbucket", {"repository": "../ledger", "permission": "read"}),
        ("bitbucket", {"repository": "a/b/c", "permission": "read"}),
        ("bitbucket", {"project": "PAY/x", "permission": "read"}),
        ("bitbucket", {"permission": "read"}),
        ("bitbucket", {"repository": "ledger"}),
        ("bitbucket-dc", {"repository": "ledger", "permission": "read"}),
        ("bitbucket-dc", {"project": "PAY", "permission": "REPO_READ"}),
        ("bitbucket-dc", {"project": "PAY", "repository": "a/b", "permission": "read"}),
        ("bitbucket-dc", {"project": "../PAY", "permission": "read"}),
        ("bitbucket-dc", {"global": False, "permission": "admin"}),
        ("bitbucket-dc", {"global": "true", "permission": "admin"}),
        ("bitbucket-dc", {"global": True, "project": "PAY", "permission": "admin"}),
        ("bitbucket-dc", {"permission": "admin"}),
    ],
)
def test_an_item_that_means_nothing_or_two_things_is_refused(provider: str, item: Any) -> None:
    assert not valid(provider, "item", item)


@pytest.mark.parametrize(
    ("provider", "settings", "well"),
    [
        ("bitbucket", {"workspace": "acme"}, True),
        ("bitbucket", {"workspace": "acme", "token_env": "T", "username_env": "U"}, True),
        ("bitbucket", {}, False),
        ("bitbucket", {"workspace": "acme", "token": "secret"}, False),
        ("bitbucket", {"workspace": "acme/ledger"}, False),
        ("bitbucket-dc", {"url": "https://bitbucket.example.com/git"}, True),
        ("bitbucket-dc", {"endpoint": "http://127.0.0.1:1"}, True),
        ("bitbucket-dc", {}, False),
        ("bitbucket-dc", {"url": "bitbucket.example.com"}, False),
        ("bitbucket-dc", {"url": "https://b.example.com", "password": "x"}, False),
    ],
)
def test_settings_hold_an_address_and_never_a_secret(
    provider: str, settings: Any, well: bool
) -> None:
    assert valid(provider, "settings", settings) is well
