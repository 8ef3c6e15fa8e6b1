from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from reconciler.errors import ItemError
from reconciler.model import Capabilities, Entitlement
from reconciler.providers.aws import connect

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "schemas/provider-aws.schema.json").read_text())
READ = [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]
SYSTEM = connect("aws", {"region": "eu-west-1", "accounts": {"payments": "111122223333"}})
GOOD: list[dict[str, Any]] = [
    {"account": "payments", "permission_set": "ReadOnlyAccess"},
    {
        "account": "111122223333",
        "permission_set": "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef",
    },
    {"group": "Payments On-Call"},
    {"account": "payments", "statements": READ},
    {"account": "payments", "user": "alice", "statements": READ},
    {"account": "payments", "role": "deploy", "statements": READ},
    {"account": "payments", "iam_group": "auditors"},
    {"account": "payments", "iam_group": "auditors", "user": "alice"},
]
BAD: list[dict[str, Any]] = [
    {"account": "payments"},
    {"account": "payments", "permission_set": "ReadOnlyAccess", "group": "x"},
    {"account": "payments", "permission_set": "Read Only"},
    {"account": "payments", "user": "alice", "role": "deploy", "statements": READ},
    {"account": "payments", "user": "alice", "statements": []},
    {"account": "payments", "user": "../alice", "statements": READ},
    {"account": "payments", "statements": [{**READ[0], "Principal": "*"}]},
    {"permission_set": "ReadOnlyAccess"},
]


def validator(part: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{part}", "$defs": SCHEMA["$defs"]})


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("item", GOOD, ids=str)
def test_a_good_item_fits_the_schema_and_becomes_an_entitlement(item: dict[str, Any]) -> None:
    assert list(validator("item").iter_errors(item)) == []
    entitlement, _ = SYSTEM.item(item)
    assert entitlement.resource in ("111122223333", "Payments On-Call")


@pytest.mark.parametrize("item", BAD, ids=str)
def test_a_wrong_item_does_not_fit_the_schema(item: dict[str, Any]) -> None:
    assert list(validator("item").iter_errors(item))


def test_the_example_fits_the_schema() -> None:
    text = (ROOT / "examples/grants/aws.yaml").read_text()
    for item in yaml.load(text, yaml.BaseLoader)["access"]:
        fields = {k: v for k, v in item.items() if k != "system"}
        assert list(validator("item").iter_errors(fields)) == []
        SYSTEM.item(fields)


def test_settings_need_no_more_than_a_region() -> None:
    assert list(validator("settings").iter_errors({"region": "eu-west-1"})) == []
    assert list(validator("settings").iter_errors({"region": "eu-west-1", "secret": "x"}))
    assert list(validator("settings").iter_errors({"region": "x", "accounts": {"a": "12"}}))


def test_an_alias_is_its_account() -> None:
    by_alias = SYSTEM.item({"account": "payments", "permission_set": "A"})
    by_id = SYSTEM.item({"account": "111122223333", "permission_set": "A"})
    assert by_alias == by_id == (Entitlement("aws", "account_assignment", "111122223333", "A"), "")


def test_an_unknown_alias_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ItemError, match=r"'paymnts' is neither .* \(payments\)"):
        SYSTEM.item({"account": "paymnts", "permission_set": "A"})


def test_an_item_that_names_nothing_is_refused() -> None:
    with pytest.raises(ItemError, match="write `permission_set`"):
        SYSTEM.item({"account": "payments", "user": "alice"})


def test_the_iam_identity_of_an_item_is_its_account() -> None:
    accounts = [SYSTEM.item(item)[1] for item in GOOD]
    assert accounts == ["", "", "", "", "user/alice", "role/deploy", "", "user/alice"]


def test_the_role_of_the_settings_may_have_a_path() -> None:
    settings = connect("aws", {"region": "eu-west-1", "role": "/jit/reconciler"}).settings
    assert (settings.role, settings.read_role) == ("jit/reconciler", "jit/reconciler")
    arn = settings.role_arn("111122223333", settings.role)
    assert arn == "arn:aws:iam::111122223333:role/jit/reconciler"


def test_arns_are_of_the_regions_partition() -> None:
    china = connect("aws", {"region": "cn-north-1"}).settings
    assert china.role_arn("111122223333", "x").startswith("arn:aws-cn:iam::")


def can(item: dict[str, Any], **settings: Any) -> Capabilities:
    system = connect("aws", {"region": "eu-west-1", **settings})
    return system.capabilities(system.item({**item, "account": "111122223333"})[0], True)


def test_only_statements_end_by_themselves_and_the_others_say_why_not() -> None:
    can_end = can({"statements": READ})
    assert (can_end.native_expiry, can_end.marker, can_end.note) == (True, True, "")
    for item in ({"permission_set": "A"}, {"iam_group": "a"}):
        cannot = can(item)
        assert (cannot.native_expiry, cannot.marker) == (False, False)
        assert "no end" in cannot.note


def test_admin_roles_are_those_of_the_settings() -> None:
    assert can({"permission_set": "AdministratorAccess"}).admin
    assert not can({"permission_set": "ReadOnlyAccess"}).admin
    assert can({"iam_group": "Root"}, admin_roles=["root"]).admin
    system = connect("aws", {"region": "eu-west-1", "admin_roles": ["platform-admins"]})
    assert system.capabilities(system.item({"group": "Platform-Admins"})[0], True).admin
