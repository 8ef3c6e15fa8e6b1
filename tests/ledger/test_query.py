"""Questions to the ledger, and their answers."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.ledger.index import Index
from reconciler.ledger.query import Question, entries
from reconciler.model import Event, EventKind
from tests.ledger.lines_index import GRANT, Lines, added, at, decided, event, of, removed


def asked(question: Question, *events: Event) -> list[int]:
    lines = Lines()
    lines.write(*events)
    index = Index(None, lines)
    index.follow()
    return [entry.number for entry in entries(index, question)]


STORY = (
    event(EventKind.RUN_STARTED, 0),
    decided(of(), 0),
    added(of(), 0),
    added(of("bob", "roles/viewer", "projects/web"), 1, grants=("grants/web/bob.yaml",)),
    removed(of(), 8),
    removed(of("bob", "roles/viewer", "projects/web"), 9, "left", grants=("grants/web/bob.yaml",)),
    event(EventKind.RUN_ENDED, 9),
)


@pytest.mark.parametrize(
    ("question", "numbers"),
    [
        (Question(), [1, 2, 3, 4, 5, 6, 7]),
        (Question(person="alice@example.com"), [2, 3, 5]),
        (Question(person="Alice@Example.COM"), [2, 3, 5]),
        (Question(person="user:alice-1"), [2, 3, 5]),
        (Question(person="bob"), [4, 6]),
        (Question(person="ali"), []),
        (Question(system="gcp"), [2, 3, 4, 5, 6]),
        (Question(system="aws"), []),
        (Question(resource="projects/*"), [2, 3, 4, 5, 6]),
        (Question(resource="*VAULT"), [2, 3, 5]),
        (Question(role="roles/*"), [4, 6]),
        (Question(role="read", resource="projects/web"), []),
        (Question(grant=GRANT), [2, 3, 5]),
        (Question(grant="grants/web/**"), [4, 6]),
        (Question(cause="left"), [6]),
        (Question(run="run-9"), [6, 7]),
        (Question(kinds=(EventKind.DECIDED,)), [2]),
        (Question(kinds=(EventKind.RUN_STARTED, EventKind.RUN_ENDED)), [1, 7]),
        (Question(since=at(8)), [5, 6, 7]),
        (Question(before=at(8)), [1, 2, 3, 4]),
        (Question(since=at(1), before=at(9), person="bob@example.com"), [4]),
    ],
)
def test_a_question_finds_the_entries_that_it_is_about(
    question: Question, numbers: list[int]
) -> None:
    assert asked(question, *STORY) == numbers


def test_a_name_with_brackets_is_also_found_as_it_is() -> None:
    odd = of(on="projects/a[1]*")
    assert asked(Question(resource="projects/a[1]*"), added(odd), added(of())) == [1]


def test_nothing_in_a_question_is_obeyed_by_the_database() -> None:
    hostile = "x' OR '1'='1"
    for name in ("person", "system", "resource", "role", "grant", "cause", "run"):
        question: Any = {name: hostile}
        assert asked(Question(**question), *STORY) == []


def test_an_entry_of_several_grants_is_found_by_each_of_them() -> None:
    both = added(of(), grants=("grants/a.yaml", "grants/b.yaml"))
    assert asked(Question(grant="grants/b.yaml"), both) == [1]
    assert asked(Question(grant="grants/*"), both) == [1]


def test_an_emergency_of_several_is_found_by_each_of_them() -> None:
    both = event(EventKind.BREAK_GLASS, 0, subject="alice@example.com, bob@example.com")
    assert asked(Question(person="bob@example.com"), both) == [1]


@pytest.mark.parametrize("before", [EventKind.BREAK_GLASS, EventKind.DECIDED])
def test_what_was_found_of_an_emergency_is_found_by_those_who_took_the_access(
    before: EventKind,
) -> None:
    """It names the file and the commit, and whoever looked at it, and nobody else."""
    place: dict[str, Any] = {"path": "grants/breakglass/a.yaml", "commit": "c" * 40}
    story = (
        event(before, 0, subject="alice@example.com, bob@example.com", **place),
        event(before, 1, subject="carol@example.com", **place | {"commit": "d" * 40}),
        event(before, 2, subject="dave@example.com", **place | {"path": "grants/other.yaml"}),
        event(EventKind.NOTIFIED, 3, subject="erin@example.com", **place),
        event(EventKind.REVIEWED, 4, outcome="misuse", approved_by=("erin@example.com",), **place),
    )
    for person, numbers in {
        "alice@example.com": [1, 4, 5],
        "BOB@example.com": [1, 4, 5],
        "carol@example.com": [2],
        "dave@example.com": [3],
        "erin@example.com": [4],
    }.items():
        assert asked(Question(person=person), *story) == numbers
