"""Tells people of break-glass access, on the pull request that took it, until somebody has looked."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

import click

from reconciler.cli import forges
from reconciler.errors import ReconcilerError
from reconciler.forge.base import ForgeWriter
from reconciler.model import ForgeKind, OpenReview
from reconciler.model.people import FORGE, accounts_in
from reconciler.policy.roster import Roster
from reconciler.proof.authorise import Authorised
from reconciler.render.words import moment, printable

_NUMBER = re.compile(r"/(\d+)(?:/overview)?/?$")
MARK = "break-glass"


def tell(found: Authorised) -> bool:
    """Whether everybody who is to be woken was told. Each review is one comment: written once,
    mentioning those whom the rule wakes, and found again by every later run."""
    settings = found.changes.settings
    if not found.reviews or settings.kind is ForgeKind.NONE:
        return True
    told = True
    try:
        writer = forges.writer(settings, os.environ)
        for review in found.reviews:
            number = _NUMBER.search(review.pull)
            if number:
                text = _text(review, _names(review.wakes, found.changes.tip.roster), writer)
                writer.comment(int(number[1]), text, MARK)
    except ReconcilerError as e:
        click.echo(f"nobody was told of break-glass access: {printable(str(e))}", err=True)
        told = False
    return told


def _text(review: OpenReview, names: Iterable[str], writer: ForgeWriter) -> str:
    called = " ".join(filter(None, map(writer.mention, names)))
    who = ", ".join(review.subjects)
    return (
        f"**Break-glass access** was taken by {who}, by rule `{review.rule}`. {called}\n\n"
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
