"""`reconciler sandbox pull`: what people do on the sandbox's GitHub, each in his own name. Never on
a real forge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from reconciler.cli.sandbox_shared import columns, home_option
from reconciler.sandbox.home import find

_HEADS = ("NUMBER", "STATE", "AUTHOR", "BRANCH", "APPROVED BY", "TITLE")

_somebody = click.option("--as", "login", required=True, help="Who does it: alice, carol ...")
_number = click.argument("number", type=int)


@click.group()
def pull() -> None:
    """Pull requests on the local GitHub (`sandbox start --forge`).

    \b
    Example: git push origin HEAD:refs/heads/help
             reconciler sandbox pull open help --as bob
             reconciler sandbox pull approve 1 --as carol
             reconciler sandbox pull merge 1 --as bob && git pull
    """


@pull.command("list")
@home_option
def listed(home: Path) -> None:
    """Print all of them."""
    _act(home, do="list")


@pull.command("open")
@click.argument("branch")
@_somebody
@click.option("--title", default="A request for access", show_default=True)
@home_option
def opened(home: Path, branch: str, login: str, title: str) -> None:
    """Open one, from a BRANCH that was pushed to origin."""
    _act(home, do="open", branch=branch, login=login, title=title)


@pull.command("push")
@_somebody
@home_option
def pushed(home: Path, login: str) -> None:
    """Say who it was that just pushed to origin: git asks nobody there.

    \b
    Example: git push origin HEAD:help && reconciler sandbox pull push --as bob
    """
    _act(home, do="push", login=login)


@pull.command("approve")
@_number
@_somebody
@home_option
def approved(home: Path, number: int, login: str) -> None:
    """Approve NUMBER as it is now."""
    _act(home, do="approve", number=str(number), login=login)


@pull.command("object")
@_number
@_somebody
@home_option
def objected(home: Path, number: int, login: str) -> None:
    """Request changes of NUMBER."""
    _act(home, do="object", number=str(number), login=login)


@pull.command("merge")
@_number
@_somebody
@click.option(
    "--method",
    type=click.Choice(("merge", "squash", "rebase")),
    default="merge",
    show_default=True,
)
@home_option
def merged(home: Path, number: int, login: str, method: str) -> None:
    """Merge NUMBER, approved or not: as an administrator can."""
    _act(home, do="merge", number=str(number), login=login, method=method)


@pull.command("token")
@click.argument("login")
@home_option
def token(home: Path, login: str) -> None:
    """Print the token of LOGIN, for commands in that person's name.

    \b
    Example: GITHUB_TOKEN=$(reconciler sandbox pull token alice) reconciler request
    """
    click.echo(find(home).control.token_of(login))


def _act(home: Path, **asked: str) -> None:
    rows: Sequence[Mapping[str, Any]] = find(home).control.pulls(**asked)
    columns(_HEADS, [_cells(row) for row in rows])


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    approved = ", ".join(row["approved_by"]) or "-"
    fields = (row["number"], row["state"], row["author"], row["branch"], approved, row["title"])
    return tuple(map(str, fields))
