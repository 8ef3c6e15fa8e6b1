"""What must hold for every situation, not only for those that we thought of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import Action, Assignment, Cause, Change, Claim, Entitlement, Observed
from tests.build import (
    HORIZON,
    KINDS,
    NATIVE,
    NOW,
    ROLES,
    SLOT,
    assignment,
    can,
    claim,
    hours,
    planned,
)

Claims = list[tuple[Assignment, Claim]]

people = st.sampled_from(["alice", "bob"])
assignments = st.builds(
    assignment, people, st.sampled_from(ROLES), st.sampled_from(KINDS), st.sampled_from("vw")
)
ends = st.one_of(st.none(), st.integers(-30, 30))


@st.composite
def claims(draw: st.DrawFn) -> tuple[Assignment, Claim]:
    start = draw(st.integers(-30, 30))
    end = draw(st.one_of(st.none(), st.integers(start + 1, 40)))
    of = draw(assignments)
    standing = end is None or draw(st.booleans())
    cause = Cause.WITHDRAWN if standing else draw(st.sampled_from([Cause.EXPIRED, Cause.LEFT]))
    return claim(of, start, end, cause=cause, standing=standing)


@st.composite
def rows(draw: st.DrawFn) -> Observed:
    of = draw(assignments)
    native = of.entitlement.kind == NATIVE
    until = draw(ends) if native else None
    marked = draw(st.booleans()) and can(of.entitlement, until is not None).marker
    return Observed(
        of,
        marker=of.id if marked else None,
        controller=draw(st.sampled_from([None, None, None, "PAM"])) if not marked else None,
        until=None if until is None else hours(until),
        handle=f"{of.id} {marked} {until}",
    )


def possible(found: Iterable[Observed]) -> list[Observed]:
    """Rows that can exist together: handles are unique, and a slot holds one role."""
    seen: dict[str, Observed] = {}
    for row in found:
        of = row.assignment
        seen[of.slot if of.entitlement.kind == SLOT else row.handle] = row
    return list(seen.values())


many_claims = st.lists(claims(), max_size=8)
many_rows = st.lists(rows(), max_size=8).map(possible)


def carried_out(live: list[Observed], changes: Iterable[Change]) -> list[Observed]:
    """The world after a plan, with a system that does exactly as it is told."""
    world = list(live)
    for change in changes:
        of = change.assignment
        if change.live is not None and change.live in world:
            world.remove(change.live)
        if change.replaces:
            world = [r for r in world if r.assignment.slot != of.slot]
        if change.restores:
            world.append(_row(_role(of, change.restores), change))
        if change.action is not Action.REMOVE:
            world.append(_row(of, change))
    return world


def _role(of: Assignment, role: str) -> Assignment:
    e = of.entitlement
    return Assignment(Entitlement(e.system, e.kind, e.resource, role), of.principal)


def _row(of: Assignment, change: Change) -> Observed:
    marked = can(of.entitlement, change.until is not None).marker
    until = change.until if change.native_expiry else None
    return Observed(of, of.id if marked else None, until=until, handle=f"new {of.id} {until}")


@given(many_claims, many_rows)
def test_a_second_run_right_after_plans_nothing(said: Claims, live: list[Observed]) -> None:
    first = planned(said, live)
    second = planned(said, carried_out(live, first.changes))
    assert second.changes == ()


@given(many_claims, many_rows, st.randoms())
def test_the_order_of_the_input_does_not_matter(
    said: Claims, live: list[Observed], random: object
) -> None:
    shuffle: Callable[[list[object]], None] = random.shuffle  # type: ignore[attr-defined]
    first = planned(said, live)
    mixed_claims, mixed_rows = list(said), list(live)
    shuffle(mixed_claims)  # type: ignore[arg-type]
    shuffle(mixed_rows)  # type: ignore[arg-type]
    assert planned(mixed_claims, mixed_rows) == first


@given(many_claims, many_rows)
def test_only_what_is_ours_is_ever_removed(said: Claims, live: list[Observed]) -> None:
    ever = {of.key for of, _ in said}
    lately = {of.key for of, c in said if c.window.end and c.window.end >= HORIZON}
    for change in planned(said, live).changes:
        if not change.removes:
            continue
        assert change.live is not None
        assert change.live.controller is None
        if change.live.marker is None:
            assert change.assignment.key in ever & lately


@given(many_claims, many_rows)
def test_nobody_holds_declared_access_too_little(said: Claims, live: list[Observed]) -> None:
    """Rule 1, from the person's side: after the plan, every active claim is held."""
    world = carried_out(live, planned(said, live).changes)
    for of, c in said:
        if c.window.contains(NOW):
            assert any(_gives(row, of) for row in world), of


def _gives(row: Observed, of: Assignment) -> bool:
    over = row.until is not None and row.until <= NOW
    if over or row.assignment.principal != of.principal:
        return False
    mine, theirs = of.entitlement, row.assignment.entitlement
    if mine.kind == SLOT == theirs.kind and mine.resource == theirs.resource:
        return ROLES.index(theirs.role) >= ROLES.index(mine.role)
    return mine == theirs


@given(many_claims, many_rows)
def test_no_row_of_ours_outlives_the_union_of_its_windows(
    said: Claims, live: list[Observed]
) -> None:
    """Promise 1: what the system itself holds to is never later than what git says."""
    world = carried_out(live, planned(said, live).changes)
    for row in world:
        if row.marker is None:
            continue
        windows = [c.window for of, c in said if of.key == row.assignment.key]
        assert any(w.contains(NOW) for w in windows)
        if row.assignment.entitlement.kind == NATIVE:
            last = max(windows, key=lambda w: w.end or hours(9999)).end
            assert last is None or (row.until is not None and row.until <= last)


@given(many_claims, many_rows)
def test_nothing_of_anybody_else_is_changed(said: Claims, live: list[Observed]) -> None:
    plan = planned(said, live)
    world = carried_out(live, plan.changes)
    replaced = {c.assignment.slot for c in plan.changes if c.replaces}
    for foreign in plan.foreign:
        assert foreign.observed in world or foreign.observed.assignment.slot in replaced


@given(st.integers(-5, 5), st.integers(1, 5))
def test_windows_are_half_open(start: int, length: int) -> None:
    of = assignment(kind="plain")
    said = [claim(of, start, start + length)]
    for minute in (timedelta(minutes=-1), timedelta(0), timedelta(minutes=1)):
        at_start, at_end = hours(start) + minute, hours(start + length) + minute
        assert bool(planned(said, [], now=at_start).changes) is (minute >= timedelta(0))
        assert bool(planned(said, [], now=at_end).changes) is (minute < timedelta(0))


def test_the_world_of_these_tests_is_not_too_kind() -> None:
    """A plan that did nothing would fail the property above it."""
    row = replace(_row(assignment(), planned([claim(assignment())], []).changes[0]), until=hours(9))
    assert planned([claim(assignment())], [row]).changes != ()
