"""Declared + live + ownership + a moment -> Plan. Pure: equal inputs, equal plans, in any order.

Rows are matched by key, and nothing is built for those that agree. What a row or a slot needs is
said in `rows` and `slots`; what a row may lose, in `ownership`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.model import (
    Action,
    AlreadyHeld,
    Assignment,
    Capabilities,
    Change,
    Declaration,
    Declared,
    Entitlement,
    Foreign,
    Kept,
    Observed,
    Plan,
    Remembered,
    Unknown,
    Warning,
)
from reconciler.model.plan import Step
from reconciler.planning.owners import disowned
from reconciler.planning.ownership import Can, Ownership, Verdict
from reconciler.planning.rows import Rows
from reconciler.planning.slots import Slot

_NEW = timedelta(days=1)  # how long a grant is warned about, for access that may be older
_ENOUGH = 10  # warnings of one sort for one system
_NOTHING = Remembered()


@dataclass(frozen=True, slots=True)
class Live:
    """What was read, and what could not be."""

    rows: Sequence[Observed]
    unknown: tuple[Unknown, ...] = ()


def plan(
    says: Declaration,
    live: Live,
    can: Can,
    now: datetime,
    horizon: datetime,
    exclusive: frozenset[str] = frozenset(),
    memory: Remembered = _NOTHING,
) -> Plan:
    """`says` must not declare anything in a scope that was not read, nor `exclusive` (keys of
    entitlements that are ours whole) name one in a system with a subject that was not recognised.
    """
    ownership = Ownership(says, can, horizon, memory)
    drawing = _Drawing(says, ownership, now, exclusive)
    drawing.compare(live.rows)
    return drawing.finished((*live.unknown, *disowned(live.rows, ownership.recalled)))


class _Tally:
    """Of one entitlement: its slot's roles, whether the system holds neither end nor marker, and
    how many assignments are as declared."""

    __slots__ = ("entitlement", "kept", "order", "plain")

    def __init__(self, entitlement: Entitlement, can: Capabilities) -> None:
        self.entitlement, self.order = entitlement, can.slot
        self.plain = not can.marker and not can.native_expiry
        self.kept = 0


class _Drawing:
    """One plan being drawn up."""

    def __init__(
        self, says: Declaration, ownership: Ownership, now: datetime, exclusive: frozenset[str]
    ) -> None:
        self._says, self._ownership, self._now = says, ownership, now
        self._rows = Rows(ownership, now, exclusive)
        self._exclusive = exclusive
        self._recalls = ownership.memory.began is not None  # then no unmarked row is plainly ours
        self._steps: list[Step] = []
        self._tallies: dict[str, _Tally] = {}
        self._doubts: dict[str, Declared] = {}
        self._unrecorded: dict[str, Declared] = {}

    def compare(self, rows: Sequence[Observed]) -> None:
        missing, waiting = dict(self._says.declared), self._says.waiting
        unlike: dict[str, list[Observed]] = {}
        repeated: set[str] = set()
        in_slot: dict[str, Observed] = {}
        for row in rows:
            if row.via:
                continue
            assignment = row.assignment
            tally = self._tally(assignment.entitlement)
            if tally.order:
                in_slot[assignment.slot] = row
                continue
            key = assignment.key
            if key in waiting:
                missing.pop(key, None)
                continue
            want = missing.pop(key, None)
            if want is None:
                if key in self._says.declared:
                    repeated.add(key)
                else:
                    self._steps.append(self._rows.undeclared(row))
            elif _plainly_right(tally, want, row) and self._surely_ours(key, row):
                tally.kept += 1
                if row.marker is None:
                    self._doubt(want, row)
            else:
                unlike[key] = [row]
        for key, group in self._gathered(rows, repeated).items():
            first, want = group[0], self._says.declared[key]
            tally = self._tally(want.assignment.entitlement)
            if _plainly_right(tally, want, first):
                tally.kept -= 1
            unlike[key] = group
        for key, group in unlike.items():
            self._weigh(self._says.declared[key], group)
        self._absent(missing.values(), in_slot)

    def _surely_ours(self, key: str, row: Observed) -> bool:
        """Where there is a ledger, it says so of each unmarked row."""
        return row.marker is not None or not self._recalls or self._ownership.recalled(key)

    def _gathered(self, rows: Iterable[Observed], keys: set[str]) -> dict[str, list[Observed]]:
        """All the rows of the assignments that have more than one: there are few."""
        found: dict[str, list[Observed]] = defaultdict(list)
        if keys:
            for row in rows:
                if not row.via and (key := row.assignment.key) in keys:
                    found[key].append(row)
        return found

    def _absent(self, wants: Iterable[Declared], in_slot: dict[str, Observed]) -> None:
        """What no row of its own says, and the slots, which are looked at whole."""
        slots: dict[str, list[Declared]] = defaultdict(list)
        for want in wants:
            if self._tally(want.assignment.entitlement).order:
                slots[want.assignment.slot].append(want)
            else:
                self._steps.append(self._rows.missing(want))
        unsure = {assignment.slot for assignment in self._says.waiting.values()}
        for slot in (slots.keys() | in_slot.keys()) - (unsure & in_slot.keys()):
            self._fill(tuple(slots.get(slot, ())), in_slot.get(slot))

    def _tally(self, entitlement: Entitlement) -> _Tally:
        found = self._tallies.get(entitlement.key)
        if found is None:
            found = _Tally(entitlement, self._ownership.can(entitlement, True))
            self._tallies[entitlement.key] = found
        return found

    def _weigh(self, want: Declared, rows: Sequence[Observed]) -> None:
        steps = tuple(self._rows.met(want, rows))
        self._steps.extend(steps)
        if not any(isinstance(s, AlreadyHeld) or _sets_end(s) for s in steps):
            self._tally(want.assignment.entitlement).kept += 1
            self._doubt(want, rows[0])

    def _fill(self, wants: tuple[Declared, ...], live: Observed | None) -> None:
        first = live or wants[0]
        verdict, past = Verdict(False), None
        if live:
            verdict = self._ownership.of(live)
            past = self._says.past.get(live.assignment.key)
        ours_whole = live is not None and live.assignment.entitlement.key in self._exclusive
        tally = self._tally(first.assignment.entitlement)
        replaced = self._replaced(live.assignment) if live else ""
        recalls = self._ownership.memory.began is not None
        slot = Slot(tally.order, wants, live, verdict, past, ours_whole, replaced, recalls)
        steps = slot.steps()
        self._steps.extend(steps)
        if live and not steps:
            tally.kept += 1
            self._doubt(slot.wanted() or wants[0], live)

    def _replaced(self, of: Assignment) -> str:
        """What ours overwrote, unless git says that it was ours too, and is over; but where it was
        there before its own grant, the ledger knows that it never was ours."""
        role = self._ownership.replaced(of.key)
        before = replace(of, entitlement=replace(of.entitlement, role=role)).key
        over = before in self._says.past and not self._ownership.foreign(before)
        return "" if over else role

    def finished(self, unknown: tuple[Unknown, ...]) -> Plan:
        steps = self._steps
        return Plan(
            self._now,
            changes=ordered(self._enforced(s) for s in steps if isinstance(s, Change)),
            foreign=tuple(sorted((s for s in steps if isinstance(s, Foreign)), key=_row_key)),
            already_held=tuple(
                sorted(
                    (s for s in steps if isinstance(s, AlreadyHeld)), key=lambda s: s.assignment.key
                )
            ),
            unknown=tuple(sorted(set(unknown))),
            warnings=tuple(sorted({*(s for s in steps if isinstance(s, Warning)), *self._warn()})),
            kept=self._kept(),
            unrecorded=tuple(self._unrecorded[key] for key in sorted(self._unrecorded)),
        )

    def _enforced(self, change: Change) -> Change:
        """The change, saying who will see to its end."""
        if change.removes or change.until is None:
            return change
        can = self._ownership.can(change.assignment.entitlement, True)
        note = "" if can.native_expiry else can.note
        return replace(change, native_expiry=can.native_expiry, note=note)

    def _kept(self) -> tuple[Kept, ...]:
        counts: Counter[tuple[str, str]] = Counter()
        for tally in self._tallies.values():
            counts[tally.entitlement.system, tally.entitlement.kind] += tally.kept
        return tuple(Kept(s, k, n) for (s, k), n in sorted(counts.items()) if n)

    def _doubt(self, want: Declared, row: Observed) -> None:
        """Note an unmarked row that may have been there before its grant, while the grant is new,
        where no ledger tells; and one that the ledger does not know of yet."""
        if row.marker is not None or row.inherited:
            return
        key = want.assignment.key
        if self._ownership.unrecorded(key):
            self._unrecorded[key] = want
        knows = self._recalls and not self._ownership.unrecorded(key)
        if row.since is not None or want.until is None or knows:
            return
        if key not in self._doubts and self._says.since[key] > self._now - _NEW:
            self._doubts[key] = want

    def _warn(self) -> Iterable[Warning]:
        told: Counter[str] = Counter()
        for _, want in sorted(self._doubts.items()):
            of = want.assignment
            told[of.entitlement.system] += 1
            if told[of.entitlement.system] <= _ENOUGH:
                yield Warning(
                    of.entitlement.system,
                    f"{of.principal} has {of.entitlement.role} on {of.entitlement.resource}, and "
                    f"nothing tells since when: if before {', '.join(want.grants)}, it will end "
                    "with the grant; declare it in standing/ to keep it",
                )
        for system, count in told.items():
            if count > _ENOUGH:
                yield Warning(system, f"and {count - _ENOUGH} more that will end with the grant")


def _plainly_right(tally: _Tally, want: Declared, row: Observed) -> bool:
    """The ordinary case, by the million: nothing to weigh. False only means: look closer."""
    if row.marker is not None:
        return row.until == want.until
    return tally.plain and row.controller is None and row.since is None and row.until is None


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
