"""`reconciler status`: who has what, until when. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import click

from reconciler.cli import clock, options, people
from reconciler.cli.session import Session
from reconciler.model import Assignment, Claim, Plan, Proof
from reconciler.planning.basis import Named, named
from reconciler.planning.status import Filter, Line, foretold, status
from reconciler.policy import globs
from reconciler.proof.basis import bases
from reconciler.render import as_text
from reconciler.render import status as render


@click.command("status", epilog="Example: reconciler status --subject alice@example.com")
@options.repository
@options.systems
@click.option("--subject", metavar="ID", help="Only this person, group or service.")
@click.option("--resource", metavar="GLOB", help="Only what lies there: projects/payments-*.")
@click.option("--grant", metavar="PATH", help="Only what this file, or folder, says.")
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
        (at or now) + ending if ending else None,
        late,
        every,
    )
    with options.progress(plain=no_color) as progress:
        session = Session.open(repo, only, at or now, progress)
        situation = session.remembering(session.look(progress))
        plan = session.plan(situation)
    lines = status(
        situation.says, plan, session.connections.can, _unproved(session, situation.pairs)
    )
    if at is not None and at > now:
        lines = foretold(lines, at)
    found = tuple(line for line in lines if asked(line))
    anything = Filter(subject or "", foreign=True)
    if subject and not any(anything(line) for line in lines):
        people.resolved(subject, people.known(session.loaded, session.authorised))
    _print(found, plan, style, late=late, plain=no_color)
    return session.exit_code(plan)


def _unproved(session: Session, pairs: Iterable[tuple[Assignment, Claim]]) -> tuple[Named, ...]:
    """What git says in the chosen systems, and was not shown to be approved."""
    systems = session.connections.systems
    found = (
        basis
        for basis in bases(session.authorised, lambda c: c.entitlement.system in systems)
        if basis.proof is not Proof.PROVED
    )
    return named(found, pairs)


def _print(lines: tuple[Line, ...], plan: Plan, style: str, *, late: bool, plain: bool) -> None:
    if style == "json":
        click.echo(render.document(lines, plan.at, plan.unknown, plan.reviews, plan.notices))
        return
    console = options.console(plain=plain)
    as_text.notices(plan, console)
    (render.late if late else render.text)(lines, console)
    as_text.unknown(plan, console)
