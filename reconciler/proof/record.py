"""What was decided about claims, as events for the ledger: with the rule, and who approved. Writes
none of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from reconciler.model import Assignment, Event, EventKind, Principal, Proof
from reconciler.proof.authorise import Authorised


def decided(found: Authorised, at: datetime, run: str) -> Iterator[Event]:
    """Of claims that matter now or later. The principal is not looked up for this: the subject is
    the directory's."""
    yield from _granted(found, at, run)
    yield from _refused(found, at, run)
    yield from _reviewed(found, at, run)


def _granted(found: Authorised, at: datetime, run: str) -> Iterator[Event]:
    for outcome in found.outcomes:
        judgement, claim = outcome.judgement, outcome.claim
        if judgement is None or outcome.proof is not Proof.PROVED or claim.window.ended(at):
            continue
        version = found.grants.versions[claim.version]
        yield Event(
            EventKind.DECIDED,
            at,
            run,
            claim.subject.id,
            Assignment(claim.entitlement, Principal("")),
            until=claim.window.end,
            path=claim.grant,
            commit=version.commit,
            rule=judgement.rule,
            outcome="granted",
            approved_by=judgement.approved_by,
            pull=judgement.pull,
            reason="; ".join(judgement.reasons),
            justification=version.content.reason,
            ticket=version.content.ticket,
        )


def _refused(found: Authorised, at: datetime, run: str) -> Iterator[Event]:
    wanted = {(one.path, one.commit) for one in found.unapproved}
    versions = ((v, (v.path, v.commit)) for v in found.grants.versions.values())
    grants = {key: v.content for v, key in versions if key in wanted}
    for one in found.unapproved:
        if one.subject:
            grant = grants.get((one.path, one.commit))
            yield Event(
                EventKind.DECIDED,
                at,
                run,
                one.subject,
                Assignment(one.entitlement, Principal("")) if one.entitlement else None,
                path=one.path,
                commit=one.commit,
                rule=one.rule,
                outcome="refused",
                pull=one.pull,
                reason=one.reason,
                justification=grant.reason if grant else "",
                ticket=grant.ticket if grant else "",
            )


def _reviewed(found: Authorised, at: datetime, run: str) -> Iterator[Event]:
    for closed in found.reviewed:
        about = closed.review
        yield Event(
            EventKind.REVIEWED,
            at,
            run,
            path=about.grant,
            commit=about.commit,
            outcome="justified" if about.justified else "misuse",
            approved_by=closed.by,
            pull=closed.pull,
            reason=about.remarks,
        )
