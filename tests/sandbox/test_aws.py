from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from reconciler.sandbox.aws import AwsLocal
from reconciler.sandbox.aws.local import ACCOUNTS, MANAGEMENT, REGION
from reconciler.sandbox.faults import Fault, FaultKind, Faults
from reconciler.sandbox.local import GROUPS, PEOPLE, Row

PAYMENTS = ACCOUNTS["payments"]


@dataclass
class Organisation:
    """Clients on a local AWS. `wrong` collects answers that are not what botocore's model says."""

    local: AwsLocal
    faults: Faults
    endpoint: str
    wrong: list[str] = field(default_factory=list)

    def client(self, service: str, **keys: str) -> Any:
        once = Config(retries={"total_max_attempts": 1})
        client = boto3.client(
            service, region_name=REGION, endpoint_url=self.endpoint, config=once, **keys
        )
        client.meta.events.register(f"after-call.{service}", self._check)
        return client

    def _check(self, http_response: Any, model: Any, **_: Any) -> None:
        if http_response.status_code == 200 and http_response.content[:1] == b"{":
            body = json.loads(http_response.content)
            report = ParamValidator().validate(body, model.output_shape).generate_report()
            self.wrong += [f"{model.name}: {report}"] if report else []

    def iam(self, account: str, role: str = "access-reconciler") -> Any:
        arn = f"arn:aws:iam::{account}:role/{role}"
        sts = self.client("sts")
        given = sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return self.client(
            "iam",
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )


@pytest.fixture
def org(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Organisation]:
    yield from serve(AwsLocal(), tmp_path, monkeypatch)


@pytest.fixture
def busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Organisation]:
    yield from serve(AwsLocal(throttle=5), tmp_path, monkeypatch)


def serve(local: AwsLocal, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Organisation]:
    faults = Faults()
    served = local.start(faults, home)
    for name, value in served.env.items():
        monkeypatch.setenv(name, value)
    yield Organisation(local, faults, served.settings["endpoint"])
    local.stop()


@dataclass
class Center:
    """Identity Center, with the arguments that every call wants."""

    org: Organisation

    def __post_init__(self) -> None:
        self.sso = self.org.client("sso-admin")
        self.store = self.org.client("identitystore")
        [found] = self.sso.list_instances()["Instances"]
        self.instance = {"InstanceArn": found["InstanceArn"]}
        self.id = {"IdentityStoreId": found["IdentityStoreId"]}

    def target(self, who: str = "alice", **other: str) -> dict[str, str]:
        return {
            **self.instance,
            "TargetId": PAYMENTS,
            "TargetType": "AWS_ACCOUNT",
            "PermissionSetArn": self.org.local.assignments.permission_set("ReadOnlyAccess"),
            "PrincipalType": "USER",
            "PrincipalId": self.org.local.identity_store.user(who),
            **other,
        }

    def create(self, **target: str) -> Any:
        answer = self.sso.create_account_assignment(**target)
        return answer["AccountAssignmentCreationStatus"]

    def status(self, request: str) -> Any:
        answer = self.sso.describe_account_assignment_creation_status(
            **self.instance, AccountAssignmentCreationRequestId=request
        )
        return answer["AccountAssignmentCreationStatus"]

    def rows(self) -> list[Any]:
        target = self.target()
        where = {"AccountId": PAYMENTS, "PermissionSetArn": target["PermissionSetArn"]}
        answer = self.sso.list_account_assignments(**self.instance, **where)
        return list(answer["AccountAssignments"])


def refused(code: str) -> Any:
    return pytest.raises(ClientError, match=rf"\({code}\)")


def test_the_organisation_is_there(org: Organisation) -> None:
    center = Center(org)
    arns = center.sso.list_permission_sets(**center.instance)["PermissionSets"]
    assert all(":permissionSet/ssoins-" in arn for arn in arns)
    rows = org.local.rows()
    assert len(rows) == sum(map(len, GROUPS.values())) + len(ACCOUNTS)
    assert Row("aws", PAYMENTS, "AdministratorAccess", "group platform-admins") in rows
    assert Row("aws", "payments-oncall", "member", "alice") in rows
    iam = org.iam(PAYMENTS)
    names = {u["UserName"] for u in iam.get_account_authorization_details()["UserDetailList"]}
    assert names > {p.login for p in PEOPLE}


