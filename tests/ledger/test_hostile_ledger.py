"""A ledger that somebody cut, wrote anew, or made to say what never was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.ledger import open_store
from reconciler.ledger.anchor import FileAnchor
from reconciler.ledger.base import Anchor
from reconciler.ledger.ledger import Ledger
from reconciler.ledger.memory import Recall, recall
from reconciler.ledger.record import lost
from reconciler.model import Event, EventKind
from reconciler.model.ledger_settings import LedgerSettings, LedgerStore
from tests.ledger.build import NOON, Shelf, added, assignment, batches, event, removed
from tests.ledger.test_digest import Kept


class Kit:
    """A ledger in a folder, its anchor, and what a run finds of them."""

    def __init__(self, root: Path) -> None:
        self.root, self.cache = root, Kept()
        self.settings = LedgerSettings(
            LedgerStore.FOLDER, path=str(root / "ledger"), anchor_file=str(root / "anchor.json")
        )
        self.anchor = FileAnchor(root / "anchor.json")

    def append(self, *events: Event) -> Anchor:
        last = Ledger(open_store(self.settings, self.root)).append(events)[-1]
        return Anchor(last.number, last.hash)

    def cut(self, batch: int) -> None:
        """Without this batch and those behind it."""
        for file in (self.root / "ledger").rglob("*.jsonl"):
            if int(file.stem) >= batch:
                file.unlink()

    def recall(self) -> Recall:
        return recall(self.settings, self.root, self.cache)


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


def test_a_ledger_without_its_end_does_not_know_what_it_would_know(kit: Kit) -> None:
    """What was given in the part that is gone would be somebody else's for ever."""
    kit.append(added(0))
    kit.anchor.write(kit.append(added(9, assignment("bob"))))
    kit.cut(2)
    found = kit.recall()
    assert found.lost == "entry 2 was there once, and the newest now is 1"
    assert found.digest.remembered.began is None
    assert found.digest.remembered.of.keys() == {assignment().key}
    told = lost(NOON.replace(hour=20), "run-2", found.lost, found.entry)
    kit.append(told)
    again = kit.recall()
    assert (again.lost, again.digest.remembered.began) == ("", told.at)


def test_a_second_loss_is_told_as_the_first_was(kit: Kit) -> None:
    kit.append(added(0))
    kit.anchor.write(kit.append(added(1)))
    kit.cut(2)
    kit.append(lost(NOON, "run-2", "", kit.recall().entry))
    kit.append(added(2))
    kit.anchor.write(kit.append(added(3)))
    assert kit.recall().lost == ""
    kit.cut(4)
    assert kit.recall().lost == "entry 4 was there once, and the newest now is 3"


@pytest.mark.parametrize("more", [0, 3])
def test_a_ledger_that_was_written_anew_is_not_believed(kit: Kit, more: int) -> None:
    kit.anchor.write(kit.append(added(0)))
    kit.cut(1)
    kit.append(removed(0))
    for minute in range(more):
        kit.append(removed(minute))
    found = kit.recall()
    assert "entry 1 in" in found.error
    assert "is not the one that was anchored" in found.error
    assert found.digest.remembered.of == {}


def test_a_ledger_that_began_anew_may_pass_the_old_anchor(kit: Kit) -> None:
    kit.append(added(0))
    kit.anchor.write(kit.append(added(1)))
    kit.cut(1)
    kit.append(lost(NOON, "run-2", "", kit.recall().entry), added(1))
    found = kit.recall()
    assert (found.digest.number, found.error, found.lost) == (2, "", "")


class Counted(Shelf):
    """Counts the batches that it hands out."""

    read = 0

    def batches(self, after: int = 0) -> Iterator[tuple[int, bytes]]:
        for batch in super().batches(after):
            self.read += 1
            yield batch


@pytest.mark.parametrize("after", [0, 1, 2, 3, 500, 997, 998, 999, 1500, 1997, 1999, 2000, 2001])
def test_of_a_long_ledger_only_its_end_is_read_for_what_is_new(after: int) -> None:
    """A run looks for what came since the last one: the way there must not grow with the ledger."""
    shelf = Counted(batches([2] * 1000))
    found = [entry.number for entry in Ledger(shelf).entries(after=after)]
    assert found == list(range(after + 1, 2001))
    if after > 1990:
        assert shelf.read < 6


def test_while_the_ledger_cannot_be_read_what_was_there_before_us_is_not_forgotten(
    kit: Kit,
) -> None:
    """For as long as a store does not answer, it would be ours by git, and be taken away."""
    kit.append(event(EventKind.ALREADY_HELD, assignment=assignment()))
    kit.recall()
    for file in (kit.root / "ledger").rglob("*.jsonl"):
        file.chmod(0o600)
        file.write_text("{}\n")
    found = kit.recall()
    assert found.error
    assert found.digest.remembered.of[assignment().key].already_held == NOON
    assert found.digest.remembered.began is None  # what was given since may be missing


def test_what_is_not_the_anchored_ledger_is_not_kept_either(kit: Kit) -> None:
    kit.anchor.write(kit.append(added(0)))
    kit.cut(1)
    kit.append(event(EventKind.ALREADY_HELD, assignment=assignment()))
    for _ in range(2):
        assert kit.recall().digest.remembered.of == {}
