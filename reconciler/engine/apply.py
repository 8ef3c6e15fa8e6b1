"""Carries out changes: removals first, systems side by side, one failure stopping only itself."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from reconciler.engine.connections import Connections
from reconciler.errors import ProviderError
from reconciler.model import Action, Change
from reconciler.planning.plan import phase
from reconciler.providers.base import Outcome, Writer

log = logging.getLogger("reconciler")

Group = tuple[Change, ...]  # the changes of one serial key, in order
Tell = Callable[[Outcome], None]


def apply(changes: Sequence[Change], connections: Connections) -> Iterator[Outcome]:
    """One outcome for each change, as they become known.

    `changes` keep their order within a serial key. In each system the groups that remove come
    first, then those that add, then removals that wait for the addition that takes their place.
    """
    systems: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        systems[change.assignment.entitlement.system].append(change)
    told: SimpleQueue[Outcome] = SimpleQueue()
    with ThreadPoolExecutor(max(1, len(systems))) as pool:
        for system, row in systems.items():
            pool.submit(_converge, system, row, connections, told.put)
        for _ in changes:
            yield told.get()


def _converge(system: str, changes: Sequence[Change], connections: Connections, tell: Tell) -> None:
    """Tells exactly one outcome for each change, whatever happens."""
    left = set(changes)

    def once(outcome: Outcome) -> None:
        if outcome.change in left:
            left.remove(outcome.change)
            tell(outcome)

    error = ProviderError(system, "carry out the change", "the writer gave no outcome")
    try:
        writer = connections.writer(system)
        for wave in _waves(changes, writer):
            jobs = connections.each(wave, lambda _: system, lambda group: _run(writer, group, once))
            for group, answer in jobs:
                if isinstance(answer, ProviderError):
                    for change in group:
                        once(Outcome(change, answer))
    except ProviderError as e:
        error = e
    except Exception as e:
        log.exception("%s: unexpected failure", system)
        error = ProviderError(system, "write", f"unexpected {type(e).__name__}: {e}")
    for change in tuple(left):
        once(Outcome(change, error))


def _run(writer: Writer, group: Group, tell: Tell) -> None:
    for outcome in writer.carry_out(group):
        tell(outcome)


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
