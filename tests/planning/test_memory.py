"""What the ledger's memory means for a row that carries no marker and no date."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model import (
    Assignment,
    Cause,
    Claim,
    Observed,
    Plan,
    Recollection,
    Remembered,
)
from reconciler.planning.plan import Live, plan
from reconciler.planning.resolve import declaration
from tests.build import HORIZON, NOW, PLAIN, SLOT, assignment, can, claim, hours, live, told

KINDS = [PLAIN, SLOT]
Claims = list[tuple[Assignment, Claim]]


def remembering(
    claims: Claims, rows: list[Observed], began: float | None = -100, **known: Recollection
) -> Plan:
    """`known` by the role that it is remembered of, held by alice."""
    kinds = {of.entitlement.kind for of, _ in claims} | {
        r.assignment.entitlement.kind for r in rows
    }
    of = {
        assignment(role=role, kind=kind).key: what for role, what in known.items() for kind in kinds
    }
    memory = Remembered(None if began is None else hours(began), of)
    says = declaration(claims, NOW)
    return plan(says, Live(tuple(rows)), can, NOW, HORIZON, frozenset(), memory)


@pytest.mark.parametrize("kind", KINDS)
def test_rule_22_what_was_there_when_its_grant_started_is_not_ours(kind: str) -> None:
    """The ledger began before the grant, so it would know if we had given it."""
    of = assignment(kind=kind)
    during = remembering([claim(of)], [live(of)])
    assert told(during) == []
    assert [a.assignment for a in during.already_held] == [of]
    after = remembering([claim(of, -5, -1)], [live(of)], read=Recollection(already_held=hours(-5)))
    assert told(after) == []
    assert [f.observed.assignment for f in after.foreign] == [of]


@pytest.mark.parametrize("kind", KINDS)
def test_what_we_gave_is_ours_however_long_ago_git_said_so(kind: str) -> None:
    of = assignment(kind=kind)
    drawn = remembering(
        [claim(of, -5000, -2000)], [live(of)], -6000, read=Recollection(hours(-5000))
    )
    assert told(drawn) == [f"remove alice {of.entitlement.role} (expired)"]


@pytest.mark.parametrize("kind", KINDS)
def test_rule_22_what_we_removed_and_came_back_is_somebody_elses(kind: str) -> None:
    of = assignment(kind=kind)
    known = Recollection(added=hours(-5), removed=hours(-1))
    drawn = remembering([claim(of, -5, -1)], [live(of)], read=known)
    assert told(drawn) == []
    assert "came back: it was removed on" in drawn.foreign[0].note


@pytest.mark.parametrize("kind", KINDS)
def test_what_came_back_stays_when_a_new_grant_for_it_ends(kind: str) -> None:
    of = assignment(kind=kind)
    known = Recollection(added=hours(-50), removed=hours(-40))
    drawn = remembering([claim(of)], [live(of)], read=known)
    assert (told(drawn), len(drawn.already_held)) == ([], 1)


@pytest.mark.parametrize("kind", KINDS)
def test_what_we_gave_again_is_ours_again(kind: str) -> None:
    of = assignment(kind=kind)
    known = Recollection(added=hours(-2), removed=hours(-40), already_held=None)
    drawn = remembering([claim(of, -3, -1)], [live(of)], read=known)
    assert told(drawn) == ["remove alice read (expired)"]


@pytest.mark.parametrize("kind", KINDS)
def test_rule_15_without_memory_git_decides_as_before(kind: str) -> None:
    """No ledger, a lost one that begins anew, or one that began after the grant."""
    of = assignment(kind=kind)
    for began in (None, -0.5, 0.0):
        drawn = remembering([claim(of, -5, -1)], [live(of)], began)
        assert told(drawn) == ["remove alice read (expired)"]


def test_what_is_ours_by_history_is_to_be_written_down() -> None:
    """Else a ledger that began after the access would take it for somebody else's one day."""
    of = assignment(kind=PLAIN)
    drawn = remembering([claim(of, -5, 5)], [live(of)], -1)
    assert [d.assignment for d in drawn.unrecorded] == [of]
    assert len(drawn.warnings) == 1  # it may be somebody else's all the same
    known = remembering([claim(of, -5, 5)], [live(of)], -1, read=Recollection(hours(-5)))
    assert (known.unrecorded, sum(k.count for k in known.kept)) == ((), 1)


