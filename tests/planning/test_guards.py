from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from reconciler.model import Assignment, Cause, Claim, Entitlement, Limits, Observed, Plan
from reconciler.planning.guards import RELEASABLE, Facts, guard, names
from tests.build import MARKED, NOW, PLAIN, assignment, can, claim, live, planned, told

Claims = list[tuple[Assignment, Claim]]


def guarded(
    said: Claims,
    rows: Iterable[Observed],
    *,
    limits: Limits = Limits(),  # noqa: B008  # frozen
    protected: Iterable[str] = (),
    own: Iterable[str] | None = (),
    shielded: frozenset[str] | None = frozenset(),
    strangers: bool = False,
    released: Iterable[str] = (),
) -> Plan:
    rows = list(rows)

    def holders(entitlement: Entitlement) -> tuple[str, ...]:
        return tuple(
            r.assignment.principal.id
            for r in rows
            if r.assignment.entitlement == entitlement and (r.until is None or r.until > NOW)
        )

    drawn = planned(said, rows)
    declared = sum(1 for _, c in said if c.window.contains(drawn.at))
    facts = Facts(
        limits,
        can,
        holders,
        declared,
        names(protected),
        shielded={"sys": shielded},
        own={"sys": own if own is None else frozenset(own)},
        strangers={"sys": "bob of grants/b.yaml"} if strangers else {},
    )
    return guard(drawn, facts, frozenset(released))


def people(n: int) -> list[str]:
    return [f"u{i:03}" for i in range(n)]


def withdrawn(n: int, kept: int = 0) -> tuple[Claims, list[Observed]]:
    """`n` rows of ours that nothing declares, beside `kept` that are declared."""
    gone = [live(assignment(w, kind=MARKED)) for w in people(n)]
    stay = [assignment(f"k{i}", kind=MARKED) for i in range(kept)]
    return [claim(of) for of in stay], [*gone, *map(live, stay)]


def test_rule_6_mass_expiry_is_never_held() -> None:
    said = [claim(assignment(w, kind=PLAIN), -5, -1) for w in people(300)]
    p = guarded(said, [live(assignment(w, kind=PLAIN)) for w in people(300)])
    assert (len(p.changes), p.held) == (300, ())


def test_rule_6_people_who_left_are_never_counted() -> None:
    said = [claim(assignment(w, kind=PLAIN), -5, -1, cause=Cause.LEFT) for w in people(300)]
    assert guarded(said, [live(assignment(w, kind=PLAIN)) for w in people(300)]).held == ()


@pytest.mark.parametrize(("gone", "held"), [(25, 0), (26, 26)])
def test_rule_6_a_large_part_withdrawn_at_once_is_held(gone: int, held: int) -> None:
    p = guarded(*withdrawn(gone, 100 - gone))
    assert len(p.held) == held
    assert len(p.changes) == gone - held


def test_rule_6_a_large_number_withdrawn_at_once_is_held_however_small_a_part() -> None:
    p = guarded(*withdrawn(51, 949))
    assert p.held[0].reason == (
        "would remove 51 of 1000 marked of sys that nothing explains (limit 50); check the checkout"
    )


def test_rule_6_in_a_small_scope_a_few_may_always_go() -> None:
    assert guarded(*withdrawn(5, 1)).held == ()
    assert len(guarded(*withdrawn(6, 1)).held) == 6


def test_rule_6_the_limits_are_counted_for_each_kind() -> None:
    said, rows = withdrawn(5, 1)
    others = [live(assignment(w)) for w in people(5)]
    others = [replace(o, marker=o.assignment.id) for o in others]
    assert guarded(said, [*rows, *others]).held == ()


def test_rule_6_an_empty_checkout_removes_nothing_even_with_loose_limits() -> None:
    p = guarded(*withdrawn(6), limits=Limits(percent=100, count=1000))
    assert {h.guard for h in p.held} == {"nothing-declared"}


def test_rule_6_expired_access_still_goes_when_withdrawn_access_is_held() -> None:
    said, rows = withdrawn(10, 1)
    over = assignment("zoe", kind=PLAIN)
    p = guarded([*said, claim(over, -5, -1)], [*rows, live(over)])
    assert told(p) == ["remove zoe read (expired)"]
    assert len(p.held) == 10


