from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import NotFound, ProviderError, UnknownPrincipal
from reconciler.model import (
    Action,
    Assignment,
    Cause,
    Change,
    Entitlement,
    Principal,
    Subject,
    SubjectKind,
)
from reconciler.providers.aws import AwsSystem
from reconciler.providers.aws.session import Clients, Incomplete, pages
from reconciler.providers.aws.settings import Settings
from reconciler.providers.base import Reader
from reconciler.sandbox.aws import AwsLocal
from reconciler.sandbox.aws.identity_center import Row
from reconciler.sandbox.faults import Fault, FaultKind, Faults
from tests.providers.aws_world import DATA, PAYMENTS, READ, person, serving

ALICE = person("alice")
ASSIGNMENT = {"account": "payments", "permission_set": "ReadOnlyAccess"}


class Aws:
    """A local AWS and a reader on it, opened anew by `reader`."""

    def __init__(self, local: AwsLocal, system: AwsSystem, faults: Faults) -> None:
        self.local, self.system, self.faults = local, system, faults
        self.paced = 0

    def reader(self, **settings: Any) -> Reader:
        system = replace(self.system, settings=replace(self.system.settings, **settings))
        return system.open_reader(self._pace)

    def _pace(self) -> None:
        self.paced += 1

    def principal(self, item: dict[str, Any], subject: Subject = ALICE) -> Principal:
        return self.reader().principal(subject, *self.system.item(item))

    def arm(self, call: str, kind: FaultKind, times: int = 1, **more: Any) -> None:
        self.faults.arm(Fault("aws", f"POST {call}", kind, times=times, **more))

    def calls(self) -> Counter[str]:
        return Counter(c.call.removeprefix("POST ") for c in self.faults.calls())


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    local = AwsLocal()
    with serving(local, tmp_path, monkeypatch) as (system, faults):
        yield Aws(local, system, faults)


def observe(aws: Aws, reader: Reader, *items: dict[str, Any]) -> set[tuple[str, str, str]]:
    """(kind, role, principal's name) of all that is seen in the items' scopes."""
    entitlements = {reader.canonical(aws.system.item(i)[0]) for i in items}
    rows = set()
    for scope in {aws.system.scope(e) for e in entitlements}:
        for row in reader.observe(scope, entitlements):
            entitlement = row.assignment.entitlement
            rows.add((entitlement.kind, entitlement.role, str(row.assignment.principal)))
    return rows


def test_a_quiet_run_with_an_arn_and_a_user_id_takes_three_calls(aws: Aws) -> None:
    """The instance, the permission set's name, the assignments: nothing is looked up by name."""
    arn = aws.local.assignments.permission_set("ReadOnlyAccess")
    user = aws.local.identity_store.user("alice")
    item = {"account": "payments", "permission_set": arn}
    subject = Subject(SubjectKind.PERSON, "alice@example.com", (user,))
    reader = aws.reader()
    entitlement, account = aws.system.item(item)
    entitlement = reader.canonical(entitlement)
    assert reader.principal(subject, entitlement, account).id == f"user:{user}"
    reader.observe(aws.system.scope(entitlement), {entitlement})
    assert aws.calls() == {
        "sso-admin.ListInstances": 1,
        "sso-admin.DescribePermissionSet": 1,
        "sso-admin.ListAccountAssignments": 1,
    }


def test_permission_sets_are_described_once_and_only_until_the_name_is_found(aws: Aws) -> None:
    for n in range(20):
        aws.local.assignments.permission_set(f"Later{n}")
    reader = aws.reader()
    for item in (ASSIGNMENT, {**ASSIGNMENT, "account": "data"}, ASSIGNMENT):
        assert reader.canonical(aws.system.item(item)[0]).role == "ReadOnlyAccess"
    reader.canonical(aws.system.item({**ASSIGNMENT, "permission_set": "PowerUserAccess"})[0])
    assert aws.calls()["sso-admin.DescribePermissionSet"] == 2
    assert aws.calls()["sso-admin.ListPermissionSets"] == 1


