"""Small pieces of wording that decisions share. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from reconciler.model import Entitlement

_FEW = 3
_LONGEST = 60


def length(time: timedelta) -> str:
    """As a file spells it: "1d12h", "30m"."""
    minutes = round(abs(time).total_seconds()) // 60
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "m"))
    spelled = "".join(f"{n}{unit}" for n, unit in parts if n) or "0m"
    return f"-{spelled}" if time < timedelta(0) else spelled


def moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def many(count: int, noun: str) -> str:
    """ "1 rule", "2 rules"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(words: Iterable[str], conjunction: str = "or") -> str:
    """ "a, b or c", in the order given."""
    each = list(words)
    if len(each) < 2:
        return "".join(each)
    return f"{', '.join(each[:-1])} {conjunction} {each[-1]}"


def some(words: Iterable[str], conjunction: str = "or") -> str:
    """The first few, and how many there are beside."""
    each = sorted(words)
    if len(each) <= _FEW + 1:
        return listed(each, conjunction)
    return f"{', '.join(each[:_FEW])} {conjunction} {len(each) - _FEW} others"


def short(role: str) -> str:
    """A role may be a whole policy document."""
    return role if len(role) <= _LONGEST else f"{role[: _LONGEST - 1]}…"


def what(entitlement: Entitlement) -> str:
    return f"{entitlement.system}: {short(entitlement.role)} on {entitlement.resource}"
