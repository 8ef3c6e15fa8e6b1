"""Who held what at a moment, and what changed between two."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.ledger.index import Index
from reconciler.ledger.query import Question
from reconciler.ledger.query_held import Holding, between, held_at
from reconciler.ledger.recall import recall
from reconciler.model import Event, EventKind
from tests.ledger.lines_index import GRANT, Lines, added, at, decided, event, extended, of, removed

ALICE, BOB = of(), of("bob")


def index(*events: Event) -> Index:
    lines = Lines()
    lines.write(*events)
    found = Index(None, lines)
    found.follow()
    return found


def held(hour: float, *events: Event, about: Question | None = None) -> list[tuple[str, str]]:
    found = held_at(index(*events), at(hour), about)
    return [(h.assignment.principal.name, h.assignment.entitlement.role) for h in found]


def one(hour: float, *events: Event) -> Holding:
    [found] = held_at(index(*events), at(hour))
    return found


def test_what_was_added_is_held_until_it_is_removed() -> None:
    story = (added(ALICE, 1), removed(ALICE, 8))
    assert held(0.9, *story) == []
    assert held(1, *story) == [("alice", "read")]
    assert held(7.9, *story) == [("alice", "read")]
    assert held(8, *story) == []


def test_a_holding_tells_its_grant_its_rule_and_who_approved_it() -> None:
    found = one(2, decided(ALICE), added(ALICE, 1))
    assert (found.assignment, found.subject, found.ours) == (ALICE, "alice@example.com", True)
    assert (found.since, found.until, found.grants) == (at(1), at(8), (GRANT,))
    assert (found.rule, found.approved_by, found.pull) == (
        "payments-read", ("bob@example.com",), "17")  # fmt: skip
    assert found.number == 2


def test_a_decision_that_gave_nothing_is_behind_no_holding() -> None:
    refused = decided(ALICE, 2, "refused", rule="no-audit", approved_by=())
    assert one(3, decided(ALICE), added(ALICE, 1), refused).rule == "payments-read"


def test_a_decision_for_somebody_else_or_something_else_is_behind_no_holding() -> None:
    others = (decided(BOB), decided(of(on="projects/web")), decided(ALICE, path="grants/x.yaml"))
    assert one(2, *others, added(ALICE, 1)).rule == ""


def test_an_extension_moves_the_end_and_not_the_beginning() -> None:
    found = one(5, added(ALICE, 1), extended(ALICE, 4, 20))
    assert (found.since, found.until, found.number) == (at(1), at(20), 2)


def test_past_its_end_access_is_held_and_late_where_nobody_but_we_end_it() -> None:
    found = one(9, added(ALICE, 1, until=8))
    assert found.late(at(9))
    assert not found.late(at(7.9))


def test_what_the_system_ends_itself_is_over_at_its_end() -> None:
    assert held(7.9, added(ALICE, 1, until=8, native_expiry=True)) == [("alice", "read")]
    assert held(8, added(ALICE, 1, until=8, native_expiry=True)) == []


def test_what_failed_changes_nothing() -> None:
    assert held(2, added(ALICE, 1, error="HTTP 403")) == []
    assert held(9, added(ALICE, 1), removed(ALICE, 8, error="HTTP 503")) == [("alice", "read")]


def test_what_a_run_died_over_counts_as_it_was_found() -> None:
    def found(outcome: str) -> Event:
        return event(EventKind.FOUND, 2, ALICE, action="add", grants=(GRANT,), outcome=outcome)

    intended = event(EventKind.INTENDED, 1, ALICE, action="add")
    assert held(3, intended) == []
    assert held(3, intended, found("made")) == [("alice", "read")]
    assert held(3, intended, found("not-made")) == []


def test_what_was_there_before_us_is_held_and_is_not_ours() -> None:
    already = event(EventKind.ALREADY_HELD, 1, ALICE, grants=(GRANT,), until=at(8))
    found = one(2, already)
    assert (found.ours, found.since, found.grants) == (False, at(1), (GRANT,))
    assert held(8, already) == []  # nobody declares it any more, and nobody looks
    assert one(2, added(ALICE, 0), already).ours


def test_a_removal_in_nobodys_name_ends_what_somebody_held() -> None:
    leftover = removed(ALICE, 8, subject="")
    alice = Question(person="alice@example.com")
    assert held(9, added(ALICE, 1), leftover, about=alice) == []


def test_in_one_slot_a_role_gives_way_and_comes_back() -> None:
    write = of(role="write")
    story = (
        added(ALICE, 1, until=20),
        added(write, 2, replaces="read"),
        removed(write, 8, restores="read"),
    )
    assert held(3, *story) == [("alice", "write")]
    assert held(9, *story) == [("alice", "read")]
    assert held(3, *story, about=Question(role="read")) == []


def test_a_role_that_was_there_before_us_comes_back_and_is_not_ours() -> None:
    write = of(role="write")
    story = (added(write, 2, replaces="read"), removed(write, 8, restores="read"))
    assert held(9, *story) == []


@pytest.mark.parametrize(
    ("about", "names"),
    [
        (Question(person="bob@example.com"), ["bob"]),
        (Question(person="user:alice-1"), ["alice"]),
        (Question(resource="projects/va*"), ["alice", "bob"]),
        (Question(system="aws"), []),
        (Question(grant="grants/payments/*"), ["alice", "bob"]),
        (Question(grant="grants/web/*"), []),
        (Question(role="rea?"), ["alice", "bob"]),
    ],
)
def test_only_what_was_asked_for_is_told(about: Question, names: list[str]) -> None:
    assert [name for name, _ in held(2, added(ALICE, 1), added(BOB, 1), about=about)] == names


def test_between_two_moments_it_is_told_who_gained_and_who_lost() -> None:
    found = index(added(ALICE, 1), added(of("carol"), 1), added(BOB, 3), removed(ALICE, 8))
    change = between(found, at(2), at(9))
    assert [h.assignment for h in change.gained] == [BOB]
    assert [h.assignment for h in change.lost] == [ALICE]
    assert change.passed == ()
    assert [h.assignment for h in change.kept] == [of("carol")]


def passed(earlier: float, later: float, *events: Event) -> list[tuple[str, str, float, float]]:
    """Name, role, and the hours from which and to which."""
    return [
        (h.assignment.principal.name, h.assignment.entitlement.role, hour(h.since), hour(h.gone))
        for h in between(index(*events), at(earlier), at(later)).passed
    ]


def hour(when: datetime | None) -> float:
    assert when is not None  # it is over
    return (when - at(0)).total_seconds() / 3600


def test_what_came_and_went_in_between_is_told_each_time() -> None:
    """Else a quarter of access for hours would look as if nobody ever had any."""
    twice = (added(ALICE, 1), removed(ALICE, 3), added(ALICE, 5, 12), removed(ALICE, 6))
    assert passed(0, 9, *twice) == [("alice", "read", 1, 3), ("alice", "read", 5, 6)]
    assert passed(2, 9, *twice) == [("alice", "read", 5, 6)]  # the first is lost
    assert passed(0, 5.5, *twice) == [("alice", "read", 1, 3)]  # the second is gained
    assert passed(0, 2, *twice) == []
    assert passed(4, 5.5, *twice) == []
    assert passed(4, 9, *twice) == [("alice", "read", 5, 6)]


def test_what_a_system_ended_by_itself_went_at_its_end() -> None:
    itself = added(ALICE, 1, 3, native_expiry=True)
    assert passed(0, 9, itself) == [("alice", "read", 1, 3)]
    assert passed(0, 9, itself, removed(ALICE, 5)) == [("alice", "read", 1, 3)]  # only swept
    again = added(ALICE, 4, 6, native_expiry=True)
    assert passed(0, 9, itself, again) == [("alice", "read", 1, 3), ("alice", "read", 4, 6)]
    assert passed(0, 9, added(ALICE, 1, 3)) == []  # nothing has taken it away: it is late


def test_a_role_that_gave_way_to_ours_and_ours_that_went_are_told() -> None:
    write = of(role="write")
    story = (added(ALICE, 1), added(write, 2, replaces="read"), removed(write, 4, restores="read"))
    assert passed(0, 3, *story) == [("alice", "read", 1, 2)]
    assert passed(1.5, 9, *story) == [("alice", "write", 2, 4)]


def test_what_came_and_went_is_told_with_the_approval_of_then() -> None:
    carol, dave = ("carol@example.com",), ("dave@example.com",)
    events = (decided(ALICE, 1, approved_by=carol), added(ALICE, 1), removed(ALICE, 3))
    later = (decided(ALICE, 4, approved_by=dave), added(ALICE, 4, 12), removed(ALICE, 5))
    rows = between(index(*events, *later), at(0), at(9)).passed
    assert [h.approved_by for h in rows] == [carol, dave]


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "already", "failed"]),
        st.sampled_from(["alice", "bob"]),
        st.sampled_from(["read", "write"]),
        st.sampled_from(["", "read", "write"]),
    ),
    max_size=12,
)


@given(_STEPS)
def test_what_is_ours_is_what_the_ledger_remembers_as_ours(
    steps: list[tuple[str, str, str, str]],
) -> None:
    """Two folds of one ledger, one in memory for ownership, one by the index: they agree."""
    lines = Lines()
    for hour, (what, who, role, other) in enumerate(steps):
        a, other = of(who, role), "" if other == role else other
        match what:
            case "add":
                lines.write(added(a, hour, None, replaces=other))
            case "remove":
                lines.write(removed(a, hour, restores=other))
            case "failed":
                lines.write(removed(a, hour, error="HTTP 500"))
            case _:
                lines.write(event(EventKind.ALREADY_HELD, hour, a))
    found = Index(None, lines)
    found.follow()
    ours = {h.assignment.key for h in held_at(found, at(len(steps))) if h.ours}
    memory = recall(lines.kept)
    assert ours == {key for key, known in memory.items() if known.added and not known.removed}
