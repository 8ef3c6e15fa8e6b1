"""Writing: one read-modify-write per policy, nobody else's bindings, and no end that gets lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.iam.v1 import policy_pb2

from reconciler.providers.base import System
from reconciler.providers.gcp import connect
from reconciler.providers.gcp.policy import MAX_GROUPS, Draft, Full, Row
from reconciler.sandbox.faults import Fault, FaultKind, Faults
from reconciler.sandbox.gcp import LocalGcp
from tests.providers.gcp_build import (
    ALICE,
    BOB,
    NOBODY,
    add,
    carried_out,
    causes,
    held,
    move,
    no_pace,
    observed,
    remove,
    rows_of,
)
from tests.providers.gcp_world import local_gcp

END = datetime(2026, 12, 1, 18, tzinfo=UTC)
LATER = datetime(2026, 12, 2, 18, tzinfo=UTC)
PROJECT = "projects/payments-prod"
ROLE = "roles/cloudsql.viewer"
WRITE = "RPC Projects/SetIamPolicy"

Gcp = tuple[LocalGcp, Faults, System]


@pytest.fixture
def gcp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gcp]:
    with local_gcp(tmp_path, monkeypatch) as local:
        yield local


def policy(local: LocalGcp) -> policy_pb2.Policy:
    return local.policies.get(PROJECT, 3)


def writes(faults: Faults) -> int:
    return sum(c.call == WRITE for c in faults.calls())


def bind(local: LocalGcp, role: str, members: list[str], title: str, expression: str) -> None:
    def edit(policy: policy_pb2.Policy) -> None:
        binding = policy.bindings.add(role=role, members=members)
        binding.condition.title = title
        binding.condition.expression = expression

    local.policies.change(PROJECT, edit)


def test_all_changes_of_a_policy_are_one_read_and_one_write(gcp: Gcp) -> None:
    _, faults, system = gcp
    old = held(system)
    carried_out(system, add(old, END))
    [row] = rows_of(system, old)
    faults.clear()
    new = [
        held(system, subject, project="payments-prod", role=f"roles/cloudsql.{role}")
        for subject in (ALICE, BOB)
        for role in ("editor", "client")
    ]
    assert carried_out(system, remove(row), *(add(of, END) for of in new)) == [None] * 5
    assert [c.call for c in faults.calls()] == ["RPC Projects/GetIamPolicy", WRITE]


def test_a_temporary_binding_says_what_made_it_and_when_it_ends(gcp: Gcp) -> None:
    local, _, system = gcp
    of = held(system)
    assert carried_out(system, add(of, END)) == [None]
    [binding] = [b for b in policy(local).bindings if b.role == ROLE]
    assert list(binding.members) == ["user:alice@example.com"]
    assert binding.condition.title == f"jit:{of.id}"
    assert binding.condition.expression == 'request.time < timestamp("2026-12-01T18:00:00Z")'
    assert "Until 2026-12-01T18:00:00Z, by grants/alice-sql.yaml" in binding.condition.description


def test_a_description_never_grows_past_what_google_takes(gcp: Gcp) -> None:
    local, _, system = gcp
    of = held(system)
    long = tuple(f"grants/team-{n}/quite-a-long-name.yaml" for n in range(40))
    assert carried_out(system, replace(add(of, END), grants=long)) == [None]
    [binding] = [b for b in policy(local).bindings if b.role == ROLE]
    assert len(binding.condition.description) == 256


def test_nothing_of_anybody_else_moves(gcp: Gcp) -> None:
    local, _, system = gcp
    bind(local, ROLE, ["user:bob@example.com"], "Created by: PAM", "true")
    local.give(PROJECT, ROLE, "user:carol@example.com")
    local.policies.change(PROJECT, _audited)
    before = policy(local)
    of = held(system)
    carried_out(system, add(of, END))
    [row] = rows_of(system, of)
    carried_out(system, move(row, LATER))
    [row] = rows_of(system, of)
    assert carried_out(system, remove(row)) == [None]
    after = policy(local)
    assert after.etag != before.etag
    after.etag = before.etag
    assert after == before


def _audited(policy: policy_pb2.Policy) -> None:
    config = policy.audit_configs.add(service="allServices")
    config.audit_log_configs.add(log_type=policy_pb2.AuditLogConfig.DATA_READ)


def test_a_stranger_under_our_condition_is_left_there(gcp: Gcp) -> None:
    local, _, system = gcp
    of = held(system)
    carried_out(system, add(of, END))
    [row] = rows_of(system, of)

    def edit(policy: policy_pb2.Policy) -> None:
        [ours] = [b for b in policy.bindings if b.role == ROLE]
        ours.members.append("user:bob@example.com")

    local.policies.change(PROJECT, edit)
    assert carried_out(system, remove(row)) == [None]
    [binding] = [b for b in policy(local).bindings if b.role == ROLE]
    assert list(binding.members) == ["user:bob@example.com"]


def test_access_without_an_end_has_no_condition(gcp: Gcp) -> None:
    local, _, system = gcp
    assert carried_out(system, add(held(system), None)) == [None]
    [binding] = [b for b in policy(local).bindings if b.role == ROLE]
    assert not binding.HasField("condition")


def test_a_basic_role_is_given_without_a_condition(gcp: Gcp) -> None:
    local, _, system = gcp
    of = held(system, project="payments-prod", role="roles/editor")
    assert carried_out(system, add(of, END)) == [None]
    [binding] = [b for b in policy(local).bindings if b.role == "roles/editor"]
    assert not binding.HasField("condition")


@pytest.mark.parametrize(("first", "then"), [(END, LATER), (LATER, END), (END, None), (None, END)])
def test_an_end_moves_comes_and_goes_in_one_write(
    gcp: Gcp, first: datetime | None, then: datetime | None
) -> None:
    _, faults, system = gcp
    of = held(system)
    carried_out(system, add(of, first))
    [row] = rows_of(system, of)
    faults.clear()
    assert carried_out(system, move(row, then)) == [None]
    assert writes(faults) == 1
    [row] = rows_of(system, of)
    assert row.until == then
    assert row.marker == (of.id if then else None)


def test_moving_an_end_twice_is_fine(gcp: Gcp) -> None:
    _, faults, system = gcp
    of = held(system)
    carried_out(system, add(of, END))
    [row] = rows_of(system, of)
    assert carried_out(system, move(row, LATER)) == [None]
    faults.clear()
    assert carried_out(system, move(row, LATER)) == [None]
    assert writes(faults) == 0


def test_a_stale_etag_starts_the_whole_cycle_anew(gcp: Gcp) -> None:
    local, faults, system = gcp
    faults.arm(Fault("gcp", WRITE, FaultKind.DELAY, seconds=0.3))
    of = held(system)
    outcome: list[str | None] = []
    run = threading.Thread(target=lambda: outcome.extend(carried_out(system, add(of, END))))
    run.start()
    while writes(faults) == 0:  # it has read, and its write is on its way
        threading.Event().wait(0.01)
    local.give(PROJECT, ROLE, "user:bob@example.com")
    run.join(timeout=20)
    assert outcome == [None]
    assert writes(faults) == 2
    members = {m for b in policy(local).bindings if b.role == ROLE for m in b.members}
    assert members == {"user:alice@example.com", "user:bob@example.com"}


def test_many_writers_at_once_lose_nothing(gcp: Gcp) -> None:
    _, _, system = gcp
    roles = [f"roles/cloudsql.r{n}" for n in range(6)]
    of = [held(system, project="payments-prod", role=role) for role in roles]
    outcomes: list[str | None] = []
    runs = [
        threading.Thread(target=lambda a=a: outcomes.extend(carried_out(system, add(a, END))))
        for a in of
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join(timeout=30)
    assert outcomes == [None] * 6
    assert {r.marker for r in observed(system) if r.marker} == {a.id for a in of}


def test_a_conflict_over_rest_is_repeated_too(gcp: Gcp) -> None:
    local, faults, _ = gcp
    rest = connect("gcp", {"endpoint": local.rest_url})
    faults.arm(Fault("gcp", "POST *:setIamPolicy*", FaultKind.STATUS, status=409))
    of = held(rest)
    assert carried_out(rest, add(of, END)) == [None]
    assert [r.until for r in rows_of(rest, of)] == [END]
    assert [c.fault for c in faults.calls()] == ["", "status", "", "", ""]


def test_a_write_whose_answer_is_lost_is_found_done(gcp: Gcp) -> None:
    _, faults, system = gcp
    faults.arm(Fault("gcp", WRITE, FaultKind.DROP))
    of = held(system)
    assert carried_out(system, add(of, END)) == [None]
    assert writes(faults) == 1
    [row] = rows_of(system, of)
    faults.arm(Fault("gcp", WRITE, FaultKind.DROP))
    assert carried_out(system, remove(row)) == [None]
    assert rows_of(system, of) == []


def test_half_an_answer_to_a_write_is_no_confirmation(gcp: Gcp) -> None:
    _, faults, system = gcp
    faults.arm(Fault("gcp", WRITE, FaultKind.HALF))
    assert carried_out(system, add(held(system), END)) == [None]
    assert [c.call for c in faults.calls()][-1] == "RPC Projects/GetIamPolicy"


def test_half_a_policy_is_never_written_back(gcp: Gcp) -> None:
    local, faults, system = gcp
    before = policy(local)
    faults.arm(Fault("gcp", "RPC Projects/GetIamPolicy", FaultKind.HALF))
    [cause] = carried_out(system, add(held(system), END))
    assert cause is not None
    assert "etag" in cause
    assert policy(local) == before


def test_one_unknown_member_spoils_only_its_own_change(gcp: Gcp) -> None:
    _, _, system = gcp
    old = held(system)
    carried_out(system, add(old, END))
    [row] = rows_of(system, old)
    others = [held(system, BOB, project="payments-prod", role=f"roles/x.r{n}") for n in range(4)]
    changes = [remove(row), add(held(system, NOBODY), END), *(add(o, END) for o in others)]
    outcomes = carried_out(system, *changes)
    assert outcomes == [None, "User mallory@example.com does not exist.", *[None] * 4]
    assert {r.marker for r in observed(system) if r.marker} == {o.id for o in others}


def test_a_refused_write_is_told_once_with_what_was_tried(gcp: Gcp) -> None:
    _, faults, system = gcp
    faults.arm(Fault("gcp", WRITE, FaultKind.STATUS, status=403))
    [outcome] = system.open_writer(no_pace).carry_out([add(held(system), END)])
    assert str(outcome.error).startswith(
        "gcp: cannot add roles/cloudsql.viewer of user:alice@example.com on projects/payments-prod:"
    )
    assert writes(faults) == 1


def test_a_row_that_changed_since_the_plan_is_not_touched(gcp: Gcp) -> None:
    local, _, system = gcp
    of = held(system)
    carried_out(system, add(of, END))
    [seen] = rows_of(system, of)
    carried_out(system, move(seen, LATER))  # somebody else extends it meanwhile
    before = policy(local)
    removal, addition = carried_out(system, remove(seen), add(of, END))
    assert removal is not None
    assert "changed since the plan" in removal
    assert addition is not None
    assert "changed since the plan" in addition
    assert policy(local) == before


def test_an_end_does_not_move_on_what_is_gone(gcp: Gcp) -> None:
    _, _, system = gcp
    of = held(system)
    carried_out(system, add(of, END))
    [row] = rows_of(system, of)
    carried_out(system, remove(row))
    [cause] = carried_out(system, move(row, LATER))
    assert cause is not None
    assert "no longer there: changed since the plan" in cause
    assert rows_of(system, of) == []


def test_of_two_rows_with_our_title_the_one_that_is_named_goes(gcp: Gcp) -> None:
    local, _, system = gcp
    of = held(system)
    carried_out(system, add(of, END))
    bind(
        local,
        ROLE,
        ["user:alice@example.com"],
        f"jit:{of.id}",
        'request.time < timestamp("2031-01-01T00:00:00Z")',
    )
    tampered = next(r for r in rows_of(system, of) if r.until != END)
    assert carried_out(system, remove(tampered)) == [None]
    [row] = rows_of(system, of)
    assert row.until == END


def test_rows_of_one_member_in_two_letter_cases_both_go(gcp: Gcp) -> None:
    local, _, system = gcp
    for member in ("user:alice@example.com", "user:Alice@Example.com"):
        local.give(PROJECT, ROLE, member)
    rows = rows_of(system, held(system))
    assert len(rows) == 2
    assert carried_out(system, *(remove(r) for r in rows)) == [None, None]
    assert rows_of(system, held(system)) == []


def test_a_full_policy_is_told_before_the_write_and_removals_still_go(gcp: Gcp) -> None:
    local, faults, system = gcp
    of = held(system)
    carried_out(system, add(of, END))
    [row] = rows_of(system, of)
    fill = 1_500 - sum(len(b.members) for b in policy(local).bindings)
    local.policies.change(PROJECT, lambda p: _crowd(p, fill))
    faults.clear()
    new = held(system, BOB)
    assert carried_out(system, add(new, END)) == ["the policy is full: 1500 principals of 1500"]
    assert writes(faults) == 0
    assert carried_out(system, remove(row), add(new, END)) == [None, None]
    assert writes(faults) == 1


def _crowd(policy: policy_pb2.Policy, size: int) -> None:
    members = [f"principal://iam.googleapis.com/pool/subject/{n}" for n in range(size)]
    policy.bindings.add(role="roles/crowd.member", members=members)


def test_a_twenty_first_condition_of_one_member_is_told_before_the_write(gcp: Gcp) -> None:
    local, faults, system = gcp
    for n in range(20):
        bind(local, ROLE, ["user:alice@example.com"], f"c{n}", f'resource.name == "{n}"')
    faults.clear()
    [cause] = carried_out(system, add(held(system), END))
    assert cause is not None
    assert "20 conditions already, of 20" in cause
    assert writes(faults) == 0


def test_a_moved_end_needs_no_room_of_its_own(gcp: Gcp) -> None:
    local, _, system = gcp
    of = held(system)
    carried_out(system, add(of, END))
    [row] = rows_of(system, of)
    for n in range(19):
        bind(local, ROLE, ["user:alice@example.com"], f"c{n}", f'resource.name == "{n}"')
    assert carried_out(system, move(row, LATER)) == [None]


def test_another_group_is_told_when_the_policy_has_all_it_can() -> None:
    full = policy_pb2.Policy(etag=b"x")
    groups = [f"group:g{n}@example.com" for n in range(MAX_GROUPS)]
    full.bindings.add(role=ROLE, members=groups)
    draft = Draft(full)
    draft.add(Row("roles/other", groups[0]))  # known there already
    with pytest.raises(Full, match="250 groups and domains of 250"):
        draft.add(Row("roles/other", "group:one-more@example.com"))


def test_every_kind_of_resource_takes_an_end(gcp: Gcp) -> None:
    _, _, system = gcp
    items = (
        {"project": "payments-prod"},
        {"folder": "1001"},
        {"organization": "2001"},
        {"service_account": "deployer@payments-prod.iam.gserviceaccount.com"},
    )
    role = "roles/iam.serviceAccountTokenCreator"
    of = [held(system, ALICE, role=role, **item) for item in items]
    outcomes = system.open_writer(no_pace).carry_out([add(a, END) for a in of])
    assert causes(outcomes) == [None] * 4
    assert [r.until for a in of for r in rows_of(system, a)] == [END] * 4


def test_an_end_that_finds_no_room_leaves_the_binding_as_it_was(gcp: Gcp) -> None:
    local, _, system = gcp
    of = held(system)
    carried_out(system, add(of, None))
    [row] = rows_of(system, of)
    for n in range(20):
        bind(local, ROLE, ["user:alice@example.com"], f"c{n}", f'resource.name == "{n}"')
    other = held(system, BOB)
    full, fine = carried_out(system, move(row, END), add(other, END))
    assert full is not None
    assert "20 conditions already" in full
    assert fine is None
    assert row in rows_of(system, of)


def test_a_write_that_google_answers_and_does_not_keep_is_an_error(
    gcp: Gcp, monkeypatch: pytest.MonkeyPatch
) -> None:
    local, _, system = gcp
    of = held(system, BOB)
    carried_out(system, add(of, END))
    [row] = rows_of(system, of)
    monkeypatch.setattr(local.policies, "set", lambda resource, *_: local.policies.get(resource, 3))
    changes = (remove(row), add(held(system), END))
    assert carried_out(system, *changes) == [
        "Google kept the binding",
        "Google did not keep the binding",
    ]


def test_every_attempt_to_write_is_paced(gcp: Gcp) -> None:
    _, faults, system = gcp
    paced: list[int] = []
    faults.arm(Fault("gcp", WRITE, FaultKind.STATUS, status=409))
    writer = system.open_writer(lambda: paced.append(len(faults.calls())))
    assert causes(writer.carry_out([add(held(system), END)])) == [None]
    assert paced == [0, 1, 2, 3]
