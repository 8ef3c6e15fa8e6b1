"""Carries out changes: removals first, systems side by side, one failure stopping only itself."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue

from reconciler.engine.connections import Connections
from reconciler.engine.unforeseen import unforeseen
from reconciler.errors import ProviderError
from reconciler.model import Action, Change
from reconciler.planning.plan import phase
from reconciler.providers.base import Outcome, Writer

Group = tuple[Change, ...]  # the changes of one serial key, in order
Tell = Callable[[Outcome], None]


def apply(changes: Sequence[Change], connections: Connections) -> Generator[Outcome, None, None]:
    """One outcome for each change, as they become known.

    `changes` keep their order within a serial key. In each system the groups that remove come
    first, then those that add, then removals that wait for the addition that takes their place.
    Closing the generator ends the run: what is under way is finished, nothing more is begun.
    """
    systems: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        systems[change.assignment.entitlement.system].append(change)
    told: SimpleQueue[Outcome] = SimpleQueue()
    stop = threading.Event()
    with ThreadPoolExecutor(max(1, len(systems))) as pool:
        try:
            for system, row in systems.items():
                pool.submit(_System(system, connections, told.put, stop).converge, row)
            for _ in changes:
                yield told.get()
        finally:
            stop.set()


@dataclass(frozen=True, slots=True)
class _System:
    """The work on one system, in a thread of its own."""

    name: str
    connections: Connections
    tell: Tell
    stop: threading.Event

    def converge(self, changes: Sequence[Change]) -> None:
        """Tells exactly one outcome for each change, whatever happens."""
        left = Counter(changes)

        def once(outcome: Outcome) -> None:
            if left[outcome.change]:
                left[outcome.change] -= 1
                self.tell(outcome)

        error = ProviderError(self.name, "carry out the change", "the writer gave no outcome")
        try:
            self._run(changes, self.connections.writer(self.name), once)
        except ProviderError as e:
            error = e
        except Exception as e:
            error = unforeseen(self.name, "write", e)
        for change in tuple(left.elements()):
            once(Outcome(change, error))

    def _run(self, changes: Sequence[Change], writer: Writer, tell: Tell) -> None:
        def carry_out(group: Group) -> None:
            if not self.stop.is_set():
                for outcome in writer.carry_out(group):
                    tell(outcome)

        for wave in _waves(changes, writer):
            for group, answer in self.connections.each(wave, lambda _: self.name, carry_out):
                if isinstance(answer, ProviderError):
                    for change in group:
                        tell(Outcome(change, answer))


def _waves(changes: Sequence[Change], writer: Writer) -> Iterator[tuple[Group, ...]]:
    """The groups, in up to three waves: each is over before the next begins."""
    groups: dict[Hashable, list[Change]] = defaultdict(list)
    gains = {c.assignment.slot for c in changes if c.action is Action.ADD}
    for change in changes:
        groups[writer.serial_key(change)].append(change)
    waves: dict[int, list[Group]] = defaultdict(list)
    for group in groups.values():
        waves[min(phase(c, gains) for c in group)].append(tuple(group))
    yield from (tuple(waves[wave]) for wave in sorted(waves))
