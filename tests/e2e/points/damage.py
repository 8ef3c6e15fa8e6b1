"""What can happen to a ledger, and what a run can see of it. Breaks things; judges nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

from reconciler.ledger.record import ended, started
from tests.e2e.points.play import Play, Point
from tests.e2e.points.shelf import Folder, batches, carry_on


class Seen(Enum):
    LOST = auto()  # the anchor, or the machine, knows of later or other entries
    DOUBTED = auto()  # it cannot be read, or it is not the anchored one
    UNSEEN = auto()  # nothing tells: it goes on from what there is


@dataclass(frozen=True)
class Broken:
    """How a ledger is after its damage: its first `kept` batches are as they were."""

    seen: Seen
    kept: int


def deleted(play: Play, point: Point, before: Point | None) -> int:
    play.shelf.cut(0)
    return 0


def without_last(play: Play, point: Point, before: Point | None) -> int:
    kept = len(point.batches) - 1
    play.shelf.cut(kept)
    return kept


def first_half(play: Play, point: Point, before: Point | None) -> int:
    kept = len(point.batches) // 2
    play.shelf.cut(kept)
    return kept


def forked(play: Play, point: Point, before: Point | None) -> int:
    """A second machine had a copy from one run ago, and carried that on with a quiet run."""
    kept = len(before.batches) if before else 0
    play.shelf.cut(kept)
    at = play.world.company.start + timedelta(hours=point.hour, minutes=1)
    run = "a-second-machine"
    carry_on(play.shelf, [started(at, run, "apply", "0" * 40), ended(at, run, "0", ())])
    return kept


def outgrown(play: Play, point: Point, before: Point | None) -> int:
    """The same, and it went on for longer than the true one."""
    kept = forked(play, point, before)
    at = play.world.company.start + timedelta(hours=point.hour, minutes=2)
    more = point.last - batches(play.shelf)[-1][-1]["number"] + 1
    carry_on(play.shelf, [started(at, "still-it", "apply", "0" * 40)] * max(more, 1))
    return kept


def altered(play: Play, point: Point, before: Point | None) -> int:
    assert isinstance(play.shelf, Folder)
    play.shelf.alter()
    return len(point.batches) - 1


@dataclass(frozen=True)
class Damage:
    """`anchored`: the anchor is kept elsewhere, and is still there. `cached`: the run is on the
    machine of the runs before."""

    do: Callable[[Play, Point, Point | None], int]
    anchored: bool = True
    cached: bool = True

    def __str__(self) -> str:
        beside = "" if self.anchored else "-without-anchor"
        return self.do.__name__ + beside + ("" if self.cached else "-elsewhere")

    def to(self, play: Play, number: int) -> Broken:
        point = play.points[number]
        kept = self.do(play, point, play.points[number - 1] if number else None)
        if not self.anchored:
            play.world.set_anchor(b"")
        if not self.cached:
            play.world.forget()
        return Broken(self._seen(play, point, self.cached and play.stays(number)), kept)

    def _seen(self, play: Play, point: Point, here: bool) -> Seen:
        """`here`: the next run is on the machine of the last."""
        if self.do is altered:
            return Seen.DOUBTED
        if not self.anchored or point.anchored is None:
            return Seen.LOST if here and point.last else Seen.UNSEEN
        numbers = [entry["number"] for batch in batches(play.shelf) for entry in batch]
        last = numbers[-1] if numbers else 0
        return Seen.LOST if last < point.anchored.number else Seen.DOUBTED


DAMAGES = (
    Damage(deleted),
    Damage(without_last),
    Damage(first_half),
    Damage(forked),
    Damage(outgrown),
    Damage(altered),
    Damage(altered, cached=False),
    Damage(deleted, anchored=False),
    Damage(without_last, anchored=False),
    Damage(outgrown, anchored=False),
    Damage(deleted, anchored=False, cached=False),
    Damage(first_half, anchored=False, cached=False),
    Damage(forked, anchored=False, cached=False),
)
