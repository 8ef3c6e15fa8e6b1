"""What `plan`, `apply` and `status` have in common: load the repository, look, draw up the plan."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path

import click

from reconciler.cli import forges, ledgers
from reconciler.engine.connections import Connections
from reconciler.engine.names import gone_systems, renamed
from reconciler.engine.observe import Progress, quiet
from reconciler.engine.safety import Safety, draw_up
from reconciler.engine.situation import Situation, look, remembered
from reconciler.errors import InputError, Problem, ReconcilerError
from reconciler.ledger.memory import Recall
from reconciler.model import Mode, Plan, Remembered, SubjectRef, Unknown
from reconciler.planning.guards import names
from reconciler.planning.ownership import CLOCK_SKEW
from reconciler.planning.timeline import Directory
from reconciler.proof.authorise import Authorised, authorise
from reconciler.proof.live import separated
from reconciler.proof.near import covers, near
from reconciler.providers.base import Outcome
from reconciler.repository import cache
from reconciler.repository.load import Loaded, load, older
from reconciler.repository.uncommitted import uncommitted

FAILED, WRONG_INPUT, HELD, UNAPPROVED, PENDING = 1, 2, 3, 4, 10
LEDGER = "ledger"  # as a system's name, where it could not be read
TRUST = (
    "RECONCILER_TRUST"  # a commit up to which everything is believed; kept outside the repository
)


@dataclass(frozen=True)
class Session:
    """One run at one moment. `problems` have been shown; what is right goes on without them.
    `authorised` has the claims of the systems that were chosen. `former` leads from systems' former
    names to the names that they have now."""

    loaded: Loaded
    connections: Connections
    authorised: Authorised
    now: datetime
    recall: Recall
    former: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def open(
        cls,
        root: Path,
        only: Sequence[str],
        now: datetime,
        progress: Progress = quiet,
        about: str = "",
    ) -> Session:
        """Raises InputError when nothing can be done: no repository, no valid configuration; and
        ReconcilerError when its history was rewritten. `about` is the one person, group or service
        that will be asked about: of very many grants few are read then."""
        with uncommitted(root) as answer:
            loaded, authorised = proved(root, now, progress, about=about)
            for problem in (*loaded.problems, *authorised.problems):
                click.echo(str(problem), err=True)
            _tell_uncommitted(answer(), loaded.commit)
        assert loaded.configuration is not None  # see `proved`
        systems = {s.system.name: s for s in loaded.configuration.systems}
        former = {one: name for name, system in systems.items() for one in system.was}
        only = [former.get(name, name) for name in only]
        if strange := set(only) - systems.keys():
            raise InputError(
                f"there is no system {min(strange)!r}; write one of {', '.join(sorted(systems))}"
            )
        chosen = frozenset(only) or frozenset(systems)
        recalled = ledgers.recalled(loaded, root)
        _same_line(loaded, authorised, recalled.digest.applied)
        return cls(
            loaded,
            Connections(system for name, system in systems.items() if name in chosen),
            authorised.only(chosen),
            now,
            recalled,
            former,
        )

    @cached_property
    def memory(self) -> Remembered:
        """The ledger's, by the names that systems have now. It knows what was given since its first
        run: what came in with a commit that this run read, or started before it, may have been
        given before there was a ledger."""
        remembered = self.recall.digest.remembered
        if remembered.began is not None:
            remembered = replace(remembered, began=self._begun(remembered.began))
        return renamed(remembered, self.former)

    def _begun(self, at: datetime) -> datetime:
        archive = self.loaded.archive
        assert archive is not None  # there is a configuration
        number = archive.number(self.recall.digest.first) if self.recall.digest.first else None
        return at + CLOCK_SKEW if number is None else max(at, archive.line.date(number))

    @property
    def problems(self) -> tuple[Problem, ...]:
        return (*self.loaded.problems, *self.authorised.problems)

    @property
    def modes(self) -> dict[str, Mode]:
        return {name: self.connections.mode(name) for name in self.connections.systems}

    @cached_property
    def people(self) -> Directory:
        """As they count: an account that nobody approved is nobody's."""
        return Directory(self.authorised.grants.past.pages, self.loaded.horizon)

    def safety(self, released: frozenset[str] = frozenset()) -> Safety:
        configuration = self.loaded.configuration
        assert configuration is not None  # see `open`
        protected = names(configuration.protected)
        refs = [SubjectRef(name, group) for name in sorted(protected) for group in (False, True)]
        subjects = {
            system: tuple(
                span.value
                for ref in refs
                for span in self.people.subjects(ref, system)
                if span.window.contains(self.now)
            )
            for system in self.connections.systems
        }
        laws = self.authorised.changes.tip.laws
        beside = partial(separated, laws, self.now) if laws.book.separating else None
        return Safety(configuration.limits, protected, subjects, released, beside)

    def look(self, progress: Progress) -> Situation:
        now, horizon = self.now, self.loaded.horizon
        situation = look(
            self.authorised.claims, self.connections, now, horizon, progress, self.memory
        )
        return self._with_older(situation, situation.doubtful())

    def remembering(self, situation: Situation) -> Situation:
        """The same, with the grants from before the look-back on what nobody seems to have
        declared: they change no decision, but a leftover should be told its grant's name."""
        return self._with_older(situation, situation.unnamed(self.connections))

    def _with_older(self, situation: Situation, keys: frozenset[str]) -> Situation:
        if not keys:
            return situation
        old = self.authorised.grants.past.claims(older(self.loaded))
        return remembered(situation, old, keys, self.connections)

    def plan(self, situation: Situation, released: frozenset[str] = frozenset()) -> Plan:
        drawn = draw_up(situation, self.connections, self.safety(released))
        found = self.authorised
        return replace(
            drawn,
            unknown=tuple(sorted({*drawn.unknown, *found.unknown, *self._unread(), *self._gone()})),
            unapproved=found.unapproved,
            reviews=found.reviews,
            notices=(*found.notices, *self._lost()),
            places=tuple(sorted((n, s.setup) for n, s in self.connections.systems.items())),
        )

    def _unread(self) -> tuple[Unknown, ...]:
        error = self.recall.error
        return (Unknown(LEDGER, "what was held before, and what we gave", error),) if error else ()

    def _gone(self) -> tuple[Unknown, ...]:
        configuration = self.loaded.configuration
        assert configuration is not None  # see `open`
        known = {s.system.name for s in configuration.systems}
        return gone_systems(self.memory, known, configuration.retired)

    def _lost(self) -> tuple[str, ...]:
        if not self.recall.lost:
            return ()
        return (
            f"the ledger lost entries: {self.recall.lost}; `reconciler audit verify` says more",
        )

    def exit_code(self, plan: Plan, outcomes: Iterable[Outcome] = ()) -> int:
        """The worst that happened: failed or unknown, wrong input, held back, not approved,
        nothing."""
        if plan.unknown or any(o.error for o in outcomes):
            return FAILED
        if self.problems:
            return WRONG_INPUT
        if plan.held:
            return HELD
        return UNAPPROVED if plan.unapproved else 0


