"""Other ways to what a Data Center holds: groups, the project, everybody, and administrators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import NotFound, ProviderError
from reconciler.model import Assignment, Entitlement, Observed, Principal, Subject
from reconciler.providers.base import Reader, System
from reconciler.providers.bitbucket_dc import connect
from reconciler.sandbox.bitbucket import Holder, Place
from reconciler.sandbox.bitbucket_dc import BOT, TOKEN, LocalBitbucketDc
from reconciler.sandbox.bitbucket_dc_people import INSTANCE
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
from tests.providers.bitbucket_dc_world import local_dc

ALICE, CAROL = person("alice@example.com", "alice"), person("carol@example.com", "carol")
ONCALL = group("oncall", "payments-oncall")
LEDGER: Mapping[str, object] = {"project": "PAY", "repository": "ledger", "permission": "read"}
PAY, HERE = Place("project", "PAY"), Place("repository", "PAY/ledger")
API = "/rest/api/1.0"


class World:
    def __init__(self, local: LocalBitbucketDc, faults: Faults, system: System) -> None:
        self.local, self.faults, self.system = local, faults, system

    def give(self, place: Place, role: str, user: str = "", group: str = "") -> None:
        holder = Holder("users", user) if user else Holder("groups", group)
        self.local.table.put(place, holder, role)

    def ways(
        self,
        subject: Subject = ALICE,
        item: Mapping[str, object] = LEDGER,
        reader: Reader | None = None,
    ) -> tuple[Observed, ...]:
        reader = reader or self.system.open_reader(no_pace)
        entitlement, account = self.system.item(item)
        return reader.indirect(reader.principal(subject, entitlement, account), entitlement)

    def told(self, subject: Subject = ALICE, item: Mapping[str, object] = LEDGER) -> list[str]:
        rows = self.ways(subject, item)
        return [f"{row.assignment.entitlement.role}: {row.via}" for row in rows]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with local_dc(tmp_path, monkeypatch) as parts:
        yield World(*parts)


def test_a_row_is_told_as_it_stands_there(world: World) -> None:
    world.give(PAY, "PROJECT_WRITE", group="payments-oncall")
    [row] = world.ways()
    there = Entitlement("bitbucket-dc", "project", "PAY", "write")
    assert row.assignment == Assignment(there, Principal("group:payments-oncall"))
    assert row.via == "inherited from project PAY, group payments-oncall"


def test_all_that_opens_a_repository_is_told(world: World) -> None:
    world.give(HERE, "REPO_WRITE", user="carol")  # her own: `observe` has it
    world.give(PAY, "PROJECT_READ", user="carol")
    world.give(INSTANCE, "SYS_ADMIN", user="carol")
    world.local.defaults["PAY"] = "PROJECT_WRITE"
    world.local.public.add(HERE)
    assert world.told(CAROL) == [
        "write: group developers",
        "read: inherited from project PAY",
        "write: inherited from project PAY, everybody, by the project's default permission",
        "read: everybody: it is public",
        "sys-admin: inherited from the instance, by a permission of their own or of a group",
    ]


def test_all_that_opens_a_project_is_told(world: World) -> None:
    world.give(PAY, "PROJECT_ADMIN", user="alice")
    world.give(PAY, "REPO_CREATE", group="payments-oncall")
    world.local.defaults["PAY"] = "PROJECT_READ"
    world.local.public.add(PAY)
    assert world.told(ALICE, {"project": "PAY", "permission": "read"}) == [
        "create-repo: group payments-oncall",
        "read: everybody, by the project's default permission",
        "read: everybody: it is public",
    ]


def test_a_repository_is_public_with_its_project(world: World) -> None:
    world.local.public.add(PAY)
    assert world.told() == ["read: everybody: it is public"]


def test_a_group_opens_the_instance(world: World) -> None:
    whole = {"global": True, "permission": "licensed-user"}
    assert world.told(CAROL, whole) == ["licensed-user: group developers"]
    assert world.told(ALICE, whole) == []


def test_what_a_group_may_everywhere_its_members_may(world: World) -> None:
    world.give(INSTANCE, "ADMIN", group="payments-oncall")
    [told] = world.told()
    assert told.startswith("admin: inherited from the instance")
    assert world.told(person("erin@example.com", "erin")) == []


@pytest.mark.parametrize("role", ["LICENSED_USER", "PROJECT_CREATE"])
def test_the_lower_global_permissions_open_no_project(world: World, role: str) -> None:
    world.give(INSTANCE, role, user="alice")
    world.give(INSTANCE, role, group="payments-oncall")
    assert world.told() == []
    assert world.told(ONCALL) == []


def test_a_group_in_a_group_counts_where_bitbucket_counts_it(world: World) -> None:
    world.local.people.groups["developers"].add("payments-oncall")
    assert world.told() == ["write: group developers"]


def test_a_name_that_contains_another_is_another(world: World) -> None:
    world.local.add_user("malice", "malice@example.com")
    world.local.people.groups["developers"].add("malice")
    world.give(INSTANCE, "ADMIN", user="malice")
    assert world.told() == []


def test_a_group_inherits_and_is_an_administrator_too(world: World) -> None:
    world.give(HERE, "REPO_READ", group="payments-oncall")  # its own
    world.give(PAY, "PROJECT_WRITE", group="payments-oncall")
    world.give(INSTANCE, "ADMIN", group="payments-oncall")
    assert world.told(ONCALL) == [
        "write: inherited from project PAY",
        "admin: inherited from the instance",
    ]


def test_a_group_is_no_user_of_the_same_name(world: World) -> None:
    world.local.add_user("payments-oncall")
    world.local.people.groups["developers"].add("payments-oncall")
    assert world.told(ONCALL) == []


def test_a_personal_project_is_its_users_own(world: World) -> None:
    world.local.table.add_place(Place("project", "~ALICE"))
    world.local.table.add_place(Place("repository", "~ALICE/notes"))
    notes = {"project": "~alice", "repository": "notes", "permission": "read"}
    assert world.told(ALICE, notes) == ["admin: inherited from project ~ALICE, it is their own"]
    assert world.told(CAROL, notes) == []
    world.local.table.add_place(Place("project", "ALICE"))
    assert world.told(ALICE, {"project": "ALICE", "permission": "read"}) == []


@pytest.mark.parametrize("role", ["READ", "WRITE", "ADMIN"])
def test_the_default_permission_is_found(world: World, role: str) -> None:
    world.local.defaults["PAY"] = f"PROJECT_{role}"
    [told] = world.told()
    assert told.startswith(f"{role.lower()}: inherited from project PAY, everybody")


def test_all_pages_are_read(world: World) -> None:
    for n in range(6):  # a page holds five
        world.local.people.groups[f"team{n}"] = set()
        world.give(HERE, "REPO_READ", group=f"team{n}")
        world.local.add_user(f"alice{n}")
    world.local.people.groups["last"] = {f"alice{n}" for n in range(6)}
    world.local.people.users["alice"] = world.local.people.users.pop("alice")  # on the last page
    world.local.people.groups["last"].add("alice")
    world.give(HERE, "REPO_WRITE", group="last")
    assert world.told() == ["write: group last"]


def test_the_same_is_asked_once_in_a_run(world: World) -> None:
    """For a repository: its groups, one call for each of them, the project's users, groups and
    default permission (up to three), whether it is public, and two for administrators. A page more
    where a list is long."""
    reader = world.system.open_reader(no_pace)
    calls = calls_of(world.faults, lambda: world.ways(ALICE, LEDGER, reader))
    repository, project = f"GET {API}/projects/PAY/repos/ledger", f"GET {API}/projects/PAY"
    assert calls == [
        f"{repository}/permissions/groups",
        f"GET {API}/users",  # is she in developers?
        f"{project}/permissions/users",
        f"{project}/permissions/groups",
        f"{project}/permissions/PROJECT_ADMIN/all",
        f"{project}/permissions/PROJECT_WRITE/all",
        f"{project}/permissions/PROJECT_READ/all",
        repository,
        f"GET {API}/users",  # sys-admin?
        f"GET {API}/users",  # admin?
    ]
    assert calls_of(world.faults, lambda: world.ways(ALICE, LEDGER, reader)) == []
    other = {**LEDGER, "repository": "payments-api"}
    assert calls_of(world.faults, lambda: world.ways(ALICE, other, reader)) == [
        f"GET {API}/projects/PAY/repos/payments-api/permissions/groups",
        f"GET {API}/projects/PAY/repos/payments-api",
    ]


def test_a_token_of_a_project_admin_will_do(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that takes administrators, or a password: those lists refuse tokens."""
    world.local.table.clear(INSTANCE, Holder("users", BOT))
    world.give(PAY, "PROJECT_ADMIN", user=BOT)
    monkeypatch.setenv("BITBUCKET_DC_TOKEN", TOKEN)
    monkeypatch.delenv("BITBUCKET_DC_USERNAME")
    world.give(INSTANCE, "ADMIN", user="alice")
    assert len(world.ways()) == 1
    with pytest.raises(ProviderError, match=r"it takes ADMIN of the instance, with a password"):
        world.ways(ONCALL)


