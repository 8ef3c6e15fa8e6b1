"""Marks of other owners, and of the one that ours was: what is ours, what is told, what stays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.model import (
    Assignment,
    Capabilities,
    Claim,
    Entitlement,
    Observed,
    Plan,
    Recollection,
    Remembered,
)
from reconciler.planning.plan import Live, plan
from reconciler.planning.resolve import declaration
from tests.build import HORIZON, MARKED, NOW, assignment, can, claim, hours, live, told

ALICE = assignment("alice")
GAVE = {ALICE.key: Recollection(added=hours(-2))}
Said = tuple[Assignment, Claim]


def theirs(of: Assignment = ALICE, owner: str = "other", until: float | None = 1) -> Observed:
    row = live(of, marked=False, until=until)
    return replace(row, owner=owner, controller=f"access-reconciler of {owner}", handle="theirs")


def formerly(of: Assignment = ALICE, until: float | None = 1) -> Observed:
    return replace(live(of, marked=False, until=until), owner="")


def sole(entitlement: Entitlement, ending: bool) -> Capabilities:
    return replace(can(entitlement, ending), sole=True)


def drawn(
    says: Iterable[Said],
    *rows: Observed,
    memory: dict[str, Recollection] | None = None,
    exclusive: frozenset[str] = frozenset(),
    alone: bool = False,
) -> Plan:
    known = Remembered() if memory is None else Remembered(hours(-1000), memory)
    capable = sole if alone else can
    return plan(declaration(says, NOW), Live(rows), capable, NOW, HORIZON, exclusive, known)


def test_rule_13_another_owners_row_is_foreign_named_and_never_removed() -> None:
    for says in ([], [claim(ALICE, -9, -5)]):
        found = drawn(says, theirs(), exclusive=frozenset({ALICE.entitlement.key}))
        assert found.changes == ()
        assert [f.note for f in found.foreign] == ["not ours: access-reconciler of other"]


def test_ours_goes_in_beside_another_owners() -> None:
    found = drawn([claim(ALICE)], theirs())
    assert told(found) == ["add alice read (declared)"]
    assert [f.note for f in found.foreign] == ["not ours: access-reconciler of other"]
    assert drawn([claim(ALICE)], theirs(), live(ALICE, until=1)).changes == ()


def test_where_nothing_goes_in_beside_another_owners_it_is_already_held() -> None:
    for until in (None, 0.5, 9):
        found = drawn([claim(ALICE)], theirs(until=until), alone=True)
        assert (found.changes, found.foreign) == ((), ())
        [held] = found.already_held
        assert held.note == "not ours: access-reconciler of other"


def test_a_condition_of_somebody_else_keeps_nothing_from_being_given() -> None:
    row = replace(live(ALICE, marked=False, until=1), controller="condition")
    assert told(drawn([claim(ALICE)], row, alone=True)) == ["add alice read (declared)"]


def test_a_former_owners_row_is_kept_while_it_is_declared_and_ends_with_its_grant() -> None:
    found = drawn([claim(ALICE)], formerly())
    assert (found.changes, found.foreign, [k.count for k in found.kept]) == ((), (), [1])
    over = [claim(ALICE, -9, -5)]
    assert told(drawn(over, formerly(until=-5))) == ["remove alice read (expired)"]
    unended = assignment(kind=MARKED)
    over = [claim(unended, -9, -5)]
    assert told(drawn(over, formerly(unended, None))) == ["remove alice read (expired)"]


def test_a_former_owners_row_is_ours_however_old_it_is_and_nobody_is_warned() -> None:
    for row in (formerly(), replace(formerly(), since=hours(-5000))):
        found = drawn([claim(ALICE)], row)
        assert (found.changes, found.already_held, found.warnings) == ((), (), ())


def test_what_the_ledger_gave_under_the_former_owner_is_ours_whatever_git_knows() -> None:
    found = drawn([], formerly(), memory=GAVE)
    assert told(found) == ["remove alice read (withdrawn)"]
    assert found.unknown == ()


def test_a_former_owners_mark_that_neither_git_nor_the_ledger_knows_is_foreign() -> None:
    nothing: dict[str, Recollection] = {}
    for memory in (None, nothing):
        found = drawn([], formerly(), memory=memory)
        assert (found.changes, len(found.foreign)) == ((), 1)
    long_ago = [claim(ALICE, -5000, -4000)]
    assert drawn(long_ago, formerly()).changes == ()


def test_what_we_gave_and_carries_another_owners_mark_is_told_as_unknown() -> None:
    """As when `owner` was changed, and nobody said what it was before."""
    for says in ([], [claim(ALICE)]):
        for alone in (False, True):
            [said] = drawn(says, theirs(), memory=GAVE, alone=alone).unknown
            assert said.system == "sys"
            assert (
                "alice has read on vault: it is marked by access-reconciler of other" in said.error
            )
            assert "`owner_was: [other]`" in said.error
    bare = replace(theirs(owner=""), controller="access-reconciler without an owner")
    [said] = drawn([], bare, memory=GAVE).unknown
    assert '`owner_was: [""]`' in said.error


def test_many_of_them_are_told_in_one_line() -> None:
    many = [assignment(name) for name in ("alice", "bob", "carol")]
    memory = {of.key: Recollection(added=hours(-2)) for of in many}
    [said] = drawn([], *(theirs(of) for of in many), memory=memory).unknown
    assert "alice has read on vault, and 2 more: " in said.error


def test_another_repository_that_gives_the_same_is_no_change_of_owner() -> None:
    both = (theirs(), live(ALICE, until=1))
    assert drawn([claim(ALICE)], *both, memory=GAVE).unknown == ()
    taken = {ALICE.key: Recollection(added=hours(-9), removed=hours(-5))}
    assert drawn([], theirs(), memory=taken).unknown == ()
    assert drawn([], theirs(), memory={}).unknown == ()
    assert drawn([], theirs()).unknown == ()
