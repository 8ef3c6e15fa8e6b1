"""Times and lengths of time as they are written in files. Reads no clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

LONGEST = timedelta(days=3660)  # keeps arithmetic far from the end of the calendar
LAST = 9000  # so does this year, which no time may reach; LONGEST after it is still a time

_DURATION = re.compile(r"(?:([0-9]{1,4})d)?(?:([0-9]{1,5})h)?(?:([0-9]{1,6})m)?")
_LENGTH = re.compile(r"([0-9]+d)?([0-9]+h)?([0-9]+m)?")
_NO_OFFSET = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?")
_FRACTION = re.compile(r"[0-9T:-]{19}[.,][0-9]+(Z|[+-][0-9:]+)?")


class Beyond(ValueError):
    """A time that only a calendar could hold."""


def instant(text: str) -> datetime:
    """In UTC. The text fits the schema's pattern; raises ValueError when the calendar or the
    clock has no such time, and Beyond when it is far ahead, whatever day it is today."""
    found = datetime.fromisoformat(text)
    if found.year >= LAST:
        raise Beyond("it is beyond what a calendar here can hold")
    if found.tzinfo is None:
        raise ValueError("it has no UTC offset")
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise ValueError("it is outside the calendar") from None


def length(text: str) -> timedelta:
    """Raises ValueError for what is no length, none at all, or more than `LONGEST`."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("it is no length of time")
    days, hours, minutes = (int(n or 0) for n in match.groups())
    found = timedelta(days=days, hours=hours, minutes=minutes)
    if not found:
        raise ValueError("it is no time at all")
    if found > LONGEST:
        raise ValueError(f"it is longer than {LONGEST.days} days")
    return found


def too_long(text: str) -> bool:
    """Whether a text that the schema refuses is a length all the same."""
    return bool(text) and _LENGTH.fullmatch(text) is not None


def trouble(text: str) -> str:
    """Why a text is no time of ours, where more can be said than that it is not."""
    if _NO_OFFSET.fullmatch(text):
        return "which has no UTC offset"
    if _FRACTION.fullmatch(text):
        return "which has a fraction of a second"
    return ""
