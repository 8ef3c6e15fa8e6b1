"""What the ledger remembers of an assignment, and what a crash left open."""

from __future__ import annotations

from datetime import timedelta

from reconciler.ledger.recall import MADE, NOT_MADE, recall, unfinished
from reconciler.model import Event, EventKind, Recollection
from tests.ledger.build import NOON, added, assignment, entries, event, removed

READ, WRITE, ADMIN = (assignment(role=role) for role in ("read", "write", "admin"))
ONE, TWO, THREE = (NOON + timedelta(minutes=n) for n in (1, 2, 3))


def of_read(*events: Event) -> Recollection:
    return recall(entries(*events)).get(READ.key, Recollection())


def test_what_was_added_is_ours_until_it_is_removed() -> None:
    assert of_read(added(1)) == Recollection(added=ONE)
    assert of_read(added(1), removed(2)) == Recollection(added=ONE, removed=TWO)
    assert of_read(added(1), removed(2), added(3)) == Recollection(added=THREE)


def test_what_failed_or_was_only_intended_is_not_remembered() -> None:
    intended = event(EventKind.INTENDED, assignment=READ, action="add")
    held_back = event(EventKind.HELD_BACK, assignment=READ, action="add")
    assert recall(entries(intended, added(error="refused"), held_back, event())) == {}
    assert of_read(added(1), removed(2, error="refused")) == Recollection(added=ONE)


def test_what_was_found_after_a_crash_counts_when_it_was_made() -> None:
    def found(outcome: str, action: str = "add") -> Event:
        return event(EventKind.FOUND, 2, assignment=READ, action=action, outcome=outcome)

    assert of_read(found(MADE)) == Recollection(added=TWO)
    assert of_read(found(NOT_MADE)) == Recollection()
    assert of_read(added(1), found(MADE, "remove")) == Recollection(added=ONE, removed=TWO)


def test_what_was_already_held_is_remembered() -> None:
    held = event(EventKind.ALREADY_HELD, 1, assignment=READ)
    assert of_read(held) == Recollection(already_held=ONE)
    assert of_read(held, added(2)) == Recollection(added=TWO)  # it had gone, and we made it


def test_what_a_change_replaced_is_remembered_until_it_ends() -> None:
    upgrade = added(1, WRITE, replaces="read")
    assert recall(entries(upgrade))[WRITE.key] == Recollection(added=ONE, replaced="read")
    back = removed(2, WRITE, restores="read")
    found = recall(entries(upgrade, back))
    assert found[WRITE.key] == Recollection(added=ONE, removed=TWO)
    assert READ.key not in found  # it was there before us, and is again: never ours
    assert recall(entries(upgrade, removed(2, WRITE)))[WRITE.key].replaced == ""


def test_what_was_there_before_us_is_remembered_through_several_roles() -> None:
    found = recall(entries(added(1, WRITE, replaces="read"), added(2, ADMIN, replaces="write")))
    assert found[ADMIN.key] == Recollection(added=TWO, replaced="read")
    assert found[WRITE.key] == Recollection(added=ONE, removed=TWO)


def test_a_role_of_ours_that_was_replaced_is_ours_again_when_it_comes_back() -> None:
    story = (added(1, READ), added(2, WRITE, replaces="read"), removed(3, WRITE, restores="read"))
    assert recall(entries(*story[:2]))[READ.key] == Recollection(added=ONE, removed=TWO)
    assert recall(entries(*story))[READ.key] == Recollection(added=THREE)


def test_the_holders_of_a_role_are_told_apart() -> None:
    bob = assignment("bob")
    found = recall(entries(added(1), added(2, bob), removed(3, bob)))
    assert found[READ.key].removed is None
    assert found[bob.key].removed == THREE


def test_a_change_without_its_outcome_is_unfinished() -> None:
    one = event(EventKind.INTENDED, 1, assignment=READ, action="add")
    other = event(EventKind.INTENDED, 2, assignment=WRITE, action="remove")
    assert unfinished(entries(one, other)) == (one, other)
    assert unfinished(entries(one, other, added(3))) == (other,)
    assert unfinished(entries(one, added(3, error="no answer"))) == (one,)  # it may be made
    assert unfinished(entries(one, event(EventKind.FOUND, assignment=READ, outcome=NOT_MADE))) == ()
    assert unfinished(entries(one, added(3), one)) == (one,)


def test_of_two_machines_the_chain_counts_and_not_their_clocks() -> None:
    late = of_read(added(3), removed(2))
    assert late.added is not None
    assert late.removed is not None
    assert late.removed > late.added