@pytest.mark.parametrize("name", ["alice@example.com", "USER:ALICE", "Alice"])
def test_rule_6_a_protected_principal_keeps_its_access(name: str) -> None:
    p = guarded([claim(assignment(), -5, -1)], [live(assignment(), until=-1)], protected=[name])
    assert (told(p), [h.guard for h in p.held]) == ([], ["protected"])


def test_rule_6_the_reconciler_keeps_its_own_access() -> None:
    p = guarded([], [live(assignment("bot", kind=MARKED))], own=["user:bot"])
    assert [h.reason for h in p.held] == ["this is the reconciler's own access"]


def test_rule_6_the_last_admin_stays() -> None:
    ann, bob = assignment("ann", "admin", PLAIN), assignment("bob", "admin", PLAIN)
    said = [claim(ann, -5, -1), claim(bob, -5, -1)]
    rows = [live(of) for of, _ in said]
    p = guarded(said, rows)
    assert {h.guard for h in p.held} == {"last-admin"}
    assert len(p.held) == 2


def test_rule_6_an_admin_may_go_when_another_stays() -> None:
    over = claim(assignment("ann", "admin", PLAIN), -5, -1)
    other = live(assignment("root", "admin", PLAIN))
    assert guarded([over], [live(over[0]), other]).held == ()


def test_rule_6_an_admin_waits_for_the_other_to_be_one() -> None:
    """The addition could fail: only what the system shows can stand in."""
    over = claim(assignment("ann", "admin", PLAIN), -5, -1)
    coming = claim(assignment("bob", "admin", PLAIN))
    p = guarded([over, coming], [live(over[0])])
    assert (told(p), [h.guard for h in p.held]) == (["add bob admin (declared)"], ["last-admin"])
    assert guarded([over, coming], [live(over[0]), live(coming[0])]).held == ()


def test_rule_6_an_admin_with_another_row_of_the_same_is_not_the_last_to_go() -> None:
    over = claim(assignment("ann", "admin"), -5, -1)
    by_hand = live(over[0], marked=False)
    ours = replace(live(over[0], until=9), until=None)
    assert guarded([over], [ours, by_hand]).held == ()


@pytest.mark.parametrize("cause", [Cause.WITHDRAWN, Cause.EXPIRED])
def test_rule_4_while_somebody_is_not_recognised_only_what_surely_ended_goes(cause: Cause) -> None:
    said = [claim(assignment(kind=PLAIN), -5, -1, cause=cause)]
    p = guarded(said, [live(assignment(kind=PLAIN))], strangers=True)
    assert [h.guard for h in p.held] == (["unrecognised"] if cause is Cause.WITHDRAWN else [])


def test_rule_6_a_protected_principal_is_known_by_its_id_whatever_the_row_calls_it() -> None:
    row = live(assignment("4711", kind=MARKED))
    assert [h.guard for h in guarded([], [row], shielded=frozenset({"user:4711"})).held] == [
        "protected"
    ]


def test_rule_6_while_nobody_can_tell_who_is_protected_nothing_unexplained_goes() -> None:
    row = live(assignment("4711", kind=MARKED))
    assert [h.guard for h in guarded([], [row], shielded=None).held] == ["protected"]
    assert [h.guard for h in guarded([], [row], own=None).held] == ["own-access"]


def test_rule_6_sweeping_an_admin_whom_the_system_cut_off_already_takes_nothing_away() -> None:
    over = claim(assignment("ann", "admin"), -5, -1)
    assert told(guarded([over], [live(over[0], until=-1)])) == ["remove ann admin (expired)"]


def test_a_person_may_overrule_the_counting_guards_and_only_those() -> None:
    said, rows = withdrawn(10)
    bot = live(assignment("bot", kind=MARKED))
    p = guarded(said, [*rows, bot], own=["user:bot"], released=RELEASABLE)
    assert len(p.changes) == 10
    assert [h.guard for h in p.held] == ["own-access"]


def test_what_somebody_holds_past_git_keeps_their_duties_apart() -> None:
    """The approval could not know of it; what is taken away goes all the same."""
    wanted, leftover = assignment(role="write"), assignment("bob", "read")
    drawn = planned([claim(wanted), claim(leftover, -5, -1)], [live(leftover, until=-1)])
    why = "rule `apart` forbids it: alice audits as well"
    kept = guard(drawn, Facts(Limits(), can, lambda of: (), 1, separated=lambda change: why))
    assert [(h.change.assignment, h.guard, h.reason) for h in kept.held] == [
        (wanted, "separation", why)
    ]
    assert told(kept) == ["remove bob read (expired)"]