def test_a_permission_set_in_another_case_is_found_and_an_exact_name_wins(aws: Aws) -> None:
    odd = aws.system.item({**ASSIGNMENT, "permission_set": "readonlyaccess"})[0]
    assert aws.reader().canonical(odd).role == "ReadOnlyAccess"
    aws.local.assignments.permission_set("readonlyaccess")
    assert aws.reader().canonical(odd).role == "readonlyaccess"
    other = aws.system.item({**ASSIGNMENT, "permission_set": "READONLYACCESS"})[0]
    with pytest.raises(ProviderError, match="there are ReadOnlyAccess, readonlyaccess"):
        aws.reader().canonical(other)


@pytest.mark.parametrize(
    "item",
    [
        {**ASSIGNMENT, "permission_set": "Nothing"},
        {"account": "payments", "iam_group": "nothing"},
        {"group": "nothing"},
        {"group": "00000000-0000-0000-0000-000000000000"},
    ],
)
def test_what_does_not_exist_is_not_found(aws: Aws, item: dict[str, Any]) -> None:
    with pytest.raises(NotFound):
        aws.reader().canonical(aws.system.item(item)[0])


def test_an_account_that_does_not_exist_is_an_error_and_not_an_empty_one(aws: Aws) -> None:
    item = {"account": "999999999999", "permission_set": "ReadOnlyAccess"}
    with pytest.raises(NotFound, match="Account not found"):
        observe(aws, aws.reader(), item)
    with pytest.raises(ProviderError, match="not authorized to perform: sts:AssumeRole") as refused:
        aws.reader().observe("iam 999999999999", ())
    assert not isinstance(refused.value, NotFound)  # AWS says the same of a role that trusts others


def test_a_group_that_goes_after_its_name_was_looked_up_is_not_found(aws: Aws) -> None:
    reader, item = aws.reader(), {"group": "auditors"}
    reader.canonical(aws.system.item(item)[0])
    del aws.local.identity_store.data.groups[aws.local.identity_store.group("auditors")]
    with pytest.raises(NotFound, match="GROUP not found"):
        observe(aws, reader, item)


def test_the_role_of_the_settings_is_assumed_with_its_path(aws: Aws) -> None:
    aws.local.iam.make_account(PAYMENTS, (), ["jit/robot"])
    assert aws.reader(read_role="jit/robot").observe(f"iam {PAYMENTS}", ()) == ()
    with pytest.raises(ProviderError, match="role/robot"):
        aws.reader(read_role="robot").observe(f"iam {PAYMENTS}", ())


def test_looking_takes_the_reading_role_and_writing_the_other_one(aws: Aws) -> None:
    """So that a plan of a pull request can be made by one that is unable to write."""
    aws.local.iam.make_account(PAYMENTS, (), ["read-only"])
    settings = replace(aws.system.settings, role="no-such-role", read_role="read-only")
    system = replace(aws.system, settings=settings)
    reader = system.open_reader(lambda: None)
    item = {"account": "payments", "iam_group": "auditors"}
    principal = reader.principal(ALICE, *system.item(item))
    change = Change(
        Action.ADD, Cause.DECLARED, Assignment(reader.canonical(system.item(item)[0]), principal)
    )
    [outcome] = system.open_writer(lambda: None).carry_out([change])
    assert "sts:AssumeRole" in str(outcome.error)
    assert "role/no-such-role" in str(outcome.error)
    assert f"arn:aws:iam::{PAYMENTS}:role/read-only" in reader.own()


def test_both_iam_kinds_share_one_read_of_the_account(aws: Aws) -> None:
    aws.local.iam.account(PAYMENTS).add_user_to_group("auditors", "bob")
    reader = aws.reader()
    items: list[dict[str, Any]] = [
        {"account": "payments", "iam_group": "auditors"},
        {"account": "payments", "user": "alice", "statements": READ},
    ]
    for item in items:
        entitlement, account = aws.system.item(item)
        reader.principal(ALICE, reader.canonical(entitlement), account)
    assert observe(aws, reader, *items) == {("iam_group", "auditors", "user/bob")}
    assert aws.calls() == {"sts.AssumeRole": 1, "iam.GetAccountAuthorizationDetails": 1}


