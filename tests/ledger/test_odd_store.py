"""What somebody put where a ledger, its anchor or a position should be: an error, and never a run that
waits, dies, or takes it for an empty ledger."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.ledger.anchor import FileAnchor
from reconciler.ledger.base import LedgerError
from reconciler.ledger.branch import BranchStore
from reconciler.ledger.folder import FolderStore
from reconciler.ledger.git import Git
from reconciler.ledger.ledger import Ledger
from reconciler.ledger.ship import ShipError, read
from tests.ledger.build import event
from tests.ledger.test_branch import BRANCH, git, ledger
from tests.ledger.test_branch import world as world


def endless(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


ODD = pytest.mark.parametrize(
    ("put", "said"),
    [
        (os.mkfifo, "no regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "no regular file"),
        (Path.mkdir, "no regular file"),
        (endless, "it has 1,099,511,627,776 bytes"),
    ],
    ids=["a pipe", "a device", "a folder", "a hole"],
)
Put = Callable[[Path], object]


@ODD
def test_a_batch_that_is_no_file_is_an_error(tmp_path: Path, put: Put, said: str) -> None:
    Ledger(FolderStore(tmp_path)).append([event()])
    put(tmp_path / "000000/000000002.jsonl")
    with pytest.raises(LedgerError, match=said):
        list(Ledger(FolderStore(tmp_path)).entries())


@ODD
def test_an_anchor_that_is_no_file_is_an_error(tmp_path: Path, put: Put, said: str) -> None:
    put(tmp_path / "anchor.json")
    with pytest.raises(LedgerError, match=said):
        FileAnchor(tmp_path / "anchor.json").read()


@ODD
def test_a_position_that_is_no_file_is_an_error(tmp_path: Path, put: Put, said: str) -> None:
    put(tmp_path / "position.json")
    with pytest.raises(ShipError, match=said):
        read(tmp_path / "position.json")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"number": Infinity, "hash": ""}', '{"number": 0, "hash": ""}']
)
def test_what_json_also_allows_is_no_anchor(tmp_path: Path, text: str) -> None:
    (tmp_path / "anchor.json").write_text(text)
    with pytest.raises(LedgerError, match="holds no anchor"):
        FileAnchor(tmp_path / "anchor.json").read()


@pytest.mark.parametrize("text", ["[" * 100_000, '{"number": Infinity, "hash": ""}'])
def test_what_json_also_allows_is_no_position(tmp_path: Path, text: str) -> None:
    (tmp_path / "position.json").write_text(text)
    with pytest.raises(ShipError, match="does not say what was sent"):
        read(tmp_path / "position.json")


@pytest.fixture
def alone(world: Path) -> Path:
    """A clone without a remote, and a ledger of two batches on its branch."""
    git(world / "alice", "remote", "remove", "origin")
    for reason in ("a1", "a2"):
        ledger(world / "alice").append([event(reason=reason)])
    return world / "alice"


@pytest.mark.parametrize("tree", [BRANCH + "^{tree}", f"{BRANCH}:000000"])
def test_a_tree_that_is_missing_is_an_error_and_not_an_empty_ledger(alone: Path, tree: str) -> None:
    """Else the next batch would take the place of all that were there."""
    tip = git(alone, "rev-parse", BRANCH)
    id = git(alone, "rev-parse", tree)
    (alone / ".git/objects" / id[:2] / id[2:]).unlink()
    one = ledger(alone)
    for do in (one.head, lambda: list(one.entries()), lambda: one.append([event()])):
        with pytest.raises(LedgerError, match="git ls-tree failed"):
            do()
    assert git(alone, "rev-parse", BRANCH) == tip


def test_a_blob_that_came_to_harm_is_an_error(alone: Path) -> None:
    id = git(alone, "rev-parse", f"{BRANCH}:000000/000000002.jsonl")
    path = alone / ".git/objects" / id[:2] / id[2:]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(LedgerError, match=f"git has no object {id}"):
        list(ledger(alone).entries())


@pytest.mark.parametrize("text", ["[remote", '[remote "origin"]\n\turl'])
def test_a_remote_that_cannot_be_known_is_not_taken_for_none(alone: Path, text: str) -> None:
    with (alone / ".git/config").open("a") as config:
        config.write(text)
    with pytest.raises(LedgerError, match="git remote failed"):
        Git(alone).has_remote()


def test_a_branch_that_begins_with_the_same_name_is_another_one(world: Path) -> None:
    alice = world / "alice"
    git(alice, "remote", "remove", "origin")
    git(alice, "branch", f"{BRANCH}/other")
    assert BranchStore(alice, BRANCH).last() == 0


@pytest.mark.parametrize("remote", [True, False])
def test_a_branch_that_is_put_back_during_a_run_gets_no_gap(world: Path, remote: bool) -> None:
    """What this run wrote is gone then, and so it may not go on as if it were there."""
    alice, where = world / "alice", world / "origin.git"
    if not remote:
        git(alice, "remote", "remove", "origin")
        where = alice
    one = ledger(alice)
    for reason in ("a1", "a2", "a3"):
        one.append([event(reason=reason)])
    git(where, "update-ref", f"refs/heads/{BRANCH}", f"{BRANCH}~1")
    with pytest.raises(LedgerError, match="entry 3 was there, and is gone"):
        one.append([event(reason="a4")])
    assert [entry.event.reason for entry in ledger(alice).entries()] == ["a1", "a2"]
