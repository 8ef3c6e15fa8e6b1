"""How much may go at once before a person must look. Counts nothing itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """For each system and kind: unexplained removals (withdrawn, foreign, unapproved) are held
    when they exceed `percent` of what we own there or `count` outright; up to `floor` always pass.
    """

    percent: float = 25.0
    count: int = 50
    floor: int = 5


@dataclass(frozen=True, slots=True)
class PullLimits:
    """What one pull request may contain: more hides a line from whoever reviews it."""

    files: int = 100
    grants: int = 50
