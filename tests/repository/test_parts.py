"""Rows of the cache as bytes: whole, or only those that somebody needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.repository import parts
from reconciler.repository.parts import apart, packed, unpacked

IDS = ("alice", "bob", "a", "ü", "G", "oncall")
ROWS = st.dictionaries(
    st.integers(0, 10**6).map(lambda n: f"{n:040x}"),
    st.builds(str.__add__, st.sampled_from("GGGP"), st.lists(st.sampled_from(IDS)).map("|".join)),
    min_size=1,
    max_size=25,
)


def none_of(row: str, ids: frozenset[str]) -> bool:
    return row[0] == "G" and ids.isdisjoint(row[1:].split("|"))


@given(ROWS, st.frozensets(st.sampled_from(IDS)), st.booleans())
def test_apart_finds_in_the_bytes_what_a_look_at_each_row_finds(
    rows: dict[str, str], ids: frozenset[str], many: bool
) -> None:
    sought = {*ids, *(f"nobody {i}" for i in range(20 if many else 0))}
    [part] = packed(rows)
    names, found = apart(part, "G", sought, lambda row: none_of(row, ids))
    assert dict(unpacked(part)) == rows
    assert set(names) == rows.keys()
    assert found == {name: row for name, row in rows.items() if not none_of(row, ids)}


def test_only_rows_in_which_somebody_stands_are_looked_at() -> None:
    rows = {f"{i:040x}": f"Gbob|{i}" for i in range(1_000)} | {"f" * 40: "Galice"}
    looked: list[str] = []
    [part] = packed(rows)

    def look(row: str) -> bool:
        looked.append(row)
        return False

    apart(part, "G", ["alice"], look)
    assert looked == ["Galice"]


def test_very_many_rows_are_several_parts() -> None:
    rows = {f"{i:040x}": f"G{i}" for i in range(2 * parts._ROWS + 1)}
    found = [dict(unpacked(part)) for part in packed(rows)]
    assert [len(one) for one in found] == [parts._ROWS, parts._ROWS, 1]
    assert found[0] | found[1] | found[2] == rows


@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"a\nb",
        b"a\nb\0Gx\0",
        b"a\nb\0Gx\0Gy\0Gz\0",
        b"a\nb\0Gx\0Gy",
        b"a\nb\0Gx\0G\xff\0",
        b"\0",
    ],
)
@pytest.mark.parametrize("ids", [["y", "x", "G"], [str(i) for i in range(20)]])
def test_bytes_that_nobody_packed_say_nothing(part: bytes, ids: list[str]) -> None:
    """Else a content without a row would be taken for somebody else's, and not be read."""
    with pytest.raises(ValueError, match=r"."):
        list(unpacked(part))
    with pytest.raises(ValueError, match=r"."):
        apart(part, "G", ids, lambda row: False)
