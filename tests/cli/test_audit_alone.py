"""What `reconciler audit` keeps in files is believed only where nobody else can write it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.test_audit import STORY, Desk
from tests.cli.test_audit import desk as desk


def told(desk: Desk) -> int:
    return len(desk.run("query", "--format", "jsonl").out.splitlines())


def test_an_index_that_others_can_write_is_not_read(desk: Desk, tmp_path: Path) -> None:
    """Nobody would hear of what somebody took out of it."""
    assert told(desk) == len(STORY)
    [index] = (tmp_path / "cache").rglob("*.ledger.sqlite")
    with closing(sqlite3.connect(index)) as db:
        db.execute("DELETE FROM entries WHERE number = 3")
        db.commit()
    assert told(desk) == len(STORY) - 1
    index.chmod(0o666)
    assert told(desk) == len(STORY)
    index.chmod(0o600)
    Path(f"{index}-journal").touch()
    Path(f"{index}-journal").chmod(0o666)
    assert told(desk) == len(STORY)


@pytest.mark.parametrize("of", ["file", "folder"])
def test_a_position_that_others_can_write_is_refused(desk: Desk, tmp_path: Path, of: str) -> None:
    """It could say that what was never sent was sent."""
    place = tmp_path / "kept" / "position.json"
    words = ("ship", str(tmp_path / "out.jsonl"), "--to", "file", "--position", str(place))
    assert desk.run(*words).code == 0
    (place if of == "file" else place.parent).chmod(0o777)
    done = desk.run(*words)
    assert (done.code, "others can write it" in done.err) == (2, True)
