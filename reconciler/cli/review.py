"""`reconciler review`: emergencies that somebody has still to look at, and telling people of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import click

from reconciler.cli import clock, forges, ledgers, options
from reconciler.cli.session import FAILED, proved
from reconciler.forge.base import ForgeError, ForgeWriter
from reconciler.ledger.record import notified
from reconciler.model import ForgeKind, OpenReview
from reconciler.model.people import FORGE, accounts_in
from reconciler.policy.roster import Roster
from reconciler.policy.words import listed
from reconciler.proof.authorise import Authorised
from reconciler.render import as_json, as_text
from reconciler.render.words import moment, printable
from reconciler.repository import Loaded

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
    wakes, and finds it again when it runs again; the ledger, where one is kept, is told who was
    woken. Asks the forge alone, never a system.
    """
    now = clock.now()
    with options.progress(plain=no_color) as progress:
        loaded, found = proved(repo, now, progress)
    if style == "json":
        click.echo(as_json.reviews(found.reviews, now))
    else:
        console = options.console(plain=no_color)
        as_text.reviews(found.reviews, now, console, whole=not found.unknown)
    for unknown in found.unknown:
        click.echo(f"{unknown.where}: {printable(unknown.error)}", err=True)
    if not tell or not found.reviews or found.changes.settings.kind is ForgeKind.NONE:
        return FAILED if found.unknown else 0
    told = _tell(found)
    # People come first: whatever becomes of the ledger, they were told.
    recorded = _record(told, loaded, repo, now)
    return 0 if recorded and all(people for _, people in told) and not found.unknown else FAILED


def _tell(found: Authorised) -> list[tuple[OpenReview, tuple[str, ...]]]:
    """Who was told of each; nobody is one that went wrong, and why has been said."""
    try:
        writer = forges.writer(found.changes.settings, os.environ)
    except ForgeError as e:
        _untold(str(e))
        return [(review, ()) for review in found.reviews]
    roster = found.changes.tip.roster
    return [(review, _told(review, roster, writer)) for review in found.reviews]


def _told(review: OpenReview, roster: Roster, writer: ForgeWriter) -> tuple[str, ...]:
    """Each on its own: where one cannot be told, the others are."""
    number = _NUMBER.search(review.pull)
    if number is None:
        _untold(f"{review.path} came by no pull request to write a comment on; tell them yourself")
        return ()
    try:
        names = _names(review.wakes, roster).items()
        called = {id: call for id, name in names if (call := writer.mention(name))}
        writer.comment(int(number[1]), _text(review, called.values()), _MARK)
    except ForgeError as e:
        _untold(str(e))
        return ()
    if not called:
        who = listed(review.wakes)
        _untold(
            f"nobody of {who} can be mentioned; give them `accounts: {{forge: …}}` in directory/"
        )
        return ()
    click.echo(printable(f"told {' '.join(called.values())} on {review.pull}"), err=True)
    return tuple(called)


def _record(
    told: Iterable[tuple[OpenReview, tuple[str, ...]]], loaded: Loaded, root: Path, now: datetime
) -> bool:
    """Whether the ledger has it, if one is kept. The comment is found again in every run, and
    written down once: by what the ledger has, so that what could not be written comes again."""
    recall = ledgers.recalled(loaded, root)
    if recall.ledger is None and not recall.error:
        return True
    run = ledgers.run_id(now)
    events = [notified(one, review, now, run) for review, people in told for one in people]
    # Where entries are lost, only apply may go on: it writes the loss down first.
    if why := recall.error or recall.lost:
        what = "who was told of break-glass access is not in the ledger"
        click.echo(f"{what}: {printable(why)}", err=True)
        return False
    return ledgers.append(recall.digest.news(events), recall, loaded, root)


def _untold(why: str) -> None:
    click.echo(f"somebody was not told of break-glass access: {printable(why)}", err=True)


def _text(review: OpenReview, called: Iterable[str]) -> str:
    who = ", ".join(review.subjects)
    return (
        f"**Break-glass access** was taken by {who}, by rule `{review.rule}`. {' '.join(called)}\n\n"
        f"Somebody else must look at it by {moment(review.due)}: add a file in `reviews/` that names "
        f"`{review.path}` and commit `{review.commit}` (docs/policies.md)."
    )


def _names(wakes: Iterable[str], roster: Roster) -> dict[str, str]:
    """One account of each person, by id: a login where there is one, which needs no looking up."""
    people: dict[str, None] = {}
    for one in wakes:
        people.update(dict.fromkeys(sorted(roster.members(one)) or [one]))
    names = {}
    for id in people:
        person = roster.person(id)
        if person and (accounts := accounts_in(person.accounts, FORGE)):
            names[person.id] = min(accounts, key=lambda name: (name.isdigit(), name))
    return names
