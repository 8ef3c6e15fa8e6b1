"""The number of a batch <-> its path in a store: a thousand to a folder, in the order of text.
Looks at no store."""

from __future__ import annotations

import re

_EACH = 1000
_PATH = re.compile(r"([0-9]{6,})/([0-9]{9,})\.jsonl")


def folder_of(number: int) -> str:
    return f"{number // _EACH:06d}"


def path_of(number: int) -> str:
    return f"{folder_of(number)}/{number:09d}.jsonl"


def numbered(path: str) -> int:
    """0 for a path that is no batch's, or not where that batch belongs."""
    match = _PATH.fullmatch(path)
    number = int(match[2]) if match else 0
    return number if number and path_of(number) == path else 0
