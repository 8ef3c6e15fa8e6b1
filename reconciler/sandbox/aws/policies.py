"""When an IAM policy document stops allowing anything, by its dates alone. Pure."""

from __future__ import annotations

import json
from typing import Any


def end_of(text: str) -> str:
    """The latest `DateLessThan aws:CurrentTime` of the statements, "" if one has none."""
    statements = json.loads(text).get("Statement", [])
    ends = [_end(s) for s in (statements if isinstance(statements, list) else [statements])]
    return max(ends) if ends and all(ends) else ""


def _end(statement: dict[str, Any]) -> str:
    dates = statement.get("Condition", {}).get("DateLessThan", {})
    return next((str(v) for k, v in dates.items() if k.lower() == "aws:currenttime"), "")
