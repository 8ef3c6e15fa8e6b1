"""Systems where a principal holds one role per resource: what to put in the slot. Pure.

|            | nothing declared      | declared, live is lower  | live is it | declared, live is higher       |
|------------|-----------------------|--------------------------|------------|--------------------------------|
| live ours  | remove                | add, replaces (restored) | keep       | remove, restores the declared  |
| live other | foreign               | add, replaces (a warning)| keep       | already held: never lowered    |
| live none  | -                     | add                      | -          | -                              |

Of several declared roles the highest counts; the lower ones are part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.model import (
    Action,
    AlreadyHeld,
    Assignment,
    Cause,
    Change,
    Declared,
    Foreign,
    Observed,
    Past,
    Warning,
)
from reconciler.model.plan import Step
from reconciler.planning.ownership import Verdict


@dataclass(frozen=True, slots=True)
class Slot:
    """One principal on one resource: the declared roles and the one that is live.

    `exclusive` says that whatever is undeclared here goes. `replaced` is the role that the live
    one overwrote, if the ledger remembers; `recalls`: there is a ledger that will.
    """

    order: tuple[str, ...]
    declared: tuple[Declared, ...]
    live: Observed | None
    verdict: Verdict
    past: Past | None  # of the live assignment
    exclusive: bool = False
    replaced: str = ""
    recalls: bool = False

    def wanted(self) -> Declared | None:
        return max(self.declared, key=lambda d: self._rank(d.assignment), default=None)

    def _rank(self, assignment: Assignment) -> int:
        return self._ranked(assignment.entitlement.role)

    def _ranked(self, role: str) -> int:
        return self.order.index(role) if role in self.order else len(self.order)

    def steps(self) -> Sequence[Step]:
        """What to do; nothing when the slot is as it should be (`kept`) or empty and undeclared."""
        want, live = self.wanted(), self.live
        if want is None:
            return () if live is None else (self._leftover(live, ""),)
        if live is None:
            return (_add(want),)
        rank, wanted = self._rank(live.assignment), self._rank(want.assignment)
        if rank == wanted:
            return self._same(want, live)
        if rank < wanted:
            return self._raise(want, live)
        if self._goes():
            return (self._leftover(live, want.assignment.entitlement.role),)
        held = f"holds {live.assignment.entitlement.role}, which includes it"
        return (AlreadyHeld(want.assignment, want.subject, want.grants, held),)

    def _same(self, want: Declared, live: Observed) -> Sequence[Step]:
        if self.verdict.owned:
            return ()
        return (AlreadyHeld(want.assignment, want.subject, want.grants, self.verdict.note),)

    def _raise(self, want: Declared, live: Observed) -> Sequence[Step]:
        role = live.assignment.entitlement.role
        change = _add(want, replaces=role)
        declared = any(d.assignment.entitlement.role == role for d in self.declared)
        if self.recalls or self._goes() or declared:
            return (change,)
        e = want.assignment.entitlement
        text = (
            f"{want.assignment.principal} holds {role} on {e.resource}, which nothing declares: "
            f"{e.role} replaces it, and it will not come back; declare it in standing/"
        )
        return (change, Warning(e.system, text))

    def _goes(self) -> bool:
        """The live role is ours and over, so that lowering it takes nothing from anybody."""
        return self.exclusive or (self.verdict.owned and self.past is not None)

    def _leftover(self, live: Observed, restores: str) -> Step:
        if not self.verdict.owned and not self.exclusive:
            return Foreign(live, self.verdict.note)
        if self.verdict.owned and self.past is not None:
            cause, subject, grants = self.past.cause, self.past.subject, self.past.grants
        else:
            cause = Cause.WITHDRAWN if self.verdict.owned else Cause.FOREIGN
            subject, grants = "", ()
        return Change(
            Action.REMOVE,
            cause,
            live.assignment,
            subject,
            None,
            grants,
            live=live,
            restores=self._restored(restores),
        )

    def _restored(self, declared: str) -> str:
        """What comes back: the declared role or, where it gives more, the one that was there before
        ours. An exclusive slot gives back only what is declared, and nobody who left gets back what
        nothing declares. Ours only ever took the place of lower roles: a memory of a higher one is
        not true, and would be a way to more access than anybody approved."""
        left = self.past is not None and self.past.cause in (Cause.LEFT, Cause.REVOKED)
        before = "" if self.exclusive or left else self.replaced
        if self.live is None or self._ranked(before) >= self._rank(self.live.assignment):
            before = ""
        order = [role for role in self.order if role in (declared, before)]
        return order[-1] if order else declared


def _add(want: Declared, replaces: str = "") -> Change:
    return Change(
        Action.ADD,
        Cause.DECLARED,
        want.assignment,
        want.subject,
        want.until,
        want.grants,
        replaces=replaces,
    )