def test_a_second_look_at_an_account_is_a_fresh_one(aws: Aws) -> None:
    reader, item = aws.reader(), {"account": "payments", "iam_group": "auditors"}
    assert observe(aws, reader, item) == set()
    aws.local.iam.account(PAYMENTS).add_user_to_group("auditors", "bob")
    assert observe(aws, reader, item) == {("iam_group", "auditors", "user/bob")}


def test_an_account_without_anybody_is_an_error(aws: Aws) -> None:
    """The role that reads it is in it."""
    reader = aws.reader()
    reader.observe(f"iam {PAYMENTS}", ())
    account = aws.local.iam.account(PAYMENTS)
    account.users.clear()
    account.roles.clear()
    with pytest.raises(ProviderError, match="it came back empty"):
        reader.observe(f"iam {PAYMENTS}", ())


def test_a_thousand_users_are_read_in_pages(aws: Aws) -> None:
    account = aws.local.iam.account(PAYMENTS)
    for n in range(1001):
        account.create_user("us-east-1", f"u{n}")
        account.add_user_to_group("auditors", f"u{n}")
    rows = observe(aws, aws.reader(), {"account": "payments", "iam_group": "auditors"})
    assert len(rows) == 1001
    assert aws.calls()["iam.GetAccountAuthorizationDetails"] == 2


def test_a_grant_for_alice_gives_nothing_to_bob(aws: Aws) -> None:
    item = {"account": "payments", "user": "bob", "statements": READ}
    with pytest.raises(
        UnknownPrincipal,
        match=r"user/bob is not one of alice@example\.com's accounts in directory/; "
        r"name their own \(user/alice\) or leave it out$",
    ):
        aws.principal(item)
    assert aws.principal(item, person("bob")).id == f"arn:aws:iam::{PAYMENTS}:user/bob"


def test_who_has_no_iam_identity_is_not_told_to_take_bobs(aws: Aws) -> None:
    zoe = Subject(SubjectKind.PERSON, "zoe@example.com")
    with pytest.raises(UnknownPrincipal, match="user/bob is not one of") as refused:
        aws.principal({"account": "payments", "user": "bob", "statements": READ}, zoe)
    fix = refused.value.cause.partition("; ")[2]
    assert fix == (
        "write the IAM identity of zoe@example.com under `accounts: {aws: [user/NAME]}` "
        "in directory/, if there is one"
    )


def test_an_iam_identity_may_be_given_as_arn_which_is_good_in_its_account_only(aws: Aws) -> None:
    arn = f"arn:aws:iam::{PAYMENTS}:user/alice"
    subject = Subject(SubjectKind.PERSON, "alice@example.com", (arn,))
    item = {"account": "payments", "statements": READ}
    assert aws.principal(item, subject).id == arn
    with pytest.raises(UnknownPrincipal):
        aws.principal({**item, "account": "data"}, subject)


def test_of_several_iam_identities_the_item_names_one(aws: Aws) -> None:
    subject = Subject(SubjectKind.PERSON, "alice@example.com", ("user/alice", "role/deploy"))
    statements = {"account": "payments", "statements": READ}
    with pytest.raises(UnknownPrincipal, match="has user/alice, role/deploy"):
        aws.principal(statements, subject)
    named = aws.principal({**statements, "role": "deploy"}, subject)
    assert named.id == f"arn:aws:iam::{PAYMENTS}:role/deploy"
    group = aws.principal({"account": "payments", "iam_group": "auditors"}, subject)
    assert group.name == "user/alice"  # a role cannot be a member


def test_a_subject_without_iam_identity_is_told_what_to_write(aws: Aws) -> None:
    nobody = Subject(SubjectKind.PERSON, "zoe@example.com")
    with pytest.raises(UnknownPrincipal, match=r"write `accounts: {aws: \[user/NAME\]}`"):
        aws.principal({"account": "payments", "statements": READ}, nobody)
    with pytest.raises(UnknownPrincipal, match="none of user/zoe exists in account"):
        aws.principal({"account": "payments", "statements": READ}, person("zoe"))