def test_an_assignment_comes_later_than_its_answer(org: Organisation) -> None:
    center = Center(org)
    begun = center.create(**center.target())
    assert (begun["Status"], center.rows()) == ("IN_PROGRESS", [])
    assert center.status(begun["RequestId"])["Status"] == "IN_PROGRESS"
    assert center.status(begun["RequestId"])["Status"] == "SUCCEEDED"
    assert len(center.rows()) == 1
    assert org.wrong == []


def test_an_assignment_comes_even_when_nobody_asks(org: Organisation) -> None:
    center = Center(org)
    center.create(**center.target())
    time.sleep(1.05)
    assert len(center.rows()) == 1


def test_an_assignment_that_is_there_already_is_made_once(org: Organisation) -> None:
    center = Center(org)
    for _ in range(2):
        begun = center.create(**center.target())
        assert [center.status(begun["RequestId"])["Status"] for _ in "ab"][1] == "SUCCEEDED"
    assert len(center.rows()) == 1


def test_an_assignment_can_fail_later(org: Organisation) -> None:
    center = Center(org)
    org.local.assignments.fail_next("No room")
    begun = center.create(**center.target())
    center.status(begun["RequestId"])
    failed = center.status(begun["RequestId"])
    assert (failed["Status"], failed["FailureReason"]) == ("FAILED", "No room")
    assert center.rows() == []


def test_one_pair_bears_one_write_at_a_time(org: Organisation) -> None:
    center = Center(org)
    center.create(**center.target())
    with refused("ConflictException"):
        center.create(**center.target("bob"))
    with refused("ConflictException"):
        center.sso.delete_account_assignment(**center.target())
    other = org.local.assignments.permission_set("PowerUserAccess")
    center.create(**center.target("bob", PermissionSetArn=other))


@pytest.mark.parametrize(
    "wrong",
    [
        {"TargetId": "999999999999"},
        {"PrincipalId": "00000000-0000-0000-0000-000000000000"},
        {"PrincipalType": "GROUP"},
        {
            "PermissionSetArn": "arn:aws:sso:::permissionSet/ssoins-0000000000000000/ps-0000000000000000"
        },
        {"InstanceArn": "arn:aws:sso:::instance/ssoins-0000000000000000"},
    ],
)
def test_what_does_not_exist_is_refused(org: Organisation, wrong: dict[str, str]) -> None:
    center = Center(org)
    with refused("ResourceNotFoundException"):
        center.create(**{**center.target(), **wrong})


def test_removing_an_assignment_that_is_not_there_is_refused(org: Organisation) -> None:
    center = Center(org)
    with refused("ResourceNotFoundException"):
        center.sso.delete_account_assignment(**center.target())


def test_a_user_holds_what_the_users_groups_hold(org: Organisation) -> None:
    center = Center(org)
    group = org.local.identity_store.group("payments-oncall")
    begun = center.create(**center.target(PrincipalType="GROUP", PrincipalId=group))
    center.status(begun["RequestId"])
    center.status(begun["RequestId"])
    alice = {"PrincipalType": "USER", "PrincipalId": org.local.identity_store.user("alice")}
    answer = center.sso.list_account_assignments_for_principal(**center.instance, **alice)
    assert [r["PrincipalType"] for r in answer["AccountAssignments"]] == ["GROUP"]
    assert org.wrong == []


