"""Whole lists of Bitbucket Cloud, page by page. Never returns half of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.forge.base import ForgeError
from reconciler.forge.bitbucket.rest import Rest
from reconciler.forge.session import Refused

_PAGE = "50"  # the most for pull requests; more is cut to what is allowed without a word


def rows(
    rest: Rest, action: str, path: str, params: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], ...]:
    """Raises ForgeError for a page that is not one, for rows that the count knows of and no page
    has, and where `next` leads to another host (`Rest` sees to that) or in a circle."""
    found: list[dict[str, Any]] = []
    answer = rest.get(action, path, {**(params or {}), "pagelen": _PAGE})
    if answer.status == 202:  # of links from commits to pull requests
        raise Refused(action, "Bitbucket is still indexing; the next run asks again", 202)
    body: Any = answer.body
    followed: set[str] = set()
    while True:
        values = body.get("values") if isinstance(body, dict) else None
        if not isinstance(values, list) or not all(isinstance(row, dict) for row in values):
            raise ForgeError(action, "a page came without its list of values; nothing is used")
        found += values
        url = body.get("next")
        if url is None:
            break
        if not values or not isinstance(url, str) or url in followed:
            raise ForgeError(action, f"a page of {len(values)} rows leads to {url!r}")
        followed.add(url)
        body = rest.get(action, url).body
    size = body.get("size")
    if isinstance(size, int) and size > len(found):
        raise ForgeError(action, f"{len(found)} of {size} rows came; nothing is used")
    return tuple(found)
