"""What the systems tell of changes whose end nobody knows, and of what went without us."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from reconciler.engine.connections import Connections
from reconciler.engine.observe import Reading
from reconciler.engine.recollect import died_over, given, gone, made, settled
from reconciler.model import (
    Action,
    Assignment,
    Capabilities,
    Entitlement,
    Event,
    EventKind,
    Observed,
    Recollection,
    Remembered,
)
from reconciler.planning.resolve import declaration
from tests import build
from tests.build import NOW, PLAIN, SLOT, assignment, claim, hours, live
from tests.engine.fakes import FakeSystem, configured

OF = assignment(kind=PLAIN)
LINKED = Connections(configured([FakeSystem()]))


@dataclass
class Late(FakeSystem):
    """Its lists show what was given an hour later."""

    def capabilities(self, entitlement: Entitlement, ending: bool) -> Capabilities:
        return replace(build.can(entitlement, ending), lag=3600)


def giving(at: float, of: Assignment = OF, removed: float | None = None) -> Remembered:
    was = Recollection(hours(at), None if removed is None else hours(removed))
    return Remembered(hours(-100), {of.key: was})


def died(action: Action, of: Assignment = OF, restores: str = "") -> Event:
    return Event(EventKind.INTENDED, hours(-1), "run-1", "", of, action, restores=restores)


def went(memory: Remembered, *rows: Observed, linked: Connections = LINKED) -> bool:
    over = declaration([claim(OF, -9, -1)], NOW)
    return gone(memory, over, Reading(rows), linked, NOW) == ((OF, ""),)


def test_what_we_gave_and_nobody_shows_any_more_went_without_us() -> None:
    assert went(giving(-5))
    assert not went(giving(-5), live(OF))
    assert not went(giving(-5, removed=-2))
    assert went(giving(-5), replace(live(OF), via="group payments"))


def test_of_a_scope_that_was_not_read_nothing_is_concluded() -> None:
    unread = Reading((), unread=frozenset({("sys", "vault")}))
    assert gone(giving(-5), declaration([], NOW), unread, LINKED, NOW) == ()
    assert gone(giving(-5), declaration([], NOW), Reading(()), Connections([]), NOW) == ()


def test_what_is_declared_has_not_gone_but_is_given_again() -> None:
    assert gone(giving(-5), declaration([claim(OF)], NOW), Reading(()), LINKED, NOW) == ()


def test_a_list_that_lags_behind_proves_nothing_yet() -> None:
    late = Connections(configured([Late()]))
    assert went(giving(-0.5))
    assert not went(giving(-0.5), linked=late)
    assert went(giving(-1.5), linked=late)


@pytest.mark.parametrize("row", [{"via": "group payments"}, {"controller": "terraform"}])
def test_what_others_gave_does_not_show_that_ours_was_made(row: dict[str, str]) -> None:
    held = replace(live(OF), **row)  # type: ignore[arg-type]  # texts alone
    assert made(died(Action.ADD), Reading((held,)), LINKED) is False
    assert made(died(Action.ADD), Reading((live(OF),)), LINKED) is True


def test_a_role_that_a_run_died_over_bringing_back_is_ours_again() -> None:
    read, write = assignment(kind=SLOT), assignment(role="write", kind=SLOT)
    known = {read.key: Recollection(hours(-9), hours(-5)), write.key: Recollection(hours(-5))}
    memory = Remembered(hours(-100), known, (died(Action.REMOVE, write, restores="read"),))
    found = settled(memory, Reading((live(read),)), LINKED)
    assert found.of[read.key] == Recollection(hours(-1))
    assert found.of[write.key] == Recollection(hours(-5), hours(-1))


def test_a_role_of_ours_that_is_back_where_ours_replaced_it_is_ours_again() -> None:
    """Somebody lowered it by hand, or a run could not write down that it did."""
    read, write = assignment(kind=SLOT), assignment(role="write", kind=SLOT)
    known = {read.key: Recollection(hours(-9), hours(-5)), write.key: Recollection(hours(-5))}
    memory = Remembered(hours(-100), known)
    nothing = declaration([], NOW)
    assert gone(memory, nothing, Reading((live(read),)), LINKED, NOW) == ((write, "read"),)
    other = replace(memory, of=known | {read.key: Recollection(hours(-9), hours(-6))})
    assert gone(other, nothing, Reading((live(read),)), LINKED, NOW) == ((write, ""),)


class Choosy(FakeSystem):
    """Its resources are paths of three parts, and a name without them is a fault."""

    def scope(self, entitlement: Entitlement) -> str:
        return entitlement.resource.split("/")[2]


def test_what_another_provider_of_that_name_gave_stops_no_run() -> None:
    """Nor what somebody wrote into the ledger: one line would keep all access from ending."""
    linked = Connections(configured([Choosy()]))
    memory = replace(giving(-5), unfinished=(died(Action.ADD),))
    reading, says = Reading(()), declaration([], NOW)
    assert given(memory, linked) == died_over(memory, linked) == frozenset()
    assert gone(memory, says, reading, linked, NOW) == ()
    assert made(memory.unfinished[0], reading, linked) is None
    assert settled(memory, reading, linked).of[OF.key].added is not None


def test_an_end_was_moved_when_the_system_shows_the_new_one() -> None:
    moved = replace(died(Action.EXTEND), until=hours(8))
    assert made(moved, Reading((live(OF, until=8),)), LINKED) is True
    assert made(moved, Reading((live(OF, until=4),)), LINKED) is False
