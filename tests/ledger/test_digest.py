"""What a run needs of the ledger: gathered once, gone on from, and told once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from reconciler.ledger import open_store
from reconciler.ledger.base import Anchor
from reconciler.ledger.digest import Digest, digest, restored
from reconciler.ledger.ledger import Ledger
from reconciler.ledger.memory import note, recall
from reconciler.model import EventKind
from reconciler.model.ledger_settings import LedgerSettings, LedgerStore
from tests.ledger.build import added, assignment, entries, event, removed


class Kept:
    """A cache, and how often it was written."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}
        self.writes = 0

    def read(self, space: str, keys: Collection[str]) -> Mapping[str, str]:
        return {k: self.rows[space + k] for k in keys if space + k in self.rows}

    def write(self, space: str, rows: Mapping[str, str]) -> None:
        self.writes += 1
        self.rows.update({space + k: row for k, row in rows.items()})


def settings(folder: Path) -> LedgerSettings:
    return LedgerSettings(LedgerStore.FOLDER, path=str(folder))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger(open_store(settings(tmp_path / "ledger"), tmp_path))
    ledger.append([added(0), removed(5), added(6, assignment("bob", "write"), replaces="read")])
    return ledger


def test_what_is_kept_as_text_says_the_same() -> None:
    held = event(EventKind.ALREADY_HELD, 3, assignment=assignment("carol"))
    found = digest(entries(added(0), removed(5), held))
    again = restored(found.kept())
    assert again is not None
    assert (again.remembered, again.number, again.hash) == (
        found.remembered,
        found.number,
        found.hash,
    )
    assert again.news([held]) == found.news([held]) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[[9,1,2,3,4,5],[],[],[]]",
        "[[3],[],[],[]]",
        '[[5,1,"","",0,"",""],[],"",["{}"]]',
        '[[5,1,"","",0,"",""],[],["told"],[]]',
        '[[4,1,"","",0,"",""],[],"",[]]',
    ],
)
def test_a_text_that_came_to_harm_is_none(text: str) -> None:
    assert restored(text) is None


def test_a_change_that_a_run_died_over_is_kept_too() -> None:
    """Where its scope can never be read again, each run would read the whole ledger."""
    intent = event(EventKind.INTENDED, assignment=assignment(), action="add", replaces="read")
    found = digest(entries(intent))
    again = restored(found.kept())
    assert again is not None
    assert again.remembered == found.remembered
    assert again.remembered.unfinished == (intent,)


def test_the_next_run_reads_only_what_came_since(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Kept()
    first = recall(settings(tmp_path / "ledger"), tmp_path, cache)
    ledger.append([added(9, assignment("dave"))])
    asked: list[int] = []
    read = Ledger.entries

    def counted(self: Ledger, after: int = 0) -> object:
        asked.append(after)
        return read(self, after)

    monkeypatch.setattr(Ledger, "entries", counted)
    second = recall(settings(tmp_path / "ledger"), tmp_path, cache)
    assert asked == [first.digest.number - 1]
    assert second.digest.number == 4
    assert second.digest.remembered == digest(read(ledger)).remembered
    assert cache.writes == 2  # while the ledger is not believed, this is what a run goes by
    recall(settings(tmp_path / "ledger"), tmp_path, cache)
    assert cache.writes == 2


def test_another_ledger_in_the_same_place_is_read_from_its_beginning(
    ledger: Ledger, tmp_path: Path
) -> None:
    cache = Kept()
    recall(settings(tmp_path / "ledger"), tmp_path, cache)
    for path in sorted((tmp_path / "ledger").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    other = Ledger(open_store(settings(tmp_path / "ledger"), tmp_path))
    other.append([added(0, assignment("erin")), added(1, assignment("frank")), added(2)])
    found = recall(settings(tmp_path / "ledger"), tmp_path, cache)
    assert found.digest.remembered.of == digest(other.entries()).remembered.of
    assert (found.entry, found.lost) == (3, "entry 3 is another one than this machine knows")


def cut(folder: Path) -> None:
    """The newest batch is gone."""
    max(path for path in folder.rglob("*") if path.is_file()).unlink()


def test_without_an_anchor_the_machine_itself_knows_what_it_has_read(
    ledger: Ledger, tmp_path: Path
) -> None:
    """Else what the lost part gave would look as if it had been there before its grant."""
    cache = Kept()
    ledger.append([added(9, assignment("dave"))])
    recall(settings(tmp_path / "ledger"), tmp_path, cache)
    cut(tmp_path / "ledger")
    found = recall(settings(tmp_path / "ledger"), tmp_path, cache)
    assert (found.entry, found.lost) == (
        4,
        "this machine knows entry 4, and the newest now is 3",
    )
    assert found.digest.remembered.began is None


def test_and_what_it_has_written(ledger: Ledger, tmp_path: Path) -> None:
    cache = Kept()
    recall(settings(tmp_path / "ledger"), tmp_path, cache)
    [written] = ledger.append([added(9, assignment("dave"))])
    note(Anchor(written.number, written.hash), ledger, cache)
    cut(tmp_path / "ledger")
    assert recall(settings(tmp_path / "ledger"), tmp_path, cache).entry == 4
    ledger = Ledger(open_store(settings(tmp_path / "ledger"), tmp_path))
    told = event(EventKind.LEDGER_LOST, 10, counts=(("lost", 4),))
    ledger.append([told])  # the run that saw it says so
    again = recall(settings(tmp_path / "ledger"), tmp_path, cache)
    assert (again.lost, again.digest.remembered.began) == ("", told.at)


def test_what_goes_on_is_told_once_a_day_and_a_decision_once() -> None:
    unread = event(EventKind.UNKNOWN, 0, reason="aws: its list")
    decided = event(EventKind.DECIDED, 0, commit="c", path="p", outcome="granted")
    found = digest(entries(unread, decided))
    later = event(EventKind.UNKNOWN, 60, reason="aws: its list")
    tomorrow = event(EventKind.UNKNOWN, 60 * 24, reason="aws: its list")
    again = event(EventKind.DECIDED, 60 * 24, commit="c", path="p", outcome="granted")
    assert found.news([later, tomorrow, again]) == (tomorrow,)


def test_what_came_back_again_after_it_was_given_again_is_told_again() -> None:
    back = event(EventKind.CAME_BACK, 1, assignment=assignment())
    found = digest(entries(back))
    assert found.news([back]) == ()
    assert digest(entries(back, added(2), removed(3))).news([back]) == (back,)
    assert Digest().news([back, back]) == (back,)
