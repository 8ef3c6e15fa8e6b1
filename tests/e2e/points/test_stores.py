"""The same of a ledger on a branch and of one in a bucket, at every point of one scenario."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.sandbox.home import Running
from reconciler.sandbox.process import Sandbox
from tests.e2e.points.case import check
from tests.e2e.points.damage import Damage, deleted, forked, without_last
from tests.e2e.points.play import Play
from tests.e2e.points.shelf import Shelf
from tests.e2e.points.shelves import Branch, bucket
from tests.e2e.points.stories import HELD
from tests.e2e.points.world import World

DAMAGES = (Damage(deleted), Damage(without_last), Damage(forked))


@pytest.fixture(scope="module", params=["branch", "bucket"])
def play(
    request: pytest.FixtureRequest,
    served: tuple[Sandbox, Running],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Play]:
    sandbox, running = served
    sandbox.reset()
    home = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment({}).items():
            patch.setenv(name, value)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        world = World(sandbox, running, home / "world")
        if request.param == "branch":
            yield _played(world, Branch(world.root))
        else:
            with bucket() as shelf:
                yield _played(world, shelf)


def _played(world: World, shelf: Shelf) -> Play:
    found = Play(HELD, world, shelf)
    found.through()
    return found


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
@pytest.mark.parametrize("point", HELD.points)
def test_whatever_happens_to_the_ledger(play: Play, point: int, damage: Damage) -> None:
    check(play, point, damage)
