"""Separation of duties against what the systems show: today's rules, for what git did not know."""

from __future__ import annotations

from datetime import datetime

from reconciler.model import Entitlement, Window
from reconciler.policy.case import Case
from reconciler.policy.laws import Laws


def separated(
    laws: Laws,
    now: datetime,
    subject: str,
    of: Entitlement,
    file: str,
    holds: tuple[Entitlement, ...],
) -> str:
    """Why `subject` may not have it beside what they hold, "" where they may."""
    case = Case(
        file,
        "",
        "",
        Window(now),
        now,
        file.startswith("standing/"),
        False,
        of,
        "",
        "",
        laws.subject(subject),
        laws.resource(of),
        holds,
    )
    found = laws.separated(case)
    return f"rule `{found[0]}` forbids it: {found[1]}" if found else ""
