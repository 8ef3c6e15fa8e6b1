"""Asks the systems by what other ways somebody reaches what is theirs. Plans nothing from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.engine.connections import Connections
from reconciler.engine.observe import Progress, quiet
from reconciler.errors import NotFound, ProviderError
from reconciler.model import Assignment, Observed


@dataclass(frozen=True, slots=True)
class Indirect:
    """By `Assignment.slot`: a principal on a resource. `unread` says why it is not known."""

    rows: Mapping[str, tuple[Observed, ...]] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)


def indirect(
    assignments: Iterable[Assignment], connections: Connections, progress: Progress = quiet
) -> Indirect:
    """Each resource is asked about once for each principal. One that is gone has no ways to it."""
    places = {of.slot: of for of in assignments if of.principal.id}
    rows: dict[str, tuple[Observed, ...]] = {}
    unread: dict[str, str] = {}
    progress("asking for other ways", 0, len(places))
    answers = connections.each(
        places.values(),
        lambda of: of.entitlement.system,
        lambda of: connections.reader(of.entitlement.system).indirect(of.principal, of.entitlement),
    )
    for done, (of, answer) in enumerate(answers, 1):
        progress("asking for other ways", done, len(places))
        if not isinstance(answer, ProviderError):
            rows[of.slot] = tuple(sorted(answer, key=_order))
        elif not isinstance(answer, NotFound):
            unread[of.slot] = answer.cause
    return Indirect(rows, unread)


def _order(row: Observed) -> tuple[str, str, str]:
    return row.via, row.assignment.key, row.handle
