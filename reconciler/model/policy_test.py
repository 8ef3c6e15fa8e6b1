"""What a policy must decide about a grant that may never be asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from reconciler.model.access import Entitlement
from reconciler.model.documents import Grant
from reconciler.model.people import Attributes
from reconciler.model.position import Position


class Expected(StrEnum):
    GRANTED = "granted"
    WAITING = "waiting"  # for approvals
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """`grant` lies where `grant.path` says, and is merged and judged `at` that moment. `author` is
    "" for the subject. `groups` and `attributes` are by person or service, in place of what the
    directory says of them; `holds` is what every subject of the grant holds already. `rule` and
    `reason` (a part of it) are "" for any."""

    name: str
    grant: Grant
    at: datetime
    author: str = ""
    approved_by: tuple[str, ...] = ()
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    attributes: tuple[tuple[str, Attributes], ...] = ()
    holds: tuple[Entitlement, ...] = ()
    decision: Expected = Expected.GRANTED
    rule: str = ""
    reason: str = ""
    position: Position = field(default=Position(""), compare=False)


@dataclass(frozen=True, slots=True)
class PolicyTestPage:
    """What one file of policies/tests/ says."""

    path: str
    tests: tuple[PolicyTest, ...] = ()
