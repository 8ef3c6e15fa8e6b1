"""Why somebody has, had, or has not some access, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from reconciler.model import (
    Assignment,
    Cause,
    Claim,
    Entitlement,
    Event,
    EventKind,
    Held,
    Mode,
    Observed,
    Plan,
    Position,
    Principal,
    Proof,
    Recollection,
    Unknown,
)
from reconciler.planning.answer import Answer, Facts, Holds, Next, Turn
from reconciler.planning.basis import Basis, named
from reconciler.planning.explain import explain
from reconciler.planning.plan import Live, plan
from reconciler.planning.resolve import declaration
from reconciler.planning.status import status
from tests.build import (
    HORIZON,
    KINDS,
    MARKED,
    NATIVE,
    NOW,
    PLAIN,
    SLOT,
    assignment,
    can,
    claim,
    hours,
    live,
)

WHO = "alice@example.com"
ENFORCE: Mapping[str, Mode] = {"sys": Mode.ENFORCE}


def basis(said: Claim, **more: Any) -> Basis:
    return replace(Basis(said, Position(said.grant, 3), "c" * 40, NOW), **more)


def answers(
    claims: list[tuple[Assignment, Claim]],
    rows: list[Observed],
    *,
    unknown: tuple[Unknown, ...] = (),
    held: str = "",
    **more: Any,
) -> list[Answer]:
    says = declaration(claims, NOW)
    drawn = plan(says, Live(tuple(rows), unknown), can, NOW, HORIZON)
    if held:
        back = tuple(Held(change, "mass-removal", held) for change in drawn.changes)
        drawn = replace(drawn, changes=(), held=back)
    bases = [basis(said, refusal=("nobody approved",), fix="ask carol")
             if said.proof is Proof.REFUSED else basis(said) for _, said in claims]  # fmt: skip
    told = named(bases, claims)
    facts = Facts(WHO, drawn, told, status(says, drawn, can, told), tuple(rows), ENFORCE,
                  lambda e: e.resource)  # fmt: skip
    return list(explain(replace(facts, **more), lambda e: True))


def one(*arguments: Any, **more: Any) -> Answer:
    [found] = answers(*arguments, **more)
    return found


def turns(found: Answer) -> list[str]:
    return [str(coming.turn) for coming in found.coming]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_declared_and_live_is_held_and_ends(kind: str) -> None:
    of = assignment(kind=kind)
    native = kind == NATIVE
    found = one([claim(of)], [live(of, until=1 if native else None)])
    assert found.holds is Holds.HAS
    assert found.coming == (Next(Turn.ENDS, hours(1), by_system=native),)
    assert [row.ours for row in found.rows] == [True]


def test_what_is_declared_and_not_live_is_given_in_the_next_run() -> None:
    found = one([claim(assignment())], [])
    assert (found.holds, turns(found)) == (Holds.HAS_NOT, ["is given", "ends"])


def test_in_report_mode_nothing_is_given_and_the_answer_says_so() -> None:
    found = one([claim(assignment())], [], modes={"sys": Mode.REPORT})
    assert found.coming[0] == Next(Turn.GIVEN, idle=True)


def test_what_has_no_end_has_nothing_to_come() -> None:
    of = assignment()
    found = one([claim(of, end=None)], [live(of)])
    assert (found.holds, found.coming) == (Holds.HAS, ())


def test_what_is_to_come_is_told_with_its_start() -> None:
    assert one([claim(assignment(), 2, 4)], []).coming == (Next(Turn.STARTS, hours(2)),)


def test_a_second_window_after_a_gap_is_told_after_the_end_of_the_first() -> None:
    of = assignment(kind=PLAIN)
    found = one([claim(of), claim(of, 3, 4, grant="grants/b.yaml")], [live(of)])
    assert found.coming == (Next(Turn.ENDS, hours(1)), Next(Turn.STARTS, hours(3)))


def test_what_is_over_was_held() -> None:
    found = one([claim(assignment(kind=PLAIN), -5, -2)], [])
    assert (found.holds, found.coming) == (Holds.HAD, ())


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_over_and_live_is_held_still_and_removed_next(kind: str) -> None:
    of = assignment(kind=kind)
    found = one([claim(of, -5, -2)], [live(of, until=3 if kind == NATIVE else None)])
    assert (found.holds, found.coming) == (Holds.HAS, (Next(Turn.REMOVED, None, "expired"),))


def test_a_row_that_the_system_ended_gives_nothing() -> None:
    of = assignment(kind=NATIVE)
    found = one([claim(of, -5, -2)], [live(of, until=-2)])
    assert (found.holds, [row.effective for row in found.rows]) == (Holds.HAD, [False])


def test_a_removal_that_nothing_explains_may_be_held_back_by_what_else_goes() -> None:
    of = assignment(kind=MARKED)
    found = one([claim(of, -5, -2, cause=Cause.WITHDRAWN)], [live(of)])
    assert found.coming[0].why == "withdrawn, unless the run would remove too much at once"


def test_what_a_guard_keeps_waits_for_it() -> None:
    of = assignment(kind=PLAIN)
    found = one([claim(of, -5, -2)], [live(of)], held="too much")
    assert found.coming == (Next(Turn.GUARDED, None, "mass-removal: too much"),)


def test_what_was_refused_waits_for_approval_and_says_what_to_do() -> None:
    of, said = claim(assignment())
    found = one([(of, replace(said, proof=Proof.REFUSED))], [])
    assert found.holds is Holds.HAS_NOT
    assert found.coming == (Next(Turn.UNAPPROVED, None, "nobody approved", "ask carol"),)


def test_what_cannot_be_judged_waits_for_the_forge() -> None:
    of, said = claim(assignment())
    assert turns(one([(of, replace(said, proof=Proof.WAITING))], [])) == ["waits for the forge"]


def test_what_nobody_declared_is_held_and_not_ours_and_stays() -> None:
    found = one([], [live(assignment(), marked=False)])
    assert (found.holds, turns(found)) == (Holds.HAS, ["stays"])
    assert [row.ours for row in found.rows] == [False]


def test_what_was_there_before_stays_when_the_grant_ends() -> None:
    of = assignment(kind=NATIVE)
    found = one([claim(of)], [live(of, marked=False)])
    assert (found.holds, turns(found)) == (Holds.HAS, ["stays"])
    assert [row.ours for row in found.rows] == [False]


def through(of: Assignment, via: str, **more: Any) -> Observed:
    """The row of a group, as it stands."""
    row = live(replace(of, principal=Principal("group:g")), marked=False)
    return replace(row, via=via, **more)


def test_the_same_role_by_another_way_is_held_and_is_not_ours() -> None:
    of = assignment()
    ways = {of.slot: (through(of, "group payments"),)}
    found = one([], [], asked=(of,), ways=ways)
    assert (found.holds, found.rows, found.coming) == (Holds.HAS, (), ())
    assert [(row.ours, row.note) for row in found.ways] == [(False, "group payments")]


def test_another_role_by_another_way_is_told_and_is_not_this_one() -> None:
    of, other = assignment(), assignment(role="other")
    found = one([], [], asked=(of,), ways={of.slot: (through(other, "group payments"),)})
    assert (found.holds, len(found.ways)) == (Holds.HAS_NOT, 1)


def test_a_way_that_may_give_nothing_leaves_it_open() -> None:
    of = assignment()
    perhaps = through(of, "group payments, if it is in there", unsure=True)
    assert one([], [], asked=(of,), ways={of.slot: (perhaps,)}).holds is Holds.UNKNOWN
    both = (perhaps, through(of, "group oncall"))
    assert one([], [], asked=(of,), ways={of.slot: both}).holds is Holds.HAS
    assert one([claim(of)], [live(of)], ways={of.slot: (perhaps,)}).holds is Holds.HAS


def test_another_way_that_is_over_gives_nothing() -> None:
    of = assignment()
    over = through(of, "inherited from above", until=hours(-1))
    found = one([], [], asked=(of,), ways={of.slot: (over,)})
    assert (found.holds, [row.effective for row in found.ways]) == (Holds.HAD, [False])


def test_where_other_ways_cannot_be_read_nobody_is_said_to_have_nothing() -> None:
    of = assignment()
    unread = {of.slot: "may not list groups"}
    found = one([], [], asked=(of,), ways_unread=unread)
    assert (found.holds, found.ways_unread) == (Holds.UNKNOWN, "may not list groups")
    assert one([claim(of)], [live(of)], ways_unread=unread).holds is Holds.HAS


def test_a_higher_role_in_the_slot_is_told_beside_the_lower() -> None:
    read, admin = assignment(kind=SLOT), assignment(role="admin", kind=SLOT)
    held, asked = answers([claim(read)], [live(admin, marked=False)])
    assert (held.assignment, held.holds) == (admin, Holds.HAS)
    assert (asked.holds, turns(asked)) == (Holds.HAS_NOT, ["stays"])
    assert [row.observed.assignment for row in asked.beside] == [admin]
    assert asked.coming[0].why == "holds admin, which includes it"


def test_of_a_scope_that_could_not_be_read_nothing_is_claimed() -> None:
    of = assignment(kind=PLAIN)
    found = one([claim(of)], [], unknown=(Unknown("sys", "vault", "403"),))
    assert (found.holds, found.unread, found.coming) == (Holds.UNKNOWN, "403", ())


def test_of_somebody_whom_the_system_does_not_know_nothing_is_claimed() -> None:
    _, said = claim(assignment(kind=PLAIN))
    facts = Facts(WHO, Plan(NOW, unknown=(Unknown("sys", f"{WHO}, in grants/a.yaml", "nobody"),)),
                  named([basis(said)], []), (), (), ENFORCE, lambda e: e.resource)  # fmt: skip
    [found] = explain(facts, lambda e: True)
    assert (found.holds, found.unread) == (Holds.UNKNOWN, "nobody")


def test_what_is_asked_for_and_nothing_speaks_of_is_answered() -> None:
    found = one([], [], asked=(assignment(),))
    assert (found.holds, found.bases, found.coming) == (Holds.HAS_NOT, (), ())


def test_since_when_is_told_by_the_ledger_before_the_system() -> None:
    of = assignment(kind=PLAIN)
    row = replace(live(of), since=hours(-0.5))
    assert one([claim(of)], [row]).since == hours(-0.5)
    known = {of.key: Recollection(added=hours(-0.7))}
    assert one([claim(of)], [row], memory=known).since == hours(-0.7)
    gone = {of.key: Recollection(added=hours(-0.7), removed=hours(-0.6))}
    assert one([claim(of)], [row], memory=gone).since == hours(-0.5)


def test_what_the_ledger_alone_remembers_was_held() -> None:
    of = assignment(kind=PLAIN)
    event = Event(EventKind.DONE, hours(-999), "r1", WHO, of, "add")
    found = one([], [], events=(event,), memory={of.key: Recollection(hours(-999), hours(-9))})
    assert (found.holds, found.events) == (Holds.HAD, (event,))


def test_what_is_held_comes_first_and_only_what_is_wanted_comes() -> None:
    held, over = assignment(kind=PLAIN), assignment(role="write", kind=PLAIN)
    claims = [claim(over, -5, -2), claim(held)]
    assert [a.holds for a in answers(claims, [live(held)])] == [Holds.HAS, Holds.HAD]
    facts = Facts(WHO, Plan(NOW), named([basis(c) for _, c in claims], claims), (), (),
                  ENFORCE, lambda e: "")  # fmt: skip

    def wanted(entitlement: Entitlement) -> bool:
        return entitlement.role == "write"

    assert [a.assignment for a in explain(facts, wanted)] == [over]


def test_access_through_a_group_is_told_with_the_group() -> None:
    of, said = claim(assignment("team", kind=PLAIN))
    assert one([(of, said)], [live(of)]).subject == "team@example.com"


def test_a_decision_is_told_of_what_it_was_about_and_opens_no_answer_of_its_own() -> None:
    of = assignment(kind=PLAIN)
    nameless = Assignment(of.entitlement, Principal(""))
    decided = Event(EventKind.DECIDED, hours(-2), "r1", WHO, nameless, outcome="granted")
    done = Event(EventKind.DONE, hours(-1), "r1", WHO, of, "add")
    assert one([claim(of)], [live(of)], events=(done, decided)).events == (decided, done)
    assert answers([], [], events=(decided,)) == []


def test_it_is_asked_for_as_the_file_spells_it_or_as_the_system_does() -> None:
    of, said = claim(assignment(kind=PLAIN))
    said = replace(said, entitlement=replace(said.entitlement, resource="the vault"))
    pairs = [(of, said)]
    facts = Facts(WHO, Plan(NOW), named([basis(said)], pairs), (), (), ENFORCE, lambda e: "")
    for name in ("vault", "the vault"):
        [found] = explain(facts, lambda e, name=name: e.resource == name)  # type: ignore[misc]
        assert found.assignment == of


def test_what_was_refused_for_later_is_told_with_what_is_held_now() -> None:
    of, now = claim(assignment(kind=PLAIN))
    later = replace(claim(of, 5, 9)[1], version=7, proof=Proof.REFUSED)
    told = named([basis(now), basis(later)], [(of, now)])
    assert {assignment for assignment, _ in told} == {of}
