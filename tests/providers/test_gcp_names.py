"""Spelling: what an item may say, and which principal stands for a subject."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reconciler.errors import ItemError, UnknownPrincipal
from reconciler.model import Entitlement, Subject, SubjectKind
from reconciler.providers.gcp import connect
from reconciler.providers.gcp.names import fold, principal_of
from tests.providers import gcp_world

GCP = connect("gcp", {"projects": {"payments": "payments-prod"}})
SCHEMA = json.loads(
    (Path(__file__).parents[2] / "schemas" / "provider-gcp.schema.json").read_text()
)
ROLE = "roles/cloudsql.viewer"


def entitlement(**item: str) -> Entitlement:
    return GCP.item(item)[0]


@pytest.mark.parametrize(
    ("item", "kind", "resource"),
    [
        ({"project": "payments-prod"}, "project", "projects/payments-prod"),
        ({"project": "payments"}, "project", "projects/payments-prod"),
        ({"project": "projects/payments-prod"}, "project", "projects/payments-prod"),
        ({"project": "Payments-Prod"}, "project", "projects/payments-prod"),
        ({"project": "example.com:legacy-app"}, "project", "projects/example.com:legacy-app"),
        ({"folder": "1001"}, "folder", "folders/1001"),
        ({"folder": "folders/1001"}, "folder", "folders/1001"),
        ({"organization": "2001"}, "organization", "organizations/2001"),
        (
            {"service_account": "projects/x/serviceAccounts/D@p-prod.iam.gserviceaccount.com"},
            "service_account",
            "projects/-/serviceAccounts/d@p-prod.iam.gserviceaccount.com",
        ),
        (
            {"service_account": "12345-compute@developer.gserviceaccount.com"},
            "service_account",
            "projects/-/serviceAccounts/12345-compute@developer.gserviceaccount.com",
        ),
    ],
)
def test_a_resource_has_one_spelling(item: dict[str, str], kind: str, resource: str) -> None:
    assert entitlement(**item, role=ROLE) == Entitlement("gcp", kind, resource, ROLE)


@pytest.mark.parametrize(
    ("item", "field", "says"),
    [
        ({"project": "123456789012", "role": ROLE}, "project", "number; write its id"),
        ({"project": "nope", "role": ROLE}, "project", "aliases: payments"),
        ({"folder": "finance", "role": ROLE}, "folder", "'finance' is not a number; write the f"),
        ({"service_account": "alice@example.com", "role": ROLE}, "service_account", "write name@"),
        ({"project": "payments", "role": "viewer"}, "role", "write it in full, as in roles/viewer"),
        ({"project": "payments", "role": "Cloud SQL Viewer"}, "role", "roles/cloudsql.viewer"),
        ({"project": "payments", "role": "Roles/viewer"}, "role", "full name"),
        (
            {"project": "payments", "role": "projects/data-lake/roles/x"},
            "role",
            "does not exist on",
        ),
        ({"folder": "1001", "role": "projects/payments/roles/x"}, "role", "does not exist on"),
        ({"project": "payments", "folder": "1001", "role": ROLE}, "", "do not make an item"),
        ({"project": "payments"}, "", "write role"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_write(
    item: dict[str, str], field: str, says: str
) -> None:
    with pytest.raises(ItemError) as refused:
        GCP.item(item)
    assert refused.value.field == field
    assert says in str(refused.value)


def test_a_custom_role_of_the_project_may_use_the_alias() -> None:
    role = entitlement(project="payments", role="projects/payments/roles/batchOperator").role
    assert role == "projects/payments-prod/roles/batchOperator"


@pytest.mark.parametrize("settings", [{"endpoint": "https://x"}, {"projects": {"p": "no/project"}}])
def test_useless_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ItemError):
        connect("gcp", settings)


@pytest.mark.parametrize(
    ("subject", "member"),
    [
        (Subject(SubjectKind.PERSON, "alice@example.com"), "user:alice@example.com"),
        (
            Subject(SubjectKind.PERSON, "alice@example.com", ("A.Alice@Example.com",)),
            "user:a.alice@example.com",
        ),
        (
            Subject(
                SubjectKind.PERSON,
                "alice@example.com",
                ("principal://iam.googleapis.com/locations/global/workforcePools/p/subject/A",),
            ),
            "principal://iam.googleapis.com/locations/global/workforcePools/p/subject/A",
        ),
        (Subject(SubjectKind.GROUP, "ops", ("group:Ops@example.com",)), "group:ops@example.com"),
        (
            Subject(SubjectKind.SERVICE, "deployer", ("d@p-prod.iam.gserviceaccount.com",)),
            "serviceAccount:d@p-prod.iam.gserviceaccount.com",
        ),
        (
            Subject(SubjectKind.SERVICE, "d@p-prod.iam.gserviceaccount.com"),
            "serviceAccount:d@p-prod.iam.gserviceaccount.com",
        ),
    ],
)
def test_a_subject_is_one_member_in_lower_case(subject: Subject, member: str) -> None:
    assert principal_of("gcp", subject, "").id == member


@pytest.mark.parametrize(
    ("subject", "says"),
    [
        (Subject(SubjectKind.PERSON, "a@example.com", ("x@y.example", "z@y.example")), "leave one"),
        (Subject(SubjectKind.PERSON, "a@example.com", ("group:a@example.com",)), "write an e-mail"),
        (Subject(SubjectKind.PERSON, "a@example.com", ("allUsers",)), "write an e-mail"),
        (Subject(SubjectKind.PERSON, "a@example.com", ("domain:example.com",)), "write an e-mail"),
        (Subject(SubjectKind.GROUP, "ops"), "write accounts: {gcp:"),
        (Subject(SubjectKind.SERVICE, "deployer"), "write accounts: {gcp:"),
    ],
)
def test_an_account_that_is_not_one_of_the_subject_is_refused(subject: Subject, says: str) -> None:
    with pytest.raises(UnknownPrincipal, match=says):
        principal_of("gcp", subject, "")


@pytest.mark.parametrize(
    ("member", "folded"),
    [
        ("user:Alice@Example.com", "user:alice@example.com"),
        ("deleted:user:Alice@Example.com?uid=12A", "deleted:user:alice@example.com?uid=12A"),
        ("serviceAccount:p.svc.id.goog[Ns/Sa]", "serviceAccount:p.svc.id.goog[ns/sa]"),
        ("principal://x/Subject/A", "principal://x/Subject/A"),
        ("allUsers", "allUsers"),
    ],
)
def test_only_addresses_lose_their_letter_case(member: str, folded: str) -> None:
    assert fold(member) == folded


def test_the_schema_accepts_every_item_of_the_contract() -> None:
    item = jsonschema.Draft202012Validator({**SCHEMA, "$ref": "#/$defs/item"})
    settings = jsonschema.Draft202012Validator({**SCHEMA, "$ref": "#/$defs/settings"})
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for forms in gcp_world._ITEMS.values():
        for form in forms:
            item.validate(form)
    settings.validate({"endpoint": "grpc://127.0.0.1:1", "projects": {"payments": "payments-prod"}})
    assert not item.is_valid({"project": "payments-prod", "role": ROLE, "expires": "soon"})
    assert not settings.is_valid({"credentials": "key.json"})


def test_basic_roles_and_standing_access_say_what_they_cannot_do() -> None:
    basic = entitlement(project="payments", role="roles/editor")
    ordinary = entitlement(project="payments", role=ROLE)
    ending = GCP.capabilities(basic, True)
    assert (ending.native_expiry, ending.marker) == (False, False)
    assert "basic role" in ending.note
    assert GCP.capabilities(ordinary, True).marker
    standing = GCP.capabilities(ordinary, False)
    assert (standing.native_expiry, standing.marker) == (True, False)


def test_who_may_change_the_policy_is_an_administrator_except_on_service_accounts() -> None:
    account = "deployer@payments-prod.iam.gserviceaccount.com"
    assert GCP.capabilities(entitlement(project="payments", role="roles/owner"), True).admin
    assert not GCP.capabilities(entitlement(project="payments", role=ROLE), True).admin
    on_account = entitlement(service_account=account, role="roles/owner")
    assert not GCP.capabilities(on_account, True).admin
