"""`reconciler status`: who has what, until when. Reads only."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import clock, options
from reconciler.cli.session import Session
from reconciler.planning.status import State, status
from reconciler.render import as_json, as_text


@click.command("status", epilog="Example: reconciler status --subject alice@example.com")
@options.repository
@options.systems
@click.option("--subject", metavar="ID", help="Only this person, group or service.")
@click.option("--foreign", "every", is_flag=True, help="Also what nobody declared.")
@options.output("text", "json")
@options.colour
def command(
    repo: Path,
    only: tuple[str, ...],
    subject: str | None,
    every: bool,
    style: str,
    no_color: bool,
) -> int:
    """List access as git and the systems say it together: active, pending, upcoming, left over."""
    with options.progress(plain=no_color) as progress:
        session = Session.open(repo, only, clock.now(), progress)
        situation = session.remembering(session.look(progress))
        plan = session.plan(situation)
    lines = tuple(
        line
        for line in status(situation.says, plan, session.connections.can)
        if (every or line.state is not State.FOREIGN)
        and (subject is None or line.subject.casefold() == subject.casefold())
    )
    if style == "json":
        click.echo(as_json.status(lines, session.now))
    else:
        console = options.console(plain=no_color)
        as_text.status(lines, console)
        as_text.unknown(plan, console)
    return session.exit_code(plan)
