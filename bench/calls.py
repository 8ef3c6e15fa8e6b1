"""Many calls through the engine: under a rate limit, and under latency alone, beside the bound."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.measure import Result, timed
from reconciler.engine.connections import Connections
from reconciler.engine.throttle import pace
from reconciler.model import Mode
from reconciler.providers.base import ConfiguredSystem, Rate
from tests.engine.fakes import FakeSystem


def through(calls: int, rate: Rate, latency: float) -> Callable[[], None]:
    """`calls` jobs, each paced and taking `latency` seconds, as the engine runs them."""
    connections = Connections([ConfiguredSystem(FakeSystem(), Mode.ENFORCE, rate)])
    wait = pace(rate)

    def call(_: int) -> None:
        wait()
        time.sleep(latency)

    def work() -> None:
        for _ in connections.each(range(calls), lambda _: "sys", call):
            pass

    return work


def run(home: Path) -> Iterator[Result]:
    limited = Rate(calls=100, seconds=1, concurrency=10)
    bound = (1000 - 100) / 100 + 0.01
    ours = timed(through(1000, limited, 0.01))
    yield Result("1,000 calls at 100/s", ours, 1.1, bound, ours / bound, "the bound")
    free = Rate(calls=1_000_000, seconds=1, concurrency=10)
    bound = 1000 * 0.05 / 10
    ours = timed(through(1000, free, 0.05))
    yield Result("1,000 calls of 50 ms, 10 at once", ours, 1.1, bound, ours / bound, "the bound")
