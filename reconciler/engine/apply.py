"""Carries out changes: removals first, systems side by side, one failure stopping only itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence

from reconciler.engine.connections import Connections
from reconciler.errors import ProviderError
from reconciler.model import Action, Change
from reconciler.planning.plan import phase
from reconciler.providers.base import Outcome, Writer

Group = tuple[str, tuple[Change, ...]]  # (system, the changes of one serial key, in order)


def apply(changes: Sequence[Change], connections: Connections) -> Iterator[Outcome]:
    """One outcome for each change, as they become known.

    `changes` keep their order within a serial key. Groups that remove come first in each system,
    then those that add, then removals that wait for the addition that takes their place.
    """
    writers, failures = _open({c.assignment.entitlement.system for c in changes}, connections)
    for change in changes:
        if error := failures.get(change.assignment.entitlement.system):
            yield Outcome(change, error)
    for groups in _waves(changes, writers):
        answers = connections.each(
            groups, lambda group: group[0], lambda group: _carry_out(group, writers)
        )
        for group, outcomes in answers:
            if isinstance(outcomes, ProviderError):
                yield from (Outcome(change, outcomes) for change in group[1])
            else:
                yield from outcomes


def _open(
    systems: set[str], connections: Connections
) -> tuple[dict[str, Writer], dict[str, ProviderError]]:
    opened = dict(connections.each(sorted(systems), lambda s: s, connections.writer))
    writers = {s: w for s, w in opened.items() if not isinstance(w, ProviderError)}
    return writers, {s: e for s, e in opened.items() if isinstance(e, ProviderError)}


def _waves(changes: Sequence[Change], writers: dict[str, Writer]) -> Iterator[list[Group]]:
    """The groups, in up to three waves: each is over before the next begins."""
    groups: dict[tuple[str, Hashable], list[Change]] = defaultdict(list)
    gains = {c.assignment.slot for c in changes if c.action is Action.ADD}
    for change in changes:
        system = change.assignment.entitlement.system
        if system in writers:
            groups[system, writers[system].serial_key(change)].append(change)
    waves: dict[int, list[Group]] = defaultdict(list)
    for (system, _), group in groups.items():
        waves[min(phase(c, gains) for c in group)].append((system, tuple(group)))
    yield from (waves[wave] for wave in sorted(waves))


def _carry_out(group: Group, writers: dict[str, Writer]) -> tuple[Outcome, ...]:
    """Every change gets its outcome, even from a writer that breaks off."""
    system, changes = group
    outcomes: list[Outcome] = []
    error = ProviderError(system, "carry out the change", "the writer gave no outcome")
    try:
        outcomes.extend(writers[system].carry_out(changes))
    except ProviderError as e:
        error = e
    told = {outcome.change for outcome in outcomes}
    outcomes.extend(Outcome(change, error) for change in changes if change not in told)
    return tuple(outcomes)
