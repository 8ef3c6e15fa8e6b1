"""Claims -> assignments: names spelled as the systems spell them, subjects as their own ids. Never
guesses a name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.engine.connections import Connections
from reconciler.errors import NotFound, ProviderError, UnknownPrincipal
from reconciler.model import (
    Assignment,
    Claim,
    Entitlement,
    Principal,
    Proof,
    Subject,
    Unknown,
    Warning,
)

Who = tuple[Subject, Entitlement, str]


@dataclass(frozen=True, slots=True)
class Identified:
    """`strangers` says, for each system in which a subject or role could not be recognised, who.
    `gone` are entitlements of claims that are over, under names that are no more: what they left
    may live on under a new name, with our marker.
    """

    pairs: tuple[tuple[Assignment, Claim], ...]
    unknown: tuple[Unknown, ...] = ()
    warnings: tuple[Warning, ...] = ()
    strangers: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[Entitlement] = frozenset()


def canonical(
    entitlements: Iterable[Entitlement], connections: Connections
) -> dict[Entitlement, Entitlement | ProviderError]:
    return dict(
        connections.each(
            set(entitlements),
            lambda e: e.system,
            lambda e: connections.reader(e.system).canonical(e),
        )
    )


def identify(claims: Iterable[Claim], connections: Connections, now: datetime) -> Identified:
    """What cannot be named is unknown while it matters: a claim that is over, on something or
    somebody that is gone for certain, has nothing left to remove."""
    claims = tuple(claims)
    spelled = canonical((c.entitlement for c in claims), connections)
    people = _people(claims, spelled, connections)
    pairs: list[tuple[Assignment, Claim]] = []
    failed: dict[tuple[str, str], list[tuple[Claim, ProviderError]]] = defaultdict(list)
    for claim in claims:
        entitlement = spelled[claim.entitlement]
        if isinstance(entitlement, ProviderError):
            if claim.proof is Proof.REFUSED:
                continue  # nothing is given by it, so nobody need know whom it means
            where = f"{claim.entitlement.role} on {claim.entitlement.resource}"
            failed[claim.entitlement.system, where].append((claim, entitlement))
            continue
        principal = people[claim.subject, entitlement, claim.account]
        if isinstance(principal, ProviderError):
            if claim.proof is Proof.REFUSED:
                continue
            failed[claim.entitlement.system, claim.subject.id].append((claim, principal))
            continue
        pairs.append((Assignment(entitlement, principal), claim))
    return _sorted_out(pairs, failed, now)


def _people(
    claims: Iterable[Claim],
    spelled: dict[Entitlement, Entitlement | ProviderError],
    connections: Connections,
) -> dict[Who, Principal | ProviderError]:
    wanted: set[Who] = set()
    for claim in claims:
        entitlement = spelled[claim.entitlement]
        if not isinstance(entitlement, ProviderError):
            wanted.add((claim.subject, entitlement, claim.account))
    return dict(
        connections.each(
            wanted,
            lambda who: who[1].system,
            lambda who: connections.reader(who[1].system).principal(*who),
        )
    )


def _sorted_out(
    pairs: list[tuple[Assignment, Claim]],
    failed: dict[tuple[str, str], list[tuple[Claim, ProviderError]]],
    now: datetime,
) -> Identified:
    gone: set[Entitlement] = set()
    unknown: list[Unknown] = []
    warnings: list[Warning] = []
    strangers: dict[str, list[str]] = defaultdict(list)
    for (system, where), failures in failed.items():
        claim, error = failures[0]
        over = all(c.window.ended(now) for c, _ in failures)
        if over and isinstance(error, NotFound):
            gone.update(c.entitlement for c, _ in failures)
            continue
        if over and isinstance(error, UnknownPrincipal):
            text = f"what {where} held by {claim.grant} cannot be recognised: {error.cause}"
            warnings.append(Warning(system, text))
            continue
        files = ", ".join(sorted({c.grant for c, _ in failures}))
        unknown.append(Unknown(system, f"{where}, in {files}", error.cause))
        strangers[system].append(f"{where} of {files}")
    names = {system: "; ".join(sorted(found)) for system, found in strangers.items()}
    return Identified(tuple(pairs), tuple(unknown), tuple(warnings), names, frozenset(gone))
