"""`reconciler validate`: every mistake of every file in one run. Asks nobody, needs no history."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.errors import InputError

if TYPE_CHECKING:
    from reconciler.repository import Validated

INVALID = 2


@click.command(
    "validate",
    epilog="Example: reconciler validate grants/payments --format github",
)
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
@click.option(
    "--repo",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="The access repository; the current folder if left out.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(("text", "json", "sarif", "github")),
    default="text",
    show_default=True,
)
@click.option("--no-cache", is_flag=True, help="Read every file afresh.")
def command(paths: tuple[str, ...], repo: Path, style: str, no_cache: bool) -> int:
    """Check the files of the working tree, tracked and new, and print every mistake with its
    place and what to write instead.

    With PATHS, only mistakes in these files and folders are shown. Ends with 0 when all is valid,
    with 2 when it is not.
    """
    from reconciler.repository import cache, check

    folder = None if no_cache else cache.folder(os.environ)
    only = tuple(within(path, repo) for path in paths)
    with Waiting() as waiting:
        validated = with_expressions(check(repo, only, cache=folder, progress=waiting.show), only)
    _print(validated, style)
    return INVALID if validated.problems else 0


def with_expressions(validated: Validated, only: Sequence[str] = ()) -> Validated:
    """With what is wrong with the expressions of rules, which the room of files cannot know."""
    from reconciler.policy import expressions

    wrong = [
        problem
        for problem in expressions.problems(validated.draft.policies)
        if not only or any(_chosen(problem.position.path, one) for one in only)
    ]
    return replace(validated, problems=tuple(sorted({*validated.problems, *wrong})))


def _chosen(path: str, one: str) -> bool:
    return one in ("", ".") or path == one or path.startswith(f"{one}/")


def within(path: str, repo: Path) -> str:
    """A path as the files of the repository are named, wherever the command is run."""
    root, full = repo.resolve(), Path(path).absolute()
    if not full.exists() and not full.is_symlink():
        raise InputError(f"there is no {path}; write a file or folder of the access repository")
    try:
        found = Path(os.path.normpath(full)).relative_to(root)
    except ValueError:
        try:
            found = full.resolve().relative_to(root)
        except ValueError:
            raise InputError(f"{path} is outside the access repository {root}") from None
    return found.as_posix()


def _print(validated: Validated, style: str) -> None:
    from reconciler.repository import report

    if style == "json":
        click.echo(report.as_json(validated))
    elif style == "sarif":
        click.echo(report.as_sarif(validated.problems))
    elif style == "github":
        click.echo(report.as_annotations(validated.problems), nl=False)
        click.echo(_verdict(validated))
    else:
        for problem in validated.problems:
            click.echo(str(problem))
        click.echo(_verdict(validated), err=bool(validated.problems))


def _verdict(validated: Validated) -> str:
    files = f"{validated.files:,} {'file' if validated.files == 1 else 'files'}"
    if validated.problems:
        count = len(validated.problems)
        wrong = len({p.position.path for p in validated.problems})
        mistakes = f"{count:,} {'mistake' if count == 1 else 'mistakes'}"
        return f"{mistakes} in {wrong:,} of {files}"
    grants = f"{validated.grants:,} {'grant' if validated.grants == 1 else 'grants'}"
    return f"valid: {files}, {grants}"


class Waiting:
    """A count on stderr, once people have waited for a second and somebody watches."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._shown = False

    def __enter__(self) -> Waiting:
        return self

    def show(self, done: int, total: int) -> None:
        if sys.stderr.isatty() and time.monotonic() - self._start > 1:
            sys.stderr.write(f"\rchecked {done:,} of {total:,} files")
            sys.stderr.flush()
            self._shown = True

    def __exit__(self, *_: object) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
