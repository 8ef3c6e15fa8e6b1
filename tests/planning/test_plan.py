from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model import Action, AlreadyHeld, Cause, Change, Declared, Foreign, Observed, Plan
from tests.build import (
    KINDS,
    MARKED,
    NATIVE,
    NOW,
    PLAIN,
    SLOT,
    assignment,
    claim,
    hours,
    live,
    planned,
    told,
)

EVERY_KIND = pytest.mark.parametrize("kind", KINDS)
UNMARKED = pytest.mark.parametrize("kind", [PLAIN, SLOT])


def right(kind: str, who: str = "alice", until: float = 1) -> Observed:
    """The row that we would have left for a grant until then."""
    return live(assignment(who, kind=kind), until=until if kind == NATIVE else None)


def test_nothing_declared_and_nothing_live_is_an_empty_plan() -> None:
    assert planned([], []) == Plan(NOW)


@EVERY_KIND
def test_what_is_declared_and_not_live_is_added(kind: str) -> None:
    p = planned([claim(assignment(kind=kind))], [])
    assert told(p) == ["add alice read (declared)"]
    assert p.changes[0].until == hours(1)
    assert p.changes[0].native_expiry is (kind == NATIVE)
    assert p.changes[0].grants == ("grants/a.yaml",)


@EVERY_KIND
def test_what_is_live_as_declared_is_kept(kind: str) -> None:
    p = planned([claim(assignment(kind=kind))], [right(kind)])
    assert told(p) == []
    assert [k.count for k in p.kept] == [1]
    assert p.foreign == ()


@EVERY_KIND
@pytest.mark.parametrize("cause", [Cause.EXPIRED, Cause.WITHDRAWN, Cause.LEFT])
def test_what_ended_and_is_still_live_is_removed_with_the_reason(kind: str, cause: Cause) -> None:
    p = planned([claim(assignment(kind=kind), -5, -1, cause=cause)], [right(kind, until=-1)])
    assert told(p) == [f"remove alice read ({cause})"]
    assert p.changes[0].subject == "alice@example.com"


def test_the_instant_of_the_end_is_past_the_end() -> None:
    ends_now = claim(assignment(kind=PLAIN), -1, 0)
    assert told(planned([ends_now], [right(PLAIN)])) == ["remove alice read (expired)"]


def test_the_instant_of_the_start_is_inside() -> None:
    assert told(planned([claim(assignment(), 0, 1)], [])) == ["add alice read (declared)"]


def test_a_grant_that_starts_later_adds_nothing_yet() -> None:
    assert planned([claim(assignment(), 1, 2)], []) == Plan(NOW)


def test_a_later_end_is_extended_where_the_system_holds_the_end() -> None:
    p = planned([claim(assignment(), end=9)], [right(NATIVE, until=1)])
    assert told(p) == ["extend alice read (declared)"]
    assert (p.changes[0].until, p.changes[0].live) == (hours(9), right(NATIVE, until=1))


def test_an_earlier_end_is_shortened_where_the_system_holds_the_end() -> None:
    p = planned([claim(assignment(), end=1)], [right(NATIVE, until=9)])
    assert told(p) == ["shorten alice read (declared)"]


def test_a_row_of_ours_whose_end_was_taken_off_by_hand_gets_it_back() -> None:
    row = live(assignment(), marked=True, until=None)
    assert told(planned([claim(assignment())], [row])) == ["shorten alice read (declared)"]


def test_an_end_that_the_system_cannot_hold_is_never_compared() -> None:
    p = planned([claim(assignment(kind=MARKED), end=9)], [right(MARKED)])
    assert told(p) == []


def test_of_two_rows_of_ours_the_right_one_stays() -> None:
    rows = [right(NATIVE, until=1), right(NATIVE, until=9)]
    p = planned([claim(assignment(), end=9)], rows)
    assert told(p) == ["remove alice read (withdrawn)"]
    assert p.changes[0].live == rows[0]


def test_rule_17_an_expired_row_of_ours_is_swept_even_when_git_has_forgotten_it() -> None:
    assert told(planned([], [right(NATIVE, until=-1000)])) == ["remove alice read (expired)"]


