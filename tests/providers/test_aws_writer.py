from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from reconciler.model import Action, Cause, Change, Observed, Subject, SubjectKind
from reconciler.sandbox.aws import AwsLocal
from reconciler.sandbox.aws.identity_center import Row
from reconciler.sandbox.faults import Fault, FaultKind
from tests.providers.aws_world import PAYMENTS, READ, SUBJECTS, open_world
from tests.providers.rig import Rig, hours


@pytest.fixture
def rig(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Rig]:
    with open_world(request.param, tmp_path, monkeypatch) as world:
        yield Rig(world)


def of(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("rig", [kind], indirect=True)


def local(rig: Rig) -> AwsLocal:
    found = rig.world.extra["local"]
    assert isinstance(found, AwsLocal)
    return found


def calls(rig: Rig, name: str) -> int:
    return sum(name in c.call for c in rig.world.faults.calls())


def arm(rig: Rig, call: str, kind: FaultKind, **more: Any) -> None:
    rig.world.faults.arm(Fault("aws", f"POST {call}", kind, **more))


# --- account assignments ------------------------------------------------------------------------


@of("account_assignment")
def test_an_assignment_is_followed_until_it_is_there(rig: Rig) -> None:
    rig.converge([rig.claim(rig.world.item)])
    assert calls(rig, "CreateAccountAssignment") == 1
    assert calls(rig, "DescribeAccountAssignmentCreationStatus") == 2
    rig.converge([rig.claim(rig.world.item)], at=9)
    assert calls(rig, "DescribeAccountAssignmentDeletionStatus") == 2


@of("account_assignment")
def test_an_assignment_that_fails_later_is_a_failure_with_its_reason(rig: Rig) -> None:
    local(rig).assignments.fail_next("Received a 403 status error: Access denied by IAM.")
    run = rig.run([rig.claim(rig.world.item)])
    assert "FAILED: Received a 403 status error" in run.errors[0]
    assert rig.holders() == []
    rig.converge([rig.claim(rig.world.item)])


@of("account_assignment")
def test_a_removal_that_fails_is_a_failure_while_the_access_is_there(rig: Rig) -> None:
    claims = [rig.claim(rig.world.item)]
    rig.converge(claims)
    local(rig).assignments.fail_next("Internal error")
    run = rig.run(claims, at=9)
    assert "Internal error" in run.errors[0]
    assert rig.holders() == ["alice@example.com"]


@of("account_assignment")
def test_a_removal_that_fails_because_it_is_gone_succeeds(rig: Rig) -> None:
    claims = [rig.claim(rig.world.item)]
    rig.converge(claims)
    removals = rig.plan(claims, at=9).changes
    assignments = local(rig).assignments
    assignments.fail_next("The assignment does not exist")

    def take_away_meanwhile() -> None:
        while not calls(rig, "DescribeAccountAssignmentDeletionStatus"):
            time.sleep(0.005)
        for row in assignments.rows():
            assignments.drop(row)

    with ThreadPoolExecutor() as pool:
        pool.submit(take_away_meanwhile)
        assert rig.carry_out(removals) == []
    assert calls(rig, "DescribeAccountAssignmentDeletionStatus") == 2


@of("account_assignment")
def test_a_write_that_conflicts_with_another_one_is_repeated(rig: Rig) -> None:
    arm(rig, "sso-admin.CreateAccountAssignment", FaultKind.STATUS, status=409, times=3)
    rig.converge([rig.claim(rig.world.item)])
    assert calls(rig, "CreateAccountAssignment") == 4
    assert rig.holders() == ["alice@example.com"]


@of("account_assignment")
def test_the_same_pair_written_from_two_sides_converges(rig: Rig) -> None:
    """Two runs at once, as a manual one beside the scheduled one: AWS lets one write at a time."""
    plans = [rig.plan([rig.claim(rig.world.item, s)]).changes for s in SUBJECTS[:3]]
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(rig.carry_out, plans)) == [[], [], []]
    assert len(rig.holders()) == 3
    assert calls(rig, "CreateAccountAssignment") > 3  # some were refused, and repeated
    assert local(rig).assignments.most_outstanding == 1


@of("account_assignment")
def test_ten_pairs_are_written_side_by_side_and_no_more(rig: Rig) -> None:
    assignments = local(rig).assignments
    sets = [f"Jit{n}" for n in range(14)]
    for name in sets:
        assignments.permission_set(name)
    claims = [rig.claim({"account": "payments", "permission_set": s}) for s in sets]
    rig.converge(claims)
    assert 1 < assignments.most_outstanding <= 10


