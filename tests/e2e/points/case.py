"""One case: a ledger damaged at one point, and the promises held against all that comes after."""

from __future__ import annotations

from tests.e2e.points.damage import Damage, Seen
from tests.e2e.points.judge import Judge
from tests.e2e.points.play import Play
from tests.e2e.points.shelf import batches
from tests.e2e.points.stories import Run
from tests.result import Result

NOTICE = "the ledger lost entries"


def check(play: Play, point: int, damage: Damage) -> None:
    """What ended is gone and nothing else is; what cannot be believed gives nothing, and fails until
    it is brought back; a second run does nothing; a loss is told once."""
    play.again(point)
    at = play.points[point]
    broken = damage.to(play, point)
    judge = Judge(play, at, broken, at.cached if damage.cached else 0)
    shown = play.world.run("audit", "verify", at=at.hour)
    known = broken.seen is not Seen.UNSEEN or (damage.cached and at.last > 0)
    proves = not known and bool(batches(play.shelf))  # an empty one proves nothing
    assert shown.code == int(not proves), shown.out
    runs = _go_on(play, point, judge)
    if broken.seen is Seen.DOUBTED:
        assert all("ledger" in {u["system"] for u in run.json["unknown"]} for run in runs)
        play.world.set_anchor(at.moment.anchor)
        play.shelf.load(at.moment.ledger)  # somebody brings it back
        runs.append(_over(play, 1, judge))
    runs.append(last := _over(play, 2, judge))
    if len(runs) > 1:
        assert last.changes == []
    else:
        _nothing_to_do(play, last, _after(play, 2.1))
    told = [run for run in runs if NOTICE in "".join(run.json["notices"])]
    kinds = [entry["kind"] for batch in batches(play.shelf) for entry in batch]
    once = int(broken.seen is Seen.LOST)
    assert (len(told), kinds.count("ledger-lost")) == (once, once)


def _go_on(play: Play, point: int, judge: Judge) -> list[Result]:
    """To the end of the scenario, each run held against what it did without damage."""
    runs: list[Result] = []
    for number, step, said in play.on(point):
        assert said.code == judge.code(), said.out + said.err
        wrong = judge.wrong(play.world.rows(), play.points[number])
        assert wrong == [], f"after hour {step.at}"
        if judge.code():  # then nothing is given, and no end comes later
            assert {o["action"] for o in said.json["outcomes"]} <= {"remove", "shorten"}
        runs.append(said)
        if len(runs) == 1 and not step.dies:
            runs.append(play.apply(step.at + 0.05))
            _nothing_to_do(play, said, runs[-1])
    return runs


def _over(play: Play, hours: float, judge: Judge) -> Result:
    """A run after the end."""
    said = _after(play, hours)
    assert said.code == 0, said.out + said.err
    assert judge.wrong(play.world.rows(), play.points[-1], over=True) == []
    return said


def _after(play: Play, hours: float) -> Result:
    last = play.scenario.steps[-1]
    assert isinstance(last, Run)
    return play.apply(last.at + hours)


def _nothing_to_do(play: Play, said: Result, again: Result) -> None:
    """A second run right after the first. Where nothing may be given, it may still be planned."""
    assert (again.code, again.json["outcomes"]) == (said.code, [])
    if said.code == 0:
        assert again.changes == []
