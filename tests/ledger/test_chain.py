"""Whatever happens to a ledger is found, and the flaw says where."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.ledger import chain, wire
from reconciler.ledger.base import Anchor, LedgerError
from reconciler.ledger.chain import Break, Flaw
from reconciler.ledger.ledger import Ledger
from reconciler.model import Entry
from tests.ledger.build import Shelf, batches, event

Batches = list[tuple[int, bytes]]
SIZES = st.lists(st.integers(1, 4), min_size=1, max_size=6)


def lines(found: Batches) -> list[tuple[int, bytes]]:
    """(batch, line) of every entry."""
    return [(n, line) for n, data in found for line in data.splitlines(keepends=True)]


def batched(found: list[tuple[int, bytes]]) -> Batches:
    numbers = sorted({n for n, _ in found})
    return [(n, b"".join(line for m, line in found if m == n)) for n in numbers]


def head(found: Batches) -> Entry:
    return wire.decode(lines(found)[-1][1].rstrip(b"\n"))


def refused(found: Batches) -> bool:
    """Whether a run that reads this ledger stops."""
    try:
        list(Ledger(Shelf(found)).entries())
    except LedgerError:
        return True
    return False


def flaws(found: Batches, anchor: Anchor | None = None) -> tuple[Flaw, ...]:
    said = chain.flaws(found, anchor)
    if anchor is None:
        assert refused(found) == bool(said)
    return said


@given(SIZES)
def test_a_whole_ledger_has_no_flaw(sizes: list[int]) -> None:
    found = batches(sizes)
    last = head(found)
    assert last.number == sum(sizes)
    assert flaws(found) == ()
    assert chain.flaws(found, Anchor(last.number, last.hash)) == ()
    assert chain.flaws([], None) == ()


@given(SIZES, st.data())
def test_any_other_byte_is_found_where_it_is(sizes: list[int], data: st.DataObject) -> None:
    found = lines(batches(sizes))
    i = data.draw(st.integers(0, len(found) - 1))
    batch, line = found[i]
    at = data.draw(st.integers(0, len(line) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != line[at]))
    found[i] = (batch, line[:at] + bytes([byte]) + line[at + 1 :])
    said = flaws(batched(found))
    assert (said[0].number, said[0].batch) == (i + 1, batch)
    assert said[0].sort in (Break.ALTERED, Break.UNREADABLE)
    assert all(flaw.number <= i + 2 for flaw in said)


@given(SIZES, st.data())
def test_a_removed_entry_is_found(sizes: list[int], data: st.DataObject) -> None:
    found = lines(batches(sizes))
    assume(len(found) > 1)
    i = data.draw(st.integers(0, len(found) - 2))
    behind = next((n for n, _ in found[i + 1 :]), 0)
    del found[i]
    [flaw] = flaws(batched(found))
    assert (flaw.sort, flaw.number, flaw.batch) == (Break.REMOVED, i + 1, behind)


@given(SIZES, st.data())
def test_a_removed_batch_is_found(sizes: list[int], data: st.DataObject) -> None:
    found = batches(sizes)
    assume(len(found) > 1)
    i = data.draw(st.integers(0, len(found) - 2))
    first = sum(sizes[:i]) + 1
    del found[i]
    [flaw] = flaws(found)
    assert (flaw.sort, flaw.number, flaw.batch) == (Break.REMOVED, first, i + 2)
    assert flaw.through == (first + sizes[i] - 1 if sizes[i] > 1 else 0)


@given(SIZES, st.data())
def test_a_copied_entry_is_found(sizes: list[int], data: st.DataObject) -> None:
    found = lines(batches(sizes))
    i = data.draw(st.integers(0, len(found) - 1))
    to = data.draw(st.integers(i + 1, len(found)))
    batch = found[to - 1][0]
    found.insert(to, (batch, found[i][1]))
    [flaw] = flaws(batched(found))
    assert (flaw.sort, flaw.number, flaw.batch) == (Break.REPEATED, i + 1, batch)


@given(SIZES, st.data())
def test_a_copied_batch_is_found(sizes: list[int], data: st.DataObject) -> None:
    found = batches(sizes)
    i = data.draw(st.integers(0, len(found) - 1))
    found.append((len(found) + 1, found[i][1]))
    [flaw] = flaws(found)
    assert (flaw.sort, flaw.number) == (Break.REPEATED, sum(sizes[:i]) + 1)
    assert flaw.batch == len(found)


@given(SIZES, st.data())
def test_swapped_entries_are_found(sizes: list[int], data: st.DataObject) -> None:
    found = lines(batches(sizes))
    assume(len(found) > 1)
    i = data.draw(st.integers(0, len(found) - 2))
    j = data.draw(st.integers(i + 1, len(found) - 1))
    (a, one), (b, other) = found[i], found[j]
    found[i], found[j] = (a, other), (b, one)
    said = flaws(batched(found))
    assert {flaw.sort for flaw in said} == {Break.REORDERED}
    assert any(f.number <= i + 1 <= max(f.number, f.through) and f.batch == b for f in said)


@given(SIZES, st.data())
def test_swapped_batches_are_found(sizes: list[int], data: st.DataObject) -> None:
    found = batches(sizes)
    assume(len(found) > 1)
    i = data.draw(st.integers(0, len(found) - 2))
    (a, one), (b, other) = found[i], found[i + 1]
    found[i], found[i + 1] = (a, other), (b, one)
    [flaw] = flaws(found)
    assert (flaw.sort, flaw.number, flaw.batch) == (Break.REORDERED, sum(sizes[:i]) + 1, b)


@given(SIZES, st.data())
def test_a_missing_end_is_found_with_the_anchor(sizes: list[int], data: st.DataObject) -> None:
    found = batches(sizes)
    last = head(found)
    anchor = Anchor(last.number, last.hash)
    kept = data.draw(st.integers(0, last.number - 1))
    cut = batched(lines(found)[:kept])
    assert flaws(cut) == ()  # nothing in it says that there was more
    [flaw] = chain.flaws(cut, anchor)
    assert (flaw.sort, flaw.number) == (Break.TRUNCATED, kept + 1)


@given(SIZES, st.data())
def test_a_file_cut_short_is_found(sizes: list[int], data: st.DataObject) -> None:
    found = batches(sizes)
    batch, content = found[-1]
    size = data.draw(st.integers(0, len(content) - 1))
    cut = content[:size]
    assume(not cut.endswith(b"\n"))
    found[-1] = (batch, cut)
    [flaw] = flaws(found)
    whole = sum(sizes[:-1]) + cut.count(b"\n")
    assert (flaw.sort, flaw.number, flaw.batch) == (Break.UNREADABLE, whole + 1, batch)


def test_a_file_without_its_last_line_break_is_found() -> None:
    """What is missing may be more than that."""
    found = batches([2, 2])
    found[-1] = (2, found[-1][1][:-1])
    [flaw] = flaws(found)
    assert (flaw.sort, flaw.number, flaw.batch) == (Break.UNREADABLE, 4, 2)


@given(SIZES, SIZES, st.data())
def test_two_histories_are_found(one: list[int], other: list[int], data: st.DataObject) -> None:
    """Two writers that began from the same entry, put one behind the other."""
    common = data.draw(st.integers(0, len(one)))
    start = batches(one)[:common]
    last = head(start) if start else None
    second: Batches = []
    for size in other:
        made = chain.chained([event(run="run-2") for _ in range(size)], last)
        second.append((len(one) + len(second) + 1, chain.written(made)))
        last = made[-1]
    assume(common < len(one))
    said = flaws([*batches(one), *second])
    assert {flaw.sort for flaw in said} == {Break.FORKED}
    assert (said[0].number, said[0].batch) == (sum(one[:common]) + 1, len(one) + 1)


@given(SIZES, st.data())
def test_an_entry_made_anew_is_found_at_the_next(sizes: list[int], data: st.DataObject) -> None:
    """Somebody who knows the format gives the altered entry its hash."""
    found = lines(batches(sizes))
    assume(len(found) > 1)
    i = data.draw(st.integers(0, len(found) - 2))
    entry = wire.decode(found[i][1].rstrip(b"\n"))
    forged = wire.sealed(entry.number, entry.before, replace(entry.event, reason="nothing"))
    found[i] = (found[i][0], wire.encode(forged) + b"\n")
    [flaw] = flaws(batched(found))
    assert (flaw.sort, flaw.number, flaw.batch) == (Break.FORKED, i + 2, found[i + 1][0])


@given(SIZES, st.data())
def test_a_history_made_anew_is_found_by_the_anchor(sizes: list[int], data: st.DataObject) -> None:
    old = lines(batches(sizes))
    number = data.draw(st.integers(1, len(old)))
    anchored = wire.decode(old[number - 1][1].rstrip(b"\n"))
    anew = batches(sizes, run="run-2")
    assert flaws(anew) == ()
    [flaw] = chain.flaws(anew, Anchor(number, anchored.hash))
    assert (flaw.sort, flaw.number) == (Break.FORKED, number)
    assert "is not the one that was anchored" in flaw.what


@given(SIZES, st.data())
def test_two_harms_are_both_told(sizes: list[int], data: st.DataObject) -> None:
    found = lines(batches(sizes))
    assume(len(found) > 4)
    i = data.draw(st.integers(0, len(found) - 4))
    batch, line = found[i]
    found[i] = (batch, line.replace(b"run-1", b"run-9"))
    del found[i + 2]
    first, second = flaws(batched(found))
    assert (first.sort, first.number) == (Break.ALTERED, i + 1)
    assert (second.sort, second.number) == (Break.REMOVED, i + 3)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda b: [(1, b[0][1]), (3, b[1][1]), (4, b[2][1])], "batch 2 is missing, though no entry is"),
        (lambda b: [b[0], (2, b""), *((n + 1, d) for n, d in b[1:])], "entry 3 cannot be read"),
        (lambda b: [b[0], (2, b[1][1] + b"\n"), b[2]], "entry 5 cannot be read"),
        (lambda b: [b[0], (2, b[1][1].replace(b"\n", b"\r\n")), b[2]], "entry 3 cannot be read: it is not spelled"),
        (lambda b: [b[0], (2, b[1][1].replace(b'"done"', b'"gone"')), b[2]], "a newer version"),
        (lambda b: [b[1], b[2]], "entries 1 to 2 are missing"),
    ],
)  # fmt: skip
def test_other_harms_are_told_in_words(harm, said: str) -> None:  # type: ignore[no-untyped-def]
    whats = [flaw.what for flaw in flaws(harm(batches([2, 2, 2])))]
    assert any(said in what for what in whats), whats


def test_a_number_that_was_made_up_costs_no_memory() -> None:
    forged = chain.written([wire.sealed(10**15, "", event())])
    [flaw] = flaws([*batches([2]), (2, forged)])
    assert (flaw.sort, flaw.number, flaw.batch) == (Break.ALTERED, 3, 2)


def test_nor_do_several() -> None:
    """Each as far behind the one before as no gap is."""
    forged = [wire.sealed(9_000_000 * n, "", event()) for n in (1, 2, 3)]
    found = flaws([*batches([2]), (2, chain.written(forged))])
    assert [(flaw.sort, flaw.number, flaw.through) for flaw in found] == [
        (Break.REMOVED, 3, 8_999_999),
        (Break.ALTERED, 9_000_001, 9_000_002),
    ]


def test_a_row_of_flaws_is_told_once() -> None:
    found = batches([3, 3])
    found[1] = (2, found[1][1].replace(b"run-1", b"run-2"))
    [flaw] = flaws(found)
    assert (flaw.number, flaw.through) == (4, 6)
    assert flaw.what == "entry 4 is not what its hash says; so are those behind it, through 6"
