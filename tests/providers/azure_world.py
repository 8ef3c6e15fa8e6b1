"""Azure for the provider contract: a local tenant, with and without PIM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from reconciler.model import (
    Action,
    Assignment,
    Cause,
    Change,
    Observed,
    Subject,
    SubjectKind,
)
from reconciler.providers.azure import connect
from reconciler.providers.azure.system import Azure
from reconciler.sandbox.azure import LocalAzure, seed
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.local import GROUPS, PEOPLE
from tests.providers.world import Way, World, started

Item = Mapping[str, Any]
PAGE = 10
SUBJECTS = (
    *(Subject(SubjectKind.PERSON, member.email) for member in PEOPLE),
    *(Subject(SubjectKind.GROUP, name, (seed.object_id(name),)) for name in GROUPS),
    Subject(SubjectKind.SERVICE, "deployer", (seed.object_id("deployer").upper(),)),
)
ALICE = SUBJECTS[0]

# item, odd_item, higher, elsewhere
_RESOURCE_GROUP: tuple[Item, ...] = (
    {"scope": seed.RG_PAYMENTS, "role": "Reader"},
    {"scope": "/Subscriptions/PAYMENTS/RESOURCEGROUPS/Payments/", "role": seed.READER.upper()},
    {"subscription": "payments", "resource_group": "payments", "role": "contributor"},
    {"subscription": "data", "resource_group": "warehouse", "role": "Reader"},
)
_ITEMS: Mapping[str, tuple[Item, ...]] = {
    "role_assignment": _RESOURCE_GROUP,
    "management_group": (
        {"scope": seed.GROUP_ACME, "role": "Reader"},
        {"scope": seed.GROUP_ACME.upper(), "role": "READER"},
        {"scope": seed.GROUP_ACME, "role": "Contributor"},
        {"subscription": "data", "role": "Reader"},
    ),
    "pim": _RESOURCE_GROUP,
}
KINDS: tuple[str, ...] = tuple(_ITEMS)


class Hand:
    """An administrator in the portal."""

    def __init__(self, local: LocalAzure, system: Azure) -> None:
        self._local = local
        self._system = system

    def give(self, item: Item, subject: Subject) -> None:
        entitlement, _ = self._system.item(item)
        self._local.give(entitlement.resource, entitlement.role, oid(subject))

    def holders(self, item: Item) -> frozenset[str]:
        entitlement, _ = self._system.item(item)
        held = self._local.holders(entitlement.resource, entitlement.role)
        return frozenset(subject.id for subject in SUBJECTS if oid(subject) in held)


def oid(subject: Subject) -> str:
    return (subject.accounts[0] if subject.accounts else seed.object_id(subject.id)).lower()


def hasty() -> datetime:
    """A clock that finds six minutes gone whenever it is looked at, and nothing of now ended."""
    return datetime(2001, 1, 1, tzinfo=UTC) + timedelta(minutes=6) * next(_TICKS)


_TICKS = count()


def _ways(local: LocalAzure, kind: str) -> tuple[Way, ...]:
    """Through a group, from above, from above through a group in a group."""
    here, above, top = seed.RG_PAYMENTS, seed.SUB_PAYMENTS, seed.GROUP_ACME
    if kind == "management_group":
        here, above, top = seed.GROUP_ACME, seed.TENANT_ROOT, seed.TENANT_ROOT
    listed = "GET */roleAssignments[?]*"
    ends = "GET */roleAssignmentScheduleInstances[?]*" if kind == "pim" else listed
    outer = seed.object_id("outer")

    def by_group(who: Subject) -> None:
        local.give(here, "Reader", local.add_group("on-call", oid(who)))

    def from_above(who: Subject) -> None:
        local.give(above, "Contributor", oid(who))

    def from_above_by_groups(who: Subject) -> None:
        local.add_group("outer", local.add_group("inner", oid(who)))
        local.give(top, "Owner", outer)

    return (
        Way(f"group {seed.object_id('on-call')}", "Reader", by_group, listed),
        Way(f"inherited from {above}", "Contributor", from_above, ends),
        Way(f"inherited from {top}, group {outer}", "Owner", from_above_by_groups, ends),
    )


@contextmanager
def local_azure(
    home: Path, monkeypatch: pytest.MonkeyPatch, local: LocalAzure, **settings: Any
) -> Iterator[tuple[Azure, Faults]]:
    """`local`, started, and the system that reconciler.yaml would make of it."""
    monkeypatch.delenv("AZURE_CLIENT_SECRET", raising=False)
    with started(local, home, monkeypatch) as (faults, own):
        yield replace(connect("azure", {**own, **settings}), backoff=0.01), faults


@contextmanager
def open_world(kind: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    pim = kind == "pim"
    item, odd_item, higher, elsewhere = _ITEMS[kind]
    local = LocalAzure(page_size=PAGE, now=hasty if pim else None, pim=pim)
    with local_azure(home, monkeypatch, local) as (system, faults):
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
            list_call=f"GET */roleAssignment{'Schedules' if pim else 's'}[?]*",
            write_call=f"PUT */roleAssignment{'ScheduleRequests' if pim else 's'}/*",
            # role definitions, role assignments, one person; with PIM also the schedules
            quiet_calls=4 if pim else 3,
            ways=_ways(local, kind),
        )


# For the tests of Azure's own traps.


def no_pace() -> None:
    pass


def assignment(system: Azure, item: Item, subject: Subject = ALICE) -> Assignment:
    """Spelled as a run would spell it, by asking the local tenant."""
    reader = system.open_reader(no_pace)
    entitlement = reader.canonical(system.item(item)[0])
    return Assignment(entitlement, reader.principal(subject, entitlement, ""))


def observed(system: Azure, wanted: Assignment) -> list[Observed]:
    """The live rows of this assignment."""
    scope = system.scope(wanted.entitlement)
    rows = system.open_reader(no_pace).observe(scope, [wanted.entitlement])
    return [row for row in rows if row.assignment == wanted]


def add(
    wanted: Assignment, until: datetime | None = None, grants: tuple[str, ...] = ("grants/a.yaml",)
) -> Change:
    return Change(Action.ADD, Cause.DECLARED, wanted, "alice@example.com", until, grants)


def remove(live: Observed) -> Change:
    return Change(Action.REMOVE, Cause.EXPIRED, live.assignment, "alice@example.com", live=live)


def carried_out(system: Azure, *changes: Change, patience: float = 2.0) -> list[str]:
    """What went wrong with each change, "" for nothing."""
    from reconciler.providers.azure.session import Session
    from reconciler.providers.azure.writer import AzureWriter

    writer = AzureWriter(Session(system.name, system.settings, no_pace, system.backoff), patience)
    return [str(outcome.error or "") for outcome in writer.carry_out(changes)]


def asked(faults: Faults) -> list[str]:
    """The calls since the last `faults.clear()`, without hosts, ids and versions."""
    return [_short(call.call) for call in faults.calls("azure")]


def _short(call: str) -> str:
    method, _, path = call.partition(" ")
    path = path.partition("?")[0]
    _, authorization, name = path.rpartition("/providers/Microsoft.Authorization/")
    return f"{method} {name.partition('/')[0] if authorization else path}"
