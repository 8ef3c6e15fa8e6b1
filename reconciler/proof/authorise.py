"""The step `authorise`: what git says -> what of it was shown to be approved, and what was not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from reconciler.errors import Problem, ReconcilerError
from reconciler.model import (
    Claim,
    Grant,
    OpenReview,
    Proof,
    Unapproved,
    Unknown,
    Version,
)
from reconciler.proof.changes import Changes, unapproved, walk
from reconciler.proof.evidence import Dossier, Memory, Open
from reconciler.proof.grants import Grants, Key, Outcome, key
from reconciler.proof.holdings import by_version
from reconciler.proof.past import Past
from reconciler.proof.reviews import AfterReviews, Closed
from reconciler.proof.wanted import wants
from reconciler.repository.archive import Archive
from reconciler.repository.contents import undisturbed
from reconciler.repository.load import Loaded
from reconciler.repository.paths import Kind

FORGE = "forge"  # as a system's name, where the forge could not be asked


@dataclass(frozen=True)
class Authorised:
    """`claims` are all that matter, each saying whether it was proved. `refused` are the commits
    that brought in a reconciler.yaml of which it was not shown that it was approved, `reviewed` the
    files by which somebody has looked at an emergency."""

    changes: Changes
    grants: Grants
    claims: tuple[Claim, ...]
    outcomes: tuple[Outcome, ...]
    unapproved: tuple[Unapproved, ...]
    unknown: tuple[Unknown, ...]
    reviews: tuple[OpenReview, ...]
    notices: tuple[str, ...]
    problems: tuple[Problem, ...]
    refused: frozenset[str] = frozenset()
    reviewed: tuple[Closed, ...] = ()

    def only(self, systems: frozenset[str]) -> Authorised:
        """With the claims on these systems alone."""
        return replace(
            self, claims=tuple(c for c in self.claims if c.entitlement.system in systems)
        )


@dataclass(frozen=True, slots=True)
class Forge:
    """How the forge is asked, and what was kept of its answers. `trust` is a commit up to which
    everything is taken as it is, "" for the one that set up the forge."""

    open: Open
    memory: Memory
    trust: str = ""


def authorise(loaded: Loaded, now: datetime, forge: Forge) -> Authorised:
    """Raises ReconcilerError where the history does not lead back to `trust`: it was rewritten."""
    with undisturbed():
        return _asked(loaded, now, forge)


def _asked(loaded: Loaded, now: datetime, forge: Forge) -> Authorised:
    archive = loaded.archive
    assert archive is not None  # there is a configuration
    dossier = Dossier(forge.memory, forge.open)
    last = archive.number(loaded.commit)
    assert last is not None
    trusted = _trusted(archive, forge.trust)
    versions = {v.id: v for v in loaded.grants}
    lately = [v for v in loaded.grants if not _long_over(v, loaded.horizon)]
    changes = walk(
        archive,
        dossier,
        forge.memory,
        last,
        trusted,
        lambda changes, start, end: wants(changes, forge.memory, lately, start, end),
    )
    past = Past(loaded, changes)
    found = tuple(past.claims(loaded.grants))
    grants = Grants(changes, dossier, forge.memory, versions, by_version(found), past)
    return _authorised(loaded, now, changes, dossier, grants, found)


def _long_over(version: Version[Grant], horizon: datetime) -> bool:
    """Whether it ended before the look-back, so that nothing is done about it any more."""
    return version.content.window(version.merged).clip(version.window).ended(horizon)


def _authorised(
    loaded: Loaded,
    now: datetime,
    changes: Changes,
    dossier: Dossier,
    grants: Grants,
    found: tuple[Claim, ...],
) -> Authorised:
    due = {c.version for c in found if not c.window.ended(loaded.horizon)}
    outcomes = grants.judge(due)
    told = tuple(o for id in outcomes for o in outcomes[id])
    refused = [id for id, row in outcomes.items() if any(o.proof is Proof.REFUSED for o in row)]
    carried = [c for id in refused for c in grants.carried(grants.versions[id])]
    kept = [c for c in found if c.version not in due]
    judged = [_told(o) for o in told if _counts(o, now)]
    reviews = AfterReviews(
        changes, dossier, grants, tuple(v for v in loaded.reviews if v.gone is None)
    )
    still_open = tuple(sorted(reviews.open(_broken(loaded, changes))))
    grants.keep()
    return Authorised(
        changes,
        grants,
        (*kept, *judged, *carried),
        told,
        tuple(sorted({*unapproved(changes), *_unapproved(told, grants, carried, now)})),
        _waiting(told, changes, dossier, now),
        still_open,
        _notices(changes),
        changes.tip.laws.problems(now),
        _configuration(changes),
        tuple(reviews.closed),
    )


def _trusted(archive: Archive, commit: str) -> int:
    if not commit:
        return -1
    number = archive.number(commit)
    if number is None:
        raise ReconcilerError(
            f"the trusted commit {commit[:12]} is not on this main line: its history was rewritten, "
            "or another branch is checked out; nothing is believed until somebody has looked"
        )
    return number


def _told(outcome: Outcome) -> Claim:
    """The claim saying what became of it; most are proved, which is what they say already."""
    claim, proof = outcome.claim, outcome.proof
    return claim if claim.proof is proof else replace(claim, proof=proof)


def _counts(outcome: Outcome, now: datetime) -> bool:
    """Who was refused holds nothing by it, and nothing that they hold is ours for it. A refusal of
    today is kept, for the cause of what it may have left."""
    return outcome.proof is not Proof.REFUSED or outcome.claim.window.contains(now)


def _broken(loaded: Loaded, changes: Changes) -> Iterator[Version[Grant]]:
    """Every break-glass grant since proof is asked for, also those that are long over."""
    assert loaded.archive is not None
    traces = loaded.archive.traces({Kind.BREAK_GLASS})
    ids = [t.id for t in traces if not changes.trusts(t.number)]
    for version in loaded.archive.versions(ids) if ids else ():
        if isinstance(version.content, Grant):
            yield cast(Version[Grant], version)


def _unapproved(
    told: Iterable[Outcome], grants: Grants, carried: Iterable[Claim], now: datetime
) -> Iterator[Unapproved]:
    """What the main line says now, or for later, and does not count."""
    stands = {key(claim): claim.window.end for claim in carried}
    for outcome in told:
        claim, judgement = outcome.claim, outcome.judgement
        version = grants.versions[claim.version]
        over = version.gone is not None or claim.window.ended(now)
        if outcome.proof is Proof.REFUSED and judgement is not None and not over:
            yield Unapproved(
                version.path,
                version.commit,
                claim.subject.id,
                str(claim.entitlement),
                judgement.rule,
                "; ".join((*judgement.reasons, *_before(key(claim), stands))),
                judgement.fix,
                judgement.pull,
                claim.entitlement,
            )


def _before(of: Key, stands: Mapping[Key, datetime | None]) -> Iterator[str]:
    if of in stands:
        end = stands[of]
        until = f"until {end:%Y-%m-%d %H:%M}Z" if end else "without an end"
        yield f"what the version before gave goes on, {until}"


def _waiting(
    told: Iterable[Outcome], changes: Changes, dossier: Dossier, now: datetime
) -> tuple[Unknown, ...]:
    if dossier.error is None:
        return ()
    files = sorted(
        {o.claim.grant for o in told if o.proof is Proof.WAITING and not o.claim.window.ended(now)}
    )
    what = "what the rules are" if changes.unsure else "new grants"
    named = ", ".join(files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
    where = f"proof of {named or what}"
    return (Unknown(FORGE, where, dossier.error.cause),)


def _configuration(changes: Changes) -> frozenset[str]:
    """Those that do not count: refused, or not known to be approved. An address or a guard that
    nobody approved must not count for as long as somebody keeps the forge from answering."""
    left = (*(refusal.event for refusal in changes.refusals), *changes.waiting)
    return frozenset(event.commit for event in left if event.kind is Kind.CONFIGURATION)


def _notices(changes: Changes) -> tuple[str, ...]:
    if changes.root is None:
        return (
            "no `forge:` in reconciler.yaml, so approvals are not checked: whoever can merge can "
            "grant",
        )
    settings = [event for event in changes.waiting if event.kind is Kind.CONFIGURATION]
    if not settings:
        return ()
    return (
        f"reconciler.yaml counts as it was before commit {settings[0].commit[:12]}, until the forge "
        "says whether what came since was approved: systems that came with it are not looked at",
    )