@of("account_assignment")
def test_a_group_of_identity_center_is_given_as_one_principal(rig: Rig) -> None:
    group = Subject(SubjectKind.GROUP, "payments-oncall", ("payments-oncall",))
    before = local(rig).assignments.rows()
    rig.converge([rig.claim(rig.world.item, group)])
    [row] = set(local(rig).assignments.rows()) - set(before)
    assert (row.kind, row.principal) == ("GROUP", local(rig).identity_store.group(group.id))


@of("account_assignment")
def test_a_deleted_user_is_a_failure_of_that_change_only(rig: Rig) -> None:
    changes = rig.plan([rig.claim(rig.world.item, s) for s in SUBJECTS[:2]]).changes
    store = local(rig).identity_store
    del store.data.users[store.user("alice")]
    errors = rig.carry_out(changes)
    assert len(errors) == 1
    assert "USER not found" in errors[0]
    assert rig.holders() == ["bob@example.com"]


@of("account_assignment")
def test_half_an_answer_to_a_write_is_asked_again(rig: Rig) -> None:
    arm(rig, "sso-admin.CreateAccountAssignment", FaultKind.HALF)
    before = len(local(rig).assignments.rows())
    rig.converge([rig.claim(rig.world.item)])
    assert len(local(rig).assignments.rows()) == before + 1


# --- memberships of Identity Center groups -------------------------------------------------------


@of("group_membership")
def test_a_membership_that_was_made_anew_since_the_plan_is_left_alone(rig: Rig) -> None:
    claims = [rig.claim(rig.world.item)]
    rig.converge(claims)
    removals = rig.plan(claims, at=9).changes
    store = local(rig).identity_store
    group, user = store.group("jit-payments"), store.user("alice")
    store.data.group_memberships.pop(removals[0].live.handle if removals[0].live else "")
    store.join(group, user)
    assert "changed since the plan" in rig.carry_out(removals)[0]
    assert rig.holders() == ["alice@example.com"]


@of("group_membership")
def test_a_membership_that_is_there_already_is_no_conflict(rig: Rig) -> None:
    additions = rig.plan([rig.claim(rig.world.item)]).changes
    rig.world.by_hand.give(rig.world.item, SUBJECTS[0])
    assert rig.carry_out(additions) == []
    assert len(rig.holders()) == 1


@of("group_membership")
def test_a_concurrent_change_of_the_group_is_waited_for(rig: Rig) -> None:
    arm(rig, "identitystore.CreateGroupMembership", FaultKind.STATUS, status=409, times=2)
    rig.converge([rig.claim(rig.world.item)])
    assert rig.holders() == ["alice@example.com"]


# --- inline policies -------------------------------------------------------------------------------


def policies(rig: Rig, user: str = "alice") -> dict[str, Any]:
    texts = local(rig).iam.account(PAYMENTS).users[user].policies
    return {name: json.loads(unquote(text)) for name, text in texts.items()}


def rewrite(rig: Rig, name: str, document: dict[str, Any]) -> None:
    local(rig).iam.account(PAYMENTS).put_user_policy("alice", name, json.dumps(document))


@of("inline_policy")
def test_the_policy_is_named_after_the_assignment_and_ends_by_itself(rig: Rig) -> None:
    run = rig.converge([rig.claim(rig.world.item)])
    [(name, document)] = policies(rig).items()
    assert name == f"jit-{run.plan.changes[0].assignment.id}"
    [statement] = document["Statement"]
    end = f"{hours(8):%Y-%m-%dT%H:%M:%SZ}"
    assert statement["Condition"] == {"DateLessThan": {"aws:CurrentTime": end}}


@of("inline_policy")
@pytest.mark.parametrize(
    "tamper",
    [
        lambda s: s.update(Action="*"),
        lambda s: s.pop("Condition"),
        lambda s: s["Condition"]["DateLessThan"].update(
            {"aws:CurrentTime": "2099-01-01T00:00:00Z"}
        ),
    ],
)
def test_a_policy_that_was_tampered_with_is_put_right(rig: Rig, tamper: Any) -> None:
    claims = [rig.claim(rig.world.item)]
    rig.converge(claims)
    before = policies(rig)
    [(name, document)] = policies(rig).items()
    tamper(document["Statement"][0])
    rewrite(rig, name, document)
    rig.converge(claims)
    assert policies(rig) == before
    assert rig.plan(claims).changes == ()


@of("inline_policy")
def test_a_policy_that_was_tampered_with_goes_when_the_grant_is_over(rig: Rig) -> None:
    claims = [rig.claim(rig.world.item)]
    rig.converge(claims)
    [(name, document)] = policies(rig).items()
    document["Statement"][0]["Action"] = "*"
    rewrite(rig, name, document)
    rig.converge(claims, at=9)
    assert policies(rig) == {}


