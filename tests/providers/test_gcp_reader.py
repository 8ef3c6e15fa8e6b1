"""What a live policy comes to: ours, those of others, and the ones nobody may believe."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.iam.v1 import policy_pb2

from reconciler.errors import ProviderError
from reconciler.providers.base import System
from reconciler.providers.gcp import connect
from reconciler.providers.gcp.conditions import UNREADABLE
from reconciler.providers.gcp.groups import Groups
from reconciler.providers.gcp.policy import Unwhole, whole
from reconciler.providers.gcp.reader import GcpReader
from reconciler.providers.gcp.session import Policies
from reconciler.sandbox.faults import Fault, FaultKind, Faults
from reconciler.sandbox.gcp import LocalGcp
from tests.providers.gcp_build import add, carried_out, held, no_pace, observed, rows_of
from tests.providers.gcp_world import local_gcp

END = datetime(2026, 12, 1, 18, tzinfo=UTC)
PROJECT = "projects/payments-prod"
ROLE = "roles/cloudsql.viewer"


@pytest.fixture
def gcp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[LocalGcp, Faults, System]]:
    with local_gcp(tmp_path, monkeypatch) as local:
        yield local


def bind(local: LocalGcp, title: str, expression: str, *members: str, role: str = ROLE) -> None:
    def edit(policy: policy_pb2.Policy) -> None:
        binding = policy.bindings.add(role=role, members=members or ("user:alice@example.com",))
        binding.condition.title = title
        binding.condition.expression = expression

    local.policies.change(PROJECT, edit)


def test_a_quiet_run_reads_each_policy_once(gcp: tuple[LocalGcp, Faults, System]) -> None:
    _, faults, system = gcp
    reader = system.open_reader(no_pace)
    for resource in (PROJECT, "folders/1001", "organizations/2001"):
        assert reader.observe(resource, ())
    assert [c.call for c in faults.calls("gcp")] == [
        "RPC Projects/GetIamPolicy",
        "RPC Folders/GetIamPolicy",
        "RPC Organizations/GetIamPolicy",
    ]


def test_our_marker_and_end_are_read_back(gcp: tuple[LocalGcp, Faults, System]) -> None:
    _, _, system = gcp
    of = held(system)
    assert carried_out(system, add(of, END)) == [None]
    [row] = rows_of(system, of)
    assert (row.marker, row.until, row.controller) == (of.id, END, None)


def test_an_expired_leftover_is_a_row_of_ours(gcp: tuple[LocalGcp, Faults, System]) -> None:
    local, _, system = gcp
    of = held(system)
    bind(local, f"jit:{of.id}", 'request.time < timestamp("2020-01-01T00:00:00Z")')
    [row] = rows_of(system, of)
    assert (row.marker, row.until) == (of.id, datetime(2020, 1, 1, tzinfo=UTC))


def test_our_title_on_another_member_is_still_ours(gcp: tuple[LocalGcp, Faults, System]) -> None:
    local, _, system = gcp
    of = held(system)
    bind(
        local,
        f"jit:{of.id}",
        'request.time < timestamp("2030-01-01T00:00:00Z")',
        "user:bob@example.com",
    )
    [row] = [r for r in observed(system) if r.marker]
    assert row.marker == of.id
    assert row.assignment.principal.id == "user:bob@example.com"


def test_our_title_over_a_strange_condition_never_equals_a_declared_end(
    gcp: tuple[LocalGcp, Faults, System],
) -> None:
    local, _, system = gcp
    of = held(system)
    bind(local, f"jit:{of.id}", "true")
    [row] = rows_of(system, of)
    assert row.marker == of.id
    assert row.until == UNREADABLE


def test_our_title_twice_is_two_rows(gcp: tuple[LocalGcp, Faults, System]) -> None:
    local, _, system = gcp
    of = held(system)
    for year in (2030, 2031):
        bind(local, f"jit:{of.id}", f'request.time < timestamp("{year}-01-01T00:00:00Z")')
    rows = rows_of(system, of)
    assert [r.marker for r in rows] == [of.id, of.id]
    assert len({r.handle for r in rows}) == 2


@pytest.mark.parametrize(
    ("title", "expression", "controller"),
    [
        ("Created by: PAM", "request.time < timestamp('2030-01-01T00:00:00Z')", "Privileged Acc"),
        ("only db", 'resource.name.startsWith("projects/_/x")', "condition only db"),
        ("from", 'request.time > timestamp("2020-01-01T00:00:00Z")', "condition from"),
        ("two", 'request.time < timestamp("2030-01-01T00:00:00Z") && true', "condition two"),
        ("naive", 'request.time < timestamp("2030-01-01T00:00:00")', "condition naive"),
        ("jit:somebody-else", "true", "condition jit:somebody-else"),
    ],
)
def test_a_condition_of_others_never_passes_for_the_access_itself(
    gcp: tuple[LocalGcp, Faults, System], title: str, expression: str, controller: str
) -> None:
    local, _, system = gcp
    bind(local, title, expression)
    [row] = rows_of(system, held(system))
    assert row.marker is None
    assert row.controller is not None
    assert row.controller.startswith(controller)


@pytest.mark.parametrize(
    "expression",
    [
        "request.time < timestamp('2030-01-01T00:00:00.000Z')",
        'request.time<timestamp("2030-01-01T01:00:00+01:00")',
    ],
)
def test_an_end_of_others_is_only_an_end(
    gcp: tuple[LocalGcp, Faults, System], expression: str
) -> None:
    local, _, system = gcp
    bind(local, "expirable access", expression)
    [row] = rows_of(system, held(system))
    assert (row.marker, row.controller) == (None, None)
    assert row.until == datetime(2030, 1, 1, tzinfo=UTC)


def test_a_member_in_another_letter_case_is_the_same_principal(
    gcp: tuple[LocalGcp, Faults, System],
) -> None:
    local, _, system = gcp
    local.give(PROJECT, ROLE, "user:Alice@Example.COM")
    assert len(rows_of(system, held(system))) == 1


def test_a_deleted_member_is_somebody_else(gcp: tuple[LocalGcp, Faults, System]) -> None:
    local, _, system = gcp
    local.give(PROJECT, ROLE, "user:alice@example.com")
    gone = "deleted:user:alice@example.com?uid=123456789"
    local.policies.delete_account("alice@example.com", "123456789")
    assert rows_of(system, held(system)) == []
    [row] = [r for r in observed(system) if r.assignment.principal.id == gone]
    assert row.controller == "a deleted principal"  # so the guards count no such administrator


def test_half_a_policy_is_an_error(gcp: tuple[LocalGcp, Faults, System]) -> None:
    _, faults, system = gcp
    faults.arm(Fault("gcp", "RPC Projects/*", FaultKind.HALF))
    with pytest.raises(ProviderError, match=r"read the policy of projects/payments-prod.*etag"):
        observed(system)


def test_a_policy_with_hidden_conditions_is_an_error() -> None:
    policy = policy_pb2.Policy(etag=b"x")
    policy.bindings.add(role=f"{ROLE}_withcond_1a2b3c", members=["user:alice@example.com"])
    with pytest.raises(Unwhole, match="_withcond_1a2b3c"):
        whole(policy)


def test_a_resource_that_does_not_exist_is_an_error_and_not_empty(
    gcp: tuple[LocalGcp, Faults, System],
) -> None:
    _, _, system = gcp
    with pytest.raises(ProviderError, match=r"does not have permission.*no such resource"):
        observed(system, "projects/not-there")
    with pytest.raises(ProviderError, match="may not exist"):
        observed(system, "projects/-/serviceAccounts/x@not-there.iam.gserviceaccount.com")


def test_a_throttled_read_waits_as_long_as_google_says(
    gcp: tuple[LocalGcp, Faults, System],
) -> None:
    _, faults, system = gcp
    faults.arm(Fault("gcp", "RPC *", FaultKind.STATUS, status=429, retry_after=1))
    began = datetime.now(UTC)
    assert observed(system)
    assert datetime.now(UTC) - began >= timedelta(seconds=1)


def test_a_server_that_stays_down_is_given_up_after_five_tries(
    gcp: tuple[LocalGcp, Faults, System],
) -> None:
    _, faults, system = gcp
    faults.arm(Fault("gcp", "RPC *", FaultKind.STATUS, status=503, times=100))
    with pytest.raises(ProviderError, match="503"):
        observed(system)
    assert len(faults.calls()) == 5


def test_a_server_that_stays_busy_is_given_up_in_time(
    gcp: tuple[LocalGcp, Faults, System],
) -> None:
    _, faults, system = gcp
    faults.arm(Fault("gcp", "RPC *", FaultKind.STATUS, status=429, times=1000))
    endpoint = system.settings.endpoint  # type: ignore[attr-defined]
    policies = Policies("gcp", endpoint, no_pace, patience=1.0)
    began = datetime.now(UTC)
    with pytest.raises(ProviderError, match="429"):
        GcpReader("gcp", policies, Groups("gcp", policies, "")).observe(PROJECT, ())
    assert datetime.now(UTC) - began < timedelta(seconds=3)


def test_every_attempt_is_paced(gcp: tuple[LocalGcp, Faults, System]) -> None:
    _, faults, system = gcp
    paced: list[int] = []
    faults.arm(Fault("gcp", "RPC *", FaultKind.STATUS, status=503, times=2))
    system.open_reader(lambda: paced.append(len(faults.calls()))).observe(PROJECT, ())
    assert paced == [0, 1, 2]


def test_a_refused_read_is_not_repeated(gcp: tuple[LocalGcp, Faults, System]) -> None:
    _, faults, system = gcp
    faults.arm(Fault("gcp", "RPC *", FaultKind.STATUS, status=403))
    with pytest.raises(ProviderError):
        observed(system)
    assert len(faults.calls()) == 1


def test_rest_reads_the_same_policy_and_says_so_where_it_cannot(
    gcp: tuple[LocalGcp, Faults, System],
) -> None:
    local, faults, system = gcp
    assert carried_out(system, add(held(system), END)) == [None]
    rest = connect("gcp", {"endpoint": local.rest_url})
    faults.clear()
    assert observed(rest) == observed(system)
    assert faults.calls()[0].call.startswith("POST /v3/projects/payments-prod:getIamPolicy")
    with pytest.raises(ProviderError, match=r"no REST client .* write endpoint: grpc://"):
        observed(rest, "projects/-/serviceAccounts/d@payments-prod.iam.gserviceaccount.com")


def test_rest_waits_and_repeats_too(gcp: tuple[LocalGcp, Faults, System]) -> None:
    local, faults, _ = gcp
    rest = connect("gcp", {"endpoint": local.rest_url})
    faults.arm(Fault("gcp", "POST *", FaultKind.STATUS, status=429, retry_after=1))
    began = datetime.now(UTC)
    assert observed(rest)
    assert datetime.now(UTC) - began >= timedelta(seconds=1)
    faults.arm(Fault("gcp", "POST *", FaultKind.DROP))
    assert observed(rest)
    assert [c.fault for c in faults.calls()] == ["status", "", "drop", ""]


def test_half_an_answer_over_rest_is_an_error(gcp: tuple[LocalGcp, Faults, System]) -> None:
    local, faults, _ = gcp
    faults.arm(Fault("gcp", "POST *", FaultKind.HALF, times=100))
    with pytest.raises(ProviderError, match="read the policy"):
        observed(connect("gcp", {"endpoint": local.rest_url}))
