"""The ledger in its store: reading from anywhere, appending behind others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.ledger import chain
from reconciler.ledger.base import Anchor, LedgerError, Taken
from reconciler.ledger.chain import Break
from reconciler.ledger.ledger import Ledger
from tests.ledger.build import Shelf, batches, event

SIZES = st.lists(st.integers(1, 4), max_size=9)


@given(SIZES, st.integers(0, 40))
def test_entries_are_read_from_anywhere(sizes: list[int], after: int) -> None:
    ledger = Ledger(Shelf(batches(sizes)))
    found = [entry.number for entry in ledger.entries(after)]
    assert found == list(range(after + 1, sum(sizes) + 1))


def test_reading_on_does_not_read_all_again() -> None:
    class Counting(Shelf):
        handed = 0

        def batches(self, after=0):  # type: ignore[no-untyped-def]
            for batch in super().batches(after):
                self.handed += 1
                yield batch

    shelf = Counting(batches([1] * 200))
    assert [e.number for e in Ledger(shelf).entries(198)] == [199, 200]
    assert shelf.handed <= 12


@given(SIZES)
def test_the_head_is_the_last_entry(sizes: list[int]) -> None:
    head = Ledger(Shelf(batches(sizes))).head()
    assert (head.number if head else 0) == sum(sizes)


def test_appending_carries_on_the_chain() -> None:
    shelf = Shelf()
    ledger, other = Ledger(shelf), Ledger(shelf)
    assert ledger.append([]) == ()
    assert ledger.head() is None
    one = ledger.append([event(), event(minutes=1)])
    two = other.append([event(run="run-2")])
    three = ledger.append([event(minutes=2)])  # and it does not know of the second
    four = other.append([event(run="run-2", minutes=1)])
    wanted = [*one, *two, *three, *four]
    assert list(Ledger(shelf).entries()) == wanted
    assert [entry.number for entry in wanted] == [1, 2, 3, 4, 5]
    assert ledger.verify() == ()
    assert ledger.verify(Anchor(5, four[0].hash)) == ()


def test_a_writer_that_is_always_second_gives_up() -> None:
    class Busy(Shelf):
        def put(self, number: int, data: bytes) -> None:
            raise Taken(f"batch {number} is there already")

    ledger = Ledger(Busy())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tenacity.nap.time.sleep", lambda _: None)
        with pytest.raises(LedgerError, match="batch 1 is there already"):
            ledger.append([event()])


def test_a_harmed_ledger_is_not_read_on() -> None:
    found = batches([2, 2, 2])
    harmed = [found[0], (2, found[1][1].replace(b"run-1", b"run-9")), found[2]]
    read = Ledger(Shelf(harmed)).entries()
    assert [next(read).number, next(read).number] == [1, 2]
    with pytest.raises(
        LedgerError, match=r"a shelf: batch 2: entry 3 was altered; run `reconciler audit verify`"
    ):
        next(read)
    with pytest.raises(LedgerError, match="batch 2 is missing"):
        list(Ledger(Shelf([found[0], found[2]])).entries())
    with pytest.raises(LedgerError, match="entry 3 does not carry on entry 2"):
        list(Ledger(Shelf([found[0], (2, batches([2, 2], run="run-2")[1][1])])).entries())


def test_nothing_is_appended_to_a_harmed_end() -> None:
    found = batches([2])
    shelf = Shelf([(1, found[0][1][:-3])])
    with pytest.raises(LedgerError, match="no JSON"):
        Ledger(shelf).append([event()])
    assert shelf.last() == 1


def test_verify_says_what_is_wrong() -> None:
    shelf = Shelf(batches([2, 2]))
    del shelf.held[1]
    [flaw] = Ledger(shelf).verify()
    assert (flaw.sort, flaw.number, flaw.through, flaw.batch) == (Break.REMOVED, 1, 2, 2)


def test_a_batch_is_a_line_for_each_entry() -> None:
    [(_, data)] = batches([3])
    assert len(list(chain.lines(data))) == 3
    assert data.endswith(b"\n")