def test_a_marker_of_ours_that_nothing_declares_is_withdrawn() -> None:
    assert told(planned([], [right(MARKED)])) == ["remove alice read (withdrawn)"]


@pytest.mark.parametrize("kind", [NATIVE, MARKED])
def test_an_unmarked_row_is_foreign_where_we_would_have_marked_it(kind: str) -> None:
    row = live(assignment(kind=kind), marked=False)
    p = planned([claim(assignment(kind=kind), -5, -1)], [row])
    assert told(p) == []
    assert p.foreign == (Foreign(row, "carries no marker of ours"),)


@UNMARKED
def test_an_unmarked_row_that_git_declared_lately_is_ours(kind: str) -> None:
    past = claim(assignment(kind=kind), -24 * 31, -24 * 29)
    assert told(planned([past], [right(kind)])) == ["remove alice read (expired)"]


@UNMARKED
def test_an_unmarked_row_that_git_declared_long_ago_is_foreign_and_the_grant_is_named(
    kind: str,
) -> None:
    p = planned([claim(assignment(kind=kind), -24 * 60, -24 * 31)], [right(kind)])
    assert told(p) == []
    assert "was declared by grants/a.yaml until 2026-01-29" in p.foreign[0].note


@EVERY_KIND
def test_what_was_merged_and_withdrawn_in_the_same_second_is_still_ours(kind: str) -> None:
    """A run may have come in between: git counts in seconds, a job does not wait for one."""
    flash = claim(assignment(kind=kind), -1, -1, cause=Cause.WITHDRAWN)
    assert told(planned([flash], [right(kind)])) == ["remove alice read (withdrawn)"]


@EVERY_KIND
def test_what_was_never_declared_is_foreign(kind: str) -> None:
    row = live(assignment("root", "admin", kind), marked=False)
    p = planned([], [row])
    assert told(p) == []
    assert [f.observed for f in p.foreign] == [row]


def test_rule_13_another_controllers_row_is_named_and_never_touched() -> None:
    row = replace(live(assignment(), marked=False, until=5), controller="PAM")
    p = planned([claim(assignment(), -9, -1)], [row], exclusive=[assignment().entitlement])
    assert told(p) == []
    assert p.foreign == (Foreign(row, "not ours: PAM"),)


def test_rule_1_the_end_of_one_grant_never_ends_what_another_gives() -> None:
    both = [
        claim(assignment(kind=PLAIN), -5, 0, grant="grants/a.yaml"),
        claim(assignment(kind=PLAIN), -2, 3, grant="grants/b.yaml"),
    ]
    assert told(planned(both, [right(PLAIN)])) == []
    assert told(planned(both, [right(PLAIN)], now=hours(3))) == ["remove alice read (expired)"]


def test_rule_1_overlapping_grants_end_at_the_later_of_their_ends() -> None:
    windows = [claim(assignment(), -1, 2), claim(assignment(), 1, 5), claim(assignment(), 7, 9)]
    assert planned(windows, []).changes[0].until == hours(5)


def test_rule_1_windows_that_touch_are_one() -> None:
    windows = [claim(assignment(), -1, 2), claim(assignment(), 2, 5)]
    assert planned(windows, []).changes[0].until == hours(5)


def test_rule_12_a_role_change_adds_before_it_removes() -> None:
    claims = [claim(assignment(role="admin"), -5, -1), claim(assignment(role="read"))]
    p = planned(claims, [live(assignment(role="admin"), until=-1)])
    assert told(p) == ["add alice read (declared)", "remove alice admin (expired)"]


def test_removals_come_before_additions_for_everybody_else() -> None:
    claims = [claim(assignment("zoe"), -5, -1), claim(assignment("alice"))]
    p = planned(claims, [live(assignment("zoe"), until=-1)])
    assert told(p) == ["remove zoe read (expired)", "add alice read (declared)"]


