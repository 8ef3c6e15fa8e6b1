"""Runs the real engine over one local system: say what git says, look, plan, carry out, look again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.engine.apply import apply
from reconciler.engine.connections import Connections
from reconciler.engine.safety import Safety, draw_up
from reconciler.engine.situation import Situation, look
from reconciler.engine.verify import verify
from reconciler.model import (
    Capabilities,
    Cause,
    Change,
    Claim,
    Entitlement,
    Limits,
    Mode,
    Plan,
    Subject,
    Window,
)
from reconciler.providers.base import ConfiguredSystem, Outcome, Rate
from tests.providers.world import World

NOW = datetime.now(UTC).replace(microsecond=0)
EAGER = Rate(calls=100_000, seconds=1, concurrency=4)
LOOSE = Safety(Limits(percent=100, count=10_000, floor=100))


def hours(n: float) -> datetime:
    return NOW + timedelta(hours=n)


@dataclass(frozen=True)
class Run:
    """One run as a user would see it."""

    plan: Plan
    outcomes: tuple[Outcome, ...]
    situation: Situation

    @property
    def errors(self) -> list[str]:
        return [str(o.error) for o in self.outcomes if o.error]

    @property
    def told(self) -> list[str]:
        return [f"{c.action} {c.subject or c.assignment.principal.id}" for c in self.plan.changes]


@dataclass(frozen=True)
class Rig:
    world: World

    def claim(
        self,
        item: Mapping[str, Any],
        subject: Subject | None = None,
        start: float = -1,
        end: float | None = 8,
        grant: str = "grants/a.yaml",
    ) -> Claim:
        entitlement, account = self.world.system.item(item)
        window = Window(hours(start), None if end is None else hours(end))
        who = subject or self.world.subjects[0]
        return Claim(who, entitlement, account, window, Cause.EXPIRED, grant, end is None)

    def connections(self) -> Connections:
        return Connections([ConfiguredSystem(self.world.system, Mode.ENFORCE, EAGER)])

    def look(self, claims: Sequence[Claim], at: float = 0) -> tuple[Situation, Plan, Connections]:
        connections = self.connections()
        now = hours(at)
        situation = look(claims, connections, now, now - timedelta(days=30))
        return situation, draw_up(situation, connections, LOOSE), connections

    def plan(self, claims: Sequence[Claim], at: float = 0) -> Plan:
        return self.look(claims, at)[1]

    def run(self, claims: Sequence[Claim], at: float = 0) -> Run:
        situation, plan, connections = self.look(claims, at)
        outcomes = list(apply(plan.changes, connections))
        outcomes += verify(situation, outcomes, connections)
        return Run(plan, tuple(outcomes), situation)

    def carry_out(self, changes: Sequence[Change]) -> list[str]:
        return [str(o.error) for o in apply(changes, self.connections()) if o.error]

    def converge(self, claims: Sequence[Claim], at: float = 0) -> Run:
        """A run in which nothing may fail."""
        run = self.run(claims, at)
        assert (run.errors, run.plan.unknown, run.plan.held) == ([], (), ())
        return run

    def holders(self, item: Mapping[str, Any] | None = None) -> list[str]:
        return sorted(self.world.by_hand.holders(item or self.world.item))

    def can(self, item: Mapping[str, Any], ending: bool = True) -> Capabilities:
        return self.world.system.capabilities(self.entitlement(item), ending)

    def entitlement(self, item: Mapping[str, Any]) -> Entitlement:
        return self.world.system.item(item)[0]
