"""Whether what we gave carries the mark of somebody else: then `owner` was changed, and nothing would
end it. Pure; disowns nothing itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from reconciler.model import Observed, Unknown
from reconciler.model.marking import UNTOLD

_WHERE = "what we gave under another `owner`"


def disowned(rows: Sequence[Observed], recalled: Callable[[str], bool]) -> tuple[Unknown, ...]:
    """By system and owner. `recalled` says whether the ledger remembers that we gave an assignment
    (its key). Where a row of ours is there too, the other one is another repository's."""
    theirs = [r for r in rows if r.owner is not None and not r.inherited and not r.via]
    theirs = [row for row in theirs if recalled(row.assignment.key)]
    if not theirs:
        return ()
    ours = {row.assignment.key for row in rows if row.marker is not None}
    found: dict[tuple[str, str], list[Observed]] = defaultdict(list)
    for row in theirs:
        if row.assignment.key not in ours:
            found[row.assignment.entitlement.system, row.owner or ""].append(row)
    return tuple(Unknown(s, _WHERE, _told(owner, of)) for (s, owner), of in sorted(found.items()))


def _told(owner: str, rows: Sequence[Observed]) -> str:
    first = min(rows, key=lambda row: row.assignment.key).assignment
    name = owner or '""'
    more = f", and {len(rows) - 1} more" if len(rows) > 1 else ""
    fix = f"if this repository was called so, write `owner_was: [{name}]` in reconciler.yaml"
    if owner == UNTOLD:
        fix = "if this repository had another owner, write it under `owner_was` in reconciler.yaml"
    whose = f"is marked by {rows[0].controller}"
    e = first.entitlement
    return f"{first.principal} has {e.role} on {e.resource}{more}: it {whose}, and nothing here will end it; {fix}"
