"""`reconciler request`: ask for access, for another end, or say that it is no longer needed. Grants
nothing: it writes a file and opens a pull request, and the rules and the people decide."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

import click

from reconciler.asking.grant_file import item
from reconciler.cli import clock, options
from reconciler.cli.request_desk import Desk
from reconciler.cli.request_flow import extend, give_back, new
from reconciler.cli.request_questions import Length
from reconciler.cli.request_said import Said
from reconciler.errors import InputError


@click.command(
    "request", epilog="Example: reconciler request --bundle payments-oncall --duration 8h"
)
@options.repository
@click.option("--for", "subject", default="", metavar="ID", help="Who gets it; left out: you.")
@click.option("--group", default="", metavar="NAME", help="A group of the directory gets it.")
@click.option("--access", multiple=True, metavar="KEY=VALUE,…", help="An item; may be repeated.")
@click.option("--bundle", "bundles", multiple=True, metavar="NAME", help="A bundle of items.")
@click.option("--duration", type=Length(), help="How long, from the merge: 8h, 1d12h.")
@click.option("--expires", type=options.Moment(), help="When it ends, instead of --duration.")
@click.option("--starts", type=options.Moment(), help="Not before this time.")
@click.option("--reason", default="", help="Why, for those who approve and those who audit.")
@click.option("--ticket", default="", metavar="ID", help="The ticket that it belongs to.")
@click.option("--path", default="", metavar="FILE", help="The file; left out: where a rule has it.")
@click.option("--break-glass", is_flag=True, help="At once, without approval, reviewed afterwards.")
@click.option("--extend", "longer", metavar="FILE", help="Move the end of a grant that is there.")
@click.option("--done", "over", metavar="FILE", help="Take away a grant that is no longer needed.")
@click.option("--open/--no-open", "opens", default=None, help="Open the pull request, or do not.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@options.output("text", "json")
@options.colour
def command(
    repo: Path,
    subject: str,
    group: str,
    access: tuple[str, ...],
    bundles: tuple[str, ...],
    duration: str | None,
    expires: datetime | None,
    starts: datetime | None,
    reason: str,
    ticket: str,
    path: str,
    break_glass: bool,
    longer: str | None,
    over: str | None,
    opens: bool | None,
    yes: bool,
    style: str,
    no_color: bool,
) -> int:
    """Ask for access: see at once who will have to approve, and open the pull request.

    What is not given is asked. Your work tree and index stay as they are, unless no pull request
    can be opened: then the file is left in the work tree. Ends with 4 where the rules say no.
    """
    now = clock.now()
    items = (*map(item, access), *(json.dumps({"bundle": name}) for name in bundles))
    said = Said(
        subject,
        group,
        tuple(dict.fromkeys(items)),
        duration or "",
        expires,
        starts,
        reason,
        ticket,
        path,
        break_glass,
        yes,
        style,
    )
    said.check(now)
    _one_way(said, longer, over)
    with options.progress(plain=no_color) as progress:
        desk = Desk.open(repo, now, opens, progress)
    if longer:
        return extend(desk, said, _within(longer, desk.clone.root))
    if over:
        return give_back(desk, said, _within(over, desk.clone.root))
    return new(desk, said)


def _one_way(said: Said, longer: str | None, over: str | None) -> None:
    """Raises InputError where two of the three things are asked at once."""
    if longer and over:
        raise InputError("--extend and --done are both given; write one of them")
    if longer and said != _only_end(said):
        raise InputError("--extend takes a new end (--duration or --expires) and nothing else")
    if over and (said != _only_end(said) or not said.open_ended):
        raise InputError("--done takes its file and nothing else; leave the other options out")


def _only_end(said: Said) -> Said:
    return Said(duration=said.duration, expires=said.expires, yes=said.yes, style=said.style)


def _within(path: str, root: Path) -> str:
    """A path as the repository has it, also where it is written from within a folder of it."""
    full = Path(path).absolute()
    full = full.parent.resolve() / full.name
    if full.exists() and full.is_relative_to(root):
        return full.relative_to(root).as_posix()
    return os.path.normpath(path)
