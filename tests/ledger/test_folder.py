"""A ledger in a folder: whole after every death of its writer, and never written over."""

from __future__ import annotations

import errno
import os
import random
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reconciler.ledger import open_store
from reconciler.ledger.base import LedgerError, Taken
from reconciler.ledger.folder import FolderStore
from reconciler.ledger.ledger import Ledger
from reconciler.model.ledger_settings import LedgerSettings, LedgerStore
from tests.ledger.build import event
from tests.ledger.writer import acknowledged, started

SETTINGS = {"store": "folder", "path": "ledger"}


def test_batches_are_files_a_thousand_to_a_folder(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "ledger")
    assert store.last() == 0
    assert list(store.batches()) == []
    for number in (1, 2, 999, 1000, 1001, 1_234_567):
        store.put(number, f"{number}\n".encode())
    files = sorted(str(p.relative_to(store.root)) for p in store.root.rglob("*.jsonl"))
    assert files[0] == "000000/000000001.jsonl"
    assert files[-1] == "001234/001234567.jsonl"
    assert store.last() == 1_234_567
    assert [n for n, _ in store.batches()] == [1, 2, 999, 1000, 1001, 1_234_567]
    assert list(store.batches(after=1000)) == [(1001, b"1001\n"), (1_234_567, b"1234567\n")]
    assert next(n for n, _ in store.batches(after=999)) == 1000


