"""The index of the ledger: it follows, heals, and never says what the ledger did not."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from reconciler.ledger.base import LedgerError
from reconciler.ledger.index import Index, file_in
from reconciler.ledger.query import Question, entries
from reconciler.model import Event
from tests.ledger.lines_index import Lines, added, decided, of, removed

ALICE = Question(person="alice@example.com")


def story() -> tuple[Event, ...]:
    return (decided(of()), added(of()), added(of("bob")), removed(of(), 8))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "a.sqlite"


def index(file: Path | None, lines: Lines) -> Index:
    found = Index(file, lines)
    found.follow()
    return found


def told(found: Index, question: Question = ALICE) -> list[int]:
    return [entry.number for entry in entries(found, question)]


def test_what_it_hands_out_is_what_the_ledger_says(file: Path) -> None:
    lines = Lines()
    lines.write(*story())
    assert list(entries(index(file, lines), Question())) == list(lines.kept)


def test_only_what_is_new_is_read(file: Path) -> None:
    lines = Lines()
    lines.write(*story())
    index(file, lines).close()
    lines.write(added(of(role="write"), 9))
    lines.read = 0
    found = index(file, lines)
    assert told(found) == [1, 2, 4, 5]
    assert lines.read == 2  # the last of before, and the new one


def test_a_row_is_on_the_disk_before_it_is_counted(file: Path) -> None:
    """Where the machine stopped in between, an answer would lack it, and nobody would know."""
    lines = Lines()
    lines.write(*story())
    found = index(file, lines)
    [(waits,)] = found.ask("PRAGMA synchronous")
    assert waits > 0


def test_where_nothing_is_new_nothing_is_written(file: Path) -> None:
    lines = Lines()
    lines.write(*story())
    index(file, lines).close()
    before = file.stat().st_mtime_ns
    found = index(file, lines)
    assert told(found) == [1, 2, 4]
    found.close()
    assert file.stat().st_mtime_ns == before


def test_another_ledger_is_read_from_its_beginning(file: Path) -> None:
    lines = Lines()
    lines.write(*story())
    index(file, lines).close()
    lines.rewritten([added(of("bob")), added(of()), added(of("carol")), removed(of(), 8)])
    assert told(index(file, lines)) == [2, 4]


def test_a_ledger_that_became_shorter_is_read_from_its_beginning(file: Path) -> None:
    lines = Lines()
    lines.write(*story())
    index(file, lines).close()
    lines.kept = lines.kept[:2]
    assert told(index(file, lines)) == [1, 2]


def test_an_empty_ledger_has_no_answers(file: Path) -> None:
    assert told(index(file, Lines()), Question()) == []


@pytest.mark.parametrize(
    "content", [b"", b"not a database" * 500, b"SQLite format 3\0" + b"x" * 4096]
)
def test_a_broken_file_is_made_anew(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    lines = Lines()
    lines.write(*story())
    assert told(index(file, lines)) == [1, 2, 4]
    lines.read = 0
    assert told(index(file, lines)) == [1, 2, 4]
    assert lines.read == 1  # it was kept


def test_a_file_that_breaks_in_the_middle_is_made_anew(file: Path) -> None:
    lines = Lines()
    lines.write(*story())
    found = index(file, lines)
    found.close()
    size = file.stat().st_size
    with file.open("r+b") as pages:
        pages.seek(4096)
        pages.write(b"\xff" * (size - 4096))
    assert told(index(file, lines)) == [1, 2, 4]


def test_a_line_that_was_altered_in_the_index_is_never_shown(file: Path) -> None:
    lines = Lines()
    lines.write(*story())
    index(file, lines).close()
    db = sqlite3.connect(file)
    altered = "UPDATE lines SET line = CAST(replace(CAST(line AS TEXT), 'read', 'root') AS BLOB)"
    assert db.execute(altered).rowcount
    db.commit()
    db.close()
    assert list(entries(index(file, lines), Question())) == list(lines.kept)


def test_a_line_that_is_gone_from_the_index_comes_back(file: Path) -> None:
    lines = Lines()
    lines.write(*story())
    index(file, lines).close()
    db = sqlite3.connect(file)
    db.execute("DELETE FROM lines WHERE number = 2")
    db.commit()
    db.close()
    assert told(index(file, lines)) == [1, 2, 4]


def test_without_a_place_for_it_it_is_kept_in_memory(tmp_path: Path) -> None:
    lines = Lines()
    lines.write(*story())
    (tmp_path / "file").write_text("no folder")
    for nowhere in (None, tmp_path / "file" / "a.sqlite"):
        assert told(index(nowhere, lines)) == [1, 2, 4]


def test_a_flaw_in_the_ledger_is_told_and_the_index_stays_as_it_was(file: Path) -> None:
    class Flawed(Lines):
        def entries(self, after: int = 0):  # type: ignore[no-untyped-def]
            yield from super().entries(after)
            raise LedgerError("entry 5 was altered")

    lines = Lines()
    lines.write(*story()[:2])
    index(file, lines).close()
    flawed = Flawed(lines.kept)
    flawed.write(*story()[2:])
    with pytest.raises(LedgerError, match="entry 5 was altered"):
        index(file, flawed)
    lines.read = 0
    assert told(index(file, lines)) == [1, 2]
    assert lines.read == 1


def test_two_processes_may_follow_at_once(file: Path) -> None:
    lines = Lines()
    lines.write(*story())
    one, other = Index(file, lines), Index(file, lines)
    one.follow()
    other.follow()
    assert told(one) == told(other) == [1, 2, 4]


def test_each_ledger_of_each_repository_has_its_own_file(tmp_path: Path) -> None:
    places = {
        file_in(tmp_path, tmp_path / root, where)
        for root in ("a", "b")
        for where in ("ledger", "branch access-ledger")
    }
    assert len(places) == 4
    assert file_in(None, tmp_path, "ledger") is None
