"""`reconciler audit` asked about a ledger that is not there, and about time that runs backwards."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from reconciler.ledger import chain, wire
from reconciler.ledger.folder import FolderStore
from reconciler.ledger.ledger import Ledger
from reconciler.model import EventKind
from tests.cli.test_audit import STORY, Desk
from tests.cli.test_audit import desk as desk
from tests.ledger.lines_index import event


@pytest.mark.parametrize("words", [("verify",), ("query",), ("export",), ("ship", "out", "--to", "file")])  # fmt: skip
@pytest.mark.parametrize("folder", ["", "ledger/000000"])
def test_a_folder_without_a_ledger_proves_nothing(
    desk: Desk, tmp_path: Path, words: tuple[str, ...], folder: str
) -> None:
    """Whoever mistypes the name of a copy must not be told that nothing happened."""
    done = desk.run(*words, "--ledger", str(desk.repo / folder if folder else tmp_path))
    assert (done.code, done.out, "there is no ledger in" in done.err) == (2, "", True)


def test_a_ledger_that_is_empty_is_not_whole(desk: Desk) -> None:
    """All of it may be gone."""
    shutil.rmtree(desk.repo / "ledger")
    done = desk.run("verify")
    assert (done.code, "The ledger is empty" in done.out) == (1, True)
    done = desk.run("verify", "--format", "json")
    assert (done.code, json.loads(done.out)["whole"]) == (1, False)


@pytest.mark.parametrize("command", ["query", "export"])
@pytest.mark.parametrize("end", ["2026-01-01T00:00:00Z", "2026-03-01T01:00:00+01:00"])
def test_a_window_that_ends_before_it_begins_is_wrong_input(
    desk: Desk, command: str, end: str
) -> None:
    done = desk.run(command, "--from", "2026-03-01T00:00:00Z", "--to", end)
    assert (done.code, "write them the other way" in done.err) == (2, True)


def test_however_the_repository_is_reached_its_ledger_is_the_same(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this machine knows of it, and its index, would be there twice, and each half as old."""
    desk.looked()
    assert desk.run("query").code == 0
    desk.write(STORY[0])
    desk.batch(2).unlink()
    desk.batch(3).unlink()
    (tmp_path / "link").symlink_to(desk.repo)
    for where in (tmp_path, desk.repo, desk.repo.parent):
        monkeypatch.chdir(where)
        for repo in (desk.repo, tmp_path / "link", Path("../access"), Path("access"), Path()):
            if (repo / "reconciler.yaml").exists():
                done = desk.run("verify", "--repo", str(repo))
                assert (done.code, "this machine knows entry 5" in done.out) == (1, True)
                assert desk.run("query", "--repo", str(repo)).code == 0
    assert len([*(tmp_path / "cache").rglob("*.ledger.sqlite")]) == 1


@pytest.mark.parametrize(
    "option", ["--person", "--system", "--resource", "--role", "--grant", "--cause", "--run"]
)
def test_an_empty_option_does_not_ask_for_everything(desk: Desk, option: str) -> None:
    """As a script has it whose variable is not set."""
    done = desk.run("query", option, "")
    assert (done.code, done.out, f"'{option}': it is empty" in done.err) == (2, "", True)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_off_the_calendar_is_none(desk: Desk, time: str) -> None:
    done = desk.run("query", "--from", time)
    assert (done.code, "is no time with an offset" in done.err) == (2, True)


@pytest.mark.parametrize("option", ["--person", "--grant", "--cause", "--run"])
def test_half_a_character_is_in_no_entry(desk: Desk, option: str) -> None:
    done = desk.run("query", option, "\udcff", "--format", "jsonl")
    assert (done.code, done.out) == (0, "")


@pytest.mark.parametrize("words", [("query", "--format", "json"), ("export", "--format", "jsonl")])
def test_a_forged_entry_steers_no_terminal_in_json_either(
    desk: Desk, words: tuple[str, ...]
) -> None:
    """To a file it goes as it is: hashes are computed from that."""
    last = Ledger(FolderStore(desk.repo / "ledger")).head()
    assert last is not None
    forged = wire.sealed(6, last.hash, event(EventKind.DONE, 9, reason="\x9b31m\u202edetnarg"))
    FolderStore(desk.repo / "ledger").put(3, chain.written([forged]))
    command = Path(sys.executable).with_name("reconciler")
    ours, theirs = pty.openpty()
    with open(ours, "rb", buffering=0) as terminal:
        done = subprocess.Popen([command, "audit", *words], cwd=desk.repo, stdout=theirs)
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # its end, on Linux
            while part := terminal.read(65536):
                seen += part
        assert done.wait() == 0
    assert "detnarg" in seen.decode()
    assert not {"\x9b", "\u202e"} & set(seen.decode())
    piped = subprocess.run([command, "audit", *words], cwd=desk.repo, capture_output=True)
    assert "\x9b31m\u202edetnarg" in piped.stdout.decode()
