"""Plans, changes and what became of them -> events. Pure: writes nothing down itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from reconciler.ledger.digest import LOST
from reconciler.ledger.recall import MADE, NOT_MADE
from reconciler.model import (
    Action,
    Assignment,
    Change,
    Event,
    EventKind,
    OpenReview,
    Plan,
    Unapproved,
)


def started(at: datetime, run: str, command: str, commit: str) -> Event:
    return Event(EventKind.RUN_STARTED, at, run, action=command, commit=commit)


def lost(at: datetime, run: str, reason: str, entry: int) -> Event:
    return Event(EventKind.LEDGER_LOST, at, run, reason=reason, counts=((LOST, entry),))


def ended(at: datetime, run: str, outcome: str, counts: Iterable[tuple[str, int]]) -> Event:
    return Event(EventKind.RUN_ENDED, at, run, outcome=outcome, counts=tuple(counts))


def intended(change: Change, at: datetime, run: str) -> Event:
    return _change(EventKind.INTENDED, change, at, run)


def done(change: Change, error: str, at: datetime, run: str) -> Event:
    return _change(EventKind.DONE, change, at, run, error=error)


def found(event: Event, made: bool, at: datetime, run: str) -> Event:
    """What became of a change that a run died over, or that failed."""
    return Event(
        EventKind.FOUND,
        at,
        run,
        event.subject,
        event.assignment,
        event.action,
        event.cause,
        event.until,
        grants=event.grants,
        outcome=MADE if made else NOT_MADE,
        replaces=event.replaces,
        restores=event.restores,
        reason=f"run {event.run} could not tell what became of it",
    )


def vanished(of: Assignment, restores: str, at: datetime, run: str) -> Event:
    """What we gave went without us; `restores` is the role of ours that is back in its place."""
    return Event(
        EventKind.FOUND,
        at,
        run,
        assignment=of,
        action=Action.REMOVE,
        outcome=MADE,
        restores=restores,
        reason="it is gone, and not by us: its system ended it, or somebody took it away",
    )


def states(plan: Plan, at: datetime, run: str) -> Iterator[Event]:
    """What a plan shows beside its changes. What goes on from run to run comes again each time:
    `Digest.news` knows what was told."""
    for want in plan.unrecorded:
        yield Event(
            EventKind.FOUND,
            at,
            run,
            want.subject,
            want.assignment,
            Action.ADD,
            until=want.until,
            grants=want.grants,
            outcome=MADE,
            reason="ours by git's history, given before this ledger knew of it",
        )
    for held in plan.already_held:
        yield Event(
            EventKind.ALREADY_HELD,
            at,
            run,
            held.subject,
            held.assignment,
            grants=held.grants,
            reason=held.note,
        )
    for foreign in plan.foreign:
        if foreign.note.startswith("came back"):
            of = foreign.observed.assignment
            yield Event(EventKind.CAME_BACK, at, run, assignment=of, reason=foreign.note)
    for back in plan.held:
        reason = f"{back.guard}: {back.reason}"
        yield _change(EventKind.HELD_BACK, back.change, at, run, reason=reason)
    for unread in plan.unknown:
        reason = f"{unread.system}: {unread.where}"
        yield Event(EventKind.UNKNOWN, at, run, reason=reason, error=unread.error)
    yield from (_unapproved(one, at, run) for one in plan.unapproved if not one.subject)
    yield from (_emergency(review, at, run) for review in plan.reviews)


def notified(person: str, review: OpenReview, at: datetime, run: str) -> Event:
    """A comment that mentions them stands on the pull request."""
    return Event(
        EventKind.NOTIFIED,
        at,
        run,
        person,
        path=review.path,
        commit=review.commit,
        rule=review.rule,
        pull=review.pull,
        reason=f"woken: break-glass access was taken by {', '.join(review.subjects)}",
    )


def _unapproved(of: Unapproved, at: datetime, run: str) -> Event:
    return Event(
        EventKind.UNAPPROVED,
        at,
        run,
        path=of.path,
        commit=of.commit,
        rule=of.rule,
        pull=of.pull,
        reason=of.reason,
    )


def _emergency(review: OpenReview, at: datetime, run: str) -> Event:
    return Event(
        EventKind.BREAK_GLASS,
        at,
        run,
        ", ".join(review.subjects),
        until=review.due,
        path=review.path,
        commit=review.commit,
        rule=review.rule,
        pull=review.pull,
        reason=review.reason,
    )


def _change(
    kind: EventKind, change: Change, at: datetime, run: str, reason: str = "", error: str = ""
) -> Event:
    return Event(
        kind,
        at,
        run,
        change.subject,
        change.assignment,
        change.action,
        change.cause,
        change.until,
        grants=change.grants,
        reason=reason or change.note,
        error=error,
        replaces=change.replaces,
        restores=change.restores,
        handle=change.live.handle if change.live else "",
        native_expiry=change.native_expiry,
    )
