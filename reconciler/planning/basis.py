"""What one claim stands on: the grant, the pull request, the rule and who approved. Only data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from reconciler.model import Assignment, Claim, Position, Principal, Proof

Spelled = tuple[int, str, str, str]  # version, subject, entitlement as the file has it, account


@dataclass(frozen=True, slots=True)
class Basis:
    """`position` is of the access item. `commit` brought the version in, and `gone` is when it was replaced or deleted. `judged` is
    False where no rule was asked: it came before proof was, it was over long before, or the forge
    does not answer. `carried` says that an unapproved edit came since, and that this is what the
    version before it gave: then `commit`, `rule` and approvals are of that one. `approved_by` are
    ids of people; `reason` and `ticket` are the grant's own, `refusal` and `fix` sentences."""

    claim: Claim
    position: Position
    commit: str
    merged: datetime
    gone: datetime | None = None
    judged: bool = False
    carried: bool = False
    rule: str = ""
    approved_by: tuple[str, ...] = ()
    pull: str = ""
    reason: str = ""
    ticket: str = ""
    refusal: tuple[str, ...] = ()
    fix: str = ""
    break_glass: bool = False
    automatic: bool = False

    @property
    def proof(self) -> Proof:
        return self.claim.proof

    @property
    def spelled(self) -> Spelled:
        return spelled(self.claim)

    def stands(self, now: datetime) -> bool:
        """Whether git still says it, now or for later."""
        return self.gone is None and not self.claim.window.ended(now)


def spelled(claim: Claim) -> Spelled:
    return claim.version, claim.subject.id, claim.entitlement.key, claim.account


Named = tuple[Assignment, Basis]


def named(bases: Iterable[Basis], pairs: Iterable[tuple[Assignment, Claim]]) -> tuple[Named, ...]:
    """Each with its assignment. Where no system was asked who it is, or did not know, the principal
    has no id, and the name by which it would be looked for."""
    known = {spelled(claim)[1:]: assignment for assignment, claim in pairs}
    return tuple((known.get(basis.spelled[1:]) or _unnamed(basis.claim), basis) for basis in bases)


def _unnamed(claim: Claim) -> Assignment:
    name = claim.account or next(iter(claim.subject.accounts), "") or claim.subject.id
    return Assignment(claim.entitlement, Principal("", name))
