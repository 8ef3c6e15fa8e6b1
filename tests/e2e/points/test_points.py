"""The ledger is deleted, cut, forked and altered at every point of every scenario.

A merge and what somebody does by hand leave the ledger as it is: before or after them is one point.
So the points are those after each run, and, where a run dies, the one between its two batches.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.sandbox.home import Running
from reconciler.sandbox.process import Sandbox
from tests.e2e.points.case import check
from tests.e2e.points.damage import DAMAGES, Damage
from tests.e2e.points.play import Play
from tests.e2e.points.shelf import Folder
from tests.e2e.points.stories import SCENARIOS, STRANGERS, Scenario
from tests.e2e.points.world import World

Played = Callable[[Scenario], Play]
CASES = [
    pytest.param(scenario, point, damage, id=f"{scenario.name}-{point}-{damage}")
    for scenario in SCENARIOS
    for point in scenario.points
    for damage in DAMAGES
]


@pytest.fixture(scope="module")
def played(served: tuple[Sandbox, Running], tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Each scenario to its end without damage, once."""
    sandbox, running = served
    sandbox.reset()
    plays: dict[str, Play] = {}

    def play(scenario: Scenario) -> Play:
        if scenario.name not in plays:
            home = tmp_path_factory.mktemp(scenario.name)
            world = World(sandbox, running, home / "world")
            world.set_live(seeded)
            found = plays[scenario.name] = Play(scenario, world, Folder(home / "ledger"))
            found.through()
        return plays[scenario.name]

    seeded = World(sandbox, running, tmp_path_factory.mktemp("seeded") / "world").live()
    return play


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_each_scenario_ends_as_it_says(played: Played, scenario: Scenario) -> None:
    play = played(scenario)
    strangers = {step.access for step in STRANGERS}
    assert play.points[-1].rows - play.before == scenario.gained | strangers
    assert play.before <= play.points[-1].rows


@pytest.mark.parametrize(("scenario", "point", "damage"), CASES)
def test_whatever_happens_to_the_ledger(
    played: Played, scenario: Scenario, point: int, damage: Damage
) -> None:
    check(played(scenario), point, damage)