def proved(
    root: Path,
    now: datetime,
    progress: Progress = quiet,
    commit: str = "HEAD",
    trust: str | None = None,
    horizon: datetime | None = None,
    about: str = "",
) -> tuple[Loaded, Authorised]:
    """The repository, and what of it was approved. A configuration that was not approved does not
    count, so what it says of other files does not either: then all is read again without it.
    `trust` as in `Forge`; None for what the environment says. `horizon` as in `load`; `about` as in
    `Session.open`."""
    without: frozenset[str] = frozenset()
    whom = near(about) if about else None
    while True:
        loaded = load(
            root,
            now,
            commit,
            horizon=horizon,
            cache=cache.folder(os.environ),
            progress=lambda done, total: progress("checking files", done, total),
            without=without,
            whom=whom,
        )
        if loaded.configuration is None:
            for problem in loaded.problems:
                click.echo(str(problem), err=True)
            raise InputError("reconciler.yaml has never been valid; nothing can be done before")
        trusted = os.environ.get(TRUST, "") if trust is None else trust
        asked = forges.asked(root, os.environ, trusted)
        authorised = authorise(loaded, now, asked)
        if not authorised.refused <= without:
            without |= authorised.refused
        elif not covers(loaded, _beside(loaded, authorised, about)):
            whom = None
        else:
            return loaded, authorised


def _beside(loaded: Loaded, authorised: Authorised, about: str) -> frozenset[str]:
    """Whose grants tell of somebody beside their own: those of their groups and, of a group, those
    of all who are or were in it."""
    pages, name = [version.content for version in loaded.directory], about.casefold()
    found = authorised.changes.tip.roster.groups_of(about)
    groups = [g for page in pages for g in page.groups if g.id.casefold() == name]
    if not about or not groups:
        return found
    inside = {member for group in groups for member in group.members}
    inside |= {p.id for page in pages for p in page.people if name in map(str.casefold, p.groups)}
    return found | inside


def _same_line(loaded: Loaded, authorised: Authorised, applied: str) -> None:
    """A main line that was put back, or swapped for another, would have old rules count again.
    Raises ReconcilerError unless RECONCILER_TRUST says that this very commit is right."""
    changes = authorised.changes
    if changes.root is None or not applied or changes.trusted == changes.last:
        return
    if changes.archive.number(applied) is None:
        raise ReconcilerError(
            f"the last run applied commit {applied[:12]}, which is not on this main line any more: "
            "its history was rewritten, this clone is behind, or another branch is checked out. "
            "Pull first; else nothing is believed until somebody has looked: if "
            f"{loaded.commit[:12]} is right, run once with "
            f"{TRUST}={loaded.commit}"
        )


def _tell_uncommitted(found: tuple[str, ...], commit: str) -> None:
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        click.echo(
            f"note: commit {commit[:12]} is what counts; not in it: {', '.join(found[:3])}{more}",
            err=True,
        )
