"""What every provider must do, for every kind of entitlement, against its local system."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from reconciler.model import Cause, Claim, Window
from reconciler.sandbox.faults import Fault, FaultKind
from tests.providers.rig import Rig, hours

WORLDS = ("aws", "gcp", "azure", "bitbucket_cloud", "bitbucket_dc")
KINDS = [(w, kind) for w in WORLDS for kind in import_module(f"tests.providers.{w}_world").KINDS]


@contextmanager
def opened_rig(
    world: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Rig]:
    module = import_module(f"tests.providers.{world}_world")
    with module.open_world(kind, tmp_path, monkeypatch) as opened:
        yield Rig(opened)


@pytest.fixture(params=KINDS, ids=lambda p: "-".join(p))
def rig(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Rig]:
    world, kind = request.param
    with opened_rig(world, kind, tmp_path, monkeypatch) as rig:
        yield rig


def arm(rig: Rig, match: str, kind: FaultKind, times: int = 1, **more: int) -> None:
    rig.world.faults.arm(Fault(rig.world.system.name, match, kind, times=times, **more))


def test_access_appears_stays_and_ends(rig: Rig) -> None:
    item, alice = rig.world.item, rig.world.subjects[0]
    before = rig.holders()
    rig.converge([rig.claim(item)])
    assert rig.holders() == sorted({*before, alice.id})
    assert rig.plan([rig.claim(item)]).changes == ()
    rig.converge([rig.claim(item)], at=9)
    assert rig.holders() == before
    assert rig.plan([rig.claim(item)], at=9).changes == ()


def test_removing_what_is_already_gone_succeeds(rig: Rig) -> None:
    claims = [rig.claim(rig.world.item)]
    rig.converge(claims)
    removals = rig.plan(claims, at=9).changes
    assert [c.removes for c in removals] == [True]
    assert rig.carry_out(removals) == []
    assert rig.carry_out(removals) == []


def test_adding_what_is_already_there_succeeds(rig: Rig) -> None:
    claims = [rig.claim(rig.world.item)]
    additions = rig.plan(claims).changes
    assert rig.carry_out(additions) == []
    assert rig.carry_out(additions) == []
    assert rig.plan(claims).changes == ()


def test_every_page_is_read(rig: Rig) -> None:
    claims = [rig.claim(rig.world.item, s) for s in rig.world.subjects]
    assert len(claims) > rig.world.page
    before = rig.holders()
    rig.converge(claims)
    assert rig.plan(claims).changes == ()
    assert rig.holders() == sorted({*before, *(s.id for s in rig.world.subjects)})
    rig.converge(claims, at=9)
    assert rig.holders() == before


def test_a_refusal_in_the_middle_stops_only_itself(rig: Rig) -> None:
    claims = [rig.claim(rig.world.item), rig.claim(rig.world.elsewhere)]
    arm(rig, rig.world.write_call, FaultKind.STATUS, status=403)
    run = rig.run(claims)
    assert len(run.errors) == 1
    assert len(run.plan.changes) == 2
    again = rig.converge(claims)
    assert len(again.plan.changes) == 1
    assert rig.plan(claims).changes == ()


def test_rule_10_an_odd_spelling_is_the_same_access(rig: Rig) -> None:
    odd = rig.claim(rig.world.odd_item)
    rig.converge([odd])
    assert rig.plan([rig.claim(rig.world.item), odd]).changes == ()


def test_a_throttled_system_is_waited_for(rig: Rig) -> None:
    status = rig.world.extra.get("throttle_status", 429)
    arm(rig, rig.world.list_call, FaultKind.STATUS, times=2, status=status, retry_after=0)
    arm(rig, rig.world.write_call, FaultKind.STATUS, times=2, status=status, retry_after=0)
    rig.converge([rig.claim(rig.world.item)])
    assert rig.plan([rig.claim(rig.world.item)]).changes == ()


@pytest.mark.parametrize("kind", [FaultKind.HALF, FaultKind.EMPTY, FaultKind.DROP])
def test_rule_4_a_read_that_is_not_whole_is_unknown_and_removes_nothing(
    rig: Rig, kind: FaultKind
) -> None:
    claims = [rig.claim(rig.world.item)]
    rig.converge(claims)
    holders = rig.holders()
    arm(rig, rig.world.list_call, kind, times=1000)
    run = rig.run(claims, at=9)
    assert (run.plan.changes, rig.holders()) == ((), holders)
    assert run.plan.unknown != ()


def test_rule_4_a_forbidden_read_is_unknown_and_adds_nothing(rig: Rig) -> None:
    arm(rig, rig.world.list_call, FaultKind.STATUS, times=1000, status=403)
    plan = rig.plan([rig.claim(rig.world.item)])
    assert plan.changes == ()
    assert plan.unknown != ()


def test_rule_22_access_that_was_there_before_survives_or_is_warned_about(rig: Rig) -> None:
    item, alice = rig.world.item, rig.world.subjects[0]
    rig.world.by_hand.give(item, alice)
    claims = [rig.claim(item, start=1)]
    during = rig.converge(claims, at=2)
    assert during.plan.changes == ()
    if not (rig.can(item).marker or during.plan.already_held):
        assert "it will end with the grant" in during.plan.warnings[0].text
        return
    assert [a.subject for a in during.plan.already_held] == [alice.id]
    assert rig.converge(claims, at=9).plan.changes == ()
    assert alice.id in rig.holders()


def test_foreign_access_is_listed_and_never_touched(rig: Rig) -> None:
    item, (alice, bob, *_) = rig.world.item, rig.world.subjects
    rig.world.by_hand.give(item, bob)
    claims = [rig.claim(item, alice)]
    run = rig.converge(claims)
    assert run.told == [f"add {alice.id}"]
    rig.converge(claims, at=9)
    assert bob.id in rig.holders()
    entitlements = {f.observed.assignment.entitlement.role for f in run.plan.foreign}
    role = run.plan.changes[0].assignment.entitlement.role
    assert role in entitlements


def test_rule_1_of_two_overlapping_grants_the_later_end_counts(rig: Rig) -> None:
    item, alice = rig.world.item, rig.world.subjects[0]
    both = [rig.claim(item, end=2), rig.claim(item, end=8, grant="grants/b.yaml")]
    run = rig.converge(both)
    assert len(run.plan.changes) == 1
    assert rig.converge(both, at=3).plan.changes == ()
    assert alice.id in rig.holders()
    rig.converge(both, at=9)
    assert rig.plan(both, at=9).changes == ()


def test_the_end_moves_with_the_grant_where_the_system_holds_it(rig: Rig) -> None:
    item = rig.world.item
    native = rig.can(item).native_expiry
    rig.converge([rig.claim(item, end=4)])
    for end, action in ((8, "extend"), (2, "shorten")):
        run = rig.converge([rig.claim(item, end=end)])
        assert [c.action for c in run.plan.changes] == ([action] if native else [])
        assert rig.plan([rig.claim(item, end=end)]).changes == ()
        situation, _, _ = rig.look([rig.claim(item, end=end)])
        declared = situation.says.declared
        ends = [r.until for r in situation.reading.rows if r.assignment.key in declared]
        assert ends == [hours(end) if native else None]


def test_standing_access_has_no_end_and_goes_when_it_is_withdrawn(rig: Rig) -> None:
    item, alice = rig.world.item, rig.world.subjects[0]
    before = rig.holders()
    standing = rig.claim(item, end=None)
    rig.converge([standing])
    assert rig.plan([standing], at=1000).changes == ()
    assert alice.id in rig.holders()
    rig.converge([_withdrawn(standing)], at=2)
    assert rig.holders() == before


def _withdrawn(claim: Claim) -> Claim:
    return replace(claim, window=Window(hours(-1), hours(1)), cause=Cause.WITHDRAWN)


def test_rule_12_the_permission_that_was_replaced_comes_back(rig: Rig) -> None:
    if not rig.can(rig.world.item).slot:
        pytest.skip("holds any number of roles per resource: nothing is ever replaced")
    low = rig.claim(rig.world.item, end=None, grant="standing/a.yaml")
    high = rig.claim(rig.world.higher)
    rig.converge([low])
    assert len(rig.converge([low, high]).plan.changes) == 1
    assert rig.plan([low, high]).changes == ()
    assert len(rig.converge([low, high], at=9).plan.changes) == 1
    assert rig.holders(rig.world.higher) == []
    assert rig.world.subjects[0].id in rig.holders()


def test_rule_12_a_role_change_leaves_no_gap(rig: Rig) -> None:
    over = rig.claim(rig.world.item, start=-4, end=1)
    rig.converge([over])
    change = [over, rig.claim(rig.world.higher, start=0.5)]
    rig.converge(change, at=2)
    assert rig.plan(change, at=2).changes == ()
    assert rig.world.subjects[0].id in rig.holders(rig.world.higher)
    assert rig.world.subjects[0].id not in rig.holders(rig.world.item)


def test_an_answer_that_got_lost_is_found_out_by_the_next_run(rig: Rig) -> None:
    claims = [rig.claim(rig.world.item)]
    arm(rig, rig.world.write_call, FaultKind.DROP)
    rig.run(claims)
    rig.converge(claims)
    assert rig.plan(claims).changes == ()
    assert rig.world.subjects[0].id in rig.holders()


def test_a_run_with_nothing_to_do_makes_as_few_calls_as_possible(rig: Rig) -> None:
    claims = [rig.claim(rig.world.item)]
    rig.converge(claims)
    before = len(rig.world.faults.calls(rig.world.system.name))
    assert rig.plan(claims).changes == ()
    calls = rig.world.faults.calls(rig.world.system.name)[before:]
    assert len(calls) == rig.world.quiet_calls, [c.call for c in calls]