def test_a_group_holds_what_the_account_then_has_provisioned(org: Organisation) -> None:
    center = Center(org)
    where = {**center.instance, "AccountId": PAYMENTS}
    found = center.sso.list_permission_sets_provisioned_to_account(**where)["PermissionSets"]
    arns = [
        *found,
        *(org.local.assignments.permission_set(name) for name in ("ReadOnlyAccess", "Jit")),
    ]
    group = org.local.identity_store.group("payments-oncall")
    for arn in arns[len(found) :]:
        begun = center.create(
            **center.target(PermissionSetArn=arn, PrincipalType="GROUP", PrincipalId=group)
        )
        center.status(begun["RequestId"])
        center.status(begun["RequestId"])
    paged = center.sso.get_paginator("list_permission_sets_provisioned_to_account")
    pages = list(paged.paginate(**where, PaginationConfig={"PageSize": 1}))
    assert [page["PermissionSets"] for page in pages] == [[arn] for arn in arns]
    with refused("ResourceNotFoundException"):
        center.sso.list_permission_sets_provisioned_to_account(
            **{**where, "AccountId": "999999999999"}
        )
    assert org.wrong == []


def test_the_groups_of_one_user_come_in_pages(org: Organisation) -> None:
    center, store = Center(org), org.local.identity_store
    alice = store.user("alice")
    store.add_group("more", (alice, store.user("bob")))
    paged = center.store.get_paginator("list_group_memberships_for_member")
    who = {**center.id, "MemberId": {"UserId": alice}}
    pages = list(paged.paginate(**who, PaginationConfig={"PageSize": 1}))
    groups = [[m["GroupId"] for m in page["GroupMemberships"]] for page in pages]
    assert groups == [[store.group("payments-oncall")], [store.group("more")]]
    with refused("ResourceNotFoundException"):
        center.store.list_group_memberships_for_member(
            **{**who, "MemberId": {"UserId": "00000000-0000-0000-0000-000000000000"}}
        )
    assert org.wrong == []


def test_a_permission_set_in_use_or_with_a_taken_name_conflicts(org: Organisation) -> None:
    center = Center(org)
    with refused("ConflictException"):
        center.sso.create_permission_set(**center.instance, Name="ReadOnlyAccess")
    made = center.sso.create_permission_set(**center.instance, Name="Jit")["PermissionSet"]
    assert ":permissionSet/" in made["PermissionSetArn"]
    described = center.sso.describe_permission_set(
        **center.instance, PermissionSetArn=made["PermissionSetArn"]
    )
    assert described["PermissionSet"]["Name"] == "Jit"
    begun = center.create(**center.target(PermissionSetArn=made["PermissionSetArn"]))
    center.status(begun["RequestId"])
    center.status(begun["RequestId"])
    with refused("ConflictException"):
        center.sso.delete_permission_set(
            **center.instance, PermissionSetArn=made["PermissionSetArn"]
        )


def unique(path: str, value: str) -> dict[str, Any]:
    return {"UniqueAttribute": {"AttributePath": path, "AttributeValue": value}}


def test_look_ups_bear_users_without_an_e_mail(org: Organisation) -> None:
    center = Center(org)
    names = {"GivenName": "Zoe", "FamilyName": "Example"}
    center.store.create_user(**center.id, UserName="zoe", DisplayName="Zoe", Name=names)
    for value, path in (("zoe", "userName"), ("grace@example.com", "emails.value")):
        center.store.get_user_id(**center.id, AlternateIdentifier=unique(path, value))
    with refused("ResourceNotFoundException"):
        center.store.get_user_id(**center.id, AlternateIdentifier=unique("emails.value", "x@y.z"))
    center.store.create_group(**center.id, DisplayName="new")
    assert org.wrong == []


def test_memberships_conflict_are_dated_and_go_with_their_group(org: Organisation) -> None:
    center = Center(org)
    group = {"GroupId": org.local.identity_store.group("auditors")}
    user = {"UserId": org.local.identity_store.user("alice")}
    made = center.store.create_group_membership(**center.id, **group, MemberId=user)
    with refused("ConflictException"):
        center.store.create_group_membership(**center.id, **group, MemberId=user)
    listed = center.store.list_group_memberships(**center.id, **group)["GroupMemberships"]
    assert made["MembershipId"] in {m["MembershipId"] for m in listed}
    assert all(m["CreatedAt"].year >= 2024 for m in listed)
    assert org.wrong == []
    center.store.delete_group(**center.id, **group)
    with refused("ResourceNotFoundException"):
        center.store.list_group_memberships(**center.id, **group)
    assert not any(r.resource == "auditors" and r.role == "member" for r in org.local.rows())


