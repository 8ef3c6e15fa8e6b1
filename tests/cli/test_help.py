"""What `--help` shows."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from reconciler.cli import cli

Path = tuple[str, ...]
WIDTH = 80


def commands(at: click.Command = cli, path: Path = ()) -> Iterator[tuple[Path, click.Command]]:
    yield path, at
    if isinstance(at, click.Group):
        context = click.Context(at)
        for name in at.list_commands(context):
            below = at.get_command(context, name)
            assert below is not None  # it was listed
            yield from commands(below, (*path, name))


@pytest.mark.parametrize(("path", "command"), [*commands()])
def test_every_command_fits_a_screen_and_no_example_is_folded(
    path: Path, command: click.Command
) -> None:
    """What is folded in the middle breaks in a shell."""
    name = " ".join(("reconciler", *path))
    text = command.get_help(click.Context(command, info_name=name, max_content_width=WIDTH))
    assert len(text.splitlines()) < 40
    for line in (command.epilog or "").replace("\b\n", "").splitlines():
        assert line.strip() in text
