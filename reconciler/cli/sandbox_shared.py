"""What the commands of the sandbox share: where it lives, and how they print rows. Starts
nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from reconciler.sandbox.home import HOME_VARIABLE

Command = TypeVar("Command", bound=Callable[..., Any])

HOME = Path(".sandbox")


def home_option(command: Command) -> Command:
    return click.option(
        "--home",
        type=click.Path(file_okay=False, path_type=Path),
        default=HOME,
        show_default=True,
        envvar=HOME_VARIABLE,
        show_envvar=True,
        help="Where it keeps its files.",
    )(command)


def columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [heads, *rows] if heads else rows
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for i, line in enumerate(lines):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.secho(text.rstrip(), dim=bool(heads) and i == 0)
