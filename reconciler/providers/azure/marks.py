"""What we write on what we make, and how we know it again. Pure.

A role assignment carries the marker in its description, and is also known by its name: a person
who empties the description has not made the access permanent.

PIM has no description. There the marker for machines is the name of the request, which the caller
chooses and every schedule names (`roleAssignmentScheduleRequestId`): it begins with "jit:" in
hexadecimal and has version 8, which RFC 9562 leaves to the likes of us. Where there is an owner it
begins with "jit/", and ends with a digest of the owner: there is no room for more. The justification, with the
full marker, is for people: PIM purges requests after 45 days (azurerm, pim_active_role_assignment).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID, uuid5

from reconciler.model.marking import OWNER, UNTOLD

_NAMESPACE = UUID("c1f3b1a6-5a3c-5d0e-9d6b-3f7a3b0c2d11")  # ours; changing it disowns everything
_MARKER = re.compile(rf"(?:^|\s)jit:(?:({OWNER}):)?([a-z2-7]{{26}})(?![a-z2-7])")
_STAMP = b"jit:".hex()
_OWNED = b"jit/".hex()
_LONGEST = 500  # PIM's justification; a description may have 2 KB


def assignment_name(scope: str, oid: str, role_id: str, owner: str = "") -> str:
    """The name of the role assignment, the same in every run."""
    whose = f"{owner}\n" if owner else ""
    return str(uuid5(_NAMESPACE, f"{whose}{scope.lower()}\n{oid.lower()}\n{role_id.lower()}"))


def request_name(random: UUID, owner: str = "") -> str:
    """A new name for a request of ours: a request cannot be repeated under its old name."""
    digits = _OWNED + random.hex[8:-8] + _digest(owner) if owner else _STAMP + random.hex[8:]
    return str(UUID(int=(UUID(hex=digits).int & ~(0xF << 76)) | (8 << 76)))


def is_request_name(name: str) -> bool:
    """Whether this program asked, for whichever owner."""
    return name.startswith((_STAMP, _OWNED)) and name[14:15] == "8"


def owner_of_request(name: str, known: Iterable[str]) -> str | None:
    """Who of the `known` asked, or UNTOLD; None where this program did not ask."""
    if not is_request_name(name):
        return None
    if name.startswith(_STAMP):
        return ""
    return next((o for o in known if o and name.endswith(_digest(o))), UNTOLD)


def _digest(owner: str) -> str:
    return sha256(owner.encode()).hexdigest()[:8]


def description(mark: str, until: datetime | None, grants: Sequence[str]) -> str:
    """`jit:<id> until 2026-12-01T18:00:00Z for grants/a.yaml`, shortened at a grant's path."""
    end = f"until {until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if until else "without end"
    text = f"jit:{mark} {end}"
    for place, grant in enumerate(grants):
        longer = f"{text}{', ' if place else ' for '}{grant}"
        if len(longer) > _LONGEST - len(", …"):
            return f"{text}, …" if place else text
        text = longer
    return text


def read(text: str | None) -> tuple[str, str] | None:
    """The owner ("" for none) and the assignment id in a description that this program wrote."""
    found = _MARKER.search(text or "")
    return (found[1] or "", found[2]) if found else None
