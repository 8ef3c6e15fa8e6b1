"""What we write on what we make, and how we know it again. Pure.

A role assignment carries the marker in its description, and is also known by its name: a person
who empties the description has not made the access permanent.

PIM has no description. There the marker for machines is the name of the request, which the caller
chooses and every schedule names (`roleAssignmentScheduleRequestId`): it begins with "jit:" in
hexadecimal and has version 8, which RFC 9562 leaves to the likes of us. The justification, with the
full marker, is for people: PIM purges requests after 45 days (azurerm, pim_active_role_assignment).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid5

_NAMESPACE = UUID("c1f3b1a6-5a3c-5d0e-9d6b-3f7a3b0c2d11")  # ours; changing it disowns everything
_MARKER = re.compile(r"(?:^|\s)jit:([a-z2-7]{26})(?![a-z2-7])")
_STAMP = b"jit:".hex()
_LONGEST = 500  # PIM's justification; a description may have 2 KB


def assignment_name(scope: str, oid: str, role_id: str) -> str:
    """The name of the role assignment, the same in every run."""
    return str(uuid5(_NAMESPACE, f"{scope.lower()}\n{oid.lower()}\n{role_id.lower()}"))


def request_name(random: UUID) -> str:
    """A new name for a request of ours: a request cannot be repeated under its old name."""
    fields = UUID(hex=_STAMP + random.hex[8:])
    return str(UUID(int=(fields.int & ~(0xF << 76)) | (8 << 76)))


def is_request_name(name: str) -> bool:
    return name.startswith(_STAMP) and name[14:15] == "8"


def description(marker: str, until: datetime | None, grants: Sequence[str]) -> str:
    """`jit:<id> until 2026-12-01T18:00:00Z for grants/a.yaml`, shortened at a grant's path."""
    end = f"until {until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if until else "without end"
    text = f"jit:{marker} {end}"
    for place, grant in enumerate(grants):
        longer = f"{text}{', ' if place else ' for '}{grant}"
        if len(longer) > _LONGEST - len(", …"):
            return f"{text}, …" if place else text
        text = longer
    return text


def marker(text: str | None) -> str | None:
    """The assignment id in a description of ours."""
    found = _MARKER.search(text or "")
    return found[1] if found else None
