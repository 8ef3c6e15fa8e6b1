"""Is a live row ours to remove? The table of design section 6, row by row. Pure.

| the system's marker  | the ledger says                        | git history says                                 | the row is                 |
|----------------------|----------------------------------------|--------------------------------------------------|----------------------------|
| ours                 | -                                      | -                                                | owned                      |
| another controller's | -                                      | -                                                | foreign, named             |
| a former owner's     | as where it cannot mark                | as where it cannot mark, whatever the dates      | as where it cannot mark    |
| can mark, no marker  | -                                      | -                                                | foreign                    |
| cannot mark          | -                                      | older than the first claim, by the system's date | foreign, `already held`    |
| cannot mark          | we added it and have not removed it    | -                                                | owned                      |
| cannot mark          | it was there when its grant started    | -                                                | foreign, `already held`    |
| cannot mark          | we removed it, and it came back        | -                                                | foreign, `came back`       |
| cannot mark          | nothing, and it began before the claim | -                                                | foreign, `already held`    |
| cannot mark          | nothing (no ledger, or lost)           | declared now, or until within the look-back      | owned                      |
| cannot mark          | nothing                                | declared longer ago                              | foreign, the grant named   |
| cannot mark          | nothing                                | never declared                                   | foreign                    |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.model import Capabilities, Declaration, Entitlement, Observed, Past, Remembered

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
    """Judges rows against what git says and the ledger remembers; `horizon` is `now` less the
    look-back."""

    says: Declaration
    can: Can
    horizon: datetime
    memory: Remembered = field(default_factory=Remembered)

    def of(self, row: Observed) -> Verdict:
        if row.marker is not None:
            return OWNED
        if row.controller is not None:
            return Verdict(False, f"not ours: {row.controller}")
        key = row.assignment.key
        began = self.says.since.get(key)
        # Another repository may have had the same owner, or none: that mark alone proves nothing, but
        # somebody's standing access it is not.
        if row.inherited:
            return self._unmarked(key, began)
        if not self._may_be_unmarked(row, self.says.past.get(key)):
            return Verdict(False, "carries no marker of ours")
        if began and row.since and row.since < began - CLOCK_SKEW:
            return Verdict(False, f"already held since {row.since:%Y-%m-%d %H:%M}Z")
        return self._unmarked(key, began)

    def _unmarked(self, key: str, began: datetime | None) -> Verdict:
        """What the ledger says, else git."""
        if (verdict := self._by_memory(key, began)) is not None:
            return verdict
        if key in self.says.declared:
            return OWNED
        return self._by_history(self.says.past.get(key))

    def unrecorded(self, key: str) -> bool:
        """Whether there is a ledger, and it does not know of an unmarked row of ours."""
        return self.memory.began is not None and key not in self.memory.of

    def recalled(self, key: str) -> bool:
        """Whether the ledger remembers that we gave it, and have not taken it since."""
        known = self.memory.of.get(key)
        if known is None or known.added is None:
            return False
        return known.removed is None or known.removed <= known.added

    def foreign(self, key: str) -> bool:
        """Whether the ledger remembers that it was there before us, and that we never gave it."""
        known = self.memory.of.get(key)
        return known is not None and known.already_held is not None and not self.recalled(key)

    def replaced(self, key: str) -> str:
        """The role that ours overwrote, and that nothing else remembers."""
        known = self.memory.of.get(key)
        return known.replaced if known else ""

    def _by_memory(self, key: str, began: datetime | None) -> Verdict | None:
        """None where the ledger has nothing to say."""
        known = self.memory.of.get(key)
        if self.recalled(key):
            return OWNED
        if known is not None and known.already_held:
            return Verdict(False, f"already held on {known.already_held:%Y-%m-%d %H:%M}Z")
        if known is not None and known.removed:
            return Verdict(False, f"came back: it was removed on {known.removed:%Y-%m-%d %H:%M}Z")
        # Whatever we gave since there is a ledger, it would know.
        ledger = self.memory.began
        if ledger is not None and began is not None and ledger < began:
            return Verdict(False, "already held when its grant started")
        return None

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
