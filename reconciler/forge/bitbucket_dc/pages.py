"""Whole lists of Bitbucket Data Center, page by page, and where its calls go. Never returns half
of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from reconciler.forge.base import ForgeError
from reconciler.forge.bitbucket.rest import Rest
from reconciler.model import ForgeSettings

_PAGE = "500"  # the server cuts it to what its administrator allows, without a word


def base(settings: ForgeSettings, module: str = "api/1.0") -> str:
    project, _, name = settings.repository.partition("/")
    return f"/rest/{module}/projects/{quote(project, safe='')}/repos/{quote(name, safe='')}"


def rows(
    rest: Rest, action: str, path: str, params: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], ...]:
    """Raises ForgeError for a page that is not one, or that leads backwards."""
    found: list[dict[str, Any]] = []
    start = 0
    while True:
        asked = {**(params or {}), "limit": _PAGE, "start": str(start)}
        body: Any = rest.get(action, path, asked).body
        match body:
            case {"values": list(values), "isLastPage": bool(last)}:
                pass
            case _:
                raise ForgeError(action, "a page came without its list of values; nothing is used")
        if not all(isinstance(row, dict) for row in values):
            raise ForgeError(action, "a page has something else than rows; nothing is used")
        found += values
        if last:
            return tuple(found)
        following = body.get("nextPageStart")
        if not isinstance(following, int) or following <= start:
            raise ForgeError(action, f"the page from {start} leads on to {following!r}")
        start = following
