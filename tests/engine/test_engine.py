from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace

import pytest

from reconciler.engine.apply import apply
from reconciler.engine.connections import Connections
from reconciler.engine.safety import Safety, draw_up, enforced
from reconciler.engine.situation import Situation, look, remembered
from reconciler.engine.throttle import pace
from reconciler.engine.verify import verify
from reconciler.model import (
    Capabilities,
    Claim,
    Entitlement,
    Item,
    Limits,
    Mode,
    Plan,
)
from reconciler.providers.base import ConfiguredSystem, Outcome, Rate
from tests.build import HORIZON, MARKED, NOW, PLAIN, assignment, claim, live, told
from tests.engine.fakes import FakeSystem, configured

LOOSE = Safety(Limits(percent=100, count=1000, floor=1000))


def said(
    who: str, role: str = "read", kind: str = PLAIN, on: str = "vault", system: str = "sys",
    start: float = -1, end: float | None = 1,
) -> Claim:  # fmt: skip
    of = assignment(who, role, kind, on)
    of = replace(of, entitlement=replace(of.entitlement, system=system))
    return claim(of, start, end)[1]


def run(
    claims: Iterable[Claim], *systems: FakeSystem, mode: Mode = Mode.ENFORCE
) -> tuple[Plan, list[Outcome], Situation, Connections]:
    connections = Connections(configured(systems, mode))
    situation = look(claims, connections, NOW, HORIZON)
    drawn = draw_up(situation, connections, LOOSE)
    outcomes = list(apply(enforced(drawn.changes, connections), connections))
    outcomes += verify(situation, outcomes, connections)
    return drawn, outcomes, situation, connections


def errors(outcomes: Iterable[Outcome]) -> list[str]:
    return [o.error.cause for o in outcomes if o.error]


def test_declared_access_is_made_and_the_next_run_plans_nothing() -> None:
    system = FakeSystem()
    drawn, outcomes, *_ = run([said("alice"), said("bob")], system)
    assert (len(drawn.changes), errors(outcomes)) == (2, [])
    assert run([said("alice"), said("bob")], system)[0].changes == ()


def test_a_plan_that_was_only_shown_is_another_once_its_system_is_switched_on() -> None:
    shown = run([said("alice")], FakeSystem(), mode=Mode.REPORT)[0]
    done = run([said("alice")], FakeSystem(), mode=Mode.ENFORCE)[0]
    assert shown.changes == done.changes
    assert shown.hash != done.hash


def test_rule_4_a_scope_that_cannot_be_read_is_unknown_and_the_others_go_on() -> None:
    row = live(assignment("zoe", kind=MARKED, on="broken one"))
    system = FakeSystem(broken={"broken one"}).hold(row)
    claims = [said("alice", on="broken one"), said("bob")]
    drawn, _outcomes, *_ = run(claims, system)
    assert told(drawn) == ["add bob read (declared)"]
    assert [(u.where, u.error) for u in drawn.unknown] == [("broken one", "broken one is broken")]
    assert row.handle in system.live


@pytest.mark.parametrize("fault", ["open", "canonical read", "alice", "vault"])
def test_one_systems_failure_never_stops_another(fault: str) -> None:
    bad, good = FakeSystem("bad", broken={fault}), FakeSystem("good")
    drawn, _outcomes, *_ = run(
        [said("alice", system="bad"), said("alice", system="good")], bad, good
    )
    assert good.log == ["add alice read"]
    assert bad.log == []
    assert {u.system for u in drawn.unknown} == {"bad"}


@pytest.mark.parametrize("fault", ["open", "canonical read", "alice", "vault", "alice read"])
def test_a_bug_in_one_system_is_a_failure_of_that_system_alone(fault: str) -> None:
    bad, good = FakeSystem("bad", bug={fault}), FakeSystem("good")
    drawn, outcomes, *_ = run(
        [said("alice", system="bad"), said("alice", system="good")], bad, good
    )
    assert good.log == ["add alice read"]
    found = [u.error for u in drawn.unknown] + errors(outcomes)
    assert found == [f"unexpected KeyError: {fault!r}"]


