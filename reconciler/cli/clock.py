"""The clock. Read once, here, by the command that starts a run; everything else is handed `now`,
and never reads it."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)