@pytest.mark.parametrize(
    ("call", "right"),
    [
        (f"{API}/projects/PAY/repos/ledger/permissions/groups", "REPO_ADMIN on PAY/ledger"),
        (f"{API}/projects/PAY/permissions/users", "PROJECT_ADMIN on PAY"),
        (f"{API}/projects/PAY/permissions/PROJECT_WRITE/all", "PROJECT_ADMIN on PAY"),
        (f"{API}/projects/PAY/repos/ledger", "REPO_READ on PAY/ledger"),
        (f"{API}/users", "LICENSED_USER"),
    ],
)
@pytest.mark.parametrize("status", [401, 403])
def test_a_right_that_is_missing_is_named(world: World, call: str, right: str, status: int) -> None:
    fail(world.faults, "bitbucket-dc", f"GET {call}", status)
    with pytest.raises(ProviderError, match=f"it takes {right}"):
        world.ways(CAROL)


def test_the_right_to_see_who_administers_is_named_for_the_instance(world: World) -> None:
    fail(world.faults, "bitbucket-dc", f"GET {API}/admin/permissions/groups", 401)
    with pytest.raises(ProviderError, match="it takes ADMIN on instance"):
        world.ways(ALICE, {"global": True, "permission": "admin"})


def test_other_failures_name_no_right(world: World) -> None:
    fail(world.faults, "bitbucket-dc", f"GET {API}/projects/PAY/permissions/users", 400)
    with pytest.raises(ProviderError) as failure:
        world.ways()
    assert "it takes" not in str(failure.value)