def test_a_writer_that_cannot_be_opened_fails_its_changes_and_no_others() -> None:
    bad, good = FakeSystem("bad", broken={"open writer"}), FakeSystem("good")
    _, outcomes, *_ = run([said("alice", system="bad"), said("alice", system="good")], bad, good)
    assert errors(outcomes) == ["open writer is broken"]
    assert good.log == ["add alice read"]


def test_a_refused_change_stops_only_itself() -> None:
    system = FakeSystem(broken={"bob read"})
    _, outcomes, *_ = run([said("alice"), said("bob"), said("carol")], system)
    assert errors(outcomes) == ["bob read is broken"]
    assert len(outcomes) == 3


def test_every_change_gets_its_outcome_even_from_a_writer_that_breaks_off() -> None:
    _, outcomes, *_ = run([said("alice"), said("bob")], FakeSystem(silent=True))
    assert errors(outcomes) == ["the writer gave no outcome"] * 2


def test_rule_14_what_was_confirmed_and_is_not_to_be_seen_is_an_error() -> None:
    _, outcomes, *_ = run([said("alice"), said("bob")], FakeSystem(deaf={"alice read"}))
    assert errors(outcomes) == ["it still needs: add sys: alice has read on vault"]


def test_where_lists_lag_the_writers_word_counts() -> None:
    class Lagging(FakeSystem):
        def capabilities(self, entitlement: Entitlement, ending: bool) -> Capabilities:
            return replace(super().capabilities(entitlement, ending), lag=600)

    _, outcomes, *_ = run([said("alice")], Lagging(deaf={"alice read"}))
    assert errors(outcomes) == []


def test_removals_come_first_and_a_role_change_adds_before_it_removes() -> None:
    system = FakeSystem(slow={"old read", "alice read"}).hold(
        live(assignment("old", kind=PLAIN)), live(assignment("alice", "write", PLAIN))
    )
    claims = [
        said("old", start=-5, end=-1),
        said("new"),
        said("alice", "write", start=-5, end=-1),
        said("alice", "read"),
    ]
    run(claims, system)
    assert system.log[0] == "remove old read"
    assert system.log.index("add alice read") < system.log.index("remove alice write")


def test_rule_12_when_the_new_role_fails_the_old_one_still_ends() -> None:
    system = FakeSystem(broken={"alice read"}).hold(live(assignment("alice", "write", PLAIN)))
    run([said("alice", "write", start=-5, end=-1), said("alice", "read")], system)
    assert system.log == ["remove alice write"]


def test_rule_7_a_system_in_report_mode_is_never_written_to() -> None:
    system = FakeSystem()
    drawn, outcomes, *_ = run([said("alice")], system, mode=Mode.REPORT)
    assert (len(drawn.changes), outcomes, system.log) == (1, [], [])
    assert system.calls["open writer"] == 0


def test_one_subject_that_nobody_knows_stops_only_itself() -> None:
    system = FakeSystem(gone={"alice"})
    drawn, *_ = run([said("alice"), said("bob")], system)
    assert told(drawn) == ["add bob read (declared)"]
    assert [(u.where, u.error) for u in drawn.unknown] == [
        ("alice@example.com, in grants/a.yaml", "alice")
    ]


def test_a_subject_that_is_gone_matters_no_more_once_its_grants_are_over() -> None:
    drawn, *_ = run([said("alice", start=-5, end=-1)], FakeSystem(gone={"alice"}))
    assert drawn.unknown == ()
    assert "cannot be recognised" in drawn.warnings[0].text


def test_a_resource_that_is_gone_matters_no_more_once_its_grants_are_over() -> None:
    assert run([said("alice", start=-5, end=-1)], FakeSystem(gone={"vault"}))[0].unknown == ()
    assert run([said("alice")], FakeSystem(gone={"vault"}))[0].unknown != ()