@pytest.mark.parametrize("kind", [NATIVE, MARKED])
def test_rule_22_what_is_already_held_is_not_ours_and_stays(kind: str) -> None:
    standing = live(assignment(kind=kind), marked=False)
    during = planned([claim(assignment(kind=kind))], [standing])
    assert told(during) == []
    assert [a.subject for a in during.already_held] == ["alice@example.com"]
    after = planned([claim(assignment(kind=kind), -5, -1)], [standing])
    assert told(after) == []


def test_rule_22_what_the_system_dates_before_the_grant_is_not_ours() -> None:
    row = replace(right(PLAIN), since=hours(-100))
    during = planned([claim(assignment(kind=PLAIN))], [row])
    assert [a.note for a in during.already_held] == ["already held since 2026-02-25 08:00Z"]
    after = planned([claim(assignment(kind=PLAIN), -5, -1)], [row])
    assert told(after) == []


def test_access_that_may_have_been_there_before_is_warned_about_where_nothing_can_tell() -> None:
    p = planned([claim(assignment(kind=PLAIN))], [right(PLAIN)])
    assert [w.text for w in p.warnings] == [
        "alice has read on vault, and nothing tells since when: if before grants/a.yaml, "
        "it will end with the grant; declare it in standing/ to keep it"
    ]


def test_an_older_grant_is_not_warned_about_in_every_run() -> None:
    assert planned([claim(assignment(kind=PLAIN), -25, 5)], [right(PLAIN)]).warnings == ()


def test_many_warnings_of_one_sort_are_counted() -> None:
    people = [f"u{i:02}" for i in range(25)]
    said = [claim(assignment(w, kind=PLAIN)) for w in people]
    p = planned(said, [right(PLAIN, w) for w in people])
    assert len(p.warnings) == 11
    assert "and 15 more" in p.warnings[-1].text or "and 15 more" in p.warnings[0].text


def test_somebody_elses_shorter_row_does_not_stand_in_for_ours() -> None:
    row = live(assignment(), marked=False, until=0.5)
    assert told(planned([claim(assignment(), end=9)], [row])) == ["add alice read (declared)"]


def test_a_standing_grant_lifts_the_end_off_a_row_of_ours() -> None:
    p = planned([claim(assignment(), end=None)], [right(NATIVE, until=1)])
    assert told(p) == ["extend alice read (declared)"]
    assert p.changes[0].until is None


def test_an_unmarked_standing_row_gets_an_end_when_only_a_temporary_grant_is_left() -> None:
    was = claim(assignment(), -9, -1, cause=Cause.WITHDRAWN, standing=True)
    row = live(assignment(), until=None)
    p = planned([was, claim(assignment())], [row])
    assert told(p) == ["shorten alice read (declared)"]


def test_a_standing_permission_of_others_survives_a_temporary_grant_of_ours() -> None:
    given_by_hand = live(assignment(), marked=False, until=None)
    ours = right(NATIVE, until=-1)
    p = planned([claim(assignment(), -5, -1)], [given_by_hand, ours])
    assert [c.live for c in p.changes] == [ours]


def test_indirect_access_is_neither_planned_nor_foreign() -> None:
    p = planned([], [replace(live(assignment(), marked=False), via="inherited from /")])
    assert p == Plan(NOW)


def test_an_exclusive_entitlement_loses_whoever_is_not_declared() -> None:
    rows = [right(MARKED), live(assignment("mallory", kind=MARKED), marked=False)]
    p = planned([claim(assignment(kind=MARKED))], rows, exclusive=[rows[0].assignment.entitlement])
    assert told(p) == ["remove mallory read (foreign)"]


def test_rule_10_a_renamed_principal_is_the_same_principal() -> None:
    row = right(NATIVE)
    renamed = replace(
        row,
        assignment=replace(
            row.assignment, principal=replace(row.assignment.principal, name="alice.married")
        ),
    )
    assert told(planned([claim(assignment())], [renamed])) == []


def test_the_hash_tells_the_work_and_not_the_moment() -> None:
    a, b = planned([claim(assignment())], []), planned([claim(assignment())], [], now=hours(0.5))
    assert a.hash == b.hash
    assert a.hash != planned([claim(assignment(), end=2)], []).hash


