"""What was found out about claims -> what each of them stands on. Judges nothing again, but for the
version before an edit that nobody approved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from reconciler.model import BundleRef, Claim, Grant, Position, Proof, Version
from reconciler.planning.basis import Basis
from reconciler.proof.authorise import Authorised
from reconciler.proof.grants import Outcome, key


def bases(found: Authorised, wanted: Callable[[Claim], bool]) -> tuple[Basis, ...]:
    """Of every claim that is wanted, whatever became of it, newest first."""
    outcomes = {(key(o.claim), o.proof): o for o in found.outcomes if wanted(o.claim)}
    rows = list(_of_claims(found, wanted, outcomes))
    told = {(row.spelled, row.proof) for row in rows}
    rows += [
        _told(o.claim, found.grants.versions[o.claim.version], o)
        for (_, proof), o in outcomes.items()
        if proof is Proof.REFUSED and (key(o.claim), proof) not in told
    ]
    return tuple(sorted(rows, key=lambda row: (row.merged, row.claim.grant), reverse=True))


def unproved(found: Authorised, wanted: Callable[[Claim], bool]) -> tuple[Basis, ...]:
    """Only of what was refused, or could not be judged."""
    return tuple(
        _told(o.claim, found.grants.versions[o.claim.version], o)
        for o in found.outcomes
        if o.proof is not Proof.PROVED and wanted(o.claim)
    )


def _of_claims(
    found: Authorised,
    wanted: Callable[[Claim], bool],
    outcomes: dict[tuple[tuple[int, str, str, str], Proof], Outcome],
) -> Iterator[Basis]:
    for claim in found.claims:
        if wanted(claim):
            outcome = outcomes.get((key(claim), claim.proof))
            if outcome is None and (key(claim), Proof.REFUSED) in outcomes:
                yield _carried(found, claim)
            else:
                yield _told(claim, found.grants.versions[claim.version], outcome)


def _carried(found: Authorised, claim: Claim) -> Basis:
    """The claim goes by the version that was refused; what gives it is an earlier one."""
    grants, past = found.grants, found.grants.past
    id = grants.versions[claim.version].previous
    while id >= 0:
        earlier = past.version(id)
        if earlier is None:
            id = past.before(id)
            continue
        for outcome in grants.outcomes(earlier):
            if key(outcome.claim)[1:] == key(claim)[1:] and outcome.proof is not Proof.REFUSED:
                told = _told(claim, earlier, outcome)
                return replace(told, carried=True, gone=None)
        id = earlier.previous
    return _told(claim, grants.versions[claim.version], None)


def _told(claim: Claim, version: Version[Grant], outcome: Outcome | None) -> Basis:
    content, judgement = version.content, outcome.judgement if outcome else None
    proof = outcome.proof if outcome else claim.proof
    said = Basis(
        replace(claim, proof=proof),
        _position(claim, version),
        version.commit,
        version.merged,
        version.gone,
        reason=content.reason,
        ticket=content.ticket,
        break_glass=content.break_glass,
    )
    if judgement is None:
        return said
    return replace(
        said,
        judged=True,
        rule=judgement.rule,
        approved_by=judgement.approved_by,
        pull=judgement.pull,
        refusal=judgement.reasons if proof is Proof.REFUSED else (),
        fix=judgement.fix,
        automatic=judgement.automatic,
    )


def _position(claim: Claim, version: Version[Grant]) -> Position:
    """Of the item in the file, by the version's own account of it."""
    for one in version.content.access:
        if isinstance(one, BundleRef):
            found = one.name == claim.bundle
        else:
            found = (one.entitlement, one.account) == (claim.entitlement, claim.account)
        if found:
            return replace(one.position, path=version.path)
    return version.content.position
