"""What apply writes down in the ledger, and what every command is told from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.cli import clock
from reconciler.cli.ledgers import append, run_id
from reconciler.cli.session import Session
from reconciler.engine.names import event_now
from reconciler.engine.recollect import gone, made
from reconciler.engine.situation import Situation
from reconciler.ledger.memory import Recall
from reconciler.ledger.record import done, ended, found, intended, lost, started, states, vanished
from reconciler.model import Action, Change, Event, Mode, Plan
from reconciler.proof.record import decided
from reconciler.providers.base import Outcome


@dataclass
class Recording:
    """One run of apply. `failed` says that something could not be written down."""

    session: Session
    root: Path
    run: str
    failed: bool = False
    _waiting: list[Event] = field(default_factory=list)

    @classmethod
    def begin(cls, session: Session, root: Path) -> Recording:
        run = run_id(session.now)
        recording = cls(session, root, run)
        if recording._recall.lost:
            was = recording._recall
            recording._waiting.append(lost(session.now, run, was.lost, was.entry))
        recording._waiting.append(started(session.now, run, "apply", session.loaded.commit))
        return recording

    @property
    def _recall(self) -> Recall:
        return self.session.recall

    def before(
        self, plan: Plan, situation: Situation, changes: Sequence[Change]
    ) -> tuple[Change, ...]:
        """What is so, what was decided, and what is about to be done: durable when it returns.

        Returns what may be done. Whatever was given and not written down would be taken for
        somebody else's one day, so nothing is given then; taking away needs no ledger, and an
        earlier end neither.
        """
        at = self.session.now
        modes = self.session.modes
        ours = tuple(
            d for d in plan.unrecorded if modes[d.assignment.entitlement.system] is Mode.ENFORCE
        )  # where nothing was ever written, nothing is ours
        events = [*self._found(situation), *states(replace(plan, unrecorded=ours), at, self.run)]
        events += decided(self.session.authorised, at, self.run)
        self._waiting += self._recall.digest.news(events)
        if changes:
            self._waiting += (intended(change, at, self.run) for change in changes)
            self._write()
        if not self.failed and not self._recall.error:
            return tuple(changes)
        return tuple(c for c in changes if c.removes or c.action is Action.SHORTEN)

    def after(self, outcomes: Iterable[Outcome], outcome: str, counts: dict[str, int]) -> None:
        at = clock.now()
        self._waiting += (done(o.change, str(o.error or ""), at, self.run) for o in outcomes)
        self._waiting.append(ended(at, self.run, outcome, counts.items()))
        self._write()

    def _found(self, situation: Situation) -> Iterator[Event]:
        at, connections = self.session.now, self.session.connections
        for event in self._recall.digest.remembered.unfinished:
            now = event_now(event, self.session.former)
            outcome = made(now, situation.reading, connections)
            if outcome is not None:
                yield found(event, outcome, at, self.run)
        says, reading, memory = situation.says, situation.reading, situation.memory
        for of, back in gone(memory, says, reading, connections, at):
            yield vanished(of, back, at, self.run)

    def _write(self) -> None:
        events, self._waiting = self._waiting, []
        if self._recall.ledger is None or self._recall.error or self.failed:
            return
        self.failed = not append(events, self._recall, self.session.loaded, self.root)
