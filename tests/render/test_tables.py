"""Rows of cells: a table where it fits, else each row on lines of its own."""

from __future__ import annotations

import io

from rich.cells import cell_len
from rich.console import Console

from reconciler.render.tables import Row, listed

HEADERS = ("who", "what", "where", "until", "grants")
SHORT: Row = ("alice", "read", "vault", "2026-12-01 18:00Z", "grants/a.yaml")
LONG: Row = ("bob", "Reader", "/subscriptions/" + "0" * 60, "2026-12-01 18:00Z", "grants/b.yaml")


def shown(*rows: Row, width: int, headers: Row = HEADERS) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width).print(listed(rows, Console(width=width), headers))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_what_fits_is_a_table_with_a_header() -> None:
    head, row = shown(SHORT, width=120)
    assert head.split() == list(HEADERS)
    assert row.index("vault") == head.index("where")


def test_wide_letters_and_brackets_keep_the_columns_in_line() -> None:
    rows = (("漢字", "read", "x"), ("[bold]al[/]", "read", "y"), ("a\\[b]", "read", "z"))
    lines = shown(*rows, width=80, headers=("who", "what", "where"))
    assert [cell_len(line[: line.index("read")]) for line in lines[1:]] == [6, 6, 6]
    assert lines[3] == "a[b]  read  z"


def test_one_long_name_does_not_cut_every_other_in_pieces() -> None:
    """A table of that width would fold names and times in the middle."""
    lines = shown(SHORT, LONG, width=80)
    assert lines[:3] == [
        "alice  read",
        "      vault, until 2026-12-01 18:00Z, grants/a.yaml",
        "bob  Reader",
    ]


def test_lines_that_go_on_stay_below_their_row() -> None:
    lines = shown(LONG, width=60)
    assert len(lines) > 2
    assert all(line.startswith("      ") for line in lines[1:])
    assert "".join(line.strip() for line in lines[1:]).count("0" * 60) == 1


def test_where_nobody_watches_a_row_is_one_line_however_long() -> None:
    [_, row] = shown(("alice", "read", "x" * 5000, "", ""), width=1_000_000)
    assert "x" * 5000 in row


def test_an_empty_last_cell_leaves_no_blanks_behind() -> None:
    out = io.StringIO()
    Console(file=out, width=80).print(listed([("alice", "read", ""), SHORT[:3]], Console(width=80)))
    assert out.getvalue().splitlines()[0] == "alice  read"


def test_markup_is_not_counted_as_width() -> None:
    cell = "[red]" * 50 + "late" + "[/]" * 50
    assert shown((cell, "read"), width=30, headers=("state", "what"))[1].split() == ["late", "read"]