def test_a_batch_is_never_written_over(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put(1, b"one\n")
    with pytest.raises(Taken, match=r"000000001\.jsonl is there already"):
        store.put(1, b"other\n")
    assert list(store.batches()) == [(1, b"one\n")]
    assert [p.name for p in (tmp_path / "000000").iterdir()] == ["000000001.jsonl"]
    assert (tmp_path / "000000/000000001.jsonl").stat().st_mode & 0o222 == 0


def test_other_files_are_no_batches(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put(1, b"one\n")
    (tmp_path / "000000/.new-abc").write_text("half")
    (tmp_path / "000000/000000002.jsonl~").write_text("editor")
    (tmp_path / "000001").mkdir()
    (tmp_path / "000001/000000002.jsonl").write_text("not where it belongs")
    (tmp_path / "README").write_text("hello")
    assert store.last() == 1
    assert [n for n, _ in store.batches()] == [1]


def test_two_processes_lose_nothing_and_do_not_fork(tmp_path: Path) -> None:
    writers = [started(SETTINGS, tmp_path, name, 150) for name in ("one", "other")]
    wanted = acknowledged(writers)
    ledger = Ledger(FolderStore(tmp_path / "ledger"))
    assert ledger.verify() == ()
    found = [entry.event.reason for entry in ledger.entries()]
    assert sorted(found) == sorted(wanted)
    for name in ("one", "other"):
        mine = [reason for reason in found if reason.startswith(f"{name}-")]
        assert mine == [reason for reason in wanted if reason.startswith(f"{name}-")]


def test_a_killed_writer_leaves_a_whole_ledger(tmp_path: Path) -> None:
    """Killed at any moment: all that was acknowledged is there, and at most one batch more."""
    chance = random.Random(4)
    ledger = Ledger(FolderStore(tmp_path / "ledger"))
    wanted = 0
    for n in range(12):
        writer = started(SETTINGS, tmp_path, f"w{n}", 1_000_000)
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(chance.random() / 20)
        writer.kill()
        told = [first.strip(), *writer.stdout.read().split()]
        writer.communicate()
        assert writer.returncode == -signal.SIGKILL
        assert ledger.verify() == ()
        found = [e.event.reason for e in ledger.entries(wanted)]
        assert found[: len(told)] == told
        assert len(found) - len(told) <= 3
        wanted += len(found)


@pytest.mark.parametrize("step", ["open", "write", "fchmod", "fsync", "link", "unlink", "mkdir"])
def test_a_writer_killed_at_a_step_leaves_a_whole_ledger(tmp_path: Path, step: str) -> None:
    """The process dies in the very call, of its first write, its second and so on."""
    ledger = Ledger(FolderStore(tmp_path / "ledger"))
    deaths = 0
    for which in range(1, 5):
        done = ran(DIES, step, str(which), str(tmp_path / "ledger"))
        deaths += done.returncode == -signal.SIGKILL
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        assert ledger.verify() == ()
        found = [e.event.reason for e in ledger.entries() if e.event.run == str(which)]
        told = done.stdout.split()
        assert found[: len(told)] == told
        assert len(found) - len(told) in (0, 2)  # one batch that it could not speak of any more
        ledger.append([event(reason="after")])
        assert ledger.verify() == ()
    assert deaths


DIES = """
import os, signal, sys
from pathlib import Path
from reconciler.ledger.folder import FolderStore
from reconciler.ledger.ledger import Ledger
from tests.ledger.build import event

step, which = sys.argv[1], int(sys.argv[2])
name = "fdopen" if step == "write" else step
left, whole = [which], getattr(os, name)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

class Half:
    def __init__(self, file): self.file = file
    def __enter__(self): return self
    def __exit__(self, *e): self.file.close()
    def write(self, data):
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        die()

def dying(*a, **k):
    left[0] -= 1
    if left[0]:
        return whole(*a, **k)
    return Half(whole(*a, **k)) if step == "write" else die()

setattr(os, name, dying)
ledger = Ledger(FolderStore(Path(sys.argv[3])))
for n in range(4):
    ledger.append([event(run=str(which), reason=f"{n}-{i}") for i in range(2)])
    print(f"{n}-0 {n}-1", flush=True)
"""


def ran(
    program: str, *arguments: str, before: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )


def test_a_batch_is_on_the_disk_before_it_has_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FolderStore(tmp_path).put(1, b"one\n")
    said: list[str] = []
    for name in ("fsync", "link"):
        whole = getattr(os, name)
        note = partial(_noted, name, whole, said)
        monkeypatch.setattr(os, name, note)
    FolderStore(tmp_path).put(2, b"two\n")
    assert said == ["fsync", "link", "fsync"]  # the file, its name, the folder


def _noted(name: str, whole: Callable[..., Any], said: list[str], *given: Any) -> Any:
    said.append(name)
    return whole(*given)


WRITES = """
import sys
from pathlib import Path
from reconciler.ledger.folder import FolderStore
from reconciler.ledger.ledger import Ledger
from tests.ledger.build import event
ledger = Ledger(FolderStore(Path(sys.argv[1])))
for n in range(200):
    ledger.append([event(reason="x" * 20_000)])
    print(n, flush=True)
"""
LIMITED = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
"""


def test_a_write_that_stops_in_the_middle_leaves_nothing_half(tmp_path: Path) -> None:
    """A limit on the size of files stops it, as a quota does."""
    store = FolderStore(tmp_path / "ledger")
    Ledger(store).append([event()])
    done = ran(LIMITED + WRITES, str(store.root))
    assert f"LedgerError: cannot write {store.root}" in done.stderr
    assert os.strerror(errno.EFBIG) in done.stderr
    assert [p.name for p in (store.root / "000000").iterdir()] == ["000000001.jsonl"]
    assert len(Ledger(store).append([event()])) == 1


def test_a_full_disk_says_so_and_leaves_a_whole_ledger(tmp_path: Path) -> None:
    """A file system of 256 KiB, in a mount namespace of its own."""
    script = 'mount -t tmpfs -o size=256k tmpfs "$0" && "$@"; cp -r "$0/ledger" "$0.kept"'
    disk = tmp_path / "disk"
    disk.mkdir()
    before = ("unshare", "--map-root-user", "--mount", "sh", "-c", script, str(disk))
    done = ran(WRITES, str(disk / "ledger"), before=before)
    if "LedgerError" not in done.stderr:
        pytest.skip(f"no mount namespaces here: {done.stderr.strip()[-200:]}")
    assert f"{os.strerror(errno.ENOSPC)}; free some space" in done.stderr
    kept = FolderStore(Path(f"{disk}.kept"))
    assert kept.last() == len(done.stdout.split()) > 3
    assert Ledger(kept).verify() == ()
    assert list(kept.root.rglob(".new-*")) == []


def test_a_folder_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    FolderStore(tmp_path / "ledger").put(1, b"one\n")
    for folder in (tmp_path / "ledger/000000", tmp_path / "ledger", tmp_path):
        folder.chmod(0o555)
    store = FolderStore(Path("ledger"))
    for number in (2, 1000):
        said = as_nobody(tmp_path, lambda n=number: store.put(n, b"more\n"))  # type: ignore[misc]
        assert said.startswith("cannot write ledger/")
        assert said.endswith("Permission denied; let this user write there")
    (tmp_path / "ledger/000000/000000001.jsonl").chmod(0)
    said = as_nobody(tmp_path, lambda: [*store.batches()])
    assert "000000001.jsonl: Permission denied; without it nothing after it" in said


def as_nobody(where: Path, do: Callable[[], object]) -> str:
    """What LedgerError `do` raised in a process that may read `where` and no more."""
    ours, theirs = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that threads of pytest's own are not copied is fine
        child = os.fork()
    if child == 0:
        said = "nothing was raised"
        try:
            os.chdir(where)
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            do()
        except LedgerError as e:
            said = str(e)
        finally:
            os.write(theirs, said.encode())
            os._exit(0)
    os.close(theirs)
    os.waitpid(child, 0)
    with os.fdopen(ours) as told:
        return told.read()


def test_a_file_in_place_of_the_folder_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("a file")
    store = FolderStore(tmp_path / "ledger")
    with pytest.raises(LedgerError, match=r"cannot list .*ledger: Not a directory"):
        store.last()
    with pytest.raises(LedgerError, match=r"cannot write .*Not a directory|File exists"):
        store.put(1, b"one\n")


def test_the_folder_is_within_the_access_repository_or_anywhere(tmp_path: Path) -> None:
    inside = open_store(LedgerSettings(LedgerStore.FOLDER, path="ledger"), tmp_path)
    assert inside.where == str(tmp_path / "ledger")
    outside = open_store(LedgerSettings(LedgerStore.FOLDER, path="/var/lib/ledger"), tmp_path)
    assert re.fullmatch("/var/lib/ledger", outside.where)
