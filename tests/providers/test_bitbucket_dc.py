"""Bitbucket Data Center: who a subject is, what an item means, and what a refusal tells a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import ItemError, NotFound, ProviderError, UnknownPrincipal
from reconciler.model import Principal, Subject
from reconciler.providers.base import Reader, System
from reconciler.providers.bitbucket_dc import connect
from reconciler.sandbox.bitbucket import Holder, Place
from reconciler.sandbox.bitbucket_dc import TOKEN, LocalBitbucketDc
from reconciler.sandbox.bitbucket_dc_people import INSTANCE
from reconciler.sandbox.faults import Faults
from tests.providers.bitbucket_build import calls_of, fail, give, group, no_pace, person, take
from tests.providers.bitbucket_dc_world import local_dc

PAY = Place("project", "PAY")
ITEM = {"project": "PAY", "permission": "write"}
WHOLE = {"global": True, "permission": "licensed-user"}


@dataclass
class Desk:
    local: LocalBitbucketDc
    faults: Faults
    system: System
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = self.system.open_reader(no_pace)

    def principal(self, subject: Subject, account: str = "") -> str:
        return self.reader.principal(subject, self.system.item(ITEM)[0], account).id

    def give(self, name: str, item: Mapping[str, Any] = ITEM) -> str:
        writer = self.system.open_writer(no_pace)
        entitlement = self.system.item(item)[0]
        [outcome] = writer.carry_out([give(entitlement, Principal(name))])
        return str(outcome.error or "")

    def take(self, name: str, item: Mapping[str, Any], restores: str = "") -> str:
        writer = self.system.open_writer(no_pace)
        entitlement = self.system.item(item)[0]
        [outcome] = writer.carry_out([take(entitlement, Principal(name), restores)])
        return str(outcome.error or "")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with local_dc(tmp_path, monkeypatch) as parts:
        yield Desk(*parts)


def test_a_quiet_run_makes_two_calls_for_each_project_repository_and_the_instance(
    desk: Desk,
) -> None:
    for scope in ("project PAY", "repository PAY/ledger", "global instance"):
        calls = calls_of(desk.faults, partial(desk.reader.observe, scope, ()))
        assert [c.rpartition("/")[2] for c in calls] == ["users", "groups"]


def test_the_three_forms_of_an_item(desk: Desk) -> None:
    def spelled(**fields: Any) -> tuple[str, str, str]:
        entitlement, account = desk.system.item(fields)
        assert account == ""
        return entitlement.kind, entitlement.resource, entitlement.role

    assert spelled(project="pay", permission="write") == ("project", "PAY", "write")
    assert spelled(project="PAY", permission="REPO_CREATE") == ("project", "PAY", "create-repo")
    assert spelled(project="pay", repository="Ledger", permission="REPO_ADMIN") == (
        "repository",
        "PAY/ledger",
        "admin",
    )
    whole = {"global": True, "permission": "PROJECT_CREATE"}
    assert spelled(**whole) == ("global", "instance", "project-create")
    assert spelled(project="~alice", permission="read") == ("project", "~ALICE", "read")


@pytest.mark.parametrize(
    "fields",
    [
        {"project": "PAY", "repository": "ledger", "permission": "PROJECT_READ"},
        {"project": "PAY", "permission": "REPO_READ"},
        {"global": True, "permission": "write"},
        {"global": False, "permission": "admin"},
    ],
)
def test_a_permission_of_another_kind_is_an_error(desk: Desk, fields: Mapping[str, Any]) -> None:
    with pytest.raises(ItemError):
        desk.system.item(fields)


def test_an_account_of_the_directory_needs_no_call(desk: Desk) -> None:
    assert desk.principal(person("alice@example.com", "Alice")) == "user:alice"
    assert desk.principal(group("oncall", "Payments-OnCall")) == "group:payments-oncall"
    assert desk.faults.calls() == ()


def test_a_person_without_an_account_is_looked_up_once_by_the_exact_address(desk: Desk) -> None:
    desk.local.add_user("mallory", "m.alice@example.com")  # the filter finds her too
    assert desk.principal(person("alice@example.com")) == "user:alice"
    assert desk.principal(person("Alice@Example.com")) == "user:alice"
    assert len(desk.faults.calls()) == 1


def test_every_page_of_a_look_up_is_read(desk: Desk) -> None:
    for n in range(12):
        desk.local.add_user(f"aa{n}", f"{n}.zoe@example.com")
    desk.local.add_user("zoe", "zoe@example.com")
    assert desk.principal(person("zoe@example.com")) == "user:zoe"


def test_an_address_of_two_users_or_of_nobody_is_not_guessed_at(desk: Desk) -> None:
    desk.local.add_user("alice2", "Alice@example.com")
    with pytest.raises(UnknownPrincipal, match="these users have that address: alice, alice2"):
        desk.principal(person("alice@example.com"))
    with pytest.raises(UnknownPrincipal, match="no user has that address; write the user name"):
        desk.principal(person("nobody@example.com"))


@pytest.mark.parametrize(
    ("subject", "account", "says"),
    [
        (person("alice@example.com", "alice", "admin"), "", "several accounts: admin, alice"),
        (person("alice@example.com", "alice"), "root", "'root' is not one of its accounts"),
        (group("oncall"), "", "it has no account"),
        (person("deployer"), "", "it has no account"),
    ],
)
def test_a_subject_that_cannot_be_named_is_told_what_to_write(
    desk: Desk, subject: Subject, account: str, says: str
) -> None:
    with pytest.raises(UnknownPrincipal) as error:
        desk.principal(subject, account)
    assert says in str(error.value)
    assert "under `accounts:` `bitbucket-dc:` in directory/" in str(error.value)


def test_one_account_may_be_chosen_out_of_several(desk: Desk) -> None:
    assert desk.principal(person("a@example.com", "Alice", "admin"), "Alice") == "user:alice"


def test_a_name_that_is_part_of_another_is_not_taken_for_it(desk: Desk) -> None:
    desk.local.add_user("al")
    desk.local.table.put(PAY, Holder("users", "alice"), "PROJECT_ADMIN")
    assert desk.give("user:al") == ""
    assert desk.local.table.role(PAY, Holder("users", "al")) == "PROJECT_WRITE"
    assert desk.local.table.role(PAY, Holder("users", "alice")) == "PROJECT_ADMIN"


@pytest.mark.parametrize("name", ["a+b", "ann,bob", "o'hara", "zoë & co", "100%"])
def test_names_with_odd_characters_arrive_whole(desk: Desk, name: str) -> None:
    desk.local.add_user(name)
    assert desk.give(f"user:{name}") == ""
    assert desk.local.table.role(PAY, Holder("users", name)) == "PROJECT_WRITE"
    rows = desk.reader.observe("project PAY", ())
    assert f"user:{name}" in {row.assignment.principal.id for row in rows}


def test_names_are_the_same_in_any_case(desk: Desk) -> None:
    desk.local.add_user("Zoe")
    desk.local.table.put(PAY, Holder("users", "zoe"), "PROJECT_READ")
    rows = {r.assignment.principal.id: r for r in desk.reader.observe("project PAY", ())}
    assert rows["user:zoe"].assignment.entitlement.role == "read"


def test_our_own_name_comes_with_any_answer(desk: Desk) -> None:
    desk.reader.observe("project PAY", ())
    assert calls_of(desk.faults, lambda: desk.reader.own()) == []
    assert desk.reader.own() == {"user:reconciler"}


def test_our_own_name_is_asked_for_where_nothing_was_read(desk: Desk) -> None:
    calls = calls_of(desk.faults, lambda: desk.reader.own())
    assert calls == ["GET /rest/api/1.0/application-properties"]
    assert desk.reader.own() == {"user:reconciler"}


def test_a_token_that_signs_nobody_in_is_an_error(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BITBUCKET_DC_TOKEN", "old")
    reader = desk.system.open_reader(no_pace)
    with pytest.raises(ProviderError, match="no header X-AUSERNAME"):
        reader.own()
    with pytest.raises(ProviderError, match=r"HTTP 401.*check BITBUCKET_DC_TOKEN"):
        reader.observe("project PAY", ())


def test_our_own_permission_cannot_be_lowered_and_the_refusal_says_why(desk: Desk) -> None:
    admin = {"global": True, "permission": "sys-admin"}
    for restores, why in (
        ("", "nobody may take away or lower the permission that they act by"),
        ("licensed-user", "would lower the permission that the token's user acts by"),
    ):
        error = desk.take("user:reconciler", admin, restores)
        assert "HTTP 409" in error
        assert why in error
    assert desk.local.table.role(INSTANCE, Holder("users", "reconciler")) == "SYS_ADMIN"


def test_a_conflict_while_giving_does_not_speak_of_taking_away(desk: Desk) -> None:
    fail(desk.faults, "bitbucket-dc", "PUT *", 409)
    error = desk.give("user:alice")
    assert "HTTP 409" in error
    assert "another change was under way" in error
    assert "take away" not in error


def test_a_full_licence_says_so(desk: Desk) -> None:
    desk.local.licences = 1
    error = desk.give("user:alice", WHOLE)
    assert "HTTP 403" in error
    assert "exceed the licence" in error


def test_an_unknown_name_is_told_to_be_checked_in_the_directory(desk: Desk) -> None:
    assert "check the name of the user or group in directory/" in desk.give("user:nobody")
    assert "HTTP 404" in desk.give("group:nobody")


def test_a_project_admin_manages_the_project_and_not_the_instance(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.local.tokens["local-project-token"] = "grace"
    monkeypatch.setenv("BITBUCKET_DC_TOKEN", "local-project-token")
    monkeypatch.delenv("BITBUCKET_DC_USERNAME")
    assert desk.give("user:alice") == ""
    assert "HTTP 401" in desk.give("user:alice", WHOLE)
    assert desk.system.open_reader(no_pace).own() == {"user:grace"}


def test_a_token_will_do_for_all_but_global_permissions_and_the_refusal_says_what_will(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BITBUCKET_DC_TOKEN", TOKEN)
    monkeypatch.delenv("BITBUCKET_DC_USERNAME")
    reader = desk.system.open_reader(no_pace)
    assert len(reader.observe("project PAY", ())) == 1
    entitlement = desk.system.item(ITEM)[0]
    found = reader.principal(person("alice@example.com"), entitlement, "")
    assert found.id == "user:alice"
    assert desk.give("user:alice") == ""
    with pytest.raises(ProviderError, match=r"HTTP 401.*password in it, and its name in BITBUCKET"):
        reader.observe("global instance", ())


def test_global_permissions_are_given_and_taken(desk: Desk) -> None:
    assert desk.give("group:auditors", WHOLE) == ""
    assert desk.local.table.role(INSTANCE, Holder("groups", "auditors")) == "LICENSED_USER"
    rows = {str(r.assignment) for r in desk.reader.observe("global instance", ())}
    assert "bitbucket-dc: auditors has licensed-user on instance" in rows
    assert desk.take("group:auditors", WHOLE) == ""
    assert desk.local.table.role(INSTANCE, Holder("groups", "auditors")) == ""


def test_what_is_gone_for_certain_is_told_from_any_other_404(desk: Desk) -> None:
    for scope in ("project GONE", "repository PAY/gone", "repository GONE/ledger"):
        with pytest.raises(NotFound):
            desk.reader.observe(scope, ())
    fail(desk.faults, "bitbucket-dc", "GET *", 404)
    with pytest.raises(ProviderError, match="HTTP 404") as error:
        desk.reader.observe("project PAY", ())
    assert not isinstance(error.value, NotFound)


def test_roles_stand_in_order_and_admins_are_marked(desk: Desk) -> None:
    entitlement, _ = desk.system.item({"global": True, "permission": "sys-admin"})
    can = desk.system.capabilities(entitlement, True)
    assert can.slot == ("licensed-user", "project-create", "admin", "sys-admin")
    assert can.admin
    assert (can.native_expiry, can.marker) == (False, False)


def test_the_endpoint_goes_before_the_url_and_either_keeps_its_context_path() -> None:
    settings = {"url": "https://bitbucket.example.com/git/", "endpoint": "https://b.example.com"}
    assert connect("dc", settings).settings.url == "https://b.example.com"
    del settings["endpoint"]
    assert connect("dc", settings).settings.url == "https://bitbucket.example.com/git"
    with pytest.raises(ItemError, match=r"url: .* in the clear"):
        connect("dc", {"url": "http://bitbucket.example.com"})


def test_the_rate_always_fits_into_the_default_token_bucket(desk: Desk) -> None:
    rate = desk.system.rate
    for seconds in range(1, 100):
        most = rate.calls * -(-seconds // int(rate.seconds))  # as many windows as fit, started
        assert most <= 60 + 5 * seconds