def test_a_path_is_part_of_the_arn_and_case_is_not_part_of_the_name(aws: Aws) -> None:
    aws.local.iam.account(DATA).create_user("us-east-1", "Zoe", path="/staff/")
    found = aws.principal({"account": "data", "iam_group": "analysts"}, person("zoe"))
    assert found == Principal(f"arn:aws:iam::{DATA}:user/staff/Zoe")


def test_a_person_is_looked_up_by_e_mail_then_by_user_name(aws: Aws) -> None:
    store = aws.local.identity_store
    by_name = store.add_user("zoe@example.com")  # has no e-mail at all
    assert aws.principal(ASSIGNMENT).id == f"user:{store.user('alice')}"
    zoe = Subject(SubjectKind.PERSON, "zoe@example.com")
    assert aws.principal(ASSIGNMENT, zoe).id == f"user:{by_name}"
    assert aws.calls()["identitystore.GetUserId"] == 3


def test_the_user_name_of_the_directory_comes_before_the_e_mail(aws: Aws) -> None:
    sso = aws.local.identity_store.add_user("alice.sso")
    subject = Subject(SubjectKind.PERSON, "alice@example.com", ("alice.sso", "user/alice"))
    assert aws.principal(ASSIGNMENT, subject).id == f"user:{sso}"
    assert aws.calls()["identitystore.GetUserId"] == 1


@pytest.mark.parametrize("accounts", [("nobody",), ("a", "b")])
def test_an_unknown_or_ambiguous_user_concerns_only_the_subject(
    aws: Aws, accounts: tuple[str, ...]
) -> None:
    with pytest.raises(UnknownPrincipal, match="directory/"):
        aws.principal(ASSIGNMENT, Subject(SubjectKind.PERSON, "alice@example.com", accounts))


def test_a_group_holds_a_permission_set_and_nothing_else(aws: Aws) -> None:
    group = Subject(SubjectKind.GROUP, "oncall", ("payments-oncall",))
    known = aws.local.identity_store.group("payments-oncall")
    assert aws.principal(ASSIGNMENT, group) == Principal(f"group:{known}")
    for item in ({"group": "auditors"}, {"account": "payments", "iam_group": "auditors"}):
        with pytest.raises(UnknownPrincipal, match="name people"):
            aws.principal(item, group)
    with pytest.raises(UnknownPrincipal, match="GROUP not found"):
        aws.principal(ASSIGNMENT, Subject(SubjectKind.GROUP, "nothing"))


def test_users_and_groups_that_hold_a_permission_set_are_told_apart(aws: Aws) -> None:
    store, sets = aws.local.identity_store, aws.local.assignments
    arn = sets.permission_set("ReadOnlyAccess")
    sets.put(Row(PAYMENTS, arn, "USER", store.user("bob")))
    sets.put(Row(PAYMENTS, arn, "GROUP", store.group("auditors")))
    sets.put(Row(DATA, arn, "USER", store.user("carol")))
    names = {name for _, _, name in observe(aws, aws.reader(), ASSIGNMENT)}
    assert names == {f"user:{store.user('bob')}", f"group:{store.group('auditors')}"}


def test_a_group_that_the_run_has_looked_up_is_shown_by_its_name(aws: Aws) -> None:
    store, sets = aws.local.identity_store, aws.local.assignments
    arn = sets.permission_set("ReadOnlyAccess")
    sets.put(Row(PAYMENTS, arn, "GROUP", store.group("auditors")))
    reader = aws.reader()
    reader.canonical(aws.system.item({"group": "auditors"})[0])
    assert {name for _, _, name in observe(aws, reader, ASSIGNMENT)} == {"auditors"}


def test_a_membership_says_since_when(aws: Aws) -> None:
    reader = aws.reader()
    [row] = reader.observe("group auditors", ())
    assert row.since is not None
    assert row.since.utcoffset() is not None


@pytest.mark.parametrize("kind", [FaultKind.HALF, FaultKind.EMPTY])
def test_a_json_page_that_was_cut_off_is_no_empty_page(aws: Aws, kind: FaultKind) -> None:
    """botocore takes half a JSON answer for one without members, and without a next token."""
    aws.arm("sso-admin.ListAccountAssignments", kind)
    with pytest.raises(ProviderError, match="only a part of it arrived"):
        observe(aws, aws.reader(), ASSIGNMENT)


