"""Reads every scope in use, side by side. A scope is read whole or is unknown, never half."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reconciler.engine.connections import Connections
from reconciler.errors import NotFound, ProviderError
from reconciler.model import Entitlement, Observed, Unknown

Scope = tuple[str, str]  # (system, scope)
Progress = Callable[[str, int, int], None]  # (what, done, total)


def quiet(what: str, done: int, total: int) -> None:
    """The Progress that shows nothing."""


@dataclass(frozen=True, slots=True)
class Reading:
    """`unread` are the scopes of which nothing is known."""

    rows: tuple[Observed, ...]
    unknown: tuple[Unknown, ...] = ()
    unread: frozenset[Scope] = frozenset()


def observe(
    entitlements: Iterable[Entitlement],
    needed: Callable[[Entitlement], bool],
    connections: Connections,
    progress: Progress = quiet,
) -> Reading:
    """`entitlements` are canonical. A scope that does not exist is no failure when nothing in it
    is `needed`: what was there once is gone, and its access with it."""
    scopes: dict[Scope, set[Entitlement]] = defaultdict(set)
    for entitlement in entitlements:
        scopes[entitlement.system, connections.scope(entitlement)].add(entitlement)
    rows: list[Observed] = []
    unknown: list[Unknown] = []
    unread: set[Scope] = set()
    progress("reading", 0, len(scopes))
    answers = connections.each(
        scopes,
        lambda scope: scope[0],
        lambda scope: connections.reader(scope[0]).observe(scope[1], frozenset(scopes[scope])),
    )
    for done, (scope, answer) in enumerate(answers, 1):
        progress("reading", done, len(scopes))
        if not isinstance(answer, ProviderError):
            # A list that moves while its pages are read may show a row twice.
            rows.extend({(r.assignment.key, r.handle): r for r in answer}.values())
        elif not isinstance(answer, NotFound) or any(map(needed, scopes[scope])):
            unread.add(scope)
            unknown.append(Unknown(scope[0], scope[1], answer.cause))
    return Reading(tuple(rows), tuple(unknown), frozenset(unread))
