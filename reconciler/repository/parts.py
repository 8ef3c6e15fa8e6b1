"""Rows of the cache as bytes, many in one part, and back: all of them, or only those that somebody
needs. Pure: keeps nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

Aside = Callable[[str], bool]  # whether nobody needs this row
Pairs = Iterable[tuple[str, str]]  # the name of a content, and its row

_ROWS = 10_000  # in one part
_FEW = 8  # texts that are sought in the bytes; for more of them each row is looked at
_LINE = "\n"  # in no name
_NUL = "\0"  # in no row: the strict loader refuses it
_END = b"\0"


def packed(rows: Mapping[str, str]) -> Iterator[bytes]:
    """In parts: names first, then rows, those that start alike side by side."""
    listed = sorted(rows.items(), key=lambda one: one[1][:1])
    for i in range(0, len(listed), _ROWS):
        names, texts = zip(*listed[i : i + _ROWS], strict=True)
        yield _NUL.join([_LINE.join(names), *texts, ""]).encode()


def unpacked(part: bytes) -> Pairs:
    """Raises ValueError for bytes that `packed` did not make."""
    names, *rows, end = part.decode().split(_NUL)
    if end:
        raise ValueError("more than rows")
    return zip(names.split(_LINE), rows, strict=True)


def apart(
    part: bytes, start: str, texts: Collection[str], aside: Aside
) -> tuple[list[str], dict[str, str]]:
    """All names, and the rows that are not `aside`. A row that starts with `start`, and in which
    none of the `texts` stands, must be aside: it is not unpacked, nor looked at. Raises ValueError
    as `unpacked`, and what `aside` raises."""
    names = part[: part.index(_END)].decode().split(_LINE)
    if len(texts) > _FEW or not _alike(part, start.encode()):
        rows = unpacked(part)
    elif part.count(_END) == len(names) + 1:
        rows = _holding(part, names, [text.encode() for text in texts])
    else:
        raise ValueError("not a row for each name")
    return names, {name: row for name, row in rows if not aside(row)}


def _alike(part: bytes, start: bytes) -> bool:
    """Whether all rows start so: the first and the last one do."""
    first, last = part.index(_END), part.rindex(_END, 0, -1)
    return part.startswith(start, first + 1) and part.startswith(start, last + 1)


def _holding(part: bytes, names: Sequence[str], texts: Iterable[bytes]) -> Pairs:
    """The rows in which one of the texts stands."""
    first, ends = part.index(_END), dict[int, int]()
    for text in texts:
        spot = part.find(text, first)
        while spot >= 0:
            end = part.index(_END, spot)
            ends[part.rindex(_END, 0, spot) + 1] = end
            spot = part.find(text, end)
    place, before = -1, 0
    for start in sorted(ends):
        place += part.count(_END, before, start)
        before = start
        yield names[place], part[start : ends[start]].decode()
