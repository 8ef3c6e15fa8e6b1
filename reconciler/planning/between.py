"""What was declared at a moment, and who gained and lost what between two. Pure: windows alone, so
it needs no system and no name in one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.model import Assignment, Cause, Claim, Entitlement, Proof
from reconciler.planning.rows import when


@dataclass(frozen=True, slots=True)
class Spell:
    """An unbroken time in which a subject was to hold something, by all grants together. `account`
    is what the item names, "" for the subject's own; `cause` is why it ended or will end."""

    subject: str
    entitlement: Entitlement
    account: str
    start: datetime
    end: datetime | None
    cause: Cause
    grants: tuple[str, ...]

    def contains(self, at: datetime) -> bool:
        return self.start <= at < when(self.end)


_Key = tuple[str, str, str]  # subject, entitlement, account


class Turn(StrEnum):
    GAINED = "gained"
    LOST = "lost"
    PASSED = "came and went"  # begun and over in between
    KEPT = "kept"  # at both moments


@dataclass(frozen=True, slots=True)
class Turned:
    turn: Turn
    spell: Spell


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the ledger says that somebody held: by our doing (`ours`), or already before us. `until`
    is the end that it was to have; `pull`, `rule` and `approved_by` are of the decision behind it.
    `gone` is when it was over, None while it is not."""

    assignment: Assignment
    subject: str
    since: datetime
    until: datetime | None
    native_expiry: bool = False
    ours: bool = True
    grants: tuple[str, ...] = ()
    rule: str = ""
    approved_by: tuple[str, ...] = ()
    pull: str = ""
    gone: datetime | None = None


def spells(claims: Iterable[Claim]) -> tuple[Spell, ...]:
    """Of what was shown to be approved, in order."""
    groups: dict[_Key, list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim.proof is Proof.PROVED and not claim.window.empty:
            groups[claim.subject.id, claim.entitlement.key, claim.account].append(claim)
    return tuple(spell for key in sorted(groups) for spell in _joined(groups[key]))


def _joined(group: list[Claim]) -> Iterator[Spell]:
    if len(group) == 1:  # by far the most
        yield _spell(group)
        return
    row: list[Claim] = []
    for claim in sorted(group, key=lambda c: (c.window.start, c.grant)):
        if row and claim.window.start > _end(row):
            yield _spell(row)
            row = []
        row.append(claim)
    yield _spell(row)


def _end(row: list[Claim]) -> datetime:
    return max(when(claim.window.end) for claim in row)


def _spell(row: list[Claim]) -> Spell:
    first, last = row[0], max(row, key=lambda c: (when(c.window.end), c.grant))
    grants = tuple(sorted({claim.grant for claim in row}))
    end = last.window.end
    return Spell(
        first.subject.id,
        first.entitlement,
        first.account,
        first.window.start,
        end,
        last.cause,
        grants,
    )


def between(found: Iterable[Spell], earlier: datetime, later: datetime) -> tuple[Turned, ...]:
    """Whoever held it at both moments kept it, also where it was away between; each time in between
    is told as well, whatever was at the two moments."""
    groups: dict[tuple[str, Entitlement, str], list[Spell]] = defaultdict(list)
    for spell in found:
        groups[spell.subject, spell.entitlement, spell.account].append(spell)
    turned = [one for group in groups.values() for one in _turned(group, earlier, later)]
    order = list(Turn)
    return tuple(
        sorted(
            turned,
            key=lambda t: (
                order.index(t.turn),
                t.spell.subject,
                t.spell.entitlement,
                t.spell.start,
            ),
        )
    )


def _turned(group: list[Spell], earlier: datetime, later: datetime) -> Iterator[Turned]:
    before = next((s for s in group if s.contains(earlier)), None)
    after = next((s for s in group if s.contains(later)), None)
    if before is None and after is not None:
        yield Turned(Turn.GAINED, after)
    elif before is not None and after is None:
        yield Turned(Turn.LOST, before)
    elif after is not None:
        yield Turned(Turn.KEPT, after)
    yield from (Turned(Turn.PASSED, s) for s in group if earlier < s.start and _over(s, later))


def _over(spell: Spell, at: datetime) -> bool:
    return spell.end is not None and spell.end <= at
