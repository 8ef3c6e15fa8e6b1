"""`reconciler plan`: what apply would change, and why. Holds no writer."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from reconciler.cli import clock, options
from reconciler.cli.session import PENDING, Session
from reconciler.errors import InputError
from reconciler.render import as_json, as_markdown, as_text


@click.command(
    "plan",
    epilog="Example: reconciler plan --system aws --at 2026-12-01T18:00:00Z",
)
@options.repository
@options.systems
@click.option("--at", type=options.Moment(), help="As it will be then, if nothing else happens.")
@options.output("text", "json", "markdown")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Also write JSON here."
)
@click.option("--foreign", "every", is_flag=True, help="List all foreign access.")
@click.option(
    "--detailed-exit-code", is_flag=True, help="End with 10 when there is something to change."
)
@options.colour
def command(
    repo: Path,
    only: tuple[str, ...],
    at: datetime | None,
    style: str,
    out: Path | None,
    every: bool,
    detailed_exit_code: bool,
    no_color: bool,
) -> int:
    """Compare what git declares with what the systems really allow, and show the difference.

    Reads only: nothing is changed, whatever the modes of the systems are.
    """
    now = clock.now()
    if out is not None and not out.absolute().parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.parent}; make it first")
    if at is not None and at < now:
        raise InputError(f"--at {at.isoformat()} is in the past; write a time that is to come")
    with options.progress(plain=no_color) as progress:
        session = Session.open(repo, only, at or now, progress)
        drawn = session.plan(session.remembering(session.look(progress)))
    if out:
        _written(out, as_json.plan(drawn))
    if style == "json":
        click.echo(as_json.plan(drawn))
    elif style == "markdown":
        click.echo(as_markdown.plan(drawn), nl=False)
    else:
        as_text.plan(drawn, options.console(plain=no_color), session.modes, every=every)
    code = session.exit_code(drawn)
    return PENDING if detailed_exit_code and drawn.changes and not code else code


def _written(out: Path, text: str) -> None:
    try:
        out.write_text(text + "\n")
    except OSError as e:
        raise InputError(f"--out {out} cannot be written: {e.strerror}") from e
