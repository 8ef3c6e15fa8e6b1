"""Rows of cells for people: a table where it fits, else each row on lines of its own. Knows no meaning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

Row = tuple[str, ...]  # of console markup

_GAP, _INDENT = 2, 6
_FOLDED = 1.3  # how much wider than the console a table may be before names are cut in pieces


def listed(
    rows: Sequence[Row], console: Console, headers: Row = (), first: int = 2
) -> RenderableType:
    """Long names are folded, never cut: what is not shown cannot be checked. Where much would be
    folded, the `first` cells of a row stand on one line, and the others indented below. There times
    alone do not tell what they are, so those get their headers with them."""
    widths = _widths(rows, headers)
    width = sum(widths) + _GAP * len(widths)
    if width <= console.width:
        return _aligned(rows, headers, widths)
    if width <= console.width * _FOLDED:
        return _table(rows, headers)
    return Group(*(line for row in rows for line in _stacked(row, headers, first)))


def _widths(rows: Sequence[Row], headers: Row) -> list[int]:
    widths = [0] * max(map(len, (headers, *rows)))
    for row in (headers, *rows):
        for at, cell in enumerate(row):
            widths[at] = max(widths[at], _length(cell))
    return widths


def _length(cell: str) -> int:
    return Text.from_markup(cell).cell_len if "[" in cell else cell_len(cell)


def _stacked(row: Row, headers: Row, first: int) -> Iterator[RenderableType]:
    yield Text.from_markup("  ".join(row[:first]))
    titles = headers[first:] or ("",) * len(row[first:])
    rest = [f"{title} {cell}" if cell[:1].isdigit() and title else cell
            for title, cell in zip(titles, row[first:], strict=True) if cell]  # fmt: skip
    if rest:
        yield Padding(Text.from_markup(", ".join(rest)), (0, 0, 0, _INDENT), expand=False)


def _aligned(rows: Sequence[Row], headers: Row, widths: Sequence[int]) -> RenderableType:
    """What fits needs no table of Rich's, which takes half a millisecond for a row."""
    lines = [tuple(f"[bold]{title}[/]" for title in headers)] if headers else []
    lines += rows
    return Text.from_markup("\n".join(_line(row, widths) for row in lines), overflow="ignore")


def _line(row: Row, widths: Sequence[int]) -> str:
    *cells, last = row
    padded = (c + " " * (w - _length(c)) for c, w in zip(cells, widths, strict=False))
    return (" " * _GAP).join((*padded, last)).rstrip()


def _table(rows: Sequence[Row], headers: Row) -> Table:
    titles = headers or ("",) * max(map(len, rows))
    columns = [Column(title, overflow="fold") for title in titles]
    found = Table(*columns, box=None, show_header=bool(headers), padding=(0, _GAP, 0, 0))
    for row in rows:
        found.add_row(*row)
    return found
