"""Who has what until when: what is declared, what is late, what nobody approved, what will be."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.model import (
    Assignment,
    Cause,
    Claim,
    Held,
    Observed,
    Plan,
    Position,
    Proof,
    Unapproved,
)
from reconciler.planning.basis import Basis, Named, named
from reconciler.planning.plan import Live, plan
from reconciler.planning.resolve import declaration
from reconciler.planning.status import Filter, Line, State, foretold, is_late, status
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

Pair = tuple[Assignment, Claim]


def lines(
    claims: list[Pair],
    rows: list[Observed],
    unproved: tuple[Named, ...] = (),
    plan_: Plan | None = None,
) -> list[Line]:
    says = declaration(claims, NOW)
    drawn = plan(says, Live(tuple(rows)), can, NOW, HORIZON)
    return list(status(says, plan_ or drawn, can, unproved))


def states(found: list[Line]) -> list[str]:
    return [f"{line.assignment.principal} {line.state}" for line in found]


def refused(
    of: Assignment, start: float = -1, end: float = 1, proof: Proof = Proof.REFUSED
) -> Pair:
    of, said = claim(of, start, end)
    return of, replace(said, proof=proof)


def basis(pair: Pair, **more: object) -> Basis:
    return replace(Basis(pair[1], Position("grants/a.yaml", 3), "c" * 40, NOW), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_over_and_still_live_is_late_since_its_end(kind: str) -> None:
    of = assignment(kind=kind)
    [line] = lines([claim(of, -5, -2)], [live(of, until=3 if kind == NATIVE else None)])
    assert (line.state, line.ended, line.late) == (State.LEFTOVER, hours(-2), timedelta(hours=2))
    assert is_late(line)


def test_what_the_system_ended_by_itself_is_not_late_though_its_row_is_left() -> None:
    of = assignment(kind=NATIVE)
    [line] = lines([claim(of, -5, -2)], [live(of, until=-2)])
    assert (line.state, line.ended, line.late) == (State.LEFTOVER, hours(-2), timedelta(0))
    assert "only the row is left" in line.note
    assert not is_late(line)


def test_what_is_withdrawn_early_is_late_until_it_is_gone_whatever_the_system_holds() -> None:
    of = assignment(kind=NATIVE)
    [line] = lines([claim(of, -5, -1, cause=Cause.WITHDRAWN)], [live(of, until=9)])
    assert (line.note, line.late) == ("withdrawn", timedelta(hours=1))


def test_what_is_ours_and_was_never_declared_is_late_for_nobody_knows_how_long() -> None:
    [line] = lines([], [live(assignment(kind=MARKED))])
    assert (line.ended, line.late) == (None, timedelta(0))
    assert is_late(line)


def test_what_a_guard_keeps_is_late_all_the_same() -> None:
    of = assignment(kind=PLAIN)
    says = declaration([claim(of, -5, -2)], NOW)
    drawn = plan(says, Live((live(of),)), can, NOW, HORIZON)
    held = Held(drawn.changes[0], "last-admin", "nobody would be left")
    found = status(says, replace(drawn, changes=(), held=(held,)), can)
    assert [(x.state, x.note) for x in found] == [(State.HELD, "last-admin: nobody would be left")]
    assert is_late(found[0])


def test_what_a_guard_keeps_from_being_given_is_not_told_as_active() -> None:
    says = declaration([claim(assignment())], NOW)
    drawn = plan(says, Live(()), can, NOW, HORIZON)
    held = Held(drawn.changes[0], "separation", "holds audit")
    [line] = status(says, replace(drawn, changes=(), held=(held,)), can)
    assert (line.state, line.note) == (State.BLOCKED, "separation: holds audit")


def test_what_was_not_approved_is_told_with_its_reason() -> None:
    pair = refused(assignment())
    row = basis(pair, refusal=("approval is missing",))
    [line] = lines([pair], [], named([row], [pair]))
    assert (line.state, line.note, line.grants) == (
        State.NOT_APPROVED, "approval is missing", ("grants/a.yaml",)
    )  # fmt: skip
    assert line.assignment == assignment()


def test_the_reason_is_that_of_the_plan_where_it_says_more() -> None:
    pair = refused(assignment())
    told = Unapproved("grants/a.yaml", "c", "alice@example.com", str(pair[0].entitlement),
                      reason="missing; what the version before gave goes on")  # fmt: skip
    drawn = Plan(NOW, unapproved=(told,))
    [line] = lines([pair], [], named([basis(pair)], [pair]), drawn)
    assert line.note == "missing; what the version before gave goes on"


def test_what_is_not_approved_and_over_or_gone_is_not_told() -> None:
    over, gone = refused(assignment(), -5, -1), refused(assignment("bob"))
    rows = [basis(over), basis(gone, gone=NOW)]
    assert lines([], [], named(rows, [])) == []


def test_where_nobody_was_asked_who_it_is_the_principal_has_a_name_and_no_id() -> None:
    pair = refused(assignment(), 2, 4)
    [line] = lines([], [], named([basis(pair)], []))
    assert (line.assignment.principal.id, line.start) == ("", hours(2))
    assert str(line.assignment.principal) == "alice@example.com"


def test_what_another_grant_gives_is_active_beside_the_one_that_was_not_approved() -> None:
    of = assignment(kind=PLAIN)
    pair = refused(of)
    found = lines([claim(of), pair], [live(of)], named([basis(pair)], [pair]))
    assert states(found) == ["alice active", "alice not approved"]


def test_what_waits_for_the_forge_is_told() -> None:
    pair = refused(assignment(), proof=Proof.WAITING)
    assert states(lines([pair], [], named([basis(pair)], [pair]))) == ["alice waiting"]


def test_what_was_proved_has_no_second_line() -> None:
    pair = claim(assignment())
    assert states(lines([pair], [], named([basis(pair)], [pair]))) == ["alice pending"]


def enforced(system: str) -> bool:
    return True


SAID = [
    claim(assignment("alice"), -1, 1),
    claim(assignment("bob", kind=PLAIN, on="shop"), -1, 30, grant="grants/shop/b.yaml"),
    claim(assignment("carol", kind=SLOT), -9, -1),
]
ROWS = [
    live(assignment("bob", kind=PLAIN, on="shop")),
    live(assignment("carol", kind=SLOT)),
    live(assignment("root", "admin"), marked=False),
]


@pytest.mark.parametrize(
    ("asked", "who"),
    [
        (Filter(), ["alice", "bob", "carol"]),
        (Filter(foreign=True), ["root", "alice", "bob", "carol"]),
        (Filter(subject="ALICE@example.com"), ["alice"]),
        (Filter(subject="root", foreign=True), ["root"]),
        (Filter(resource=lambda name: name.startswith("sh")), ["bob"]),
        (Filter(grant="grants/shop/b.yaml"), ["bob"]),
        (Filter(grant="grants/shop"), ["bob"]),
        (Filter(grant="grants/sho"), []),
        (Filter(ending=hours(24)), ["alice"]),
        (Filter(ending=hours(30)), ["alice", "bob"]),
        (Filter(late=True), ["carol"]),
        (Filter(late=True, subject="alice@example.com"), []),
    ],
)
def test_only_what_is_asked_for(asked: Filter, who: list[str]) -> None:
    assert [x.assignment.principal.name for x in lines(SAID, ROWS) if asked(x)] == who


def test_of_a_time_to_come_what_is_to_be_given_is_there_and_what_is_over_is_gone() -> None:
    found = foretold(lines(SAID, ROWS), NOW, enforced)
    assert states(list(found)) == ["root foreign", "alice active", "bob active"]


def test_of_a_time_to_come_foreign_access_that_ends_before_is_gone() -> None:
    row = live(assignment("root", kind=NATIVE), marked=False, until=1)
    assert foretold(lines([], [row]), hours(1), enforced) == ()
    assert len(foretold(lines([], [row]), hours(0.5), enforced)) == 1


def test_in_a_system_that_only_reports_nothing_will_be_given_or_taken() -> None:
    found = foretold(lines(SAID, ROWS), NOW, lambda system: False)
    assert states(list(found)) == [
        "root foreign", "alice pending", "bob active", "carol leftover"
    ]  # fmt: skip


@pytest.mark.parametrize(("guard", "left"), [("last-admin", 1), ("mass-removal", 0)])
def test_what_a_guard_keeps_for_good_will_be_there_still(guard: str, left: int) -> None:
    of = assignment(kind=PLAIN)
    says = declaration([claim(of, -5, -2)], NOW)
    drawn = plan(says, Live((live(of),)), can, NOW, HORIZON)
    back = replace(drawn, changes=(), held=(Held(drawn.changes[0], guard, "so"),))
    assert len(foretold(status(says, back, can), NOW, enforced)) == left
