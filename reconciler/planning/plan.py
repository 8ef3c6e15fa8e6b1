"""Declared + live + ownership + a moment -> Plan. Pure: equal inputs, equal plans, in any order.

Rows are matched by key, and nothing is built for those that agree. What a row or a slot needs is
said in `rows` and `slots`; what a row may lose, in `ownership`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from reconciler.model import (
    Action,
    AlreadyHeld,
    Change,
    Declaration,
    Declared,
    Foreign,
    Kept,
    Observed,
    Plan,
    Unknown,
    Warning,
)
from reconciler.planning.ownership import Can, Ownership, Verdict
from reconciler.planning.rows import Rows, Step
from reconciler.planning.slots import Slot


@dataclass(frozen=True, slots=True)
class Live:
    """What was read, and what could not be."""

    rows: Iterable[Observed]
    unknown: tuple[Unknown, ...] = ()


def plan(
    says: Declaration,
    live: Live,
    can: Can,
    now: datetime,
    horizon: datetime,
    exclusive: frozenset[str] = frozenset(),
) -> Plan:
    """`says` must not declare anything in a scope that was not read, nor `exclusive` (keys of
    entitlements that are ours whole) name one in a system with a subject that was not recognised.
    """
    drawing = _Drawing(says, Ownership(says, can, horizon), now, exclusive)
    drawing.compare(live.rows)
    return drawing.finished(live.unknown)


class _Drawing:
    """One plan being drawn up."""

    def __init__(
        self, says: Declaration, ownership: Ownership, now: datetime, exclusive: frozenset[str]
    ) -> None:
        self._says, self._ownership, self._now = says, ownership, now
        self._rows = Rows(ownership, now, exclusive)
        self._exclusive = exclusive
        self._steps: list[Step] = []
        self._kept: Counter[tuple[str, str]] = Counter()
        self._unmarked: Counter[str] = Counter()
        self._orders: dict[tuple[str, str], tuple[str, ...]] = {}

    def compare(self, rows: Iterable[Observed]) -> None:
        declared = self._says.declared
        found: dict[str, Observed] = {}
        more: dict[str, list[Observed]] = defaultdict(list)
        in_slot: dict[str, Observed] = {}
        for row in rows:
            if row.via:
                continue
            assignment = row.assignment
            if self._order(row):
                in_slot[assignment.slot] = row
                continue
            key = assignment.key
            if key not in declared:
                self._steps.append(self._rows.undeclared(row))
            elif key in found:
                more[key].append(row)
            else:
                found[key] = row
        wanted: dict[str, list[Declared]] = defaultdict(list)
        for key, want in declared.items():
            if self._order(want):
                wanted[want.assignment.slot].append(want)
            else:
                self._meet(want, found.get(key), more.get(key, ()))
        for slot in wanted.keys() | in_slot.keys():
            self._fill(tuple(wanted.get(slot, ())), in_slot.get(slot))

    def _order(self, of: Observed | Declared) -> tuple[str, ...]:
        """The roles of a single-slot kind, lowest first; empty for any other kind."""
        entitlement = of.assignment.entitlement
        kind = (entitlement.system, entitlement.kind)
        if kind not in self._orders:
            self._orders[kind] = self._ownership.can(entitlement, True).slot
        return self._orders[kind]

    def _meet(self, want: Declared, row: Observed | None, more: Iterable[Observed]) -> None:
        if row is None:
            self._steps.append(self._rows.missing(want))
        elif row.marker is not None and row.until == want.until and not more:
            self._keep(want, row)  # the ordinary case, by the million: nothing to weigh
        else:
            steps = tuple(self._rows.met(want, (row, *more)))
            self._steps.extend(steps)
            if not any(isinstance(s, AlreadyHeld) or _sets_end(s) for s in steps):
                self._keep(want, row)

    def _fill(self, wants: tuple[Declared, ...], live: Observed | None) -> None:
        first = live or wants[0]
        verdict, past = Verdict(False), None
        if live:
            verdict = self._ownership.of(live)
            past = self._says.past.get(live.assignment.key)
        ours_whole = live is not None and live.assignment.entitlement.key in self._exclusive
        slot = Slot(self._order(first), wants, live, verdict, past, ours_whole)
        steps = slot.steps()
        self._steps.extend(steps)
        if live and not steps:
            self._keep(wants[0], live)

    def _keep(self, want: Declared, row: Observed) -> None:
        entitlement = want.assignment.entitlement
        self._kept[entitlement.system, entitlement.kind] += 1
        if row.marker is None and row.since is None and want.until is not None:
            self._unmarked[entitlement.system] += 1

    def finished(self, unknown: tuple[Unknown, ...]) -> Plan:
        steps = self._steps
        return Plan(
            self._now,
            changes=ordered(s for s in steps if isinstance(s, Change)),
            foreign=tuple(sorted((s for s in steps if isinstance(s, Foreign)), key=_row_key)),
            already_held=tuple(
                sorted(
                    (s for s in steps if isinstance(s, AlreadyHeld)), key=lambda s: s.assignment.key
                )
            ),
            unknown=tuple(sorted(set(unknown))),
            warnings=tuple(sorted({*(s for s in steps if isinstance(s, Warning)), *self._warn()})),
            kept=tuple(Kept(s, k, n) for (s, k), n in sorted(self._kept.items())),
        )

    def _warn(self) -> Iterable[Warning]:
        for system, count in self._unmarked.items():
            what = "assignment carries" if count == 1 else "assignments carry"
            yield Warning(
                system,
                f"{count} {what} no marker: access that was there before its grant "
                "will end with the grant",
            )


def _sets_end(step: Step) -> bool:
    return isinstance(step, Change) and not step.removes


def _row_key(step: Foreign) -> tuple[str, str]:
    return step.observed.assignment.key, step.observed.handle


def ordered(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Removals first, so that a run that dies leaves too little rather than too much; but where
    the same principal also gets another role on the resource, the removal waits for it (rule 12).
    """
    changes = tuple(changes)
    gains = {c.assignment.slot for c in changes if c.action is Action.ADD}
    return tuple(sorted(changes, key=lambda c: (phase(c, gains), c.assignment.key, _handle(c))))


def phase(change: Change, gains: frozenset[str] | set[str]) -> int:
    """0: removals, 1: additions and ends, 2: removals that a new role takes the place of."""
    if not change.removes:
        return 1
    return 2 if change.assignment.slot in gains else 0


def _handle(change: Change) -> str:
    return change.live.handle if change.live else ""
