"""Plays a scenario: once to its end without damage, and again from any of its points."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from reconciler.cli.ledgers import Known
from reconciler.ledger.anchor import FileAnchor
from reconciler.ledger.base import Anchor
from reconciler.ledger.digest import restored
from reconciler.ledger.ledger import Ledger
from reconciler.ledger.memory import note
from reconciler.repository.memory import Memory
from tests.e2e.points.shelf import Shelf, batches, line
from tests.e2e.points.stories import Begin, Give, Merge, Move, Run, Scenario, Step, Take
from tests.e2e.points.world import Moment, World
from tests.result import Result


@dataclass(frozen=True)
class Point:
    """After a run, and before whatever comes next."""

    hour: float
    moment: Moment
    rows: frozenset[str]
    code: int
    batches: tuple[tuple[dict[str, Any], ...], ...]
    cached: int  # the last entry that the cache has digested

    @property
    def last(self) -> int:
        """The number of the newest entry, 0 for none."""
        return int(self.batches[-1][-1]["number"]) if self.batches else 0

    @property
    def anchored(self) -> Anchor | None:
        if not self.moment.anchor:
            return None
        found = json.loads(self.moment.anchor)
        return Anchor(found["number"], found["hash"])

    def lines(self, count: int) -> tuple[str, ...]:
        """Of the first `count` batches."""
        return tuple(line(entry) for batch in self.batches[:count] for entry in batch)


@dataclass
class Play:
    """One scenario in one world."""

    scenario: Scenario
    world: World
    shelf: Shelf
    points: list[Point] = field(default_factory=list)
    commits: dict[int, str] = field(default_factory=dict)  # by step
    before: frozenset[str] = frozenset()

    def through(self) -> None:
        """Without damage; each point is kept."""
        self.before = self.world.rows()
        for i, step in enumerate(self.scenario.steps):
            said = self._do(i, step)
            if said is not None:
                assert said.code == 0, said.err + said.out
                self.points.append(self._point(step, said.code))

    def apply(self, at: float) -> Result:
        return self.world.apply(self.scenario.systems, at)

    def again(self, point: int) -> None:
        """To how all was at the point."""
        self.world.put_back(self.points[point].moment)
        self.shelf.load(self.points[point].moment.ledger)

    def stays(self, point: int) -> bool:
        """Whether the run after the point is on the same machine."""
        runs = self.scenario.runs
        after = runs[point + 1] if point + 1 < len(runs) else None
        return Move() not in self.scenario.steps[runs[point] : after]

    def on(self, point: int) -> Iterator[tuple[int, Run, Result]]:
        """What comes after the point; each run with the number of the point that it leads to."""
        runs = self.scenario.runs
        for i, step in enumerate(self.scenario.steps[runs[point] + 1 :], runs[point] + 1):
            said = self._do(i, step)
            if said is not None:
                assert isinstance(step, Run)
                yield runs.index(i), step, said

    @cached_property
    def replaced(self) -> frozenset[str]:
        """What another role took the place of, in the run without damage."""
        found = set()
        for said in self.points[-1].lines(len(self.points[-1].batches)):
            access, over, role = said.rpartition(" over ")
            if over:
                system, resource, _, who = access.split()[2:]
                found.add(f"{system} {resource} {role} {who}")
        return frozenset(found)

    @cached_property
    def taken(self) -> frozenset[str]:
        """By somebody, or by the system itself."""
        return frozenset(step.access for step in self.scenario.steps if isinstance(step, Take))

    def _do(self, i: int, step: Step) -> Result | None:
        match step:
            case Give(access):
                self.world.give(access)
            case Take(access):
                self.world.take(access)
            case Move():
                self.world.forget()
            case Run(at, ""):
                return self.apply(at)
            case Run(at, dies):
                return self._died(at, dies)
            case Merge() | Begin() if i in self.commits:
                self.world.checkout(self.commits[i])
            case Merge() | Begin():
                self._merge(step)
                self.commits[i] = self.world.commit()
        return None

    def _merge(self, step: Merge | Begin) -> None:
        company = self.world.company
        files = step.files if isinstance(step, Merge) else {"reconciler.yaml": self._begun}
        texts = {
            path: text((company.root / path).read_text()) if callable(text) else text
            for path, text in files.items()
        }
        company.merge(texts, at=step.at)

    def _begun(self, configuration: str) -> str:
        anchor = f"anchor: {{file: {self.world.anchor}}}"
        return f"{configuration}ledger: {{{self.shelf.settings}, {anchor}}}\n"

    def _died(self, at: float, dies: str) -> Result:
        """What a run leaves that dies between its two batches: the second is not there, and what it
        was about to do was done, or was not."""
        live, before = self.world.live(), len(batches(self.shelf))
        said = self.apply(at)
        after = batches(self.shelf)
        if len(after) == before + 2:
            self.shelf.cut(before + 1)
            last = after[before][-1]
            head = Anchor(last["number"], last["hash"])
            note(head, Ledger(self.shelf.store()), self._memory)
            anchor = FileAnchor(self.world.anchor)
            known = anchor.read()
            if known is not None and known.number > head.number:
                anchor.begin_anew(head)
        if dies == "not-made":
            self.world.set_live(live)
        return said

    def _point(self, step: Step, code: int) -> Point:
        assert isinstance(step, Run)
        found: Sequence[Sequence[dict[str, Any]]] = batches(self.shelf)
        return Point(
            step.at,
            self.world.moment(self.shelf.save()),
            self.world.rows(),
            code,
            tuple(map(tuple, found)),
            self._cached(),
        )

    @property
    def _memory(self) -> Known:
        first = self.world.company.git("rev-list", "--max-parents=0", "--first-parent", "HEAD")
        memory = Memory(self.world.cache / "access-reconciler", self.world.root)
        return Known(memory, first.strip())

    def _cached(self) -> int:
        where = self.shelf.store().where
        text = self._memory.read(f"ledger:{where}", ["digest"]).get("digest", "")
        digest = restored(text) if text else None
        return digest.number if digest else 0
