"""What may be otherwise than without damage, for each sort of damage, and nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.e2e.points.damage import Broken, Seen
from tests.e2e.points.play import Play, Point
from tests.e2e.points.shelf import line
from tests.e2e.points.stories import Cost

_UNMARKED = ("aws ", "bitbucket ")  # of these systems, what the scenarios give there


def _given(said: str) -> Iterator[str]:
    """What somebody has by a line of the ledger."""
    words = said.split()
    if words[1:2] == ["add"]:
        yield " ".join(words[2:6])
    if words[-2:-1] == ["back"]:
        system, resource, _, who = words[2:6]
        yield f"{system} {resource} {words[-1]} {who}"


def _slot(access: str) -> tuple[str, ...]:
    """Where somebody holds one role, in Bitbucket: a role that stays keeps another from its place."""
    system, resource, _, who, *_ = access.split()
    return system, resource, who


@dataclass(frozen=True)
class Judge:
    """Of one case: the damage was done at `point`. `cached` is the last entry that the
    machine has digested, 0 for none."""

    play: Play
    point: Point
    broken: Broken
    cached: int

    def code(self) -> int:
        return 1 if self.broken.seen is Seen.DOUBTED else 0

    def wrong(self, rows: frozenset[str], good: Point, *, over: bool = False) -> list[str]:
        """What is live and should not be, and the other way round, beside what may be so. `good`
        is how it is without damage; `over`: the ledger was brought back."""
        more, less = rows - good.rows, good.rows - rows
        staying = more & self._may_stay(over=over)
        taken = {_slot(row) for row in staying if row.startswith("bitbucket ")}
        more -= staying
        less -= self._may_lack(good, over=over)
        less = frozenset(row for row in less if _slot(row) not in taken)
        return [f"is still there: {row}" for row in sorted(more)] + [
            f"is gone: {row}" for row in sorted(less)
        ]

    def _may_stay(self, *, over: bool) -> frozenset[str]:
        seen, kept = self.broken.seen, self.broken.kept
        if seen is Seen.DOUBTED and not over:
            # Nothing is given, so what would have been replaced is not.
            return self.play.replaced
        if seen is Seen.UNSEEN and kept:
            # The ledger says that it knows all since it began: what it lost was never ours.
            lost = set(self.point.lines(len(self.point.batches))) - set(self.point.lines(kept))
            given = {access for said in lost for access in _given(said)}
            return frozenset(access for access in given if access.startswith(_UNMARKED))
        return frozenset()

    def _may_lack(self, good: Point, *, over: bool) -> frozenset[str]:
        lack = {
            cost.access
            for cost in self.play.scenario.costs
            if good.hour >= cost.end and self._forgotten(cost)
        }
        if self.broken.seen is Seen.DOUBTED and not over:
            lack |= (
                good.rows - self.point.rows | self.play.taken
            )  # nothing is given, or given again
        return frozenset(lack)

    def _forgotten(self, cost: Cost) -> bool:
        if self.broken.seen is Seen.DOUBTED:
            entries = (entry for batch in self.point.batches for entry in batch)
            known = [line(entry) for entry in entries if entry["number"] <= self.cached]
            return not set(cost.told) & set(known)
        known = list(self.point.lines(self.broken.kept))
        return cost.since <= self.point.hour and not set(cost.told) & set(known)
