"""Rule 15: what was found out is remembered, and forgetting it costs calls and nothing else."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.repository import cache, load, memory
from reconciler.repository.memory import Memory
from tests.repository.build import Repository, hours

ROWS = {"a": "one", "b": 'two "é" \x1f', "c": ""}


def file_of(folder: Path) -> Path:
    [file] = folder.glob("*.sqlite")
    return file


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    Memory(tmp_path, tmp_path).write("grants", ROWS)
    again = Memory(tmp_path, tmp_path)
    assert again.read("grants", ["a", "b", "c", "d"]) == ROWS
    assert again.read("grants", ["b"]) == {"b": ROWS["b"]}
    assert again.read("other", ["a"]) == {}
    again.write("grants", {"a": "three"})
    assert again.read("grants", ["a", "c"]) == {"a": "three", "c": ""}
    assert again.read("grants", []) == {}


def test_thousands_are_read_at_once(tmp_path: Path) -> None:
    many = {f"{i:040}": str(i) for i in range(3_000)}
    found = Memory(tmp_path, tmp_path)
    found.write("s", many)
    assert found.read("s", many) == many


def test_repositories_have_memories_of_their_own(tmp_path: Path) -> None:
    Memory(tmp_path, tmp_path / "one").write("s", ROWS)
    assert Memory(tmp_path, tmp_path / "two").read("s", ROWS) == {}


def test_the_oldest_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_MOST", 3)
    found = Memory(tmp_path, tmp_path)
    for i in range(6):
        found.write("s", {f"k{i}": "x"})
    assert sorted(found.read("s", [f"k{i}" for i in range(6)])) == ["k3", "k4", "k5"]


def sabotage(statement: str) -> Callable[[Path], None]:
    def harm(file: Path) -> None:
        with sqlite3.connect(file) as db:
            db.execute(statement)

    return harm


HARM: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "empty": lambda file: file.write_bytes(b""),
    "no database": lambda file: file.write_bytes(b"not a database" * 1000),
    "cut in half": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "no table": sabotage("DROP TABLE verdicts"),
    "another verdict": sabotage("UPDATE verdicts SET row = 'approved'"),
    "another key": sabotage("UPDATE verdicts SET key = key || 'x'"),
    "another type": sabotage("UPDATE verdicts SET row = x'00ff', sum = 'x'"),
}


@pytest.mark.parametrize("harm", HARM)
def test_rule_15_a_broken_memory_forgets(tmp_path: Path, harm: str) -> None:
    Memory(tmp_path, tmp_path).write("s", ROWS)
    HARM[harm](file_of(tmp_path))
    found = Memory(tmp_path, tmp_path)
    assert found.read("s", [*ROWS, *(f"{key}x" for key in ROWS)]) == {}
    found.write("s", {"a": "anew"})
    assert Memory(tmp_path, tmp_path).read("s", ["a"]) == {"a": "anew"}


def test_rule_15_without_a_folder_nothing_is_remembered(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("where the folder should be")
    for folder in (None, tmp_path / "file"):
        found = Memory(folder, tmp_path)
        found.write("s", ROWS)
        assert found.read("s", ROWS) == {}


def test_rule_15_a_locked_memory_is_waited_for_once(tmp_path: Path) -> None:
    Memory(tmp_path, tmp_path).write("s", ROWS)
    db = sqlite3.connect(file_of(tmp_path), isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    started = time.monotonic()
    found = Memory(tmp_path, tmp_path)
    for _ in range(5):
        found.write("s", ROWS)
        assert found.read("s", ROWS) == {}
    assert time.monotonic() - started < 5
    db.close()


def test_what_others_can_write_is_not_believed(tmp_path: Path) -> None:
    store, root = tmp_path / "cache" / "access-reconciler", tmp_path / "a"
    Memory(store, root).write("verdicts", {"key": "approved"})
    [file] = store.iterdir()
    for path, mode in ((store, 0o777), (store, 0o770), (file, 0o666), (file, 0o664)):
        kept = path.stat().st_mode
        path.chmod(mode)
        memory = Memory(store, root)
        assert memory.read("verdicts", {"key"}) == {}
        memory.write("verdicts", {"key": "approved"})
        path.chmod(kept)
    store.parent.chmod(0o777)  # anybody may put another folder in its place
    assert Memory(store, root).read("verdicts", {"key"}) == {}
    store.parent.chmod(0o1777)
    assert Memory(store, root).read("verdicts", {"key"}) == {"key": "approved"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_belongs_to_somebody_else_is_not_believed(tmp_path: Path) -> None:
    store, root = tmp_path / "access-reconciler", tmp_path / "a"
    Memory(store, root).write("verdicts", {"key": "approved"})
    [file] = store.iterdir()
    for path in (store, file):
        os.chown(path, 65534, 65534)
        assert Memory(store, root).read("verdicts", {"key"}) == {}
        os.chown(path, 0, 0)
    os.chown(store, 65534, 65534)
    assert cache.folder({"XDG_CACHE_HOME": str(tmp_path)}) is None
    assert cache.folder({"HOME": str(tmp_path)}) == tmp_path / ".cache" / "access-reconciler"


def test_it_shares_its_file_with_the_cache(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "access")
    found = Memory(tmp_path / "cache", repo.root)
    load(repo.root, hours(1), cache=tmp_path / "cache")
    found.write("s", ROWS)
    load(repo.root, hours(1), cache=tmp_path / "cache")
    assert found.read("s", ROWS) == ROWS
    assert file_of(tmp_path / "cache")