def test_what_is_gone_is_told_as_gone(world: World) -> None:
    with pytest.raises(NotFound):
        world.ways(ALICE, {**LEDGER, "repository": "nope"})


@pytest.mark.parametrize("kind", [FaultKind.HALF, FaultKind.EMPTY])
@pytest.mark.parametrize("call", [f"{API}/users", f"{API}/projects/PAY/permissions/groups"])
def test_a_page_that_is_not_all_there_is_an_error(world: World, call: str, kind: FaultKind) -> None:
    break_calls(world.faults, "bitbucket-dc", f"GET {call}", kind, times=99)
    with pytest.raises(ProviderError):
        world.ways()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("projects/PAY/permissions/PROJECT_ADMIN/all", {}),
        ("projects/PAY/permissions/PROJECT_ADMIN/all", {"permitted": "no"}),
        ("projects/PAY", {}),
        ("projects/PAY", {"public": "no"}),
        ("projects/PAY/repos/ledger", {"public": False}),
        ("projects/PAY/repos/ledger", {"project": {"public": False}}),
    ],
)
def test_an_answer_that_does_not_say_is_an_error(
    path: str, body: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = {"values": [], "size": 0, "isLastPage": True}
    monkeypatch.setenv("BITBUCKET_DC_TOKEN", TOKEN)
    with scripted() as server:
        server.says(f"{API}/users", nobody)
        for place in ("projects/PAY", "projects/PAY/repos/ledger"):
            server.says(f"{API}/{place}/permissions/users", nobody)
            server.says(f"{API}/{place}/permissions/groups", nobody)
            server.says(f"{API}/{place}", {"public": False, "project": {"public": False}})
        for role in ("ADMIN", "WRITE", "READ"):
            server.says(f"{API}/projects/PAY/permissions/PROJECT_{role}/all", {"permitted": False})
        system = replace(connect("bitbucket-dc", {"url": server.url}), patience=HASTY)
        world = World(LocalBitbucketDc(), Faults(), system)
        whole: Mapping[str, object] = {"project": "PAY", "permission": "read"}
        item = LEDGER if path.endswith("ledger") else whole
        assert world.ways(ALICE, item) == ()
        server.says(f"{API}/{path}", body)
        with pytest.raises(ProviderError, match="nothing of it is used"):
            world.ways(ALICE, item)
