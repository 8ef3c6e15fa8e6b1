"""What the ledger remembers under former names of systems, and of systems that are gone."""

from __future__ import annotations

from dataclasses import replace

from reconciler.engine.names import event_now, gone_systems, renamed
from reconciler.model import Action, Assignment, Event, EventKind, Recollection, Remembered
from tests.build import assignment, hours

FORMER = {"old": "sys", "older": "sys"}
ALICE = assignment("alice")


def called(system: str, of: Assignment = ALICE) -> Assignment:
    return replace(of, entitlement=replace(of.entitlement, system=system))


def known(**of: Recollection) -> Remembered:
    """Of what alice holds, by the name of the system at the time."""
    return Remembered(hours(-100), {called(name).key: what for name, what in of.items()})


def test_what_was_given_under_a_former_name_is_remembered_under_the_name_now() -> None:
    given = Recollection(added=hours(-2), replaced="read")
    for name in ("old", "older"):
        assert renamed(known(**{name: given}), FORMER).of == {ALICE.key: given}
    assert renamed(known(other=given), FORMER).of == known(other=given).of


def test_of_what_is_known_under_several_names_the_last_of_each_kind_counts() -> None:
    before, after = Recollection(added=hours(-5)), Recollection(removed=hours(-2))
    both = Recollection(hours(-5), hours(-2))
    assert renamed(known(old=before, sys=after), FORMER).of == {ALICE.key: both}
    assert renamed(known(sys=after, old=before), FORMER).of == {ALICE.key: both}
    held = Recollection(already_held=hours(-1))
    merged = renamed(known(old=Recollection(hours(-5), replaced="read"), sys=held), FORMER)
    assert merged.of == {ALICE.key: Recollection(hours(-5), None, hours(-1), "read")}
    again = Recollection(added=hours(-1), replaced="admin")
    merged = renamed(known(older=Recollection(hours(-9), hours(-8)), sys=again), FORMER)
    assert merged.of == {ALICE.key: Recollection(hours(-1), hours(-8), None, "admin")}


def test_a_change_that_a_run_died_over_is_looked_for_under_the_name_now() -> None:
    event = Event(EventKind.INTENDED, hours(-1), "run", assignment=called("old"), action=Action.ADD)
    memory = renamed(replace(known(), unfinished=(event,)), FORMER)
    assert [e.assignment for e in memory.unfinished] == [ALICE]
    assert event_now(event, {}) == event


def test_a_system_that_is_gone_with_what_we_gave_there_is_told() -> None:
    given = Recollection(added=hours(-2))
    bob = called("lost", assignment("bob")).key
    memory = known(lost=given, sys=given)
    [said] = gone_systems(memory, {"sys"}, ())
    assert said.system == "lost"
    assert said.error.startswith("1 assignment was given and not taken away")
    for fix in ("`was: [lost]`", "`retired: [lost]`", "bring it back"):
        assert fix in said.error
    memory = replace(memory, of={**memory.of, bob: given})
    [said] = gone_systems(memory, {"sys"}, ())
    assert said.error.startswith("2 assignments were given")


def test_nothing_is_told_of_what_was_taken_away_or_retired_or_never_ours() -> None:
    given = Recollection(added=hours(-2))
    assert gone_systems(known(lost=given), {"sys"}, ("lost",)) == ()
    assert gone_systems(known(lost=replace(given, removed=hours(-1))), {"sys"}, ()) == ()
    assert gone_systems(known(lost=Recollection(already_held=hours(-1))), {"sys"}, ()) == ()
    back = Recollection(added=hours(-1), removed=hours(-2))
    assert len(gone_systems(known(lost=back), {"sys"}, ())) == 1
