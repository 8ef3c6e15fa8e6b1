"""By what other ways somebody holds something in AWS: groups of Identity Center, IAM policies."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import NotFound, ProviderError
from reconciler.model import Observed, Principal, Subject, SubjectKind
from reconciler.providers.aws import AwsSystem
from reconciler.providers.aws.iam import Account, AccountReader, Identity
from reconciler.providers.aws.identity_center import IdentityCenter
from reconciler.providers.aws.indirect import OtherWays
from reconciler.providers.aws.session import Clients
from reconciler.providers.base import Reader
from reconciler.sandbox.aws import AwsLocal
from reconciler.sandbox.aws.identity_center import Row
from reconciler.sandbox.faults import Fault, FaultKind, Faults
from tests.providers.aws_world import (
    DATA,
    PAYMENTS,
    READ,
    WRITE,
    person,
    serving,
)

Item = dict[str, Any]
ALICE = person("alice")
ASSIGNMENT: Item = {"account": "payments", "permission_set": "ReadOnlyAccess"}
STATEMENTS: Item = {"account": "payments", "statements": READ}
DOCUMENT = json.dumps({"Version": "2012-10-17", "Statement": READ})
SHORT = "sso-admin.ListAccountAssignmentsForPrincipal"
GROUPS = "identitystore.ListGroupMembershipsForMember"
PROVISIONED = "sso-admin.ListPermissionSetsProvisionedToAccount"
HOLDERS = "sso-admin.ListAccountAssignments"


class Aws:
    """A local AWS with pages of two rows, and one reader on it."""

    def __init__(self, local: AwsLocal, system: AwsSystem, faults: Faults) -> None:
        self.local, self.system, self.faults = local, system, faults
        self.reader = system.open_reader(lambda: None)

    def told(self, item: Item, who: Subject = ALICE, reader: Reader | None = None) -> list[str]:
        """`role via ...` of each other way."""
        rows = self.rows(item, who, reader)
        return sorted(f"{row.assignment.entitlement.role} via {row.via}" for row in rows)

    def rows(
        self, item: Item, who: Subject = ALICE, reader: Reader | None = None
    ) -> tuple[Observed, ...]:
        reader = reader or self.reader
        entitlement, account = self.system.item(item)
        entitlement = reader.canonical(entitlement)
        return reader.indirect(reader.principal(who, entitlement, account), entitlement)

    def deny(self, call: str) -> None:
        self.arm(call, FaultKind.STATUS, status=403)

    def arm(self, call: str, kind: FaultKind, **more: int) -> None:
        self.faults.arm(Fault("aws", f"POST {call}", kind, times=1000, **more))

    def calls(self) -> Counter[str]:
        return Counter(c.call.removeprefix("POST ") for c in self.faults.calls())


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    local = AwsLocal(page=2)
    with serving(local, tmp_path, monkeypatch) as (system, faults):
        yield Aws(local, system, faults)


def give_to_group(aws: Aws, group: str, role: str, *members: str) -> str:
    """Make a group of Identity Center that holds a permission set in payments: its id."""
    store = aws.local.identity_store
    made = store.add_group(group, tuple(store.user(who) for who in members))
    aws.local.give_to_group(group, PAYMENTS, role)
    return made


def five_ways(aws: Aws) -> list[str]:
    for n in range(5):
        give_to_group(aws, f"g{n}", f"Set{n}", "alice")
    return [f"Set{n} via group g{n}" for n in range(5)]


# Identity Center


def test_a_groups_assignment_is_told_as_it_stands(aws: Aws) -> None:
    group = give_to_group(aws, "on-call", "PowerUserAccess", "alice")
    [row] = aws.rows(ASSIGNMENT)
    of = row.assignment
    assert (of.principal.id, str(of.principal)) == (f"group:{group}", "on-call")
    assert (of.entitlement.resource, of.entitlement.role) == (PAYMENTS, "PowerUserAccess")
    assert (of.entitlement.kind, row.via) == ("account_assignment", "group on-call")
    assert (row.marker, row.until) == (None, None)


def test_only_groups_of_the_person_in_this_account_are_ways(aws: Aws) -> None:
    store, sets = aws.local.identity_store, aws.local.assignments
    give_to_group(aws, "others", "ReadOnlyAccess", "bob")
    arn = sets.permission_set("PowerUserAccess")
    sets.put(Row(DATA, arn, "GROUP", store.group("payments-oncall")))
    sets.put(Row(PAYMENTS, arn, "USER", store.user("alice")))
    assert aws.told(ASSIGNMENT) == []
    assert aws.told({**ASSIGNMENT, "account": "data"}) == [
        "PowerUserAccess via group payments-oncall"
    ]


@pytest.mark.parametrize("denied", [False, True])
def test_all_pages_are_read(aws: Aws, denied: bool) -> None:
    expected = five_ways(aws)
    if denied:
        aws.deny(SHORT)
    assert aws.told(ASSIGNMENT) == expected


def test_one_person_in_one_account_costs_one_list_and_the_names(aws: Aws) -> None:
    give_to_group(aws, "on-call", "PowerUserAccess", "alice")
    aws.rows(ASSIGNMENT)
    before = aws.calls()
    assert before[SHORT] == 1
    assert before["identitystore.DescribeGroup"] == 1
    assert before[GROUPS] + before[PROVISIONED] + before[HOLDERS] == 0
    aws.rows({**ASSIGNMENT, "permission_set": "PowerUserAccess"})
    assert aws.calls() == before


def test_where_the_short_list_is_denied_the_long_one_tells_the_same(aws: Aws) -> None:
    """AWS wants that call to come from the management account. The others any administrator makes:
    the person's groups once, the account's permission sets once, and the holders of each."""
    give_to_group(aws, "on-call", "PowerUserAccess", "alice")
    give_to_group(aws, "others", "AdministratorAccess", "bob")
    short = aws.rows(ASSIGNMENT)
    aws.deny(SHORT)
    reader = aws.system.open_reader(lambda: None)
    assert aws.rows(ASSIGNMENT, reader=reader) == short
    assert aws.told(ASSIGNMENT, person("bob"), reader) == ["AdministratorAccess via group others"]
    calls = aws.calls()
    assert (calls[PROVISIONED], calls[HOLDERS]) == (1, 2)
    assert calls[GROUPS] == 2  # two people


def test_who_is_in_no_group_costs_no_long_list(aws: Aws) -> None:
    aws.deny(SHORT)
    assert aws.told(ASSIGNMENT, person("carol")) == []
    assert aws.calls()[PROVISIONED] == 0


def test_only_a_denial_is_gone_round(aws: Aws) -> None:
    aws.arm(SHORT, FaultKind.STATUS, status=400)
    with pytest.raises(ProviderError, match=r"what alice.* through groups in account 1111.*Valid"):
        aws.told(ASSIGNMENT)
    assert aws.calls()[GROUPS] == 0


@pytest.mark.parametrize("call", [GROUPS, PROVISIONED])
def test_a_missing_right_is_named_with_the_one_that_would_do(aws: Aws, call: str) -> None:
    aws.deny(SHORT)
    aws.deny(call)
    with pytest.raises(ProviderError) as failed:
        aws.told(ASSIGNMENT)
    assert failed.value.cause.endswith(
        "it needs sso:ListAccountAssignmentsForPrincipal, or both "
        "identitystore:ListGroupMembershipsForMember and sso:ListPermissionSetsProvisionedToAccount"
    )


def test_a_right_that_is_there_is_not_called_missing(aws: Aws) -> None:
    aws.deny(SHORT)
    aws.arm(GROUPS, FaultKind.EMPTY)
    with pytest.raises(ProviderError, match=r"arrived$"):
        aws.told(ASSIGNMENT)


@pytest.mark.parametrize("call", [SHORT, GROUPS, PROVISIONED, HOLDERS])
@pytest.mark.parametrize("kind", [FaultKind.EMPTY, FaultKind.HALF])
def test_rule_5_half_an_answer_is_an_error(aws: Aws, call: str, kind: FaultKind) -> None:
    five_ways(aws)
    if call != SHORT:
        aws.deny(SHORT)
    aws.faults.arm(Fault("aws", f"POST {call}", kind, times=1, skip=1))
    with pytest.raises(ProviderError, match="only a part of it arrived"):
        aws.told(ASSIGNMENT)


def test_a_group_that_goes_meanwhile_is_not_taken_for_the_resource(aws: Aws) -> None:
    """NotFound would say that the account is gone, and that nobody holds anything there."""
    group = give_to_group(aws, "on-call", "PowerUserAccess", "alice")
    del aws.local.identity_store.data.groups[group]
    with pytest.raises(ProviderError, match="GROUP not found") as failed:
        aws.told(ASSIGNMENT)
    assert not isinstance(failed.value, NotFound)


def test_groups_of_identity_center_do_not_nest_and_nobody_is_asked(aws: Aws) -> None:
    give_to_group(aws, "on-call", "PowerUserAccess", "alice")
    group = Subject(SubjectKind.GROUP, "on-call", ("on-call",))
    assert aws.told(ASSIGNMENT, group) == []
    assert aws.told({"group": "auditors"}) == []
    assert aws.told({"account": "payments", "iam_group": "auditors"}) == []
    assert aws.calls()[SHORT] == 0


# IAM


def test_policies_of_iam_groups_and_managed_ones_are_told_and_cost_no_call(aws: Aws) -> None:
    account = aws.local.iam.account(PAYMENTS)
    policy = account.create_policy("", "/jit/", DOCUMENT, "Exports", [])
    account.put_group_policy("operators", "exports", DOCUMENT)
    account.attach_group_policy(policy.arn, "operators")
    account.add_user_to_group("operators", "alice")
    account.attach_user_policy(policy.arn, "alice")
    entitlement, ref = aws.system.item(STATEMENTS)
    principal = aws.reader.principal(ALICE, entitlement, ref)
    before = aws.calls()
    rows = aws.reader.indirect(principal, entitlement)
    assert aws.calls() == before
    arn = f"arn:aws:iam::{PAYMENTS}:policy/jit/Exports"
    told = {(r.via, r.assignment.entitlement.role, str(r.assignment.principal)) for r in rows}
    assert told == {
        ("group operators, inline policy exports", entitlement.role, "group/operators"),
        (f"group operators, managed policy {arn}", "Exports", "group/operators"),
        (f"managed policy {arn}", "Exports", "user/alice"),
    }
    assert {r.assignment.entitlement.resource for r in rows} == {PAYMENTS}
    assert aws.told(STATEMENTS, person("bob")) == []


def test_an_end_in_a_groups_policy_is_told_also_when_it_is_over(aws: Aws) -> None:
    end = {"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}
    document = {"Version": "2012-10-17", "Statement": [{**READ[0], "Condition": end}]}
    account = aws.local.iam.account(PAYMENTS)
    account.put_group_policy("operators", "exports", json.dumps(document))
    account.add_user_to_group("operators", "alice")
    [row] = aws.rows(STATEMENTS)
    assert row.until == datetime(2020, 1, 1, tzinfo=UTC)


def test_inline_policies_of_ones_own_are_no_other_way(aws: Aws) -> None:
    for name, statements in (("jit-" + "a" * 26, READ), ("by-hand", WRITE)):
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        aws.local.iam.account(PAYMENTS).put_user_policy("alice", name, document)
    assert aws.told(STATEMENTS) == []


def test_a_roles_managed_policies_are_ways(aws: Aws) -> None:
    account = aws.local.iam.account(PAYMENTS)
    policy = account.create_policy("", "/", DOCUMENT, "Exports", [])
    account.attach_role_policy(policy.arn, "deploy")
    deployer = Subject(SubjectKind.SERVICE, "deployer", ("role/deploy",))
    assert aws.told(STATEMENTS, deployer) == [f"Exports via managed policy {policy.arn}"]


class Listed(AccountReader):
    """An account as its pages told it, when it changed between two of them."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def names(self, account: str) -> Account:
        return self._account


@pytest.mark.parametrize("identities", [(), (Identity("user/alice", "arn", (), ("operators",)),)])
def test_a_user_or_group_that_the_account_does_not_list_is_an_error(
    aws: Aws, identities: tuple[Identity, ...]
) -> None:
    """Otherwise what it gives would be missing from the answer without a word."""
    clients = Clients(aws.system.settings, "role", lambda: None)
    center = IdentityCenter("aws", aws.system.settings, clients)
    ways = OtherWays("aws", clients, center, Listed(Account(identities, ())))
    with pytest.raises(ProviderError, match="user/alice"):
        ways.of(Principal("arn", "user/alice"), aws.system.item(STATEMENTS)[0])
