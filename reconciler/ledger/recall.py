"""Entries -> what is remembered of each assignment, and what a crash left open. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from reconciler.model import Action, Assignment, Entry, Event, EventKind, Recollection

MADE, NOT_MADE = "made", "not-made"  # what `found` says in `outcome` of a change that was intended

_NOTHING = Recollection()
_TICK = timedelta(microseconds=1)


def recall(entries: Iterable[Entry]) -> Mapping[str, Recollection]:
    """By `Assignment.key`. Only what was certainly made counts: `done` without an error, or
    `found` with the outcome `made`."""
    found: dict[str, Recollection] = {}
    for entry in entries:
        remember(found, entry.event)
    return found


def remember(found: dict[str, Recollection], event: Event) -> None:
    """One more event."""
    a = event.assignment
    if a is None:
        return
    if event.kind is EventKind.ALREADY_HELD:
        found[a.key] = replace(found.get(a.key, _NOTHING), already_held=event.at)
    elif made(event) and event.action == Action.ADD:
        _added(found, event, a)
    elif made(event) and event.action == Action.REMOVE:
        _removed(found, event, a)


def unfinished(entries: Iterable[Entry]) -> tuple[Event, ...]:
    """Changes that were intended and of which nobody knows what became of them: their run died, or
    was told of a failure, which does not say that nothing was done (the answer was lost on its way,
    or what was written could not be read again). The last of each assignment, in the order in which
    they were intended."""
    left: dict[str, Event] = {}
    for entry in entries:
        follow(left, entry.event)
    return tuple(left.values())


def follow(left: dict[str, Event], event: Event) -> None:
    """One more event."""
    if event.assignment is None:
        return
    if event.kind is EventKind.INTENDED:
        left.pop(event.assignment.key, None)
        left[event.assignment.key] = event
    elif event.kind is EventKind.FOUND or (event.kind is EventKind.DONE and not event.error):
        left.pop(event.assignment.key, None)


def made(event: Event) -> bool:
    """Whether a change was certainly made."""
    if event.kind is EventKind.FOUND:
        return event.outcome == MADE
    return event.kind is EventKind.DONE and not event.error


def _added(found: dict[str, Recollection], event: Event, a: Assignment) -> None:
    """Ours from now on. Where it overwrote a role that was ours as well, what that one had
    overwritten is still what was there before us."""
    replaced = event.replaces
    if replaced:
        other = _beside(a, replaced).key
        was = found.get(other, _NOTHING)
        if was.added and not was.removed:
            found[other] = Recollection(was.added, removed=_behind(was, event))
            replaced = was.replaced
    found[a.key] = Recollection(event.at, replaced=replaced)


def _removed(found: dict[str, Recollection], event: Event, a: Assignment) -> None:
    """A role that came back in its place is ours, unless it is the one that was there before."""
    was = found.get(a.key, _NOTHING)
    found[a.key] = replace(was, removed=_behind(was, event), replaced="")
    if event.restores and event.restores != was.replaced:
        found[_beside(a, event.restores).key] = Recollection(event.at, replaced=was.replaced)


def _behind(was: Recollection, event: Event) -> datetime:
    """What stands behind in the chain came later, also by another machine's clock."""
    return max(event.at, was.added + _TICK) if was.added else event.at


def _beside(a: Assignment, role: str) -> Assignment:
    """The same slot with another role in it."""
    return replace(a, entitlement=replace(a.entitlement, role=role))