def test_an_undeclared_role_that_ours_replaced_comes_back() -> None:
    """alice had read, and nobody declared it; write replaced it for an hour."""
    read, write = assignment(kind=SLOT), assignment(role="write", kind=SLOT)
    given = remembering([claim(write)], [live(read)])
    assert told(given) == ["add alice read>write (declared)"]
    assert given.warnings == ()  # it will come back
    over = remembering(
        [claim(write, -5, -1)], [live(write)], write=Recollection(hours(-5), replaced="read")
    )
    assert told(over) == ["remove alice write>read (expired)"]


def test_a_role_of_ours_that_is_over_does_not_come_back() -> None:
    """read was declared, too, and withdrawn while write stood in its place."""
    read, write = assignment(kind=SLOT), assignment(role="write", kind=SLOT)
    over = remembering(
        [claim(write, -5, -1), claim(read, -9, -3)],
        [live(write)],
        write=Recollection(hours(-5), replaced="read"),
    )
    assert told(over) == ["remove alice write (expired)"]


def test_of_what_is_declared_and_what_was_there_the_higher_role_comes_back() -> None:
    read, admin = assignment(kind=SLOT), assignment(role="admin", kind=SLOT)
    over = remembering(
        [claim(admin, -5, -1), claim(read)],
        [live(admin)],
        admin=Recollection(hours(-5), replaced="write"),
    )
    assert told(over) == ["remove alice admin>write (expired)"]


def test_what_was_there_before_its_own_grant_comes_back_though_that_grant_is_over() -> None:
    """alice had read before anybody granted it, and then write for an hour."""
    read, write = assignment(kind=SLOT), assignment(role="write", kind=SLOT)
    over = remembering(
        [claim(write, -5, -1), claim(read, -9, -6)],
        [live(write)],
        read=Recollection(already_held=hours(-8)),
        write=Recollection(hours(-5), replaced="read"),
    )
    assert told(over) == ["remove alice write>read (expired)"]


@pytest.mark.parametrize("before", ["write", "admin", "owner"])
def test_no_more_comes_back_than_was_taken_whatever_the_ledger_says(before: str) -> None:
    """Whoever can write to the ledger would give themselves what nobody approved."""
    write = assignment(role="write", kind=SLOT)
    known = Recollection(hours(-5), replaced=before)
    over = remembering([claim(write, -5, -1)], [live(write)], write=known)
    assert told(over) == ["remove alice write (expired)"]


@pytest.mark.parametrize("cause", [Cause.LEFT, Cause.REVOKED])
def test_who_left_gets_nothing_back(cause: Cause) -> None:
    write = assignment(role="write", kind=SLOT)
    over = remembering(
        [claim(write, -5, -1, cause=cause)],
        [live(write)],
        write=Recollection(hours(-5), replaced="read"),
    )
    assert told(over) == [f"remove alice write ({cause})"]


def test_an_exclusive_slot_gives_back_only_what_is_declared() -> None:
    write = assignment(role="write", kind=SLOT)
    memory = Remembered(hours(-100), {write.key: Recollection(hours(-5), replaced="read")})
    says = declaration([claim(write, -5, -1)], NOW)
    keys = frozenset({write.entitlement.key})
    drawn = plan(says, Live((live(write),)), can, NOW, HORIZON, keys, memory)
    assert told(drawn) == ["remove alice write (expired)"]


def test_a_marker_needs_no_memory() -> None:
    of = assignment(kind="marked")
    row = replace(live(of), marker=of.id)
    assert told(remembering([claim(of, -5, -1)], [row])) == ["remove alice read (expired)"]
