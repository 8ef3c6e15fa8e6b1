"""What a claim's proof means for the plan: given, left as it is, or nobody's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model import Assignment, Cause, Claim, Proof
from tests.build import (
    KINDS,
    MARKED,
    NATIVE,
    NOW,
    PLAIN,
    SLOT,
    assignment,
    claim,
    live,
    planned,
    told,
)


def asked(
    of: Assignment, proof: Proof, start: float = -1, end: float = 1
) -> tuple[Assignment, Claim]:
    of, said = claim(of, start, end)
    return of, replace(said, proof=proof)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_refused_is_not_given(kind: str) -> None:
    assert told(planned([asked(assignment(kind=kind), Proof.REFUSED)], [])) == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_waits_for_the_forge_is_not_given(kind: str) -> None:
    assert told(planned([asked(assignment(kind=kind), Proof.WAITING)], [])) == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_waits_for_the_forge_stays_as_it_is(kind: str) -> None:
    """Also its end, which an earlier run wrote and this one cannot vouch for."""
    of = assignment(kind=kind)
    drawn = planned([asked(of, Proof.WAITING)], [live(of, until=5 if kind == NATIVE else None)])
    assert told(drawn) == []
    assert drawn.foreign == ()


@pytest.mark.parametrize("kind", KINDS)
def test_a_proved_grant_beside_one_that_waits_changes_nothing_that_is_live(kind: str) -> None:
    of = assignment(kind=kind)
    row = live(of, until=5 if kind == NATIVE else None)
    assert told(planned([claim(of, -1, 2), asked(of, Proof.WAITING, -1, 5)], [row])) == []
    assert [w.split()[0] for w in told(planned([claim(of), asked(of, Proof.WAITING)], []))] == [
        "add"
    ]


def test_a_lower_role_that_waits_leaves_the_slot_alone() -> None:
    read, write = assignment(kind=SLOT), assignment(role="write", kind=SLOT)
    assert told(planned([asked(write, Proof.WAITING), claim(read)], [live(write)])) == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_over_goes_though_the_forge_could_not_be_asked(kind: str) -> None:
    """Taking away needs no proof."""
    of = assignment(kind=kind)
    row = live(of, until=-1 if kind == NATIVE else None)
    assert told(planned([asked(of, Proof.WAITING, -5, -1)], [row])) == [
        f"remove alice {of.entitlement.role} (expired)"
    ]


@pytest.mark.parametrize("kind", [PLAIN, SLOT])
def test_a_file_that_nobody_approved_makes_foreign_access_not_ours(kind: str) -> None:
    """Else whoever can push could have anybody's standing access removed."""
    of = assignment(kind=kind)
    drawn = planned([asked(of, Proof.REFUSED)], [live(of)])
    assert told(drawn) == []
    assert [f.observed.assignment for f in drawn.foreign] == [of]


def test_what_we_gave_and_was_not_approved_goes_as_unapproved() -> None:
    of = assignment(kind=MARKED)
    drawn = planned([asked(of, Proof.REFUSED)], [live(of)], now=NOW)
    assert [(c.cause, c.grants) for c in drawn.changes] == [(Cause.UNAPPROVED, ("grants/a.yaml",))]
