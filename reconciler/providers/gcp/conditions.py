"""The conditions we write, and what those of others say. Pure; evaluates none of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.model import Assignment
from reconciler.model.marking import NO_MARK, OWNER, UNOWNED, Mark, Marking
from reconciler.providers.gcp.names import BASIC_ROLES

PAM = "Privileged Access Manager"
# Privileged Access Manager gives every binding of its grants this title; a binding changed by
# others is out of its hands for good (`externally_modified` of a grant).
PAM_TITLE = "Created by: PAM"

# An end for a row that carries our title and an expression that is not ours any more: it equals no
# end that git can declare, not even "no end", so that the row is always written again or removed.
UNREADABLE = datetime(1970, 1, 1, tzinfo=UTC)

_DESCRIPTION = 256  # characters that the console accepts
_OURS = re.compile(
    rf"jit:(?:({OWNER}):)?([a-z2-7]{{26}})"
)  # at most 55 of a title's 100 characters
_BOUND = re.compile(r"""\s*request\.time\s*<\s*timestamp\(\s*(["'])([^"']+)\1\s*\)\s*""")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a condition says about its binding; `controller` and `until` as in `Observed`."""

    mark: Mark = NO_MARK
    controller: str | None = None
    until: datetime | None = None


def conditionable(role: str) -> bool:
    """Every resource of ours takes conditions; basic roles do not.

    https://cloud.google.com/iam/docs/conditions-overview, "Limitations".
    """
    return role not in BASIC_ROLES


def title(assignment: Assignment, marking: Marking = UNOWNED) -> str:
    return f"jit:{marking.text(assignment)}"


def expression(until: datetime) -> str:
    return f'request.time < timestamp("{_utc(until)}")'


def description(until: datetime, grants: tuple[str, ...]) -> str:
    text = f"Until {_utc(until)}, by {', '.join(grants) or 'no grant'} (access-reconciler)"
    return text if len(text) <= _DESCRIPTION else text[: _DESCRIPTION - 1] + "…"


def read(title: str, expression: str, marking: Marking = UNOWNED) -> Reading:
    """A condition of others counts as an end when it is exactly one. Any other is its author's:
    nobody here knows what its holder may do, so it must not pass for the same access."""
    until = _end(expression)
    if ours := _OURS.fullmatch(title):
        mark = marking.read(ours[1] or "", ours[2])
        return Reading(mark, mark.controller, until or UNREADABLE)
    if title == PAM_TITLE:
        return Reading(controller=PAM, until=until)
    if until is None:
        return Reading(controller=f"condition {title or expression}")
    return Reading(until=until)


def ends(expression: str) -> bool:
    """Whether it says nothing but when the access ends."""
    return _end(expression) is not None


def _end(expression: str) -> datetime | None:
    bound = _BOUND.fullmatch(expression)
    if not bound:
        return None
    try:
        end = datetime.fromisoformat(bound[2])
    except ValueError:
        return None
    return end.astimezone(UTC) if end.tzinfo else None


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