def test_only_existing_roles_of_the_organisation_are_assumed(org: Organisation) -> None:
    for account, role in ((PAYMENTS, "nobody"), ("999999999999", "access-reconciler")):
        with refused("AccessDenied"):
            org.iam(account, role)
    assert org.iam(PAYMENTS, "deploy")
    assert org.client("sts").get_caller_identity()["Account"] == MANAGEMENT


def test_inline_policies_of_one_user_share_their_room(org: Organisation) -> None:
    iam = org.iam(PAYMENTS)

    def policy(size: int) -> str:
        statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::" + "x" * size}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=8)

    iam.put_user_policy(UserName="alice", PolicyName="a", PolicyDocument=policy(1000))
    with refused("LimitExceeded"):
        iam.put_user_policy(UserName="alice", PolicyName="b", PolicyDocument=policy(1000))
    iam.put_user_policy(UserName="alice", PolicyName="a", PolicyDocument=policy(1500))
    assert Row("aws", PAYMENTS, "policy a", "user/alice") in org.local.rows()


def test_account_details_come_in_pages_that_lose_nothing(org: Organisation) -> None:
    pages = org.iam(PAYMENTS).get_paginator("get_account_authorization_details")
    seen: list[str] = []
    count = 0
    for page in pages.paginate(PaginationConfig={"PageSize": 3}, Filter=["User", "Role", "Group"]):
        count += 1
        rows = [page[f"{kind}DetailList"] for kind in ("User", "Group", "Role")]
        assert sum(map(len, rows)) <= 3
        seen += [row["Arn"] for one in rows for row in one]
    account = org.local.iam.account(PAYMENTS)
    expected = [e.arn for d in (account.users, account.groups, account.roles) for e in d.values()]
    assert sorted(seen) == sorted(expected)
    assert count == -(-len(expected) // 3)


def test_too_many_calls_are_throttled(busy: Organisation) -> None:
    sso = busy.client("sso-admin")
    for _ in range(5):
        sso.list_instances()
    with refused("ThrottlingException"):
        sso.list_instances()


@pytest.mark.parametrize(
    ("status", "code", "http"),
    [
        (429, "ThrottlingException", 400),
        (403, "AccessDeniedException", 403),
        (503, "Internal", 503),
    ],
)
def test_an_injected_fault_is_worded_as_aws_does(
    org: Organisation, status: int, code: str, http: int
) -> None:
    for service, call in (("sso-admin", "list_instances"), ("sts", "get_caller_identity")):
        org.faults.arm(Fault("aws", f"POST {service}.*", FaultKind.STATUS, status=status))
        with pytest.raises(ClientError, match=code) as caught:
            getattr(org.client(service), call)()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == http


def test_an_empty_page_lacks_its_rows_and_is_well_formed(org: Organisation) -> None:
    org.faults.arm(Fault("aws", "POST *", FaultKind.EMPTY, times=3, skip=1))
    iam = org.iam(PAYMENTS)
    assert "UserDetailList" not in iam.get_account_authorization_details()
    assert "Instances" not in org.client("sso-admin").list_instances()


def test_state_is_gone_with_the_next_start(
    org: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    org.iam(PAYMENTS).add_user_to_group(GroupName="auditors", UserName="bob")
    before = len(org.local.rows())
    org.local.stop()
    [again] = list(serve(AwsLocal(), tmp_path, monkeypatch))
    assert len(again.local.rows()) == before - 1


def test_a_call_takes_a_few_milliseconds(org: Organisation) -> None:
    """Generous by far: what it guards against is 40 ms of a connection that is not kept well."""
    sso, times = org.client("sso-admin"), []
    for _ in range(40):
        before = time.perf_counter()
        sso.list_instances()
        times.append(time.perf_counter() - before)
    assert min(times) < 0.03  # each would have them, whatever else the machine does
