"""AWS for the provider contract: each kind of item on a local AWS with small pages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from reconciler.model import Subject, SubjectKind
from reconciler.providers.aws import AwsSystem, connect
from reconciler.providers.aws.settings import Patience
from reconciler.sandbox.aws import AwsLocal
from reconciler.sandbox.aws.identity_center import Row
from reconciler.sandbox.aws.local import ACCOUNTS
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.local import PEOPLE
from tests.providers.world import Way, World, started

KINDS = ("account_assignment", "group_membership", "inline_policy", "iam_group")
PAGE = 5
HASTY = Patience(tries=5, wait=0.01)
PAYMENTS, DATA = ACCOUNTS["payments"], ACCOUNTS["data"]
READ = [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::exports/*"}]
WRITE = [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::exports/*"}]
# What READ says, spelled otherwise.
ODD_READ = [{"Effect": "Allow", "Resource": ["arn:aws:s3:::exports/*"], "Action": "S3:getobject"}]


def person(login: str) -> Subject:
    return Subject(SubjectKind.PERSON, f"{login}@example.com", (f"user/{login}",))


SUBJECTS = tuple(person(p.login) for p in PEOPLE)


def login(subject: Subject) -> str:
    return subject.id.partition("@")[0]


@dataclass(frozen=True)
class ByHandInAws:
    local: AwsLocal

    def give(self, item: Mapping[str, Any], subject: Subject) -> None:
        who = login(subject)
        store = self.local.identity_store
        if "group" in item:
            made = store.join(store.group(item["group"]), store.user(who))
            store.data.group_memberships[made]["CreatedAt"] -= 86_400  # long before any grant
        elif "permission_set" in item:
            arn = self.local.assignments.permission_set(item["permission_set"])
            self.local.assignments.put(Row(_account(item), arn, "USER", store.user(who)))
        elif "iam_group" in item:
            self._iam(item).add_user_to_group(item["iam_group"], who)
        else:
            document = {"Version": "2012-10-17", "Statement": item["statements"]}
            self._iam(item).put_user_policy(who, "by-hand", json.dumps(document))

    def holders(self, item: Mapping[str, Any]) -> frozenset[str]:
        return frozenset(f"{who}@example.com" for who in self._holders(item))

    def _holders(self, item: Mapping[str, Any]) -> Iterator[str]:
        store = self.local.identity_store
        if "group" in item:
            group = store.group(item["group"])
            rows = store.data.group_memberships.values()
            ids = [m["MemberId"]["UserId"] for m in rows if m["GroupId"] == group]
            yield from (store.data.users[i].UserName for i in ids)
        elif "permission_set" in item:
            arn = self.local.assignments.permission_set(item["permission_set"])
            for row in self.local.assignments.rows():
                if (row.account, row.permission_set) == (_account(item), arn):
                    yield store.data.users[row.principal].UserName
        elif "iam_group" in item:
            yield from (u.name for u in self._iam(item).groups[item["iam_group"]].users)
        else:
            for user in self._iam(item).users.values():
                texts = [unquote(text) for text in user.policies.values()]
                if any(
                    _means(json.loads(t)["Statement"]) == _means(item["statements"]) for t in texts
                ):
                    yield user.name

    def _iam(self, item: Mapping[str, Any]) -> Any:
        return self.local.iam.account(_account(item))


def _account(item: Mapping[str, Any]) -> str:
    return ACCOUNTS.get(item["account"], item["account"])


def _means(statements: list[dict[str, Any]]) -> frozenset[tuple[frozenset[str], frozenset[str]]]:
    """What is allowed where, without conditions and spelling."""

    def texts(value: str | list[str]) -> frozenset[str]:
        return frozenset([value] if isinstance(value, str) else value)

    return frozenset(
        (frozenset(a.lower() for a in texts(s["Action"])), texts(s["Resource"])) for s in statements
    )


Items = tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]


def _items(kind: str, local: AwsLocal) -> Items:
    """(item, odd_item, higher, elsewhere)"""
    if kind == "account_assignment":
        arn = local.assignments.permission_set("ReadOnlyAccess")
        return (
            {"account": "payments", "permission_set": "ReadOnlyAccess"},
            {"account": PAYMENTS, "permission_set": arn},
            {"account": "payments", "permission_set": "PowerUserAccess"},
            {"account": "data", "permission_set": "ReadOnlyAccess"},
        )
    if kind == "group_membership":
        local.identity_store.add_group("jit-payments")
        local.identity_store.add_group("jit-payments-admins")
        local.identity_store.add_group("jit-data")
        return (
            {"group": "jit-payments"},
            {"group": local.identity_store.group("jit-payments")},
            {"group": "jit-payments-admins"},
            {"group": "jit-data"},
        )
    if kind == "inline_policy":
        return (
            {"account": "payments", "statements": READ},
            {"account": PAYMENTS, "statements": ODD_READ},
            {"account": "payments", "statements": WRITE},
            {"account": "data", "statements": READ},
        )
    return (
        {"account": "payments", "iam_group": "auditors"},
        {"account": PAYMENTS, "iam_group": "AUDITORS"},
        {"account": "payments", "iam_group": "operators"},
        {"account": "data", "iam_group": "analysts"},
    )


_CALLS: Mapping[str, tuple[str, str]] = {
    "account_assignment": ("sso-admin.ListAccountAssignments", "sso-admin.*AccountAssignment"),
    "group_membership": (
        "identitystore.ListGroupMemberships",
        "identitystore.[CD]*eGroupMembership",
    ),
    "inline_policy": ("iam.GetAccountAuthorizationDetails", "iam.[PD]*Policy"),
    "iam_group": ("iam.GetAccountAuthorizationDetails", "iam.[AR]*Group"),
}


def _quiet_calls(kind: str, local: AwsLocal) -> int:
    if kind == "account_assignment":
        return 5  # instance, permission sets, its name, the user, the assignments
    if kind == "group_membership":
        return 5  # instance, the group's id and name, the user, the memberships
    account = local.iam.account(PAYMENTS)
    entities = len(account.users) + len(account.groups) + len(account.roles)
    return 1 + -(-entities // PAGE)  # the role, and the account's pages


def _ways(kind: str, local: AwsLocal, system: AwsSystem) -> tuple[Way, ...]:
    if kind == "account_assignment":
        call = "POST sso-admin.ListAccountAssignments*"

        def way(group: str, role: str) -> Way:
            def give(who: Subject) -> None:
                store = local.identity_store
                store.add_group(group, (store.user(login(who)),))
                local.give_to_group(group, PAYMENTS, role)

            return Way(f"group {group}", role, give, call)

        return way("on-call", "ReadOnlyAccess"), way("admins", "AdministratorAccess")
    if kind != "inline_policy":
        return ()
    call = "POST iam.GetAccountAuthorizationDetails"
    account = local.iam.account(PAYMENTS)
    document = json.dumps({"Version": "2012-10-17", "Statement": READ})
    policy = account.create_policy("", "/", document, "ExportsReader", [])
    role = system.item({"account": "payments", "statements": READ})[0].role

    def by_group(who: Subject) -> None:
        account.put_group_policy("operators", "exports", document)
        account.add_user_to_group("operators", login(who))

    def by_group_and_managed(who: Subject) -> None:
        account.attach_group_policy(policy.arn, "auditors")
        account.add_user_to_group("auditors", login(who))

    def by_managed(who: Subject) -> None:
        account.attach_user_policy(policy.arn, login(who))

    managed = f"managed policy {policy.arn}"
    return (
        Way("group operators, inline policy exports", role, by_group, call),
        Way(f"group auditors, {managed}", "ExportsReader", by_group_and_managed, call),
        Way(managed, "ExportsReader", by_managed, call),
    )


_NO_OTHER_WAY: Mapping[str, str] = {
    "group_membership": "a group of Identity Center has users only",
    "iam_group": "an IAM group has users only, and groups do not nest",
}


@contextmanager
def serving(
    local: AwsLocal, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[AwsSystem, Faults]]:
    with started(local, home, monkeypatch) as (faults, settings):
        yield replace(connect("aws", settings), patience=HASTY), faults


@contextmanager
def open_world(kind: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    local = AwsLocal(page=PAGE)
    with serving(local, home, monkeypatch) as (system, faults):
        item, odd_item, higher, elsewhere = _items(kind, local)
        list_call, write_call = _CALLS[kind]
        yield World(
            system=system,
            faults=faults,
            by_hand=ByHandInAws(local),
            item=item,
            odd_item=odd_item,
            higher=higher,
            elsewhere=elsewhere,
            subjects=SUBJECTS,
            page=PAGE,
            list_call=f"POST {list_call}",
            write_call=f"POST {write_call}",
            quiet_calls=_quiet_calls(kind, local),
            ways=_ways(kind, local, system),
            extra={"local": local, "no_other_way": _NO_OTHER_WAY.get(kind, "")},
        )
