"""What was declared at a moment, and who gained and lost what between two."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import Cause, Claim, Proof
from reconciler.planning.between import Turn, between, spells
from tests.build import assignment, claim, hours


def said(
    start: float, end: float | None, who: str = "alice", grant: str = "grants/a.yaml"
) -> Claim:
    return claim(assignment(who), start, end, grant=grant)[1]


@pytest.mark.parametrize(
    ("windows", "turns"),
    [
        ([(-1, 5)], [Turn.GAINED]),
        ([(-1, None)], [Turn.GAINED]),
        ([(-9, 0)], [Turn.LOST]),
        ([(-9, 5)], [Turn.KEPT]),
        ([(-9, -3), (0, 5)], [Turn.KEPT]),  # with a gap: it was held at both
        ([(-3, -1)], [Turn.PASSED]),
        ([(-3, -2), (-1, 1)], [Turn.PASSED, Turn.PASSED]),
        ([(-3, -2), (0, 5)], [Turn.GAINED, Turn.PASSED]),
        ([(-9, -3), (-1, 0)], [Turn.LOST, Turn.PASSED]),
        ([(-9, -3), (-2, -1), (0, 5)], [Turn.PASSED, Turn.KEPT]),
        ([(2, 5)], [Turn.GAINED]),  # the later moment counts
        ([(3, 5)], []),  # after it
        ([(-9, -4)], []),  # the end is exclusive
        ([(-4, -1)], [Turn.LOST]),  # the start is not
        ([(-9, -6)], []),
    ],
)
def test_who_gained_and_lost(windows: list[tuple[float, float | None]], turns: list[Turn]) -> None:
    found = spells(said(start, end) for start, end in windows)
    assert [t.turn for t in between(found, hours(-4), hours(2))] == turns


def test_windows_that_touch_or_overlap_are_one_spell_of_all_their_grants() -> None:
    [spell] = spells([said(-2, 0), said(0, 2, grant="grants/b.yaml"), said(1, 4)])
    assert (spell.start, spell.end) == (hours(-2), hours(4))
    assert spell.grants == ("grants/a.yaml", "grants/b.yaml")


def test_the_cause_is_that_of_the_last_end() -> None:
    early = replace(said(-2, 0), cause=Cause.WITHDRAWN)
    [spell] = spells([early, said(-2, 2)])
    assert (spell.end, spell.cause) == (hours(2), Cause.EXPIRED)


@pytest.mark.parametrize("proof", [Proof.REFUSED, Proof.WAITING])
def test_what_was_not_shown_to_be_approved_was_never_gained(proof: Proof) -> None:
    assert spells([replace(said(-2, 2), proof=proof)]) == ()


def test_everybody_is_told_for_themselves() -> None:
    found = spells([said(-2, 2), said(-2, 2, "bob")])
    turned = between(found, hours(-4), hours(1))
    assert [t.spell.subject for t in turned] == ["alice@example.com", "bob@example.com"]


TIMES = st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 9)), max_size=6)


@given(TIMES, st.integers(-9, 9), st.integers(0, 9))
def test_the_difference_is_that_of_the_two_moments(
    windows: list[tuple[int, int]], start: int, length: int
) -> None:
    found = spells(said(s, s + n) for s, n in windows)
    a, b = hours(start), hours(start + length)
    before, after = (any(s.contains(t) for s in found) for t in (a, b))
    turns = {t.turn for t in between(found, a, b)}
    assert (Turn.GAINED in turns) == (after and not before)
    assert (Turn.LOST in turns) == (before and not after)
    assert (Turn.KEPT in turns) == (before and after)
    assert sum(any(s <= t < s + n for s, n in windows) for t in (start, start + length)) == (
        before + after
    )
