"""Systems where a principal holds any number of roles: what one assignment and its rows need. Pure.

| declared | live           | ours  | the end in the system | so                                          |
|----------|----------------|-------|-----------------------|---------------------------------------------|
| yes      | no             | -     | -                     | add                                         |
| yes      | yes            | yes   | right, or not native  | keep                                        |
| yes      | yes            | yes   | earlier / later       | extend / shorten                            |
| yes      | yes, twice     | yes   | one is right          | keep it, remove the other                   |
| yes      | yes            | no    | none, or late enough  | already held                                |
| yes      | yes            | no    | too early             | add ours beside it                          |
| yes      | another owner's| no    | whatever              | add ours beside it; already held where none |
|          |                |       |                       | goes in beside it, until it is gone         |
| no       | yes            | yes   | -                     | remove: expired, withdrawn, left            |
| no       | yes, exclusive | no    | -                     | remove: foreign                             |
| no       | yes            | no    | -                     | foreign                                     |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.model import (
    Action,
    AlreadyHeld,
    Cause,
    Change,
    Declared,
    Foreign,
    Observed,
)
from reconciler.model.plan import Step
from reconciler.planning.ownership import Ownership

_NEVER = datetime.max.replace(tzinfo=UTC)  # stands for the end of what does not end


def when(end: datetime | None) -> datetime:
    """An end that can be compared: none is later than any."""
    return _NEVER if end is None else end


@dataclass(frozen=True, slots=True)
class Rows:
    """Judges the rows of one assignment. Yields nothing where all is as declared."""

    ownership: Ownership
    now: datetime
    exclusive: frozenset[str]

    def missing(self, want: Declared) -> Change:
        return self._change(Action.ADD, want)

    def met(self, want: Declared, rows: Sequence[Observed]) -> Iterator[Step]:
        """`rows` is not empty and all of it is the declared assignment."""
        verdicts = [(row, self.ownership.of(row)) for row in rows]
        ours = [row for row, verdict in verdicts if verdict.owned]
        others = [(row, verdict.note) for row, verdict in verdicts if not verdict.owned]
        lasting = next((n for r, n in others if self._lasts(r, want)), None)
        kept = next((r for r in ours if self._right(r, want)), None)
        if kept is None and ours:
            kept = min(ours, key=lambda r: (when(r.until), r.handle))
            later = when(want.until) > when(kept.until)
            yield self._change(Action.EXTEND if later else Action.SHORTEN, want, kept)
        elif kept is None and lasting is None:
            yield self._change(Action.ADD, want)
        elif kept is None:
            yield AlreadyHeld(want.assignment, want.subject, want.grants, lasting or "")
        yield from (self._removal(row) for row in ours if row is not kept)
        yield from (Foreign(row, note) for row, note in others if not self._lasts(row, want))

    def undeclared(self, row: Observed) -> Step:
        """A row that nothing declares now."""
        verdict = self.ownership.of(row)
        if verdict.owned or (row.controller is None and self._is_exclusive(row)):
            return self._removal(row)
        note = verdict.note
        if soon := self.ownership.says.upcoming.get(row.assignment.key):
            starts = f"{', '.join(soon.grants)} starts {soon.start:%Y-%m-%d %H:%M}Z"
            note = f"{note}; {starts}" if note else starts
        return Foreign(row, note)

    def _lasts(self, row: Observed, want: Declared) -> bool:
        """Somebody else's row that gives all that is declared, so that ours would add nothing; or
        another access repository's, where the system takes no second one beside it."""
        if row.controller is None:
            return when(row.until) >= when(want.until)
        return row.owner is not None and self.ownership.can(want.assignment.entitlement, True).sole

    def _right(self, row: Observed, want: Declared) -> bool:
        if row.until == want.until:
            return True
        entitlement = want.assignment.entitlement
        return not self.ownership.can(entitlement, want.until is not None).native_expiry and (
            want.until is not None
        )

    def _is_exclusive(self, row: Observed) -> bool:
        return row.assignment.entitlement.key in self.exclusive

    def _removal(self, row: Observed) -> Change:
        key = row.assignment.key
        past = self.ownership.says.past.get(key)
        cause, subject = Cause.FOREIGN, ""
        grants: tuple[str, ...] = ()
        if self.ownership.of(row).owned:
            over = row.until is not None and row.until <= self.now
            cause = Cause.EXPIRED if over else Cause.WITHDRAWN
            if files := self.ownership.says.refused.get(key):
                cause, grants = Cause.UNAPPROVED, files
            elif past and key not in self.ownership.says.declared:
                return _remove(row, past.cause, past.subject, past.grants)
        return _remove(row, cause, subject, grants)

    def _change(self, action: Action, want: Declared, live: Observed | None = None) -> Change:
        return Change(
            action,
            Cause.DECLARED,
            want.assignment,
            want.subject,
            want.until,
            want.grants,
            live=live,
        )


def _remove(row: Observed, cause: Cause, subject: str, grants: tuple[str, ...]) -> Change:
    return Change(Action.REMOVE, cause, row.assignment, subject, None, grants, live=row)
