"""What was found out about one grant -> everything that led to it. Judges nothing again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from reconciler.model import ForgeKind, Grant, Proof, Version
from reconciler.policy.approvals import Approved, approvers
from reconciler.policy.coverage import Granted
from reconciler.policy.explanation import Explained, Explanation, Weighed, explained
from reconciler.proof.authorise import Authorised
from reconciler.proof.carried import Carried
from reconciler.proof.grants import key
from reconciler.proof.ground import Ground
from reconciler.proof.wanted import want


def explanation(version: Version[Grant], found: Authorised) -> Explanation:
    """By the rules of the commit before the one that brought the grant in."""
    ground = found.grants.cases.ground(version)
    rows = tuple(_rows(version, found, ground))
    trusted = found.changes.trusts(found.changes.number(version.commit))
    pulls = () if trusted else tuple(_weighed(version, found, ground, rows))
    return Explanation(version.origin, version.commit, version.merged, rows, pulls, version.gone)


def _rows(version: Version[Grant], found: Authorised, ground: Ground) -> Iterator[Explained]:
    for outcome in found.outcomes:
        if outcome.claim.version == version.id:
            for case in found.grants.cases.of(version, outcome.claim):
                yield explained(ground.laws, case, outcome.proof, outcome.judgement)


def _weighed(
    version: Version[Grant], found: Authorised, ground: Ground, rows: tuple[Explained, ...]
) -> Iterator[Weighed]:
    settings = found.grants.forge(version)
    if settings.kind is ForgeKind.NONE or all(row.proof is Proof.WAITING for row in rows):
        return
    asked = want(version)
    evidence = found.grants.dossier.of(settings, asked)
    if evidence is not None:
        evidence = Carried(found.changes.archive).own(evidence, asked)
    own = any(row.ruling.self_approval for row in rows)
    for pull in sorted(evidence.pulls if evidence else (), key=lambda pull: pull.number):
        approved = approvers(
            pull,
            version.origin,
            version.blob,
            ground.roster,
            found.changes.tip.roster,
            ground.grantees(version.content),
            self_approval=own,
            settings=settings,
        )
        yield Weighed(pull, _asked(approved, rows))


def _asked(approved: Approved, rows: tuple[Explained, ...]) -> Approved:
    """Of somebody whom no rule asks the approval is right, and counts for nothing."""
    needs = [need for row in rows for need in row.ruling.needs]
    asked = frozenset(person for need in needs for person in need.persons)
    why = "is not asked by the rule" if needs else "no rule asks for an approval"
    outside = (f"{person} approved, and {why}" for person in sorted(approved.persons - asked))
    return replace(
        approved, persons=approved.persons & asked, remarks=(*approved.remarks, *outside)
    )


def granted(
    versions: Iterable[Version[Grant]], found: Authorised, ground: Ground, now: datetime
) -> Iterator[Granted]:
    """Everything that these versions asked for, as the rules of `ground` are asked about it."""
    proofs = {key(outcome.claim): outcome.proof for outcome in found.outcomes}
    for version in versions:
        for claim in found.grants.claims.get(version.id, ()):
            active = claim.window.contains(now) and proofs.get(key(claim)) is not Proof.REFUSED
            for case in found.grants.cases.of(version, claim, ground):
                yield Granted(case, version.path, version.gone is None, active)
