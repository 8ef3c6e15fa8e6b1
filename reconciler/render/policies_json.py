"""Policy tests, decision trees, coverage and findings as JSON. The only place that knows its shape."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from reconciler.model import Finding
from reconciler.policy.coverage import Coverage
from reconciler.policy.examine import Examined
from reconciler.policy.explanation import Explained, Explanation, Weighed
from reconciler.render.as_json import dumped, entitlement, instant


def tests(examined: Iterable[tuple[str, Examined]]) -> str:
    rows = [_test(path, one) for path, one in examined]
    failed = sum(not row["passed"] for row in rows)
    return dumped({"tests": rows, "passed": len(rows) - failed, "failed": failed})


def _test(path: str, one: Examined) -> dict[str, Any]:
    expected = {"decision": one.test.decision.value}
    expected |= {"rule": one.test.rule} if one.test.rule else {}
    expected |= {"reason": one.test.reason} if one.test.reason else {}
    return {
        "file": path,
        "line": one.test.position.line,
        "name": one.test.name,
        "passed": not one.wrong,
        "expected": expected,
        "decision": one.decision.value,
        "rule": one.rule or None,
        "reasons": list(one.reasons),
        "access": one.access or None,
        "wrong": list(one.wrong),
    }


def explanation(found: Explanation) -> str:
    return dumped(
        {
            "path": found.path,
            "commit": found.commit or None,
            "merged": instant(found.merged),
            "gone": instant(found.gone),
            "access": [_explained(one) for one in found.explained],
            "pull_requests": [_weighed(one) for one in found.pulls],
        }
    )


def _explained(one: Explained) -> dict[str, Any]:
    case, ruling, judgement = one.case, one.ruling, one.judgement
    return {
        "subject": case.subject.id,
        **entitlement(case.entitlement),
        "bundle": case.bundle or None,
        "start": instant(case.window.start),
        "until": instant(case.window.end),
        "rules": [
            {
                "rule": step.rule,
                "effect": step.effect.value,
                "place": str(step.position),
                "outcome": step.outcome,
                "why": step.why or None,
            }
            for step in one.steps
        ],
        "permitted": ruling.permitted,
        "rule": ruling.rule or None,
        "reasons": list(ruling.reasons),
        "fix": ruling.fix or None,
        "limits": list(one.limits),
        "needs": [
            {"count": n.count, "persons": sorted(n.persons), "words": n.words} for n in ruling.needs
        ],
        "proof": one.proof.value if one.proof else None,
        "judgement": None
        if judgement is None
        else {
            "verdict": judgement.verdict.value,
            "reasons": list(judgement.reasons),
            "approved_by": list(judgement.approved_by),
            "pull_request": judgement.pull or None,
            "fix": judgement.fix or None,
        },
    }


def _weighed(one: Weighed) -> dict[str, Any]:
    return {
        "url": one.pull.url,
        "author": str(one.pull.author) if one.pull.author else None,
        "merged": instant(one.pull.merged_at),
        "counts": sorted(one.approved.persons),
        "remarks": list(one.approved.remarks),
    }


def coverage(found: Coverage) -> str:
    return dumped(
        {
            "unreached": [
                {"rule": r.name, "effect": r.effect.value, "place": str(r.position)}
                for r in found.unreached
            ],
            "uncovered": [
                {"access": u.access, "why": u.why, "where": list(u.where)} for u in found.uncovered
            ],
            "outlived": [
                {
                    "path": o.path,
                    "subject": o.subject,
                    "access": o.access,
                    "until": instant(o.until),
                    "reason": o.reason,
                    "fix": o.fix,
                }
                for o in found.outlived
            ],
        }
    )


def findings(found: Iterable[Finding]) -> str:
    return dumped({"findings": [asdict(one) for one in found]})
