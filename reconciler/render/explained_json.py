"""Answers about one person as JSON by schemas/explain.schema.json. Decides nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from reconciler.model import Event, Observed
from reconciler.planning.answer import Answer, Next, Row, Told
from reconciler.planning.basis import Basis
from reconciler.planning.timeline import ALWAYS, Span
from reconciler.render import as_json
from reconciler.render.status import line_document


def document(told: Told) -> str:
    plan = told.plan
    return as_json.dumped(
        {
            "person": told.who,
            "at": as_json.instant(plan.at),
            "members": None if told.members is None else [_member(m) for m in told.members],
            "access": [_document(answer) for answer in told.answers],
            "unknown": [as_json.unknown(one) for one in plan.unknown],
            "reviews": [as_json.review(one) for one in plan.reviews],
            "notices": list(plan.notices),
        }
    )


def _member(span: Span[str]) -> dict[str, Any]:
    known = span.window.start != ALWAYS.start
    return {
        "id": span.value,
        "since": as_json.instant(span.window.start) if known else None,
        "until": as_json.instant(span.window.end),
    }


def _document(answer: Answer) -> dict[str, Any]:
    return {
        **as_json.assignment(answer.assignment),
        "holds": answer.holds.value,
        "subject": answer.subject,
        "since": as_json.instant(answer.since),
        "grants": [_basis(basis) for basis in answer.bases],
        "live": [_row_document(row) for row in answer.rows],
        "beside": [_row_document(row) for row in answer.beside],
        "ways": [_row_document(row) for row in answer.ways],
        "status": [line_document(line) for line in answer.lines],
        "next": [_next_document(one) for one in answer.coming],
        "events": [_event_document(event) for event in answer.events],
        "unread": answer.unread or None,
        "ways_unread": answer.ways_unread or None,
    }


def _basis(basis: Basis) -> dict[str, Any]:
    claim = basis.claim
    return {
        "path": claim.grant,
        "line": basis.position.line,
        "commit": basis.commit,
        "merged": as_json.instant(basis.merged),
        "gone": as_json.instant(basis.gone),
        "reason": basis.reason,
        "ticket": basis.ticket or None,
        "subject": claim.subject.id,
        "group": claim.ref or None,
        "bundle": claim.bundle or None,
        "start": as_json.instant(claim.window.start),
        "end": as_json.instant(claim.window.end),
        "ends_as": claim.cause.value,
        "proof": basis.proof.value,
        "judged": basis.judged,
        "carried": basis.carried,
        "rule": basis.rule or None,
        "approved_by": list(basis.approved_by),
        "pull": basis.pull or None,
        "refusal": list(basis.refusal),
        "fix": basis.fix,
        "break_glass": basis.break_glass,
        "automatic": basis.automatic,
    }


def _row_document(row: Row) -> dict[str, Any]:
    seen: Observed = row.observed
    return {
        "role": seen.assignment.entitlement.role,
        "resource": seen.assignment.entitlement.resource,
        "principal": seen.assignment.principal.id,
        "ours": row.ours,
        "effective": row.effective,
        "marked": seen.marker is not None,
        "controller": seen.controller,
        "since": as_json.instant(seen.since),
        "until": as_json.instant(seen.until),
        "via": seen.via or None,
        "unsure": seen.unsure,
        "note": row.note,
    }


def _next_document(one: Next) -> dict[str, Any]:
    return {
        "what": one.turn.value,
        "at": as_json.instant(one.at),
        "why": one.why,
        "fix": one.fix,
        "by_the_system": one.by_system,
        "report_only": one.idle,
    }


def _event_document(event: Event) -> dict[str, Any]:
    at: datetime = event.at
    return {
        "at": as_json.instant(at),
        "run": event.run,
        "grant": event.path or None,
        "commit": event.commit or None,
        "kind": event.kind.value,
        "action": event.action or None,
        "cause": event.cause or None,
        "outcome": event.outcome or None,
        "rule": event.rule or None,
        "approved_by": list(event.approved_by),
        "pull": event.pull or None,
        "justification": event.justification or None,
        "ticket": event.ticket or None,
        "until": as_json.instant(event.until),
        "error": event.error or None,
    }
