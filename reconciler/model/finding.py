"""What one check of `reconciler doctor` found. Never looks itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What is so, what it lets somebody do, what to set instead. `right` None: nobody would say
    (no permission to ask, or no answer)."""

    name: str
    right: bool | None
    what: str
    fix: str = ""
