"""`reconciler check`: what a pull request would do, and what stands against its merge. Changes no
system."""

from __future__ import annotations

import os
from pathlib import Path

import click

from reconciler.cli import clock, forges, options
from reconciler.cli.session import FAILED, TRUST, UNAPPROVED, WRONG_INPUT
from reconciler.errors import InputError
from reconciler.forge.base import ForgeWriter, State
from reconciler.model.checked import Answer, Checked, Step
from reconciler.proof.check import Base, base, check
from reconciler.proof.check_pull import NotThisOne
from reconciler.render import checked as render
from reconciler.render.checked_words import headline
from reconciler.render.words import brief
from reconciler.repository import cache
from reconciler.repository.git import at

MARK = "check"  # of the comment that is updated in place
_CODES = {
    Answer.GRANTED: 0,
    Answer.WAITING: UNAPPROVED,
    Answer.REFUSED: UNAPPROVED,
    Answer.INVALID: WRONG_INPUT,
    Answer.UNKNOWN: FAILED,
}
_STATES = {
    Answer.GRANTED: State.SUCCESS,
    Answer.WAITING: State.PENDING,
    Answer.REFUSED: State.FAILURE,
    Answer.INVALID: State.FAILURE,
    Answer.UNKNOWN: State.PENDING,
}


@click.command(
    "check",
    epilog="Example: reconciler check --pull 12 --head origin/alice-payments",
)
@options.repository
@click.option("--base", "main", default="main", show_default=True, help="The main line.")
@click.option("--head", default="HEAD", show_default=True, help="What is to be merged into it.")
@click.option(
    "--pull",
    "number",
    type=click.IntRange(min=1),
    help="The pull request, to ask the forge who approved it. Without it the forge is not asked.",
)
@click.option("--comment", is_flag=True, help="Write it as a comment there, or update the comment.")
@click.option("--status", is_flag=True, help="Set the status of its last commit.")
@click.option("--merge", is_flag=True, help="Merge it if nothing is missing and policies/ let it.")
@options.output("text", "markdown", "json")
@options.colour
def command(
    repo: Path,
    main: str,
    head: str,
    number: int | None,
    comment: bool,
    status: bool,
    merge: bool,
    style: str,
    no_color: bool,
) -> int:
    """Judge a pull request before the merge: the access that it would give and take, what forbids
    it, and who has still to approve it.

    Nothing of it is checked out or run. Ends with 0 when it may be merged as it is, 4 when
    approvals are missing or it is refused, 2 when a file is wrong, 1 when the forge did not answer.
    """
    if (comment or status or merge) and number is None:
        raise InputError("--comment, --status and --merge need a pull request; write --pull NUMBER")
    now = clock.now()
    asked = forges.asked(repo, os.environ, os.environ.get(TRUST, ""))
    folder = cache.folder(os.environ)
    line = base(repo, main, now, asked, folder, ask=number is not None)
    try:
        found = check(repo, line, head, now, number or 0, folder)
    except NotThisOne:
        raise
    except InputError as e:  # it conflicts with the main line
        if number is not None and comment:
            _writer(line).comment(number, render.conflict(str(e)), MARK)
        if status:
            commit = at(repo).commit(head)
            _writer(line).status(commit, State.FAILURE, brief(str(e)))
        raise
    _show(found, style, no_color)
    if number is not None:
        _tell(found, number, line, comment, status)
        if merge:
            _merge(found, number, line)
    return _CODES[found.answer]


def _show(found: Checked, style: str, no_color: bool) -> None:
    if style == "json":
        click.echo(render.as_json(found))
    elif style == "markdown":
        click.echo(render.markdown(found), nl=False)
    else:
        render.text(found, options.console(plain=no_color))


def _tell(found: Checked, number: int, line: Base, comment: bool, status: bool) -> None:
    if comment:
        _writer(line).comment(number, render.markdown(found), MARK)
    if status:
        _writer(line).status(found.head, _STATES[found.answer], brief(headline(found)))


def _merge(found: Checked, number: int, line: Base) -> None:
    """The forge merges only what is still at the commit that was judged."""
    others = [path for path in found.paths if not path.startswith("grants/")]
    if found.answer is not Answer.GRANTED:
        why = headline(found)
    elif not found.auto_merge:
        why = "no file of policies/ on the main line says `auto_merge: true`"
    elif others or not found.paths:
        why = f"only files below grants/ are merged so, and it changes {', '.join(others[:3])}"
    elif losers := _losers(found):
        why = f"it takes access away ({', '.join(losers[:3])}), and that needs nobody's approval"
    else:
        _writer(line).merge(number, found.head)
        click.echo(f"merged {found.url} at {found.head[:12]}", err=True)
        return
    click.echo(f"not merged: {why}", err=True)


def _losers(found: Checked) -> tuple[str, ...]:
    """Who has less by it; and files that go, though nobody would notice today."""
    kept = (Step.ADDED, Step.EXTENDED)
    people = {change.subject for change in found.changes if change.step not in kept}
    silent = set(found.paths) - {ruled.path for ruled in found.ruled}
    return (*sorted(people), *sorted(silent))


def _writer(line: Base) -> ForgeWriter:
    return forges.writer(line.authorised.changes.settings, os.environ)
