"""What `plan`, `apply` and `status` have in common: load the repository, look, draw up the plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from reconciler.engine.connections import Connections
from reconciler.engine.observe import Progress
from reconciler.engine.safety import Safety, draw_up
from reconciler.engine.situation import Situation, look
from reconciler.errors import InputError, Problem
from reconciler.model import Claim, Mode, Plan
from reconciler.planning.guards import names
from reconciler.planning.resolve import claims
from reconciler.providers.base import ConfiguredSystem, Outcome
from reconciler.repository import Loaded, load, older

FAILED, WRONG_INPUT, HELD, PENDING = 1, 2, 3, 10


@dataclass(frozen=True)
class Session:
    """One run at one moment. `problems` have been shown; what is right goes on without them."""

    root: Path
    loaded: Loaded
    connections: Connections
    claims: tuple[Claim, ...]
    only: frozenset[str]
    now: datetime
    horizon: datetime

    @classmethod
    def open(cls, root: Path, only: Sequence[str], now: datetime) -> Session:
        """Raises InputError when nothing can be done: no repository, no valid configuration."""
        loaded = load(root, now)
        for problem in loaded.problems:
            click.echo(str(problem), err=True)
        configuration = loaded.configuration
        if configuration is None:
            raise InputError("reconciler.yaml has never been valid; run `reconciler validate`")
        known = {s.system.name for s in configuration.systems}
        if strange := set(only) - known:
            raise InputError(
                f"there is no system {min(strange)!r}; write one of {', '.join(sorted(known))}"
            )
        chosen = frozenset(only) or known
        horizon = now - configuration.lookback
        found = claims(loaded.grants, loaded.bundles, loaded.directory, horizon)
        return cls(
            root,
            loaded,
            Connections(_chosen(configuration.systems, chosen)),
            tuple(c for c in found if c.entitlement.system in chosen),
            chosen,
            now,
            horizon,
        )

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self.loaded.problems

    @property
    def modes(self) -> dict[str, Mode]:
        return {name: self.connections.mode(name) for name in self.connections.systems}

    def safety(self, released: frozenset[str] = frozenset()) -> Safety:
        configuration = self.loaded.configuration
        assert configuration is not None
        return Safety(configuration.limits, names(configuration.protected), released)

    def look(self, progress: Progress) -> Situation:
        return look(self.claims, self.connections, self.now, self.horizon, progress)

    def plan(self, situation: Situation, released: frozenset[str] = frozenset()) -> Plan:
        return draw_up(situation, self.connections, self.safety(released))

    def exit_code(self, plan: Plan, outcomes: Iterable[Outcome] = ()) -> int:
        """The worst that happened: failed or unknown, wrong input, held back, nothing."""
        if plan.unknown or any(o.error for o in outcomes):
            return FAILED
        if self.problems:
            return WRONG_INPUT
        return HELD if plan.held else 0


def _chosen(
    systems: Iterable[ConfiguredSystem], chosen: frozenset[str]
) -> tuple[ConfiguredSystem, ...]:
    return tuple(s for s in systems if s.system.name in chosen)


def named_by_older(session: Session, situation: Situation, plan: Plan) -> tuple[Claim, ...]:
    """Claims from before the look-back on what the plan calls foreign, to name the old grant."""
    strange = {f.observed.assignment.entitlement.key for f in plan.foreign if not f.note}
    if not strange:
        return ()
    before = older(session.root, session.now)
    found = claims(before, session.loaded.bundles, session.loaded.directory, session.horizon)
    return tuple(c for c in found if c.entitlement.key in strange)