def test_what_a_grant_left_under_a_role_that_was_renamed_since_is_still_looked_for() -> None:
    """The name is gone, the marked row is not: its scope must be read all the same."""
    row = live(assignment("alice", "renamed", MARKED))
    system = FakeSystem(gone={"canonical read"}).hold(row)
    drawn, *_ = run([said("alice", kind=MARKED, start=-5, end=-1)], system)
    assert told(drawn) == ["remove alice renamed (withdrawn)"]
    assert drawn.unknown == ()


def exclusive(system: FakeSystem, claims: Iterable[Claim]) -> Plan:
    item = Item(assignment(kind=PLAIN).entitlement)
    connections = Connections([ConfiguredSystem(system, Mode.ENFORCE, system.rate, (item,))])
    situation = look(claims, connections, NOW, HORIZON)
    return draw_up(situation, connections, LOOSE)


def test_an_exclusive_scope_is_read_even_when_no_grant_names_it() -> None:
    system = FakeSystem().hold(live(assignment("mallory", kind=PLAIN)))
    assert told(exclusive(system, [])) == ["remove mallory read (foreign)"]


def test_nobody_in_an_exclusive_scope_is_a_stranger_while_a_subject_is_unknown() -> None:
    """The row might be the very person whom the system failed to tell us about."""
    system = FakeSystem(gone={"alice"}).hold(live(assignment("alice", kind=PLAIN)))
    assert told(exclusive(system, [said("alice")])) == []


def test_only_what_is_needed_is_asked_and_only_once() -> None:
    system = FakeSystem()
    claims = [said(w, on=on) for w in ("alice", "bob") for on in ("v", "w")]
    run(claims, system)
    system.calls.clear()
    run(claims, system)
    asked = {k: n for k, n in system.calls.items() if k in ("v", "w", "open", "own")}
    assert asked == {"v": 1, "w": 1, "open": 1}  # nothing is taken away: who we are is not asked


def test_old_grants_give_a_leftover_its_name_and_change_nothing() -> None:
    system = FakeSystem().hold(live(assignment("zoe", kind=PLAIN)))
    connections = Connections(configured([system]))
    situation = look([said("alice")], connections, NOW, HORIZON)
    old = said("zoe", start=-24 * 60, end=-24 * 40)
    keys = situation.unnamed(connections)
    again = remembered(situation, [old], keys, connections)
    before, after = situation.plan(connections), again.plan(connections)
    assert before.changes == after.changes
    assert "was declared by grants/a.yaml" in after.foreign[0].note


def test_no_more_changes_run_side_by_side_than_the_system_bears() -> None:
    system = FakeSystem()
    run([said("alice", on=f"v{i}") for i in range(40)], system)
    assert 1 < system.most_at_once <= 4


def test_the_pace_is_shared_by_all_threads_of_a_system() -> None:
    wait = pace(Rate(calls=20, seconds=0.2, concurrency=4))
    begun = time.monotonic()
    for _ in range(45):
        wait()
    assert time.monotonic() - begun >= 0.38  # 20 at once, 20 after 0.2 s, 5 after 0.4 s


def test_a_pace_leaves_no_thread_behind_and_forgets_what_is_past() -> None:
    """Commands that run in one process for hours would pile them up."""
    before = threading.enumerate()
    wait = pace(Rate(calls=1000, seconds=0.001, concurrency=1))
    tracemalloc.start()
    try:
        for _ in range(3000):
            wait()
        held = sum(stat.count for stat in tracemalloc.take_snapshot().statistics("filename"))
    finally:
        tracemalloc.stop()
    assert threading.enumerate() == before
    assert held < 1500


def test_assignments_have_stable_ids() -> None:
    """Markers in live systems are made of them: they must never change."""
    assert assignment("alice", "read", PLAIN).id == "cjenmqbofttkwyypbnbfowfbzq"