@of("inline_policy")
def test_what_was_put_right_before_the_tampered_row_is_removed_stays(rig: Rig) -> None:
    """Both have one name: the addition overwrites, and the removal must see that it did."""
    claims = [rig.claim(rig.world.item)]
    rig.converge(claims)
    before = policies(rig)
    [(name, document)] = policies(rig).items()
    document["Statement"][0]["Action"] = "*"
    rewrite(rig, name, document)
    changes = sorted(rig.plan(claims).changes, key=lambda c: c.removes)
    assert [c.action for c in changes] == [Action.ADD, Action.REMOVE]
    writer = rig.world.system.open_writer(lambda: None)
    assert [o.error for o in writer.carry_out(changes)] == [None, None]
    assert policies(rig) == before


@of("inline_policy")
def test_an_end_that_moved_since_the_plan_is_not_overwritten(rig: Rig) -> None:
    rig.converge([rig.claim(rig.world.item, end=4)])
    stale_end = rig.plan([rig.claim(rig.world.item, end=2)]).changes
    stale_removal = rig.plan([rig.claim(rig.world.item, end=4)], at=5).changes
    rig.converge([rig.claim(rig.world.item, end=8)])
    before = policies(rig)
    for stale in (stale_end, stale_removal):
        [error] = rig.carry_out(stale)
        assert "changed since the plan" in error
    assert policies(rig) == before


@of("inline_policy")
def test_an_addition_never_overwrites_an_end_that_it_did_not_see(rig: Rig) -> None:
    additions = rig.plan([rig.claim(rig.world.item, end=4)]).changes
    rig.converge([rig.claim(rig.world.item, end=8)])
    [error] = rig.carry_out(additions)
    assert "changed since the plan" in error


@of("inline_policy")
def test_different_statements_are_different_policies(rig: Rig) -> None:
    rig.converge([rig.claim(rig.world.item), rig.claim(rig.world.higher)])
    assert len(policies(rig)) == 2


@of("inline_policy")
def test_a_policy_on_a_role_ends_by_itself_too(rig: Rig) -> None:
    robot = Subject(SubjectKind.SERVICE, "deployer", ("role/deploy",))
    claims = [rig.claim({"account": "payments", "role": "deploy", "statements": READ}, robot)]
    rig.converge(claims)
    roles = local(rig).iam.account(PAYMENTS).roles.values()
    [document] = [json.loads(unquote(t)) for r in roles for t in r.policies.values()]
    assert "aws:CurrentTime" in document["Statement"][0]["Condition"]["DateLessThan"]
    assert rig.plan(claims).changes == ()
    rig.converge(claims, at=9)
    assert [t for r in roles for t in r.policies.values()] == []


@of("inline_policy")
def test_policies_that_together_are_too_large_are_refused_in_the_words_of_aws(rig: Rig) -> None:
    def wide(n: int) -> dict[str, Any]:
        statement = {**READ[0], "Resource": f"arn:aws:s3:::{n}" + "x" * 1500}
        return {"account": "payments", "statements": [statement]}

    run = rig.run([rig.claim(wide(1)), rig.claim(wide(2))])
    assert len(run.errors) == 1
    assert "Maximum policy size of 2048 bytes exceeded for user alice" in run.errors[0]


# --- IAM groups ------------------------------------------------------------------------------------


@of("iam_group")
def test_membership_of_a_group_that_is_gone_meanwhile_is_gone(rig: Rig) -> None:
    claims = [rig.claim(rig.world.item)]
    rig.converge(claims)
    removals = rig.plan(claims, at=9).changes
    account = local(rig).iam.account(PAYMENTS)
    account.groups["auditors"].users.clear()
    del account.groups["auditors"]
    assert rig.carry_out(removals) == []


@of("iam_group")
def test_an_end_cannot_be_moved_where_aws_holds_none(rig: Rig) -> None:
    [addition] = rig.plan([rig.claim(rig.world.item)]).changes
    live = Observed(addition.assignment)
    change = Change(Action.EXTEND, Cause.DECLARED, addition.assignment, live=live)
    assert "AWS holds no end" in rig.carry_out([change])[0]


@of("account_assignment")
def test_access_of_somebody_else_is_listed_once(rig: Rig) -> None:
    store = local(rig).identity_store
    arn = local(rig).assignments.permission_set("ReadOnlyAccess")
    local(rig).assignments.put(Row(PAYMENTS, arn, "USER", store.user("bob")))
    plan = rig.plan([rig.claim(rig.world.item)])
    assert len(plan.foreign) == 1
