"""What an access item and the settings come to, with nobody asked."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import jsonschema
import pytest
import yaml

from reconciler.errors import ItemError
from reconciler.providers.azure import connect, marks
from reconciler.providers.azure.scopes import spelled

SUBSCRIPTION = "00000000-0000-0000-0000-00000000000a"
SETTINGS = {
    "tenant": "00000000-0000-0000-0000-000000000000",
    "subscriptions": {"payments": SUBSCRIPTION},
}
AZURE = connect("azure", SETTINGS)
SCHEMA = json.loads(Path("schemas/provider-azure.schema.json").read_text())


def scope(text: str) -> str:
    return AZURE.item({"scope": text, "role": "Reader"})[0].resource


@pytest.mark.parametrize(
    "odd",
    [
        f"/subscriptions/{SUBSCRIPTION.upper()}/resourcegroups/PAYMENTS",
        f"/SUBSCRIPTIONS/{SUBSCRIPTION}/ResourceGroups/Payments/",
        "/subscriptions/payments/resourceGroups/payments",
    ],
)
def test_a_scope_has_one_spelling(odd: str) -> None:
    assert scope(odd) == f"/subscriptions/{SUBSCRIPTION}/resourceGroups/payments"


def test_a_scope_that_azure_answers_is_spelled_like_one_that_a_person_wrote() -> None:
    vault = "/resourceGroups/Pay (new)/providers/Microsoft.KeyVault/vaults/Keys"
    assert spelled(f"/subscriptions/{SUBSCRIPTION}{vault}") == scope(
        f"/subscriptions/payments{vault}"
    )
    group = "/providers/Microsoft.Management/managementGroups/Acme"
    assert spelled(group) == scope(group) == group.replace("Acme", "acme")


def test_a_resource_group_may_be_called_like_a_keyword() -> None:
    assert scope("/subscriptions/payments/resourceGroups/managementGroups").endswith(
        "/managementgroups"
    )


def test_a_subscription_and_its_resource_group_may_be_named_apart() -> None:
    fields = {"subscription": "payments", "resource_group": "Payments", "role": "Reader"}
    assert AZURE.item(fields)[0].resource == scope(
        "/subscriptions/payments/resourceGroups/payments"
    )
    del fields["resource_group"]
    assert AZURE.item(fields)[0].resource == f"/subscriptions/{SUBSCRIPTION}"


def test_a_resource_and_a_nested_one_are_scopes() -> None:
    server = "/subscriptions/payments/resourceGroups/payments/providers/Microsoft.Sql/servers/one"
    assert scope(f"{server}/databases/ledger").endswith("/servers/one/databases/ledger")


@pytest.mark.parametrize(
    "wrong",
    [
        "/",
        "",
        "subscriptions/payments",
        "/subscriptions",
        "/subscriptions/unknown",
        "/subscriptions/payments/resourceGroups",
        "/subscriptions/payments/resourceGroups/a?$filter=atScope()",
        "/subscriptions/payments/resourceGroups/a#b",
        "/subscriptions/payments/resourceGroups/a%2f..",
        "/subscriptions/payments/resourceGroups/..",
        "/subscriptions/payments//resourceGroups/a",
        "/subscriptions/payments/resourceGroups/a/providers/Microsoft.Storage",
        "/subscriptions/payments/resourceGroups/a/providers/Microsoft.Storage/storageAccounts",
        "/subscriptions/payments/resourceGroups/a/providers/Microsoft.Sql/servers/one/databases",
        "/subscriptions/payments/widgets/a",
        "/providers/Microsoft.Management/managementGroups",
        "/providers/Microsoft.Management/managementGroups/acme/subscriptions",
        "/providers/Microsoft.Billing/billingAccounts/one",
    ],
)
def test_what_is_no_scope_is_refused_with_what_to_write(wrong: str) -> None:
    with pytest.raises(ItemError) as refused:
        scope(wrong)
    assert refused.value.field == "scope"
    assert refused.value.fix.startswith("write ")


def test_an_unknown_alias_names_the_known_ones() -> None:
    with pytest.raises(
        ItemError, match=r"alias of `subscriptions:` in reconciler.yaml \(payments\)"
    ):
        AZURE.item({"subscription": "paymnts", "role": "Reader"})


@pytest.mark.parametrize(
    ("fields", "right"),
    [
        ({"scope": "/subscriptions/payments", "role": "Reader"}, True),
        ({"subscription": "payments", "resource_group": "a", "role": "Reader"}, True),
        ({"scope": "/subscriptions/payments", "resource_group": "a", "role": "Reader"}, False),
        ({"scope": "/subscriptions/payments"}, False),
        ({"role": "Reader"}, False),
        ({"scope": "payments", "role": "Reader"}, False),
        ({"scope": "/subscriptions/payments", "role": ""}, False),
    ],
)
def test_the_schema_takes_one_of_two_forms(fields: dict[str, Any], right: bool) -> None:
    schema = {"$ref": "#/$defs/item", "$defs": SCHEMA["$defs"]}
    assert jsonschema.Draft202012Validator(schema).is_valid(fields) is right


@pytest.mark.parametrize(
    ("more", "right"),
    [
        ({}, True),
        ({"pim": True}, True),
        ({"pim": "yes"}, False),
        ({"endpoint": "http://127.0.0.1"}, False),
        ({"subscriptions": {"payments": "one"}}, False),
        ({"client_secret": "x"}, False),
    ],
)
def test_the_schema_of_the_settings_has_no_place_for_credentials(
    more: dict[str, Any], right: bool
) -> None:
    schema = {"$ref": "#/$defs/settings", "$defs": SCHEMA["$defs"]}
    assert jsonschema.Draft202012Validator(schema).is_valid({**SETTINGS, **more}) is right


def test_every_key_of_the_schema_is_described() -> None:
    keys = [SCHEMA["$defs"]["settings"]["properties"]]
    keys += [form["properties"] for form in SCHEMA["$defs"]["item"]["oneOf"]]
    for properties in keys:
        for key, value in properties.items():
            described = SCHEMA["$defs"]["role"] if key == "role" else value
            assert described["title"], key
            assert described["description"], key


def test_the_example_is_right() -> None:
    schema = {"$ref": "#/$defs/item", "$defs": SCHEMA["$defs"]}
    grant = yaml.safe_load(Path("examples/grants/azure.yaml").read_text())
    for item in grant["access"]:
        assert item.pop("system") == "azure"
        jsonschema.validate(item, schema)
        assert AZURE.item(item)[0].resource.startswith(f"/subscriptions/{SUBSCRIPTION}/")


def test_tokens_are_never_sent_without_tls() -> None:
    with pytest.raises(ItemError, match="is not https"):
        connect("azure", {**SETTINGS, "endpoint": "http://127.0.0.1:1"})


def test_capabilities_follow_the_setting() -> None:
    entitlement, _ = AZURE.item({"scope": "/subscriptions/payments", "role": "Reader"})
    plain = AZURE.capabilities(entitlement, ending=True)
    assert (plain.native_expiry, plain.marker, plain.admin) == (False, True, False)
    assert "pim: true" in plain.note
    assert AZURE.capabilities(entitlement, ending=False).note == ""
    pim = connect("azure", {**SETTINGS, "pim": True}).capabilities(entitlement, ending=True)
    assert (pim.native_expiry, pim.marker, pim.note) == (True, True, "")


@pytest.mark.parametrize(
    "role",
    [
        "Owner",
        "user access administrator",
        "Role Based Access Control Administrator",
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    ],
)
def test_who_may_give_access_is_an_admin(role: str) -> None:
    entitlement, _ = AZURE.item({"scope": "/subscriptions/payments", "role": role})
    assert AZURE.capabilities(entitlement, ending=True).admin


def test_one_list_covers_a_subscription_and_another_a_management_group() -> None:
    deep = "/subscriptions/payments/resourceGroups/a/providers/Microsoft.Storage/storageAccounts/b"
    group = "/providers/Microsoft.Management/managementGroups/acme"
    items = [AZURE.item({"scope": s, "role": "Reader"})[0] for s in (deep, group)]
    assert [AZURE.scope(e) for e in items] == [f"/subscriptions/{SUBSCRIPTION}", group]


def test_importing_the_provider_imports_no_sdk() -> None:
    code = (
        "import sys; from reconciler.providers.azure import connect; "
        f"connect('azure', {SETTINGS!r}); print([m for m in sys.modules if m.startswith('azure')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_description_says_who_made_it_until_when_and_why() -> None:
    marker = "a2" * 13
    until = datetime(2026, 12, 1, 18, tzinfo=UTC)
    text = marks.description(marker, until, ("grants/a.yaml", "grants/b.yaml"))
    assert text == f"jit:{marker} until 2026-12-01T18:00:00Z for grants/a.yaml, grants/b.yaml"
    assert marks.read(text) == ("", marker)
    assert marks.description(marker, None, ()) == f"jit:{marker} without end"


def test_a_long_description_is_cut_between_grants() -> None:
    grants = tuple(f"grants/{n:0100}.yaml" for n in range(30))
    text = marks.description("a2" * 13, None, grants)
    assert len(text) <= 500
    assert text.endswith(".yaml, …")
    assert marks.read(marks.description("a2" * 13, None, ("g/" + "x" * 600,))) == ("", "a2" * 13)


@pytest.mark.parametrize(
    "text",
    ["", None, "jit:", "jit:short", "ajit:" + "a2" * 13, "jit:" + "a2" * 14, "JIT:" + "A2" * 13],
)
def test_what_is_not_our_marker_is_not_taken_for_it(text: str | None) -> None:
    assert marks.read(text) is None


def test_a_person_may_write_around_our_marker() -> None:
    assert marks.read("see OPS-1: jit:" + "a2" * 13 + " until then") == ("", "a2" * 13)


def test_a_role_assignments_name_depends_on_what_it_is_and_nothing_else() -> None:
    args = ("/subscriptions/A", "OID", "ROLE")
    name = marks.assignment_name(*args)
    assert name == marks.assignment_name(*map(str.lower, args))
    assert UUID(name).version == 5
    a, b, c = args
    others = {marks.assignment_name(*o) for o in (("x", b, c), (a, "x", c), (a, b, "x"))}
    others.add(marks.assignment_name(a, b, c, "acme"))
    assert len({name, *others}) == 5


def test_a_requests_name_is_new_each_time_and_known_as_ours() -> None:
    names = {marks.request_name(uuid4()) for _ in range(100)}
    assert len(names) == 100
    assert all(marks.is_request_name(name) for name in names)
    assert {UUID(name).version for name in names} == {8}
    assert not any(marks.is_request_name(str(uuid4())) for _ in range(100))
    assert not marks.is_request_name(
        "6a69743a-0000-4000-8000-000000000000"
    )  # a random one that looks like it
