"""Whether `owner` in reconciler.yaml was changed without a word: what carries the old mark would be
nobody's. Reads no file; the contents are handed in."""

from __future__ import annotations

import re
from collections.abc import Iterable

from reconciler.errors import Problem
from reconciler.repository.characters import LARGE
from reconciler.repository.configuration import FILE, Configuration
from reconciler.repository.parse import read

_OWNER = re.compile(
    rb"""^[^#\n]*?(?<![\w-])["']?owner["']?\s*:\s*["']?([a-z0-9-]*)""", re.MULTILINE
)


def unsaid(data: bytes, now: Configuration, earlier: Iterable[bytes]) -> Problem | None:
    """`data` is what `now` was read from, `earlier` are the contents that the file had before it.

    Those are looked at, not parsed: there may be many, and one that was never valid costs only a
    word in `owner_was`.
    """
    before = {found[1].decode() if (found := _OWNER.search(text)) else "" for text in earlier}
    before -= {now.owner}
    if now.owner_was is not None or not before:
        return None
    names = ", ".join(owner or '""' for owner in sorted(before))
    is_now = f"`owner` is `{now.owner}`" if now.owner else "there is no `owner`"
    fix = (
        f"write `owner_was: [{names}]`, or what was given under that mark would never be taken away;"
        " `owner_was: []` if this repository never gave anything under it"
    )
    tree, _ = read(FILE, data, LARGE)
    assert tree is not None  # there is a configuration
    place = ("owner",) if now.owner else ()
    return Problem(tree.position(place), f"{is_now}, and it was {names}", fix, "owner")
