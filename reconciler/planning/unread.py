"""What git declares in places that could not be read: whether it is there, nobody knows. Pure; asks nothing
and concludes nothing about what is live."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from reconciler.model import Assignment, Claim, Declaration, Principal
from reconciler.planning.between import spells
from reconciler.planning.status import Line, State


def unread(
    claims: Iterable[Claim],
    pairs: Iterable[tuple[Assignment, Claim]],
    says: Declaration,
    now: datetime,
) -> Iterator[Line]:
    """Of the `claims`, what is declared now and `says`, which knows only of what was read, has not.
    Without it a system that is down looked as if nobody held anything there."""
    known = {_key(claim): assignment for assignment, claim in pairs}
    for spell in spells(claims):
        if not spell.contains(now):
            continue
        nameless = Assignment(spell.entitlement, Principal("", spell.account or spell.subject))
        of = known.get((spell.subject, spell.entitlement.key, spell.account), nameless)
        if of.key not in says.declared:
            yield Line(of, spell.subject, State.UNREAD, until=spell.end, grants=spell.grants)


def _key(claim: Claim) -> tuple[str, str, str]:
    return claim.subject.id, claim.entitlement.key, claim.account
