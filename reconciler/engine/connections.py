"""The readers of one run, opened when first needed and sharing one pace per system. Knows no
provider."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import lru_cache
from typing import TypeVar

from reconciler.engine.unforeseen import unforeseen
from reconciler.errors import ProviderError
from reconciler.model import Capabilities, Entitlement, Mode
from reconciler.providers.base import ConfiguredSystem, Pace, Reader, Writer

log = logging.getLogger("reconciler")

Job = TypeVar("Job")
Answer = TypeVar("Answer")


class Connections:
    """All configured systems. Holds no Writer: `writer` opens one for whoever may write."""

    def __init__(self, systems: Iterable[ConfiguredSystem]) -> None:
        self.systems = {s.system.name: s for s in systems}
        # One opens at a time: SDKs that two systems share must not be imported by two threads.
        self._opening = threading.Lock()
        self._paces: dict[str, Pace] = {}
        self._readers: dict[str, Reader] = {}

    def reader(self, name: str) -> Reader:
        """Raises ProviderError when the system cannot be reached at all."""
        with self._opening:
            if name not in self._readers:
                self._readers[name] = self.systems[name].system.open_reader(self._pace(name))
            return self._readers[name]

    def writer(self, name: str) -> Writer:
        with self._opening:
            return self.systems[name].system.open_writer(self._pace(name))

    def _pace(self, name: str) -> Pace:
        if name not in self._paces:
            from reconciler.engine.throttle import pace  # slow, and only for who asks a system

            self._paces[name] = pace(self.systems[name].rate)
        return self._paces[name]

    def mode(self, name: str) -> Mode:
        return self.systems[name].mode

    def scope(self, entitlement: Entitlement) -> str:
        return self.systems[entitlement.system].system.scope(entitlement)

    @lru_cache(maxsize=100_000)  # noqa: B019  # lives as long as the run
    def can(self, entitlement: Entitlement, ending: bool) -> Capabilities:
        return self.systems[entitlement.system].system.capabilities(entitlement, ending)

    @lru_cache(maxsize=100_000)  # noqa: B019  # lives as long as the run
    def knows(self, entitlement: Entitlement) -> bool:
        """Whether it can be one of its system's: the ledger remembers what a system of that name
        gave when it was of another provider, and whatever somebody wrote into it."""
        try:
            return bool(self.scope(entitlement)) and self.can(entitlement, True) is not None
        except Exception as e:  # of whatever kind a provider meets what no item of it can name
            log.debug("%s is no entitlement here: %s", entitlement, e)
            return False

    def each(
        self,
        jobs: Iterable[Job],
        system: Callable[[Job], str],
        do: Callable[[Job], Answer],
    ) -> Iterator[tuple[Job, Answer | ProviderError]]:
        """`do` every job, at most `concurrency` of a system side by side, as they finish.

        A failure is an answer: it stops neither the other jobs nor the other systems.
        """
        pools: dict[str, ThreadPoolExecutor] = {}
        futures = {}
        try:
            for job in jobs:
                name = system(job)
                if name not in pools:
                    workers = self.systems[name].rate.concurrency
                    pools[name] = ThreadPoolExecutor(workers, thread_name_prefix=name)
                futures[pools[name].submit(_caught, name, do, job)] = job
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            for pool in pools.values():
                pool.shutdown(wait=True, cancel_futures=True)


def _caught(name: str, do: Callable[[Job], Answer], job: Job) -> Answer | ProviderError:
    try:
        return do(job)
    except ProviderError as e:
        return e
    except Exception as e:
        return unforeseen(name, "go on", e)  # this piece of work fails alone
