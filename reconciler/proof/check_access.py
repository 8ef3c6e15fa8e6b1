"""The access that there is before a pull request, and that there would be once it was merged and
approved. Asks nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from reconciler.model import Claim, Grant, Proof, Version
from reconciler.planning.resolve import claims
from reconciler.policy.words import moment, some, what
from reconciler.proof import effective
from reconciler.proof.authorise import Authorised
from reconciler.proof.diff import named, union, without
from reconciler.proof.ground import GOVERNING
from reconciler.repository.load import Loaded

_MOST = 50  # grants of the same to one subject that are held against each other, each against all
_Name = tuple[str, str, str, str, str, str]  # of a claim, in every history that has its version


def before(main: Authorised) -> tuple[Claim, ...]:
    return tuple(claim for claim in main.claims if claim.proof is not Proof.REFUSED)


def after(
    loaded: Loaded, authorised: Authorised, main: Authorised, commit: str
) -> tuple[Claim, ...]:
    """What `commit` brings in counts, whoever has still to approve it; of all the rest only what
    counts before it does."""
    archive = loaded.archive
    assert archive is not None  # there is a configuration
    last = authorised.changes.last
    brought = {trace.id for trace in archive.traces(GOVERNING) if trace.number == last}
    approved = replace(authorised.changes, refused=authorised.changes.refused - brought)
    found = claims(
        loaded.grants,
        effective.bundles(loaded.bundles, approved),
        effective.pages(loaded.directory, approved),
        loaded.horizon,
    )
    versions = authorised.grants.versions
    refused = set(_refused(main))
    kept = [c for c in found if _name(c, versions[c.version]) not in refused]
    carried = [
        c
        for c in authorised.claims
        if c.proof is not Proof.REFUSED and _name(c, versions[c.version]) in refused
    ]
    return (*kept, *carried)


def overlaps(
    grants: Iterable[Version[Grant]], found: Sequence[Claim], now: datetime
) -> Iterator[str]:
    """Which of these grants give somebody nothing that others do not give them as long."""
    by_holder: dict[tuple[str, str, str], list[Claim]] = {}
    for claim in found:
        by_holder.setdefault(_holder(claim), []).append(claim)
    ids = {version.id for version in grants}
    for same in by_holder.values():
        if len(same) > _MOST and any(claim.version in ids for claim in same):
            who, files = same[0], some({claim.grant for claim in same}, "and")
            yield (
                f"{who.subject.id} gets {what(who.entitlement)} by {len(same)} grants ({files}); "
                "whether each of them gives anything more was not looked at"
            )
    for claim in found:
        if claim.version not in ids or claim.window.ended(now):
            continue
        if len(by_holder[_holder(claim)]) > _MOST:
            continue
        others = [c for c in by_holder[_holder(claim)] if c.version != claim.version]
        covering = union((c.window for c in others), now)
        if covering and not without(union([claim.window], now), covering):
            end = max((w.end for w in covering if w.end is not None), default=None)
            until = f"until {moment(end)}" if end and covering[-1].end else "without an end"
            files = some({c.grant for c in others}, "and")
            yield (
                f"{claim.grant} gives {claim.subject.id} {what(claim.entitlement)}, which they "
                f"hold {until} by {files}"
            )


def _holder(claim: Claim) -> tuple[str, str, str]:
    return claim.subject.id, claim.entitlement.key, named(claim)


def _refused(main: Authorised) -> Iterator[_Name]:
    versions = main.grants.versions
    for outcome in main.outcomes:
        if outcome.proof is Proof.REFUSED:
            yield _name(outcome.claim, versions[outcome.claim.version])


def _name(claim: Claim, version: Version[Grant]) -> _Name:
    subject, entitlement = claim.subject.id, claim.entitlement.key
    return version.commit, version.origin, version.blob, subject, entitlement, claim.account
