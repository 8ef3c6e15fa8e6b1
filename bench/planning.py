"""A million declared assignments against a million live ones, beside the barest thing that could
work: two sets of joined keys, subtracted."""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from bench.measure import Result, paired
from reconciler.model import (
    Assignment,
    Capabilities,
    Declaration,
    Declared,
    Entitlement,
    Observed,
    Plan,
    Principal,
)
from reconciler.planning.plan import Live, plan

SIZE = 1_000_000
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
UNTIL = NOW + timedelta(hours=4)


@lru_cache(None)
def can(entitlement: Entitlement, ending: bool) -> Capabilities:
    return Capabilities(native_expiry=True, marker=True)


def assignments(size: int) -> Iterator[Assignment]:
    """10,000 entitlements of a system, held by up to 1,000 people each."""
    entitlements = [
        Entitlement("gcp", "project", f"projects/p{i:05}", f"roles/r{j}")
        for i in range(500)
        for j in range(20)
    ]
    people = [Principal(f"user:u{i}@example.com") for i in range(1000)]
    for i in range(size):
        yield Assignment(entitlements[i % 10_000], people[i // 10_000 % 1000])


def world(size: int) -> tuple[Declaration, Live]:
    """One in a thousand of the declared is not live."""
    declared = {a.key: Declared(a, "x", UNTIL, ("grants/a.yaml",)) for a in assignments(size)}
    rows = [
        Observed(a, marker="m", until=UNTIL, handle="h")
        for i, a in enumerate(assignments(size))
        if i % 1000
    ]
    return Declaration(declared, {}, {}, {}), Live(rows)


def drawn(says: Declaration, live: Live) -> Plan:
    return plan(says, live, can, NOW, NOW - timedelta(days=30))


def run(home: Path) -> Iterator[Result]:
    says, live = world(SIZE)
    gc.freeze()

    def ours() -> None:
        assert len(drawn(says, live).changes) == SIZE // 1000

    def peer() -> None:
        wanted = {d.assignment.key for d in says.declared.values()}
        found = {r.assignment.key for r in live.rows}
        assert len(wanted - found) == SIZE // 1000

    result = paired("plan 1M against 1M", ours, peer, "two sets of keys", 4.0, 3)
    yield result
    yield Result("plan 1M against 1M", result.ours, 3.0)
    peak = subprocess.run(
        [sys.executable, "-m", "bench.planning"], capture_output=True, text=True, check=True
    )
    yield Result("plan 1M against 1M, peak GB (not s)", float(peak.stdout), 1.0)


if __name__ == "__main__":
    drawn(*world(SIZE))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
