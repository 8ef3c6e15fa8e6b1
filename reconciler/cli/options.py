"""Options that several commands share, and the consoles they print on. Runs none of the
commands."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Report = Callable[[str, int, int], None]  # (what, done, total)
Command = TypeVar("Command", bound=Callable[..., Any])

_WIDE = 1_000_000  # piped output is never wrapped: one row, one line


def repository(command: Command) -> Command:
    return click.option(
        "--repo",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        default=Path(),
        help="The access repository; the current folder if left out.",
    )(command)


def systems(command: Command) -> Command:
    return click.option(
        "--system", "only", multiple=True, metavar="NAME", help="Only this system; may be repeated."
    )(command)


def colour(command: Command) -> Command:
    return click.option("--no-color", is_flag=True, help="Plain text, also on a terminal.")(command)


def output(*formats: str) -> Callable[[Command], Command]:
    return click.option(
        "--format", "style", type=click.Choice(formats), default=formats[0], show_default=True
    )


class Some(click.ParamType[str]):
    """A text that is not empty: a script whose variable is not set must not ask for everything."""

    name = "TEXT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not value:
            self.fail("it is empty; leave the option out to ask for all", param, ctx)
        return str(value)


def about(command: Command) -> Command:
    """What an answer is to be about; what is left out asks for all."""
    for name, metavar, words in (
        ("--grant", "PATH", "Only what this file, or folder, says."),
        ("--resource", "GLOB", "Only what lies there: projects/payments-*."),
        ("--subject", "ID", "Only this person, group or service."),
    ):
        command = click.option(name, type=Some(), metavar=metavar, help=words)(command)
    return systems(command)


class Moment(click.ParamType[datetime]):
    """A time with a UTC offset."""

    name = "TIME"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            at = datetime.fromisoformat(value)
            at.astimezone(UTC)  # it may be off the calendar there
        except (ValueError, OverflowError):
            at = None
        if at is None or at.tzinfo is None:
            self.fail(
                f"{value!r} is no time with an offset; write 2026-12-01T18:00:00Z", param, ctx
            )
        return at


def console(*, plain: bool = False, stderr: bool = False) -> Console:
    """Colour and the terminal's width for people; neither when piped."""
    plain = plain or bool(os.environ.get("NO_COLOR"))
    system: Literal["auto"] | None = None if plain else "auto"
    found = Console(stderr=stderr, color_system=system, highlight=False, emoji=False)
    if not found.is_terminal:
        return Console(stderr=stderr, width=_WIDE, highlight=False, emoji=False, soft_wrap=False)
    return found


@contextmanager
def progress(*, plain: bool = False) -> Iterator[Report]:
    """A bar on stderr while people wait; nothing when nobody watches."""
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console(plain=plain, stderr=True),
        transient=True,
    )
    tasks: dict[str, Any] = {}

    def report(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bars.add_task(what, total=total)
        bars.update(tasks[what], completed=done, total=total)

    if plain or not bars.console.is_terminal:
        yield lambda what, done, total: None
        return
    with bars:
        yield report
