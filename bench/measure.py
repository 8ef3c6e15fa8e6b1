"""Runs two things in turn and compares them: the machine's mood hits both alike."""

from __future__ import annotations

import gc
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

Work = Callable[[], object]


@dataclass(frozen=True)
class Result:
    """One budget. `ratio` is ours over the peer's, the median of the pairs; `limit` is what it (or
    `ours` itself, in seconds, where there is no peer) must not exceed."""

    what: str
    ours: float
    limit: float
    peer: float | None = None
    ratio: float | None = None
    peer_name: str = ""

    @property
    def met(self) -> bool:
        return (self.ours if self.ratio is None else self.ratio) <= self.limit


def alone(what: str, work: Work, limit: float, times: int = 5) -> Result:
    """Against a limit in seconds."""
    return Result(what, statistics.median(timed(work) for _ in range(times)), limit)


def paired(
    what: str, ours: Work, peer: Work, peer_name: str, limit: float, times: int = 5
) -> Result:
    """Against a peer, in turn; `limit` is a ratio."""
    pairs = [(timed(ours), timed(peer)) for _ in range(times)]
    return Result(
        what,
        statistics.median(a for a, _ in pairs),
        limit,
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
        peer_name,
    )


def timed(work: Work) -> float:
    gc.collect()
    start = time.perf_counter()
    kept = work()
    spent = time.perf_counter() - start
    del kept  # what it takes to forget the result is not asked
    return spent


def command(words: Sequence[str | Path], cwd: Path, **env: str) -> Work:
    """A whole process, its output thrown away. Raises when it fails."""

    def run() -> None:
        subprocess.run(
            [str(word) for word in words],
            cwd=cwd,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(cwd), **env},
            stdout=subprocess.DEVNULL,
            check=True,
        )

    return run


def table(results: Sequence[Result]) -> str:
    rows = [("", "what", "ours", "peer", "ratio", "budget")]
    for r in results:
        peer = f"{r.peer:.3f} s {r.peer_name}" if r.peer is not None else ""
        ratio = f"{r.ratio:.3f}" if r.ratio is not None else ""
        budget = f"<= {r.limit:g}" + ("" if r.ratio is not None else " s")
        rows.append(("ok" if r.met else "OVER", r.what, f"{r.ours:.3f} s", peer, ratio, budget))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(f"{v:{w}}" for v, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
