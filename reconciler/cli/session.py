"""What `plan`, `apply` and `status` have in common: load the repository, look, draw up the plan."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from reconciler.engine.connections import Connections
from reconciler.engine.observe import Progress, quiet
from reconciler.engine.safety import Safety, draw_up
from reconciler.engine.situation import Situation, look, remembered
from reconciler.errors import InputError, Problem
from reconciler.model import Claim, Mode, Plan, SubjectRef
from reconciler.planning.guards import names
from reconciler.planning.resolve import claims
from reconciler.planning.timeline import Directory
from reconciler.providers.base import Outcome
from reconciler.repository import cache
from reconciler.repository.load import Loaded, load, older
from reconciler.repository.uncommitted import uncommitted

FAILED, WRONG_INPUT, HELD, PENDING = 1, 2, 3, 10


@dataclass(frozen=True)
class Session:
    """One run at one moment. `problems` have been shown; what is right goes on without them."""

    loaded: Loaded
    connections: Connections
    claims: tuple[Claim, ...]
    now: datetime

    @classmethod
    def open(
        cls, root: Path, only: Sequence[str], now: datetime, progress: Progress = quiet
    ) -> Session:
        """Raises InputError when nothing can be done: no repository, no valid configuration."""
        loaded = load(
            root,
            now,
            cache=cache.folder(os.environ),
            progress=lambda done, total: progress("checking files", done, total),
        )
        for problem in loaded.problems:
            click.echo(str(problem), err=True)
        _tell_uncommitted(root, loaded.commit)
        if loaded.configuration is None:
            raise InputError("reconciler.yaml has never been valid; nothing can be done before")
        systems = {s.system.name: s for s in loaded.configuration.systems}
        if strange := set(only) - systems.keys():
            raise InputError(
                f"there is no system {min(strange)!r}; write one of {', '.join(sorted(systems))}"
            )
        chosen = frozenset(only) or frozenset(systems)
        found = claims(loaded.grants, loaded.bundles, loaded.directory, loaded.horizon)
        return cls(
            loaded,
            Connections(system for name, system in systems.items() if name in chosen),
            tuple(c for c in found if c.entitlement.system in chosen),
            now,
        )

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self.loaded.problems

    @property
    def modes(self) -> dict[str, Mode]:
        return {name: self.connections.mode(name) for name in self.connections.systems}

    def safety(self, released: frozenset[str] = frozenset()) -> Safety:
        configuration = self.loaded.configuration
        assert configuration is not None  # see `open`
        protected = names(configuration.protected)
        people = Directory(self.loaded.directory, self.loaded.horizon)
        refs = [SubjectRef(name, group) for name in sorted(protected) for group in (False, True)]
        subjects = {
            system: tuple(
                span.value
                for ref in refs
                for span in people.subjects(ref, system)
                if span.window.contains(self.now)
            )
            for system in self.connections.systems
        }
        return Safety(configuration.limits, protected, subjects, released)

    def look(self, progress: Progress) -> Situation:
        now, horizon = self.now, self.loaded.horizon
        situation = look(self.claims, self.connections, now, horizon, progress)
        return self._with_older(situation, situation.doubtful())

    def remembering(self, situation: Situation) -> Situation:
        """The same, with the grants from before the look-back on what nobody seems to have
        declared: they change no decision, but a leftover should be told its grant's name."""
        return self._with_older(situation, situation.unnamed(self.connections))

    def _with_older(self, situation: Situation, keys: frozenset[str]) -> Situation:
        if not keys:
            return situation
        loaded = self.loaded
        old = claims(older(loaded), loaded.bundles, loaded.directory, loaded.horizon)
        return remembered(situation, old, keys, self.connections)

    def plan(self, situation: Situation, released: frozenset[str] = frozenset()) -> Plan:
        return draw_up(situation, self.connections, self.safety(released))

    def exit_code(self, plan: Plan, outcomes: Iterable[Outcome] = ()) -> int:
        """The worst that happened: failed or unknown, wrong input, held back, nothing."""
        if plan.unknown or any(o.error for o in outcomes):
            return FAILED
        if self.problems:
            return WRONG_INPUT
        return HELD if plan.held else 0


def _tell_uncommitted(root: Path, commit: str) -> None:
    if found := uncommitted(root):
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        click.echo(
            f"note: commit {commit[:12]} is what counts; not in it: {', '.join(found[:3])}{more}",
            err=True,
        )
