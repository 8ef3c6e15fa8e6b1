"""All that is known at one moment: what git says, and what the systems say. Changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from reconciler.engine.connections import Connections
from reconciler.engine.identify import canonical, identify
from reconciler.engine.observe import Progress, Reading, observe, quiet
from reconciler.engine.recollect import died_over, given, settled
from reconciler.errors import ProviderError
from reconciler.model import (
    Assignment,
    Claim,
    Declaration,
    Entitlement,
    Observed,
    Plan,
    Proof,
    Remembered,
    Unknown,
    Warning,
)
from reconciler.planning.plan import Live, plan
from reconciler.planning.resolve import declaration

_NOTHING = Remembered()


@dataclass(frozen=True, slots=True)
class Situation:
    """`exclusive` are the keys of the entitlements that are ours whole; `strangers` says, for
    each system in which a subject or role was not recognised, who. `others` are rows that are not
    planned for, and only count as holders."""

    now: datetime
    horizon: datetime
    pairs: tuple[tuple[Assignment, Claim], ...]
    says: Declaration
    reading: Reading
    exclusive: frozenset[str]
    unknown: tuple[Unknown, ...]
    warnings: tuple[Warning, ...]
    strangers: Mapping[str, str] = field(default_factory=dict)
    memory: Remembered = field(default_factory=Remembered)
    others: tuple[Observed, ...] = ()

    def of(self, principals: Container[tuple[str, str]]) -> Situation:
        """As far as it is about these, each (system, principal id): of what others hold nothing is
        concluded."""
        mine: list[Observed] = []
        others = list(self.others)
        for row in self.reading.rows:
            of = row.assignment
            wanted = (of.entitlement.system, of.principal.id) in principals
            (mine if wanted else others).append(row)
        return replace(self, reading=replace(self.reading, rows=tuple(mine)), others=tuple(others))

    def plan(self, connections: Connections) -> Plan:
        """Without the guards."""
        drawn = plan(
            self.says,
            Live(self.reading.rows, self.unknown),
            connections.can,
            self.now,
            self.horizon,
            self.exclusive,
            self.memory,
        )
        return replace(drawn, warnings=tuple(sorted({*drawn.warnings, *self.warnings})))

    def holders(self, entitlement: Entitlement) -> tuple[str, ...]:
        """The principal of every live row that gives the entitlement, one for each row."""
        return tuple(
            row.assignment.principal.id
            for row in (*self.reading.rows, *self.others)
            if row.assignment.entitlement == entitlement
            and row.controller is None
            and (row.until is None or row.until > self.now)
        )

    def doubtful(self) -> frozenset[str]:
        """Keys of rows that look older than their grants only because the first known version of a
        grant is from before the look-back, and may have had predecessors."""
        return frozenset(
            key
            for row in self.reading.rows
            if row.since is not None
            and (began := self.says.since.get(key := row.assignment.key)) is not None
            and row.since < began < self.horizon
        )

    def unnamed(self, connections: Connections) -> frozenset[str]:
        """Keys of foreign rows of which the loaded history knows nothing at all."""
        return frozenset(
            f.observed.assignment.key for f in self.plan(connections).foreign if not f.note
        )


def look(
    claims: Iterable[Claim],
    connections: Connections,
    now: datetime,
    horizon: datetime,
    progress: Progress = quiet,
    memory: Remembered = _NOTHING,
    *,
    also: Collection[Entitlement] = (),
    near: bool = False,
) -> Situation:
    """Name everything that git says, and read every scope that it touches, now or lately, or that
    the ledger says we gave something in; and those of `also`, which is canonical. `near`: of what
    is ours whole, and of what we gave, only what lies in these scopes is read."""
    known = identify(claims, connections, now)
    says = declaration(known.pairs, now)
    exclusive, failed = _exclusive(connections)
    wanted = {d.assignment.entitlement for d in says.declared.values()}
    wanted |= {d.assignment.entitlement for d in says.upcoming.values()} | set(also)
    lately = {p.assignment.entitlement for p in says.past.values() if p.ended >= horizon}
    # What was not shown to be approved may have left something while it was believed.
    lately |= {of.entitlement for of, claim in known.pairs if claim.proof is not Proof.PROVED}
    lately |= died_over(memory, connections)
    if not near:
        lately |= given(memory, connections)
    else:
        scopes = {(e.system, connections.scope(e)) for e in wanted | lately}
        exclusive = {e for e in exclusive if (e.system, connections.scope(e)) in scopes}
    wanted |= exclusive
    reading = observe(wanted | lately | known.gone, wanted.__contains__, connections, progress)
    return Situation(
        now,
        horizon,
        known.pairs,
        _within(says, reading, connections),
        reading,
        frozenset(e.key for e in exclusive if e.system not in known.strangers),
        (*known.unknown, *failed, *reading.unknown),
        known.warnings,
        known.strangers,
        settled(memory, reading, connections),
    )


def remembered(
    situation: Situation,
    older: Iterable[Claim],
    keys: frozenset[str],
    connections: Connections,
) -> Situation:
    """The situation with what older claims say about these assignments, and nothing else of them:
    nobody new is asked to be known."""
    places = {
        row.assignment.entitlement.key
        for row in situation.reading.rows
        if row.assignment.key in keys
    }
    known = identify((c for c in older if c.entitlement.key in places), connections, situation.now)
    pairs = (*situation.pairs, *(pair for pair in known.pairs if pair[0].key in keys))
    says = _within(declaration(pairs, situation.now), situation.reading, connections)
    return replace(situation, pairs=pairs, says=says)


def _exclusive(connections: Connections) -> tuple[set[Entitlement], list[Unknown]]:
    items = [i.entitlement for s in connections.systems.values() for i in s.exclusive]
    found: set[Entitlement] = set()
    failed: list[Unknown] = []
    for item, answer in canonical(items, connections).items():
        if isinstance(answer, ProviderError):
            failed.append(Unknown(item.system, f"{item.role} on {item.resource}", answer.cause))
        else:
            found.add(answer)
    return found, failed


def _within(says: Declaration, reading: Reading, connections: Connections) -> Declaration:
    """What git says about the scopes that were read: elsewhere nothing may be concluded."""
    if not reading.unread:
        return says

    def read(entitlement: Entitlement) -> bool:
        return (entitlement.system, connections.scope(entitlement)) not in reading.unread

    return replace(
        says,
        declared={k: d for k, d in says.declared.items() if read(d.assignment.entitlement)},
        upcoming={k: d for k, d in says.upcoming.items() if read(d.assignment.entitlement)},
    )
