"""`reconciler status`: who has what, until when. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from reconciler.cli import clock, ledgers, options, people
from reconciler.cli.session import FAILED, LEDGER, Session, proved
from reconciler.engine.situation import Situation
from reconciler.errors import InputError
from reconciler.ledger.base import LedgerError
from reconciler.ledger.query_held import held_at
from reconciler.model import Assignment, Claim, Mode, Plan, Unknown
from reconciler.planning.basis import Named, named
from reconciler.planning.between import Recorded, spells
from reconciler.planning.status import (
    Filter,
    Line,
    declared_then,
    foretold,
    held_then,
    status,
)
from reconciler.planning.unread import unread
from reconciler.policy import globs
from reconciler.proof.authorise import Authorised
from reconciler.proof.basis import unproved
from reconciler.render import as_text
from reconciler.render import status as render
from reconciler.render.words import moment
from reconciler.repository import Loaded


@click.command("status", epilog="Example: reconciler status --subject alice@example.com")
@options.repository
@options.about
@click.option("--ending", type=people.Within(), help="Only what ends within 24h, 7d…")
@click.option("--late", is_flag=True, help="Only what is over, and gives access all the same.")
@click.option("--at", type=options.Moment(), help="As it will be then, or was (by the ledger).")
@click.option("--foreign", "every", is_flag=True, help="Also what nobody declared.")
@options.output("text", "json")
@options.colour
def command(
    repo: Path,
    only: tuple[str, ...],
    subject: str | None,
    resource: str | None,
    grant: str | None,
    ending: timedelta | None,
    late: bool,
    at: datetime | None,
    every: bool,
    style: str,
    no_color: bool,
) -> int:
    """List access as git, its proof and the systems say it together: active, pending, upcoming,
    not approved, left over.
    """
    now = clock.now()
    asked = Filter(
        subject or "",
        globs.text([resource]) if resource else None,
        people.file(grant, repo) if grant else "",
        _by(at or now, ending) if ending else None,
        late,
        every,
    )
    if at is not None and at < now:
        return _past(repo, only, now, at, asked, style, plain=no_color)
    with options.progress(plain=no_color) as progress:
        session = Session.open(repo, only, at or now, progress)
        situation = session.remembering(session.look(progress))
        plan = session.plan(situation)
    lines = _lines(session, situation, plan)
    if at is not None and at > now:
        modes = session.modes
        lines = foretold(lines, at, lambda system: modes[system] is Mode.ENFORCE)
    _known(asked, lines, repo, session.loaded, session.authorised)
    found = tuple(line for line in lines if asked(line))
    _print(found, plan, style, _late(plan) if late else render.text, plain=no_color)
    return session.exit_code(plan)


def _by(at: datetime, ending: timedelta) -> datetime:
    try:
        return at + ending
    except OverflowError:
        raise InputError(
            f"--ending: {at.isoformat()} is too near the end of the calendar"
        ) from None


def _known(
    asked: Filter, lines: tuple[Line, ...], repo: Path, loaded: Loaded, found: Authorised
) -> None:
    """Raises InputError for somebody who has nothing, and whom nobody knows."""
    if asked.grant:
        people.tell_grant(asked.grant, repo, found)
    if not asked.subject:
        return
    people.tell_group(asked.subject, loaded)
    anything = Filter(asked.subject, foreign=True)
    if not any(anything(line) for line in lines):
        people.resolved(asked.subject, people.known(loaded, found))


def _lines(session: Session, situation: Situation, plan: Plan) -> tuple[Line, ...]:
    says, pairs = situation.says, situation.pairs
    lines = status(says, plan, session.connections.can, _unproved(session, pairs))
    if not plan.unknown:
        return lines
    found = (*lines, *unread(session.authorised.claims, pairs, says, situation.now))
    return tuple(sorted(found, key=lambda line: (line.subject, line.assignment, line.state)))


def _unproved(session: Session, pairs: Iterable[tuple[Assignment, Claim]]) -> tuple[Named, ...]:
    """What git says in the chosen systems, and was not shown to be approved."""
    systems = session.connections.systems
    found = unproved(session.authorised, lambda claim: claim.entitlement.system in systems)
    return named(found, pairs)


def _past(
    repo: Path,
    only: tuple[str, ...],
    now: datetime,
    at: datetime,
    asked: Filter,
    style: str,
    *,
    plain: bool,
) -> int:
    """By the ledger, which tells what was done; before it began, or without one, by git and its
    proof, which tell what was declared. No system is asked: none tells of the past."""
    with options.progress(plain=plain) as progress:
        loaded, found = proved(repo, now, progress, horizon=at, about=asked.subject)
    systems = people.systems(only, loaded)
    held, notes, error = _recorded(loaded, repo, at)
    lines = declared_then(spells(found.claims), at) if held is None else held_then(held, at)
    chosen = tuple(
        line
        for line in sorted(lines, key=lambda line: (line.subject, line.assignment))
        if asked(line) and (not systems or line.assignment.entitlement.system in systems)
    )
    unread = (Unknown(LEDGER, "what was done until then", error),) if error else ()
    plan = Plan(at, unknown=(*found.unknown, *unread), notices=(*found.notices, *notes))
    _known(asked, lines, repo, loaded, found)
    _print(chosen, plan, style, _late(plan) if asked.late else render.past, plain=plain)
    return FAILED if plan.unknown else 0


def _recorded(
    loaded: Loaded, repo: Path, at: datetime
) -> tuple[tuple[Recorded, ...] | None, tuple[str, ...], str]:
    """None where the ledger says nothing of that time; what must be known of the answer; and why
    the ledger could not be read."""
    declared = "this is what git declared and its proof approved, not what the systems really held"
    try:
        ledger = ledgers.opened(loaded, repo)
        first = next(iter(ledger.entries()), None) if ledger is not None else None
        if ledger is None or first is None:
            what = "no ledger is kept" if ledger is None else "the ledger is empty"
            return None, (f"{what}: {declared}",), ""
        if first.event.at > at:
            began = moment(first.event.at)
            return None, (f"the ledger begins at {began}, after that: {declared}",), ""
        with ledgers.index(ledger, repo) as index:
            held = held_at(index, at, former=ledgers.former(loaded))
            found = tuple(ledgers.recorded(one) for one in held)
            untold = ledgers.untold(index, ledger, loaded, repo, (at, at))
            told = ("by the ledger: what the reconciler did, and not what others gave", *untold)
    except LedgerError as e:
        return None, (f"the ledger tells nothing: {declared}",), str(e)
    return found, told, ""


_Shown = Callable[[Sequence[Line], Console], None]


def _late(plan: Plan) -> _Shown:
    return partial(render.late, whole=not plan.unknown)


def _print(
    lines: tuple[Line, ...],
    plan: Plan,
    style: str,
    shown: _Shown,
    *,
    plain: bool,
) -> None:
    if style == "json":
        click.echo(render.document(lines, plan.at, plan.unknown, plan.reviews, plan.notices))
        return
    console = options.console(plain=plain)
    as_text.notices(plan, console)
    shown(lines, console)
    as_text.unknown(plan, console)
