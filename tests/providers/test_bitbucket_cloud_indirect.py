"""Other ways to what a workspace holds: groups, projects, the workspace, and what cannot be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import NotFound, ProviderError
from reconciler.model import Assignment, Entitlement, Observed, Principal, Subject
from reconciler.providers.base import Reader, System
from reconciler.providers.bitbucket_cloud import connect
from reconciler.sandbox.bitbucket import Holder, Place
from reconciler.sandbox.bitbucket_cloud import OWNER, LocalBitbucketCloud, User
from reconciler.sandbox.faults import FaultKind, Faults
from tests.providers.bitbucket_build import (
    HASTY,
    break_calls,
    calls_of,
    fail,
    group,
    no_pace,
    person,
    scripted,
)
from tests.providers.bitbucket_cloud_world import local_cloud

Item = Mapping[str, object]
REPOSITORY: Item = {"repository": "payments-api", "permission": "read"}
PROJECT: Item = {"project": "PAY", "permission": "read"}
HERE, PAY = Place("repository", "payments-api"), Place("project", "PAY")
VAGUE = "a group, its project or the workspace: Bitbucket does not tell which"
OWNED = "the workspace, which they own"
ONCALL = group("oncall", "payments-oncall")
GROUPS, EFFECTIVE = "GET /1.0/groups/*", "GET /2.0/workspaces/acme/permissions/repositories/*"


def user(login: str) -> Subject:
    return person(f"{login}@example.com", User(login).uuid)


ALICE, CAROL = user("alice"), user("carol")


class World:
    def __init__(self, local: LocalBitbucketCloud, faults: Faults, system: System) -> None:
        self.local, self.faults, self.system = local, faults, system

    def give(self, place: Place, role: str, login: str = "", group: str = "") -> None:
        holder = Holder("users", User(login).uuid) if login else Holder("groups", group)
        self.local.table.put(place, holder, role)

    def ways(
        self, subject: Subject = ALICE, item: Item = REPOSITORY, reader: Reader | None = None
    ) -> tuple[Observed, ...]:
        reader = reader or self.system.open_reader(no_pace)
        entitlement, account = self.system.item(item)
        return reader.indirect(reader.principal(subject, entitlement, account), entitlement)

    def told(self, subject: Subject = ALICE, item: Item = REPOSITORY) -> list[str]:
        rows = self.ways(subject, item)
        return [f"{row.assignment.entitlement.role}: {row.via}" for row in rows]

    def refuse(self, call: str, status: int = 403) -> None:
        fail(self.faults, "bitbucket", call, status, times=99)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with local_cloud(tmp_path, monkeypatch) as parts:
        yield World(*parts)


def test_a_row_is_told_as_it_stands_there(world: World) -> None:
    world.give(PAY, "create-repo", group="payments-oncall")
    [row] = world.ways()
    there = Entitlement("bitbucket", "project", "PAY", "create-repo")
    assert row.assignment == Assignment(there, Principal("group:payments-oncall"))
    assert row.via == "inherited from project PAY, group Payments Oncall"


def test_all_that_opens_a_repository_is_told(world: World) -> None:
    world.give(HERE, "admin", login="alice")  # her own: `observe` has it
    world.give(HERE, "write", group="payments-oncall")
    world.give(HERE, "write", group="developers")  # she is in none
    world.give(PAY, "read", login="alice")
    world.give(PAY, "read", group="payments-oncall")
    world.local.standing.public.add("payments-api")
    assert world.told() == [
        "write: group Payments Oncall",
        "read: inherited from project PAY",
        "read: inherited from project PAY, group Payments Oncall",
        "read: everybody: it is public",
    ]


def test_all_that_opens_a_project_is_told(world: World) -> None:
    world.give(PAY, "admin", login="alice")
    world.give(PAY, "write", group="payments-oncall")
    assert world.told(ALICE, PROJECT) == ["write: group Payments Oncall"]
    assert world.told(user(OWNER), PROJECT) == [f"admin: {OWNED}"]
    assert world.told(CAROL, PROJECT) == []


def test_who_owns_the_workspace_has_every_repository(world: World) -> None:
    assert world.told(user(OWNER)) == [f"admin: {OWNED}"]


def test_a_group_inherits_from_the_project(world: World) -> None:
    world.give(HERE, "read", group="payments-oncall")  # its own
    world.give(PAY, "write", group="payments-oncall")
    world.give(PAY, "write", group="developers")
    world.refuse(GROUPS)  # no group is in a group
    assert world.told(ONCALL) == ["write: inherited from project PAY"]
    world.refuse("GET /2.0/workspaces/acme/permissions")  # no group owns a workspace
    assert world.told(ONCALL, PROJECT) == []


def test_what_is_higher_than_all_that_is_known_is_told_without_its_way(world: World) -> None:
    world.give(HERE, "read", login="alice")
    world.give(HERE, "write", group="payments-oncall")
    world.refuse(GROUPS)
    [row] = world.ways()
    assert (row.assignment.entitlement.role, row.via) == ("write", VAGUE)
    assert row.assignment.principal.id == f"user:{User('alice').uuid}"


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_where_groups_are_not_told_the_last_word_on_a_repository_still_is(
    world: World, status: int
) -> None:
    world.give(PAY, "write", group="payments-oncall")
    world.refuse(GROUPS, status)
    assert world.told() == [f"write: {VAGUE}"]
    owners = "GET /2.0/workspaces/acme/permissions"
    assert owners not in [call.call for call in world.faults.calls()]  # who owns has all


def test_who_is_no_admin_of_the_project_or_the_workspace_still_hears_of_the_repository(
    world: World,
) -> None:
    world.give(PAY, "admin", login="alice")
    world.refuse("GET /2.0/workspaces/acme/projects/*")
    world.refuse("GET /2.0/workspaces/acme/permissions")
    assert world.told() == [f"admin: {VAGUE}"]
    assert world.told(user(OWNER)) == [f"admin: {VAGUE}"]


@pytest.mark.parametrize("own", ["write", "admin"])
def test_what_is_no_higher_than_ones_own_needs_no_other_way(world: World, own: str) -> None:
    world.give(HERE, own, login="alice")
    world.give(HERE, "write", group="payments-oncall")
    world.refuse(GROUPS)
    assert world.told() == []


@pytest.mark.parametrize("on_project", ["write", "create-repo", "admin"])
def test_what_a_project_gives_explains_what_it_comes_to(world: World, on_project: str) -> None:
    world.give(PAY, on_project, login="alice")
    assert world.told() == [f"{on_project}: inherited from project PAY"]


def test_a_project_that_lets_make_repositories_makes_nobody_admin_of_one(world: World) -> None:
    world.give(PAY, "create-repo", login="alice")
    world.give(HERE, "admin", group="payments-oncall")
    world.refuse(GROUPS)
    assert world.told() == ["create-repo: inherited from project PAY", f"admin: {VAGUE}"]


def test_a_failure_of_the_server_is_no_refusal(world: World) -> None:
    world.give(HERE, "write", group="payments-oncall")
    world.refuse(GROUPS, 500)
    with pytest.raises(ProviderError, match="list the members of group payments-oncall"):
        world.ways()


@pytest.mark.parametrize(
    ("item", "call", "right"),
    [
        (REPOSITORY, EFFECTIVE, "an admin of repository payments-api"),
        (REPOSITORY, "GET /2.0/repositories/acme/payments-api", "read access to payments-api"),
        (PROJECT, "GET *PAY/permissions-config/groups", "an admin of project PAY"),
        (PROJECT, GROUPS, "an admin of the workspace, with read:workspace:bitbucket"),
        (PROJECT, "GET /2.0/workspaces/acme/permissions", "an admin of the workspace"),
    ],
)
@pytest.mark.parametrize("status", [401, 403])
def test_a_right_that_is_missing_is_named(
    world: World, item: Item, call: str, right: str, status: int
) -> None:
    world.give(PAY, "write", group="payments-oncall")
    world.refuse(call, status)
    with pytest.raises(ProviderError, match=f"it takes {right}"):
        world.ways(ALICE, item)


def test_a_group_is_told_nothing_where_a_list_is_refused(world: World) -> None:
    world.refuse("GET /2.0/workspaces/acme/projects/*")
    with pytest.raises(ProviderError, match="it takes an admin of project PAY"):
        world.ways(ONCALL)


def test_the_same_is_asked_once_in_a_run(world: World) -> None:
    """For a repository: its groups, itself, its project's users and groups, what the person may in
    the end and by themselves (one or two), and one call for each group that holds anything there.
    A page more for each 100 rows."""
    world.give(PAY, "write", group="payments-oncall")
    world.give(PAY, "write", login="bob")
    reader = world.system.open_reader(no_pace)
    calls = calls_of(world.faults, lambda: world.ways(ALICE, REPOSITORY, reader))
    config = "permissions-config"
    assert [call for call in calls if "users/" not in call] == [
        f"GET /2.0/repositories/acme/payments-api/{config}/groups",
        "GET /2.0/repositories/acme/payments-api",
        f"GET /2.0/workspaces/acme/projects/PAY/{config}/users",
        f"GET /2.0/workspaces/acme/projects/PAY/{config}/groups",
        "GET /1.0/groups/acme/payments-oncall/members",
        "GET /2.0/workspaces/acme/permissions/repositories/payments-api",
    ]
    assert len(calls) == 7
    assert calls_of(world.faults, lambda: world.ways(ALICE, REPOSITORY, reader)) == []
    other = {**REPOSITORY, "repository": "ledger"}
    again = calls_of(world.faults, lambda: world.ways(ALICE, other, reader))
    assert not any("PAY" in call or "/1.0/" in call for call in again)


def test_all_pages_are_read(world: World) -> None:
    for n in range(6):  # a page holds five
        world.local.standing.groups[f"team-{n}"] = set()
        world.give(HERE, "read", group=f"team-{n}")
    world.local.standing.groups["last"] = {User("alice").uuid}
    world.give(HERE, "write", group="last")
    for n in range(6):
        world.local.standing.owners.add(world.local.add_member(f"owner{n}").uuid)
    late = world.local.add_member("zoe")
    world.local.standing.owners.add(late.uuid)
    assert world.told() == ["write: group Last"]
    assert world.told(user("zoe"), PROJECT) == [f"admin: {OWNED}"]


def test_what_is_gone_is_told_as_gone(world: World) -> None:
    with pytest.raises(NotFound):
        world.ways(ALICE, {**REPOSITORY, "repository": "nope"})
    with pytest.raises(NotFound):
        world.ways(ALICE, {**PROJECT, "project": "NOPE"})


@pytest.mark.parametrize("kind", [FaultKind.HALF, FaultKind.EMPTY])
def test_a_page_that_is_not_all_there_is_an_error(world: World, kind: FaultKind) -> None:
    break_calls(world.faults, "bitbucket", EFFECTIVE, kind, times=99)
    with pytest.raises(ProviderError):
        world.ways()


ALICES = {"user": {"uuid": User("alice").uuid}}
ANOTHERS = {"user": {"uuid": User("bob").uuid}, "permission": "admin"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("2.0/repositories/acme/payments-api", {"is_private": True}),
        ("2.0/repositories/acme/payments-api", {"project": {"key": "PAY"}}),
        ("2.0/workspaces/acme/permissions/repositories/payments-api", {"values": [ALICES]}),
        ("2.0/workspaces/acme/permissions/repositories/payments-api", {"values": [{}]}),
        ("1.0/groups/acme/oncall/members", {"values": []}),
        ("1.0/groups/acme/oncall/members", ["alice"]),
        ("1.0/groups/acme/oncall/members", [{"nickname": "alice"}]),
        ("1.0/groups/acme/oncall/members", "<html>"),
    ],
)
def test_an_answer_that_does_not_say_is_an_error(
    path: str, body: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, pay = "/2.0/repositories/acme/payments-api", "/2.0/workspaces/acme/projects/PAY"
    monkeypatch.setenv("BITBUCKET_TOKEN", "x")
    with scripted() as server:
        oncall = {"group": {"slug": "oncall"}, "permission": "write"}
        server.says(here, {"project": {"key": "pay"}, "is_private": True})
        server.says(f"{here}/permissions-config/groups", {"values": [oncall]})
        server.says(f"{here}/permissions-config/users", {"values": []})
        for section in ("users", "groups"):
            server.says(f"{pay}/permissions-config/{section}", {"values": []})
        on_project = [{**ALICES, "permission": "read"}]
        server.says(f"{pay}/permissions-config/users", {"values": on_project})
        server.says("/1.0/groups/acme/oncall/members", [])
        effective = "/2.0/workspaces/acme/permissions/repositories/payments-api"
        server.says(effective, {"values": [ANOTHERS]})  # as if it filtered nothing
        settings = {"workspace": "acme", "endpoint": server.url}
        system = replace(connect("bitbucket", settings), patience=HASTY)
        world = World(LocalBitbucketCloud(), Faults(), system)
        assert world.told() == ["read: inherited from project PAY"]
        server.says(f"/{path}", body)
        with pytest.raises(ProviderError):
            world.ways()
