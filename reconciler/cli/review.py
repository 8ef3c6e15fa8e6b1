"""`reconciler review`: emergencies that somebody has still to look at, and telling people of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import click

from reconciler.cli import clock, forges, options
from reconciler.cli.session import FAILED, proved
from reconciler.forge.base import ForgeError, ForgeWriter
from reconciler.model import ForgeKind, OpenReview
from reconciler.model.people import FORGE, accounts_in
from reconciler.policy.roster import Roster
from reconciler.policy.words import listed
from reconciler.proof.authorise import Authorised
from reconciler.render import as_json, as_text
from reconciler.render.words import moment, printable

_NUMBER = re.compile(r"/(\d+)(?:/overview)?/?$")  # of a pull request, by its address
_MARK = "break-glass"


@click.command("review", epilog="Example: reconciler review --tell")
@options.repository
@click.option(
    "--tell", is_flag=True, help="Wake whom the rules name, by a comment on the pull request."
)
@options.output("text", "json")
@options.colour
def command(repo: Path, tell: bool, style: str, no_color: bool) -> int:
    """List break-glass access that nobody has looked at afterwards, ended or not.

    A file in reviews/ closes it. --tell writes one comment for each, mentioning those whom the rule
    wakes, and finds it again when it runs again. Asks the forge alone, never a system.
    """
    now = clock.now()
    with options.progress(plain=no_color) as progress:
        _, found = proved(repo, now, progress)
    if style == "json":
        click.echo(as_json.reviews(found.reviews, now))
    else:
        as_text.reviews(found.reviews, now, options.console(plain=no_color))
    for unknown in found.unknown:
        click.echo(f"{unknown.where}: {printable(unknown.error)}", err=True)
    told = _tell(found) if tell else True
    return 0 if told and not found.unknown else FAILED


def _tell(found: Authorised) -> bool:
    """Whether everybody was told who is to be woken."""
    settings = found.changes.settings
    if not found.reviews or settings.kind is ForgeKind.NONE:
        return True
    try:
        writer = forges.writer(settings, os.environ)
    except ForgeError as e:
        _untold(str(e))
        return False
    roster = found.changes.tip.roster
    told = [_told(review, roster, writer) for review in found.reviews]
    return all(told)


def _told(review: OpenReview, roster: Roster, writer: ForgeWriter) -> bool:
    """Each on its own: where one cannot be told, the others are."""
    number = _NUMBER.search(review.pull)
    if number is None:
        _untold(f"{review.path} came by no pull request to write a comment on; tell them yourself")
        return False
    try:
        called = list(filter(None, map(writer.mention, _names(review.wakes, roster))))
        writer.comment(int(number[1]), _text(review, called), _MARK)
    except ForgeError as e:
        _untold(str(e))
        return False
    if not called:
        who = listed(review.wakes)
        _untold(
            f"nobody of {who} can be mentioned; give them `accounts: {{forge: …}}` in directory/"
        )
        return False
    click.echo(printable(f"told {' '.join(called)} on {review.pull}"), err=True)
    return True


def _untold(why: str) -> None:
    click.echo(f"somebody was not told of break-glass access: {printable(why)}", err=True)


def _text(review: OpenReview, called: Iterable[str]) -> str:
    who = ", ".join(review.subjects)
    return (
        f"**Break-glass access** was taken by {who}, by rule `{review.rule}`. {' '.join(called)}\n\n"
        f"Somebody else must look at it by {moment(review.due)}: add a file in `reviews/` that names "
        f"`{review.path}` and commit `{review.commit}` (docs/policies.md)."
    )


def _names(wakes: Iterable[str], roster: Roster) -> tuple[str, ...]:
    """One account of each person: a login where there is one, which needs no looking up."""
    people: dict[str, None] = {}
    for one in wakes:
        people.update(dict.fromkeys(sorted(roster.members(one)) or [one]))
    names = []
    for id in people:
        person = roster.person(id)
        accounts = accounts_in(person.accounts, FORGE) if person else ()
        names += sorted(accounts, key=lambda name: (name.isdigit(), name))[:1]
    return tuple(names)
