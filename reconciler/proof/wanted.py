"""What the forge is asked about a grant, and under which name the answer is remembered. Pure, but for
reading the memory."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.forge.base import Want
from reconciler.model import Grant, Version
from reconciler.proof.changes import Changes
from reconciler.proof.evidence import Memory


def wants(
    changes: Changes, memory: Memory, versions: Iterable[Version[Grant]], start: int, end: int
) -> tuple[Want, ...]:
    """What the forge will be asked for the commits from `start` to `end`: to fetch it along."""
    found = [v for v in versions if start <= (changes.archive.number(v.commit) or -1) <= end]
    known = memory.read(f"grants:{changes.anchor}", [name(v) for v in found])
    return tuple(want(v) for v in found if name(v) not in known)


def want(version: Version[Grant]) -> Want:
    return Want(version.commit, version.origin, version.blob)


def name(version: Version[Grant]) -> str:
    return f"{version.commit}\0{version.blob}\0{version.origin}"
