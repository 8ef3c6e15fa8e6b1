"""Google Cloud for the provider contract: a local one, and words for every kind of entitlement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.model import Subject, SubjectKind
from reconciler.providers.base import System
from reconciler.providers.gcp import connect
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.gcp import LocalGcp
from tests.providers.world import Way, World, started

PERSON, GROUP, SERVICE = SubjectKind.PERSON, SubjectKind.GROUP, SubjectKind.SERVICE

SUBJECTS = (
    Subject(PERSON, "alice@example.com"),
    Subject(PERSON, "bob@example.com", ("Bob@Example.com",)),
    Subject(PERSON, "carol@example.com", ("user:carol@example.com",)),
    Subject(GROUP, "payments-oncall", ("payments-oncall@example.com",)),
    Subject(SERVICE, "deployer", ("deployer@payments-prod.iam.gserviceaccount.com",)),
)

Item = Mapping[str, Any]

# item, odd_item, higher, elsewhere; `basic_role` is a project's role that can hold no end.
_ITEMS: Mapping[str, tuple[Item, Item, Item, Item]] = {
    "project": (
        {"project": "payments-prod", "role": "roles/cloudsql.viewer"},
        {"project": "payments", "role": "roles/cloudsql.viewer"},
        {"project": "payments-prod", "role": "roles/cloudsql.editor"},
        {"project": "data-lake", "role": "roles/cloudsql.viewer"},
    ),
    "folder": (
        {"folder": "1001", "role": "roles/logging.viewer"},
        {"folder": "folders/1001", "role": "roles/logging.viewer"},
        {"folder": "1001", "role": "roles/logging.admin"},
        {"folder": "1002", "role": "roles/logging.viewer"},
    ),
    "organization": (
        {"organization": "2001", "role": "roles/browser"},
        {"organization": "organizations/2001", "role": "roles/browser"},
        {"organization": "2001", "role": "organizations/2001/roles/auditTrail"},
        {"organization": "2002", "role": "roles/browser"},
    ),
    "service_account": (
        {
            "service_account": "deployer@payments-prod.iam.gserviceaccount.com",
            "role": "roles/iam.serviceAccountTokenCreator",
        },
        {
            "service_account": "projects/payments-prod/serviceAccounts/"
            "Deployer@payments-prod.iam.gserviceaccount.com",
            "role": "roles/iam.serviceAccountTokenCreator",
        },
        {
            "service_account": "deployer@payments-prod.iam.gserviceaccount.com",
            "role": "roles/iam.serviceAccountAdmin",
        },
        {
            "service_account": "loader@data-lake.iam.gserviceaccount.com",
            "role": "roles/iam.serviceAccountTokenCreator",
        },
    ),
    "basic_role": (
        {"project": "payments-prod", "role": "roles/viewer"},
        {"project": "projects/payments-prod", "role": "roles/viewer"},
        {"project": "payments-prod", "role": "roles/editor"},
        {"project": "data-lake", "role": "roles/viewer"},
    ),
}

KINDS: tuple[str, ...] = tuple(_ITEMS)


class Hand:
    """An administrator at the console."""

    def __init__(self, local: LocalGcp, system: System) -> None:
        self._local = local
        self._system = system

    def give(self, item: Item, subject: Subject) -> None:
        entitlement, _ = self._system.item(item)
        self._local.give(entitlement.resource, entitlement.role, _member(subject))

    def holders(self, item: Item) -> frozenset[str]:
        entitlement, _ = self._system.item(item)
        members = {
            member.lower()
            for binding in self._local.policies.get(entitlement.resource, 3).bindings
            if binding.role == entitlement.role
            for member in binding.members
        }
        return frozenset(s.id for s in SUBJECTS if _member(s).lower() in members)


def _member(subject: Subject) -> str:
    kind = {PERSON: "user", GROUP: "group", SERVICE: "serviceAccount"}[subject.kind]
    account = subject.accounts[0] if subject.accounts else subject.id
    return account if ":" in account else f"{kind}:{account.lower()}"


# What contains the item's resource, and the service that has its policy.
_ABOVE: Mapping[str, tuple[str, str]] = {
    "project": ("folders/1001", "Folders"),
    "folder": ("organizations/2001", "Organizations"),
    "service_account": ("projects/payments-prod", "Projects"),
    "basic_role": ("organizations/2001", "Organizations"),
}


def _ways(kind: str, local: LocalGcp, system: System) -> Iterator[Way]:
    entitlement, _ = system.item(_ITEMS[kind][0])
    resource, role = entitlement.resource, entitlement.role

    def by_group(subject: Subject) -> None:
        local.give(resource, role, "group:auditors@example.com")
        local.directory.add("auditors@example.com", subject.id)

    yield Way("group auditors@example.com", role, by_group, "GET /v1/groups/*")
    if kind not in _ABOVE:
        return
    above, service = _ABOVE[kind]

    def inherited(subject: Subject) -> None:
        local.give(above, role, _member(subject))

    yield Way(f"inherited from {above}", role, inherited, f"RPC {service}/GetIamPolicy")


@contextmanager
def local_gcp(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[LocalGcp, Faults, System]]:
    local = LocalGcp()
    with started(local, home, monkeypatch) as (faults, own):
        system = connect("gcp", {**own, "projects": {"payments": "payments-prod"}})
        yield local, faults, replace(system, backoff=0.01)


@contextmanager
def open_world(kind: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    item, odd_item, higher, elsewhere = _ITEMS[kind]
    service = {"folder": "Folders", "organization": "Organizations", "service_account": "IAM"}
    calls = service.get(kind, "Projects")
    with local_gcp(home, monkeypatch) as (local, faults, system):
        yield World(
            system=system,
            faults=faults,
            by_hand=Hand(local, system),
            item=item,
            odd_item=odd_item,
            higher=higher,
            elsewhere=elsewhere,
            subjects=SUBJECTS,
            page=4,  # there are no pages: a policy is one message
            list_call=f"RPC {calls}/GetIamPolicy",
            write_call=f"RPC {calls}/SetIamPolicy",
            quiet_calls=1,
            ways=tuple(_ways(kind, local, system)),
        )
