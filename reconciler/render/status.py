"""Who has what, as a table for people and as JSON by schemas/status.schema.json. Decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console

from reconciler.model import OpenReview, Unknown
from reconciler.planning.status import TO_COME, Line, State, is_late
from reconciler.render import as_json
from reconciler.render.as_text import safe
from reconciler.render.tables import listed
from reconciler.render.words import moment, what, who

STATES = {
    State.ACTIVE: "green",
    State.PENDING: "cyan",
    State.CHANGING: "cyan",
    State.WAITING: "yellow",
    State.NOT_APPROVED: "red",
    State.UNREAD: "yellow",
    State.LEFTOVER: "red",
    State.HELD: "yellow",
    State.BLOCKED: "yellow",
    State.FOREIGN: "magenta",
}
_SPEAKS = frozenset(
    {
        State.WAITING,
        State.NOT_APPROVED,
        State.BLOCKED,
        State.HELD,
        State.LEFTOVER,
        State.HELD_THEN,
    }
)


_OTHERS = (
    "What others gave is listed with --foreign, under the names that its system has for people."
)


def text(lines: Sequence[Line], console: Console) -> None:
    headers = ("who", "what", "where", "system", "state", "until", "grants")
    if not lines:
        console.print(f"Nobody here holds anything that is known. {_OTHERS}", soft_wrap=True)
    else:
        console.print(listed([_line(line) for line in lines], console, headers))


def past(lines: Sequence[Line], console: Console) -> None:
    """With since when, which is known of what was."""
    headers = ("who", "what", "where", "system", "state", "since", "until", "grants")
    if not lines:
        console.print("Nobody who was asked about held anything then.", soft_wrap=True)
        return
    cells = [(line, _line(line)) for line in lines]
    rows = [(*row[:5], moment(line.start), *row[5:]) for line, row in cells]
    console.print(listed(rows, console, headers))


def late(lines: Sequence[Line], console: Console, *, whole: bool = True) -> None:
    """What should be gone and gives access all the same, the longest overdue first. `whole` says
    that everything could be read."""
    found = sorted(lines, key=lambda line: -line.late)
    if not found and whole:
        console.print("Nothing is late: what is over has ended.")
        return
    if not found:
        console.print("Nothing that could be read is late; of the rest nobody knows.")
        return
    headers = ("who", "what", "where", "system", "late", "why", "grants")
    console.print(listed([_late(line) for line in found], console, headers))
    longest = max(line.late for line in found)
    console.print(f"[bold]Late:[/] {len(found)}, the longest {length(longest) or 'not known'}.")


def document(
    lines: Sequence[Line],
    at: datetime,
    unknown: Sequence[Unknown] = (),
    reviews: Sequence[OpenReview] = (),
    notices: Sequence[str] = (),
) -> str:
    return as_json.dumped(
        {
            "at": as_json.instant(at),
            "access": [line_document(line) for line in lines],
            "unknown": [as_json.unknown(one) for one in unknown],
            "reviews": [as_json.review(one) for one in reviews],
            "notices": list(notices),
        }
    )


def line_document(line: Line) -> dict[str, Any]:
    return {
        **as_json.assignment(line.assignment),
        "subject": line.subject or None,
        "state": line.state.value,
        "since": as_json.instant(line.start),
        "until": as_json.instant(line.until),
        "native_expiry": line.native_expiry,
        "grants": list(line.grants),
        "note": line.note,
        "ended": as_json.instant(line.ended),
        "late_seconds": _seconds(line) if is_late(line) else 0,
    }


def _seconds(line: Line) -> int | None:
    return int(line.late.total_seconds()) if line.ended is not None else None


def _line(line: Line) -> tuple[str, ...]:
    files = ", ".join(line.grants)
    said = line.note if line.state in _SPEAKS or not files else ""
    return (*_whose(line), _state(line), _until(line), safe(": ".join(filter(None, (files, said)))))


def _late(line: Line) -> tuple[str, ...]:
    since = f"{length(line.late)}, since {moment(line.ended)}" if line.ended else "not known"
    return (*_whose(line), f"[red]{since}[/]", safe(line.note), safe(", ".join(line.grants)))


def _whose(line: Line) -> tuple[str, ...]:
    of = line.assignment
    places = (who(line.subject, of), what(of), of.entitlement.resource, of.entitlement.system)
    return tuple(map(safe, places))


def _state(line: Line) -> str:
    colour = STATES.get(line.state, "")
    return f"[{colour}]{line.state}[/]" if colour else line.state.value


def _until(line: Line) -> str:
    if line.late:
        return f"{length(line.late)} late"
    if line.state in TO_COME and line.start is not None:
        return f"starts {moment(line.start)}"
    if line.until is None:
        silent = (State.FOREIGN, State.LEFTOVER, State.HELD)
        return "" if line.state in silent else "no end"
    return moment(line.until) + (" (by the system)" if line.native_expiry else "")


def length(of: timedelta) -> str:
    """ "3d4h", "2h5m", "40s": the two largest parts."""
    seconds = int(of.total_seconds())
    parts = ((seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"))
    said = [f"{number}{unit}" for number, unit in parts if number][:2]
    return "".join(said) or (f"{seconds}s" if seconds else "")
