"""A plan as JSON, by schemas/plan.schema.json. The only place that knows its shape."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from reconciler.model import (
    AlreadyHeld,
    Assignment,
    Change,
    Declared,
    Entitlement,
    Foreign,
    Held,
    OpenReview,
    Plan,
    Unapproved,
    Unknown,
    Warning,
)
from reconciler.providers.base import Outcome


def instant(at: datetime | None) -> str | None:
    """RFC 3339 in UTC, whole seconds."""
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def plan(plan: Plan) -> str:
    return dumped(plan_document(plan))


def plan_document(plan: Plan) -> dict[str, Any]:
    return {
        "hash": plan.hash,
        "at": instant(plan.at),
        "changes": [_change(c) for c in plan.changes],
        "held": [_held(h) for h in plan.held],
        "foreign": [_foreign(f) for f in plan.foreign],
        "already_held": [_already_held(a) for a in plan.already_held],
        "to_record": [_to_record(d) for d in plan.to_record],
        "unknown": [unknown(u) for u in plan.unknown],
        "warnings": [_warning(w) for w in plan.warnings],
        "unapproved": [_unapproved(u) for u in plan.unapproved],
        "reviews": [review(r) for r in plan.reviews],
        "notices": list(plan.notices),
        "summary": summary(plan),
    }


def summary(plan: Plan) -> dict[str, int]:
    actions = Counter(c.action.value for c in plan.changes)
    return {
        "add": actions["add"],
        "extend": actions["extend"],
        "shorten": actions["shorten"],
        "remove": actions["remove"],
        "held": len(plan.held),
        "unknown": len(plan.unknown),
        "already_held": len(plan.already_held),
        "foreign": len(plan.foreign),
        "unapproved": len(plan.unapproved),
        "kept": sum(k.count for k in plan.kept),
    }


def applied(plan: Plan, outcomes: tuple[Outcome, ...], skipped: tuple[Change, ...]) -> str:
    """What an apply did: the plan, an outcome for each change, and what report mode left undone."""
    document = plan_document(plan)
    document["outcomes"] = [
        {**_change(o.change), "error": str(o.error) if o.error else None} for o in outcomes
    ]
    document["reported_only"] = [_change(c) for c in skipped]
    return dumped(document)


def reviews(found: tuple[OpenReview, ...], at: datetime) -> str:
    return dumped({"at": instant(at), "reviews": [review(r) for r in found]})


def dumped(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2)


def entitlement(of: Entitlement) -> dict[str, str]:
    return {"system": of.system, "kind": of.kind, "resource": of.resource, "role": of.role}


def assignment(of: Assignment) -> dict[str, Any]:
    return {
        **entitlement(of.entitlement),
        "principal": of.principal.id,
        "principal_name": of.principal.name,
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "action": change.action.value,
        "cause": change.cause.value,
        **assignment(change.assignment),
        "subject": change.subject or None,
        "until": instant(change.until),
        "grants": list(change.grants),
        "native_expiry": change.native_expiry,
        "replaces": change.replaces or None,
        "restores": change.restores or None,
        "note": change.note,
    }


def _held(held: Held) -> dict[str, Any]:
    return {**_change(held.change), "guard": held.guard, "reason": held.reason}


def _foreign(foreign: Foreign) -> dict[str, Any]:
    row = foreign.observed
    return {
        **assignment(row.assignment),
        "until": instant(row.until),
        "controller": row.controller,
        "note": foreign.note,
    }


def _already_held(held: AlreadyHeld) -> dict[str, Any]:
    return {
        **assignment(held.assignment),
        "subject": held.subject or None,
        "grants": list(held.grants),
        "note": held.note,
    }


def _to_record(ours: Declared) -> dict[str, Any]:
    return {
        **assignment(ours.assignment),
        "subject": ours.subject or None,
        "until": instant(ours.until),
        "grants": list(ours.grants),
    }


def unknown(unknown: Unknown) -> dict[str, Any]:
    return {"system": unknown.system, "where": unknown.where, "error": unknown.error}


def _warning(warning: Warning) -> dict[str, Any]:
    return {"system": warning.system, "text": warning.text}


def _unapproved(of: Unapproved) -> dict[str, Any]:
    return {
        "path": of.path,
        "commit": of.commit,
        "subject": of.subject or None,
        "access": of.access or None,
        "rule": of.rule or None,
        "reason": of.reason,
        "fix": of.fix,
        "pull": of.pull or None,
    }


def review(of: OpenReview) -> dict[str, Any]:
    return {
        "path": of.path,
        "commit": of.commit,
        "subjects": list(of.subjects),
        "rule": of.rule,
        "reason": of.reason,
        "due": instant(of.due),
        "pull": of.pull or None,
    }