def test_an_account_page_that_says_more_follow_and_not_where_is_an_error(aws: Aws) -> None:
    client = Clients(aws.system.settings, "access-reconciler", lambda: None).iam(PAYMENTS)
    event = "after-call.iam.GetAccountAuthorizationDetails"
    client.meta.events.register(event, lambda parsed, **_: parsed.update(IsTruncated=True))
    with pytest.raises(Incomplete, match="says that more follow"):
        list(pages(client, "get_account_authorization_details"))


def test_only_policies_that_are_ours_or_asked_for_are_shown(aws: Aws) -> None:
    account = aws.local.iam.account(PAYMENTS)
    statement = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"%s","Resource":"*"}]}'
    )
    account.put_user_policy("bob", "somebody-elses", statement % "ec2:Describe*")
    account.put_user_policy("bob", "same-as-asked", statement % "s3:GetObject")
    ours = f"jit-{'a' * 26}"
    account.put_role_policy("deploy", ours, statement % "sqs:*")
    account.put_role_policy("deploy", "jit-breakglass-console", statement % "sqs:*")
    item = {"account": "payments", "statements": [{**READ[0], "Resource": "*"}]}
    entitlement, _ = aws.system.item(item)
    rows = aws.reader().observe(f"iam {PAYMENTS}", {entitlement})
    assert {(r.handle, r.marker) for r in rows} == {("same-as-asked", None), (ours, "a" * 26)}


def test_every_attempt_is_paced_the_repeated_ones_too(aws: Aws) -> None:
    aws.arm("sso-admin.ListInstances", FaultKind.STATUS, times=2, status=503)
    aws.reader().canonical(aws.system.item(ASSIGNMENT)[0])
    assert aws.calls()["sso-admin.ListInstances"] == 3
    assert aws.paced == len(aws.faults.calls()) == 5


def test_a_throttle_is_waited_for_as_long_as_it_says(aws: Aws) -> None:
    aws.arm("sso-admin.ListInstances", FaultKind.STATUS, status=429, retry_after=1)
    before = time.monotonic()
    aws.reader().canonical(aws.system.item(ASSIGNMENT)[0])
    assert time.monotonic() - before >= 1


def test_we_never_lock_out_ourselves(aws: Aws) -> None:
    own = aws.reader().own()
    assert f"arn:aws:iam::{PAYMENTS}:role/access-reconciler" in own
    assert "arn:aws:sts::123456789012:user/moto" in own


def test_the_instance_of_the_settings_is_used_or_nothing(aws: Aws) -> None:
    other = "arn:aws:sso:::instance/ssoins-0000000000000000"
    with pytest.raises(ProviderError, match="write its ARN as `instance`"):
        observe(aws, aws.reader(instance=other), ASSIGNMENT)


def test_rows_through_entitlements_of_other_systems_are_not_asked_for(aws: Aws) -> None:
    with pytest.raises(ProviderError, match="there is no such scope"):
        aws.reader().observe("nonsense", {Entitlement("aws", "x", "y", "z")})


def test_without_credentials_the_error_says_what_to_do(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(ProviderError) as failed:
        aws.reader().canonical(aws.system.item(ASSIGNMENT)[0])
    assert failed.value.cause == (
        "Unable to locate credentials; sign in (aws sso login), see docs/providers/aws.md"
    )


@pytest.mark.parametrize(("status", "fix"), [(401, "; sign in"), (403, "; check who is signed in")])
def test_a_refusal_says_what_to_do(aws: Aws, status: int, fix: str) -> None:
    aws.arm("sso-admin.ListInstances", FaultKind.STATUS, status=status)
    with pytest.raises(ProviderError) as failed:
        aws.reader().canonical(aws.system.item(ASSIGNMENT)[0])
    assert fix in failed.value.cause
    assert failed.value.cause.endswith("see docs/providers/aws.md")


def test_settings_hold_no_credentials() -> None:
    assert not {"access_key", "secret", "token", "profile"} & set(Settings.__slots__)
