"""Bitbucket Cloud: who a subject is, what an item means, and what a refusal tells a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from reconciler.errors import ItemError, NotFound, ProviderError, UnknownPrincipal
from reconciler.model import Entitlement, Principal, Subject
from reconciler.providers.base import Reader, System
from reconciler.providers.bitbucket_cloud import connect
from reconciler.sandbox.bitbucket import Holder, Place
from reconciler.sandbox.bitbucket_cloud import ACCESS_TOKEN, BOT, LocalBitbucketCloud, User
from reconciler.sandbox.faults import Faults
from tests.providers.bitbucket_build import calls_of, fail, give, group, no_pace, person
from tests.providers.bitbucket_cloud_world import local_cloud

ALICE = Principal(f"user:{User('alice').uuid}", "alice@example.com")
LEDGER = Place("repository", "ledger")


@dataclass
class Desk:
    local: LocalBitbucketCloud
    faults: Faults
    system: System
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = self.system.open_reader(no_pace)

    def entitlement(self, permission: str = "write", **where: str) -> Entitlement:
        place = where or {"repository": "ledger"}
        return self.system.item({**place, "permission": permission})[0]

    def principal(self, subject: Subject, account: str = "") -> str:
        return self.reader.principal(subject, self.entitlement(), account).id

    def refusal(self, principal: Principal, permission: str = "write") -> str:
        writer = self.system.open_writer(no_pace)
        [outcome] = writer.carry_out([give(self.entitlement(permission), principal)])
        return str(outcome.error)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with local_cloud(tmp_path, monkeypatch) as parts:
        yield Desk(*parts)


def test_a_quiet_run_makes_two_calls_for_each_repository_and_project(desk: Desk) -> None:
    scopes = ("repository payments-api", "repository ledger", "repository web", "project PAY")
    for scope in scopes:
        calls = calls_of(desk.faults, partial(desk.reader.observe, scope, ()))
        assert len(calls) == 2
        assert {c.rpartition("/")[2] for c in calls} == {"users", "groups"}


def test_every_further_page_is_one_more_call(desk: Desk) -> None:
    for n in range(11):
        login = f"member{n}"
        desk.local.table.put(LEDGER, Holder("users", desk.local.add_member(login).uuid), "read")
    calls = calls_of(desk.faults, lambda: desk.reader.observe("repository ledger", ()))
    assert len(calls) == 4  # 5 + 5 + 1 users, and the groups
    assert len(desk.reader.observe("repository ledger", ())) == 11


def test_rule_10_a_uuid_is_the_same_in_any_spelling_and_needs_no_call(desk: Desk) -> None:
    uuid = User("alice").uuid
    for spelling in (uuid, uuid.upper(), uuid.strip("{}"), uuid.strip("{}").upper()):
        assert desk.principal(person("alice@example.com", spelling)) == ALICE.id
    assert desk.faults.calls() == ()


def test_account_ids_are_resolved_by_listing_the_members_once(desk: Desk) -> None:
    logins = ("alice", "bob", "carol")
    found = [desk.principal(person(f"{x}@example.com", User(x).account_id)) for x in logins]
    assert found == [f"user:{User(x).uuid}" for x in logins]
    assert len(desk.faults.calls()) == 2  # ten members on pages of five


def test_a_person_is_shown_by_the_name_that_people_know(desk: Desk) -> None:
    subject = person("alice@example.com", User("alice").uuid)
    assert str(desk.reader.principal(subject, desk.entitlement(), "")) == "alice@example.com"


@pytest.mark.parametrize(
    ("accounts", "says"),
    [
        ((), "it has none"),
        (("alice@example.com",), "'alice@example.com' is neither a uuid nor an account id"),
        (("alice",), "'alice' is neither a uuid nor an account id"),
        (("557058:nobody",), "no member of the workspace has the account id '557058:nobody'"),
        ((User("alice").uuid, User("bob").uuid), "it has several accounts"),
    ],
)
def test_a_person_who_cannot_be_found_is_told_what_to_write(
    desk: Desk, accounts: tuple[str, ...], says: str
) -> None:
    with pytest.raises(UnknownPrincipal) as error:
        desk.principal(person("alice@example.com", *accounts))
    assert says in str(error.value)
    assert "write the user's uuid (with braces) or Atlassian account id" in str(error.value)
    assert "`accounts:` `bitbucket:` in directory/" in str(error.value)


def test_two_spellings_of_one_account_are_one_account(desk: Desk) -> None:
    alice = User("alice")
    assert desk.principal(person("alice@example.com", alice.uuid, alice.account_id)) == ALICE.id


def test_an_account_that_is_not_the_subjects_is_refused(desk: Desk) -> None:
    mine, other = User("alice").uuid, User("bob").uuid
    with pytest.raises(UnknownPrincipal, match="is not one of its accounts"):
        desk.principal(person("alice@example.com", mine), account=other)


def test_a_group_is_its_slug(desk: Desk) -> None:
    assert desk.principal(group("oncall", "Payments-OnCall")) == "group:payments-oncall"
    with pytest.raises(UnknownPrincipal, match="the group's slug"):
        desk.principal(group("oncall", "Payments on call"))


def test_a_repository_may_be_written_with_its_workspace(desk: Desk) -> None:
    plain = desk.entitlement(repository="ledger")
    assert desk.entitlement(repository="acme/Ledger") == plain
    with pytest.raises(ItemError, match="not in the workspace 'acme'"):
        desk.entitlement(repository="umbrella/ledger")
    assert desk.entitlement(project="pay").resource == "PAY"


def test_a_permission_that_the_kind_does_not_have_is_an_error(desk: Desk) -> None:
    with pytest.raises(ItemError, match="'create-repo' is no permission on a repository"):
        desk.entitlement("create-repo")
    assert desk.entitlement("create-repo", project="PAY").role == "create-repo"


def test_roles_stand_in_order_and_admins_are_marked(desk: Desk) -> None:
    can = desk.system.capabilities(desk.entitlement("admin", project="PAY"), True)
    assert can.slot == ("read", "write", "create-repo", "admin")
    assert can.admin
    assert (can.native_expiry, can.marker) == (False, False)
    assert not desk.system.capabilities(desk.entitlement("write"), True).admin


@pytest.mark.parametrize(
    "endpoint", ["http://bitbucket.example.com", "ftp://127.0.0.1", "acme", "https://u:p@h.example"]
)
def test_an_endpoint_that_is_no_place_for_a_token_is_refused(endpoint: str) -> None:
    with pytest.raises(ItemError, match="write https://"):
        connect("bitbucket", {"workspace": "acme", "endpoint": endpoint})


def test_connecting_and_opening_make_no_call(desk: Desk) -> None:
    desk.system.open_reader(no_pace)
    desk.system.open_writer(no_pace)
    assert desk.faults.calls() == ()


def test_no_token_is_an_error_that_names_the_variable(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BITBUCKET_TOKEN")
    with pytest.raises(ProviderError, match="BITBUCKET_TOKEN is empty"):
        desk.system.open_reader(no_pace)


def test_a_refused_token_says_where_it_came_from(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BITBUCKET_TOKEN", "old")
    reader = desk.system.open_reader(no_pace)
    with pytest.raises(
        ProviderError, match=r"HTTP 401.*check BITBUCKET_TOKEN, and that BITBUCKET_U"
    ):
        reader.observe("repository ledger", ())


def test_the_variables_can_have_other_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"token_env": "OTHER_TOKEN", "username_env": "OTHER_USER"}
    with local_cloud(tmp_path, monkeypatch, **names) as (_, _, system):
        monkeypatch.setenv("OTHER_TOKEN", "local-api-token")
        monkeypatch.setenv("OTHER_USER", f"{BOT}@example.com")
        monkeypatch.delenv("BITBUCKET_TOKEN")
        assert system.open_reader(no_pace).observe("repository ledger", ()) == ()


def test_an_access_token_reads_and_a_refused_write_says_why(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BITBUCKET_USERNAME")
    monkeypatch.setenv("BITBUCKET_TOKEN", ACCESS_TOKEN)
    assert desk.system.open_reader(no_pace).observe("repository ledger", ()) == ()
    error = desk.refusal(ALICE)
    assert "HTTP 403" in error
    assert "an access token without BITBUCKET_USERNAME can only read" in error


def test_a_full_plan_says_that_a_seat_is_missing(desk: Desk) -> None:
    desk.local.seats = 1
    error = desk.refusal(ALICE)
    assert "HTTP 402" in error
    assert "no seat left: free one, or buy one" in error


def test_the_owner_of_the_workspace_can_be_given_nothing(desk: Desk) -> None:
    error = desk.refusal(Principal(f"user:{User('olivia').uuid}"))
    assert "HTTP 400" in error
    assert "must be a member of the workspace and not its owner" in error


def test_somebody_who_is_no_member_can_be_given_nothing(desk: Desk) -> None:
    stranger = Principal("user:{11111111-2222-3333-4444-555555555555}")
    assert "HTTP 404" in desk.refusal(stranger)
    assert "HTTP 404" in desk.refusal(Principal("group:nobody"))


def test_a_repository_that_is_gone_for_certain_is_told_from_one_that_is_hidden(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.reader.observe("repository gone", ())
    with pytest.raises(NotFound):
        desk.reader.observe("project GONE", ())
    desk.local.workspace_admin = False
    with pytest.raises(ProviderError, match="HTTP 404") as error:
        desk.reader.observe("repository gone", ())
    assert not isinstance(error.value, NotFound)


def test_a_404_that_is_not_bitbuckets_own_is_never_taken_for_gone(desk: Desk) -> None:
    fail(desk.faults, "bitbucket", "GET */ledger/*", 404)
    with pytest.raises(ProviderError, match="HTTP 404") as error:
        desk.reader.observe("repository ledger", ())
    assert not isinstance(error.value, NotFound)


def test_rule_4_a_hidden_principal_is_looked_for_in_the_whole_list_before_it_counts_as_gone(
    desk: Desk,
) -> None:
    desk.local.table.put(LEDGER, Holder("users", User("alice").uuid), "read")
    fail(desk.faults, "bitbucket", "GET */users/*", 404)
    assert "changed since the plan" in desk.refusal(ALICE, "write")


def test_our_own_account_is_known(desk: Desk) -> None:
    assert desk.reader.own() == {f"user:{User(BOT).uuid}"}
    assert desk.reader.own() == {f"user:{User(BOT).uuid}"}
    assert len(desk.faults.calls()) == 1


def test_the_hourly_limit_of_bitbucket_is_the_rate(desk: Desk) -> None:
    rate = desk.system.rate
    assert rate.calls / rate.seconds == pytest.approx(1000 / 3600)