def test_the_hash_of_a_change_cannot_be_had_by_another_name_of_its_file() -> None:
    row = live(assignment(kind=NATIVE), until=2)
    said = Change(Action.ADD, Cause.DECLARED, assignment(), grants=("a",), live=row)
    end = row.until.isoformat() if row.until else ""
    alike = replace(said, grants=("a", row.handle, row.marker or "", end), live=None)
    assert Plan(NOW, (said,)).hash != Plan(NOW, (alike,)).hash


def test_the_hash_tells_what_the_ledger_is_told_of_owning() -> None:
    """What is written down as ours may be taken away one day, what was held before us never."""
    nothing, ours = Plan(NOW), Declared(assignment(), "alice@example.com", None, ("a",))
    adopting = Plan(NOW, unrecorded=(ours,))
    assert adopting.hash != nothing.hash
    assert replace(adopting, unrecorded=(replace(ours, grants=("b",)),)).hash != adopting.hash
    assert replace(adopting, reported=frozenset({"sys"})).hash == nothing.hash  # nothing is written
    held = AlreadyHeld(assignment(), "alice@example.com", ("a",))
    assert Plan(NOW, already_held=(held,)).hash not in (nothing.hash, adopting.hash)


def test_the_hash_tells_where_the_same_is_done() -> None:
    here = replace(planned([claim(assignment())], []), places=(("sys", "a"), ("idle", "a")))
    assert replace(here, places=(("sys", "b"), ("idle", "a"))).hash != here.hash
    assert replace(here, places=(("sys", "a"), ("idle", "b"))).hash == here.hash  # nothing there


class TestSlots:
    """One role per principal and resource: what is replaced must come back."""

    TEMPORARY = claim(assignment(role="write", kind=SLOT))
    OVER = claim(assignment(role="write", kind=SLOT), -5, -1)
    STANDING = claim(assignment(role="read", kind=SLOT), -99, None, grant="standing/a.yaml")
    READ = live(assignment(role="read", kind=SLOT))
    WRITE = live(assignment(role="write", kind=SLOT))
    ADMIN = live(assignment(role="admin", kind=SLOT))

    def test_rule_12_a_temporary_role_replaces_a_standing_one_in_one_call(self) -> None:
        p = planned([self.TEMPORARY, self.STANDING], [self.READ])
        assert told(p) == ["add alice read>write (declared)"]
        assert p.warnings == ()

    def test_rule_12_the_standing_role_comes_back_at_the_end_in_one_call(self) -> None:
        p = planned([self.OVER, self.STANDING], [self.WRITE])
        assert told(p) == ["remove alice write>read (expired)"]

    def test_while_the_higher_role_holds_the_lower_one_is_part_of_it(self) -> None:
        assert told(planned([self.TEMPORARY, self.STANDING], [self.WRITE])) == []

    def test_a_lower_grant_never_lowers_what_somebody_else_gave(self) -> None:
        p = planned([self.TEMPORARY], [self.ADMIN])
        assert told(p) == []
        assert [a.note for a in p.already_held] == ["holds admin, which includes it"]

    def test_an_expired_higher_role_of_ours_is_lowered_in_one_call(self) -> None:
        over = claim(assignment(role="admin", kind=SLOT), -5, -1)
        assert told(planned([over, self.TEMPORARY], [self.ADMIN])) == [
            "remove alice admin>write (expired)"
        ]

    def test_replacing_what_nothing_declares_is_warned_about(self) -> None:
        p = planned([self.TEMPORARY], [self.READ])
        assert told(p) == ["add alice read>write (declared)"]
        assert "it will not come back; declare it in standing/" in p.warnings[0].text

    def test_two_people_on_one_resource_are_two_slots(self) -> None:
        bob = live(assignment("bob", "admin", SLOT))
        p = planned([self.TEMPORARY], [self.WRITE, bob])
        assert told(p) == []
        assert [f.observed for f in p.foreign] == [bob]

    def test_an_exclusive_slot_is_lowered_to_what_is_declared(self) -> None:
        p = planned([self.TEMPORARY], [self.ADMIN], exclusive=[self.ADMIN.assignment.entitlement])
        assert told(p) == ["remove alice admin>write (foreign)"]
