"""Bitbucket Data Center for the provider contract: a local one, and words for every kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.model import Entitlement, Subject, SubjectKind
from reconciler.providers.base import System
from reconciler.providers.bitbucket_dc import connect
from reconciler.providers.bitbucket_dc.kinds import ROLES
from reconciler.sandbox.bitbucket import Holder, Place
from reconciler.sandbox.bitbucket_dc import LocalBitbucketDc
from reconciler.sandbox.bitbucket_dc_people import INSTANCE
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.local import GROUPS, PEOPLE
from tests.providers.bitbucket_build import HASTY
from tests.providers.world import Way, World, started

Item = Mapping[str, Any]
PAGE = 5
# Bob and the ones after him have no account in the directory: they are looked up by e-mail.
# Not grace: she is an admin of PAY, which includes all that could be given.
SUBJECTS = (
    *(
        Subject(SubjectKind.PERSON, p.email, ("Alice",) if p.login == "alice" else ())
        for p in PEOPLE
        if p.login != "grace"
    ),
    Subject(SubjectKind.SERVICE, "deployer", ("deployer",)),
    *(Subject(SubjectKind.GROUP, name, (name.title(),)) for name in GROUPS),
)

# item, odd_item, higher, elsewhere; there is only one instance, so elsewhere is a project there
_ITEMS: Mapping[str, tuple[Item, Item, Item, Item]] = {
    "project": (
        {"project": "PAY", "permission": "read"},
        {"project": "pay", "permission": "PROJECT_READ"},
        {"project": "PAY", "permission": "write"},
        {"project": "OPS", "permission": "read"},
    ),
    "repository": (
        {"project": "PAY", "repository": "ledger", "permission": "read"},
        {"project": "pay", "repository": "Ledger", "permission": "REPO_READ"},
        {"project": "PAY", "repository": "ledger", "permission": "write"},
        {"project": "PAY", "repository": "payments-api", "permission": "read"},
    ),
    "global": (
        {"global": True, "permission": "licensed-user"},
        {"global": True, "permission": "LICENSED_USER"},
        {"global": True, "permission": "project-create"},
        {"project": "OPS", "permission": "read"},
    ),
}
KINDS: tuple[str, ...] = tuple(_ITEMS)
_LISTS = {
    "project": "/rest/api/1.0/projects/PAY/permissions/users",
    "repository": "/rest/api/1.0/projects/PAY/repos/ledger/permissions/users",
    "global": "/rest/api/1.0/admin/permissions/users",
}


class Hand:
    """An administrator in the browser."""

    def __init__(self, local: LocalBitbucketDc, system: System) -> None:
        self._local = local
        self._system = system

    def give(self, item: Item, subject: Subject) -> None:
        entitlement, _ = self._system.item(item)
        role = ROLES[entitlement.kind][entitlement.role]
        self._local.table.put(place(entitlement), holder(subject), role)

    def holders(self, item: Item) -> frozenset[str]:
        entitlement, _ = self._system.item(item)
        role = ROLES[entitlement.kind][entitlement.role]
        have = {h for h, held in self._local.table.held(place(entitlement)) if held == role}
        return frozenset(s.id for s in SUBJECTS if holder(s) in have)


def _ways(local: LocalBitbucketDc, entitlement: Entitlement) -> Iterator[Way]:
    role = ROLES[entitlement.kind][entitlement.role]

    def by_group(subject: Subject) -> None:
        local.table.put(place(entitlement), Holder("groups", "auditors"), role)
        local.people.groups["auditors"].add(holder(subject).name)

    def by_project(subject: Subject) -> None:
        local.table.put(Place("project", "PAY"), holder(subject), "PROJECT_READ")

    def by_instance(subject: Subject) -> None:
        local.table.put(INSTANCE, holder(subject), "ADMIN")

    yield Way("group auditors", entitlement.role, by_group, "GET /rest/api/1.0/users")
    if entitlement.kind == "repository":
        call = "GET */projects/PAY/permissions/*"
        yield Way("inherited from project PAY", "read", by_project, call)
    if entitlement.kind != "global":
        yield Way("inherited from the instance, *", "admin", by_instance, "GET */users")


def place(entitlement: Entitlement) -> Place:
    if entitlement.kind == "global":
        return INSTANCE
    return Place(entitlement.kind, entitlement.resource)


def holder(subject: Subject) -> Holder:
    section = "groups" if subject.kind is SubjectKind.GROUP else "users"
    return Holder(section, subject.id.partition("@")[0])


@contextmanager
def local_dc(
    home: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> Iterator[tuple[LocalBitbucketDc, Faults, System]]:
    local = LocalBitbucketDc(page_most=PAGE)
    local.table.add_place(Place("project", "OPS"))
    with started(local, home, monkeypatch) as (faults, own):
        system = connect("bitbucket-dc", {**own, **settings})
        yield local, faults, replace(system, patience=HASTY)


@contextmanager
def open_world(kind: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    item, odd_item, higher, elsewhere = _ITEMS[kind]
    with local_dc(home, monkeypatch) as (local, faults, system):
        yield World(
            system=system,
            faults=faults,
            by_hand=Hand(local, system),
            item=item,
            odd_item=odd_item,
            higher=higher,
            elsewhere=elsewhere,
            subjects=SUBJECTS,
            page=PAGE,
            list_call=f"GET {_LISTS[kind]}",
            write_call="PUT *",
            quiet_calls=2,
            ways=tuple(_ways(local, system.item(item)[0])),
        )
