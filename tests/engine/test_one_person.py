"""One person's part of a situation: of what others hold nothing is concluded, and it counts."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.engine.connections import Connections
from reconciler.engine.safety import Safety, draw_up
from reconciler.engine.situation import Situation, look
from reconciler.model import Claim, Item, Limits, Mode
from reconciler.providers.base import ConfiguredSystem
from tests.build import HORIZON, MARKED, NOW, PLAIN, assignment, claim, live, told
from tests.engine.fakes import FakeSystem

LOOSE = Safety(Limits(percent=100, count=1000, floor=1000))
ALICE = {("sys", "user:alice")}


def looked(
    claims: Iterable[Claim], system: FakeSystem, *exclusive: Item, near: bool = True
) -> tuple[Situation, Connections]:
    connections = Connections(
        [ConfiguredSystem(system, Mode.ENFORCE, system.rate, tuple(exclusive))]
    )
    return look(claims, connections, NOW, HORIZON, near=near), connections


def test_what_others_hold_is_no_part_of_the_plan() -> None:
    mine, theirs = assignment(kind=MARKED), assignment("bob", kind=MARKED)
    system = FakeSystem().hold(live(mine), live(theirs))
    situation, connections = looked([claim(mine, -5, -1)[1]], system)
    assert len(situation.plan(connections).changes) == 2
    assert told(situation.of(ALICE).plan(connections)) == ["remove alice read (expired)"]


def test_who_is_not_looked_at_is_an_administrator_all_the_same() -> None:
    """Else the guard would take whoever is asked about for the last one."""
    mine, theirs = assignment(role="admin", kind=PLAIN), assignment("bob", "admin", PLAIN)
    system = FakeSystem().hold(live(mine), live(theirs))
    situation, connections = looked([claim(mine, -5, -1)[1]], system)
    drawn = draw_up(situation.of(ALICE), connections, LOOSE)
    assert (told(drawn), drawn.held) == (["remove alice admin (expired)"], ())
    system.live = {row.handle: row for row in (live(mine),)}
    situation, connections = looked([claim(mine, -5, -1)[1]], system)
    assert [h.guard for h in draw_up(situation.of(ALICE), connections, LOOSE).held] == [
        "last-admin"
    ]


def test_of_what_is_ours_whole_only_what_is_near_is_read() -> None:
    mine, far = assignment(kind=PLAIN), assignment(kind=PLAIN, on="far away")
    here = assignment("bob", kind=PLAIN)
    items = Item(far.entitlement), Item(here.entitlement)
    system = FakeSystem().hold(live(here), live(far))
    situation, _ = looked([claim(mine)[1]], system, *items)
    assert (system.calls["vault"], system.calls["far away"]) == (1, 0)
    assert situation.exclusive == {here.entitlement.key}
    looked([claim(mine)[1]], system, *items, near=False)
    assert system.calls["far away"] == 1
