"""The pages that people read: their tables are tables, their links lead somewhere, their commands exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from reconciler.cli import cli

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def plain(text: str) -> str:
    """Without what is shown as it stands."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M)


def commands(text: str) -> Iterator[list[str]]:
    """Every `reconciler …` of the blocks that are to be typed, and within lines."""
    said = re.findall(r"`reconciler ([^`]*)`", plain(text))
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.S | re.M):
        joined = block.replace("\\\n", " ")
        said += re.findall(r"(?:^|&& |\$ |[\"(;)] ?)reconciler ([^|>&)\n]*)", joined, re.M)
    for words in said:
        yield shlex.split(words.replace("…", ""), comments=True)


def unknown(words: list[str]) -> list[str]:
    """What of it no command and no option is called."""
    command: click.Command = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            return [words[0]]
        command, words = found, words[1:]
    known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
    return [word for word in words if word.startswith("--") and word not in known]


@page
def test_every_table_has_a_header_and_rows_of_one_width(page: Path) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", plain(page.read_text()), re.M):
        rows = table.splitlines()
        assert len(rows) > 1, table
        assert re.fullmatch(r"\|[-| :]+\|", rows[1]), table
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1, table


@page
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    for path, anchor in re.findall(r"\]\(([^)#:]*)(#[^)]*)?\)", plain(page.read_text())):
        target = page.parent / path if path else page
        assert target.exists(), path
        if anchor:
            heads = re.findall(r"^#+ (.*)$", target.read_text(), re.M)
            slugs = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor[1:] in slugs, (path, anchor)


@page
def test_every_command_that_is_to_be_typed_exists_with_its_options(page: Path) -> None:
    for words in commands(page.read_text()):
        assert unknown(list(words)) == [], words


def test_commands_are_found_in_the_pages_and_a_slip_in_them_too() -> None:
    said = [words for page in PAGES for words in commands(page.read_text())]
    assert len(said) > 60
    assert {"status", "explain", "diff", "audit", "request", "sandbox"} <= {w[0] for w in said}
    assert unknown(["status", "--lat"]) == ["--lat"]
    assert unknown(["audit", "querry"]) == ["querry"]
