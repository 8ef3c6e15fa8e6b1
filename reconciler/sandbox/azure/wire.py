"""How ARM writes times and ids. Pure."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(moment: datetime) -> str:
    """Seven digits after the second: ARM's, which `datetime.fromisoformat` alone reads."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def moment_of(text: str) -> datetime:
    return datetime.fromisoformat(text)


def guid_of(resource_id: str) -> str:
    """The last segment of `/…/roleDefinitions/{guid}`."""
    return resource_id.rstrip("/").rpartition("/")[2].lower()
