"""Is a live row ours to remove? The table of design section 6, row by row. Pure.

| the system's marker  | git history says                                 | the row is                 |
|----------------------|--------------------------------------------------|----------------------------|
| ours                 | -                                                | owned                      |
| another controller's | -                                                | foreign, named             |
| cannot mark          | older than the first claim, by the system's date | foreign, `already held`    |
| cannot mark          | declared now, or until within the look-back      | owned                      |
| cannot mark          | declared longer ago                              | foreign, the grant named   |
| cannot mark          | never declared                                   | foreign                    |
| can mark, no marker  | -                                                | foreign                    |

The rows that need the ledger's memory come with the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.model import Capabilities, Declaration, Entitlement, Observed, Past

Can = Callable[[Entitlement, bool], Capabilities]

# A row that is a little older than its grant may still be ours: the clocks of git and clouds differ.
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`note` says why a row is foreign, where there is more to say than that nobody declared it."""

    owned: bool
    note: str = ""


OWNED = Verdict(True)


@dataclass(frozen=True, slots=True)
class Ownership:
    """Judges rows against what git says; `horizon` is `now` less the look-back."""

    says: Declaration
    can: Can
    horizon: datetime

    def of(self, row: Observed) -> Verdict:
        if row.marker is not None:
            return OWNED
        if row.controller is not None:
            return Verdict(False, f"not ours: {row.controller}")
        key = row.assignment.key
        if not self._may_be_unmarked(row, self.says.past.get(key)):
            return Verdict(False, "carries no marker of ours")
        began = self.says.since.get(key)
        if began and row.since and row.since < began - CLOCK_SKEW:
            return Verdict(False, f"already held since {row.since:%Y-%m-%d %H:%M}Z")
        if key in self.says.declared:
            return OWNED
        return self._by_history(self.says.past.get(key))

    def _may_be_unmarked(self, row: Observed, past: Past | None) -> bool:
        """Could we have made this row and left no marker on it?

        Where only standing access goes unmarked, a row without an end may be ours, but only if
        git ever said that there should be no end: otherwise somebody else gave it for good.
        """
        entitlement = row.assignment.entitlement
        if not self.can(entitlement, True).marker:
            return True
        if row.until is not None or self.can(entitlement, False).marker:
            return False
        declared = self.says.declared.get(row.assignment.key)
        return bool(past and past.standing) or bool(declared and declared.until is None)

    def _by_history(self, past: Past | None) -> Verdict:
        if past is None:
            return Verdict(False)
        if past.ended < self.horizon:
            names = ", ".join(past.grants)
            return Verdict(False, f"was declared by {names} until {past.ended:%Y-%m-%d}, long ago")
        return OWNED
