"""Bitbucket Cloud for the provider contract: a local one, and words for every kind of access."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.model import Subject, SubjectKind
from reconciler.providers.base import System
from reconciler.providers.bitbucket_cloud import connect
from reconciler.sandbox.bitbucket import Holder, Place
from reconciler.sandbox.bitbucket_cloud import LocalBitbucketCloud, User
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.local import GROUPS, PEOPLE
from tests.providers.bitbucket_build import HASTY
from tests.providers.world import Way, World, started

Item = Mapping[str, Any]
PAGE = 5
ODD_ACCOUNTS = {"bob": User("bob").uuid.strip("{}").upper(), "carol": User("carol").account_id}
# Not grace: she is an admin of payments-api, which includes all that could be given.
SUBJECTS = (
    *(
        Subject(SubjectKind.PERSON, p.email, (ODD_ACCOUNTS.get(p.login, User(p.login).uuid),))
        for p in PEOPLE
        if p.login != "grace"
    ),
    Subject(SubjectKind.SERVICE, "deployer", (User("deployer").uuid,)),
    *(Subject(SubjectKind.GROUP, name, (name.title(),)) for name in GROUPS),
)

# item, odd_item, higher, elsewhere
_ITEMS: Mapping[str, tuple[Item, Item, Item, Item]] = {
    "repository": (
        {"repository": "payments-api", "permission": "read"},
        {"repository": "ACME/Payments-API", "permission": "read"},
        {"repository": "payments-api", "permission": "write"},
        {"repository": "ledger", "permission": "read"},
    ),
    "project": (
        {"project": "PAY", "permission": "write"},
        {"project": "pay", "permission": "write"},
        {"project": "PAY", "permission": "create-repo"},
        {"project": "OPS", "permission": "write"},
    ),
}
KINDS: tuple[str, ...] = tuple(_ITEMS)
_LISTS = {
    "repository": "/2.0/repositories/acme/payments-api/permissions-config/users",
    "project": "/2.0/workspaces/acme/projects/PAY/permissions-config/users",
}


class Hand:
    """An administrator in the browser."""

    def __init__(self, local: LocalBitbucketCloud, system: System) -> None:
        self._local = local
        self._system = system

    def give(self, item: Item, subject: Subject) -> None:
        entitlement, _ = self._system.item(item)
        place = Place(entitlement.kind, entitlement.resource)
        self._local.table.put(place, holder(subject), entitlement.role)

    def holders(self, item: Item) -> frozenset[str]:
        entitlement, _ = self._system.item(item)
        held = self._local.table.held(Place(entitlement.kind, entitlement.resource))
        have = {h for h, role in held if role == entitlement.role}
        return frozenset(s.id for s in SUBJECTS if holder(s) in have)


def holder(subject: Subject) -> Holder:
    if subject.kind is SubjectKind.GROUP:
        return Holder("groups", subject.id)
    return Holder("users", User(subject.id.partition("@")[0]).uuid)


def _ways(local: LocalBitbucketCloud, kind: str, system: System) -> Iterator[Way]:
    entitlement, _ = system.item(_ITEMS[kind][0])
    place = Place(kind, entitlement.resource)

    def by_group(subject: Subject) -> None:
        local.table.put(place, Holder("groups", "auditors"), entitlement.role)
        local.standing.groups["auditors"].add(holder(subject).name)

    def by_project(subject: Subject) -> None:
        local.table.put(Place("project", "PAY"), holder(subject), "write")

    last_word = "GET /2.0/workspaces/acme/permissions/repositories/payments-api"
    if kind == "project":
        yield Way("group Auditors", entitlement.role, by_group, "GET /1.0/groups/*")
    else:
        yield Way("group Auditors", entitlement.role, by_group, last_word)
        yield Way("inherited from project PAY", "write", by_project, last_word)


@contextmanager
def local_cloud(
    home: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> Iterator[tuple[LocalBitbucketCloud, Faults, System]]:
    local = LocalBitbucketCloud(page_most=PAGE)
    local.table.add_place(Place("project", "OPS"))
    with started(local, home, monkeypatch) as (faults, own):
        system = connect("bitbucket", {**own, **settings})
        yield local, faults, replace(system, patience=HASTY)


@contextmanager
def open_world(kind: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    item, odd_item, higher, elsewhere = _ITEMS[kind]
    with local_cloud(home, monkeypatch) as (local, faults, system):
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
            ways=tuple(_ways(local, kind, system)),
        )
