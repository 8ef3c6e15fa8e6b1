"""A branch of its own, made beside whatever its user is doing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from reconciler.asking.clone import Clone
from reconciler.errors import InputError, ReconcilerError
from reconciler.repository.git import at

PATH = "grants/x.yaml"


@pytest.fixture(autouse=True)
def _plain_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    origin, root = tmp_path / "origin.git", tmp_path / "clone"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(origin)], check=True)
    subprocess.run(["git", "clone", "-q", str(origin), str(root)], check=True, capture_output=True)
    git(root, "config", "user.name", "Alice Archer")
    git(root, "config", "user.email", "alice@example.com")
    (root / "tool.sh").write_text("#!/bin/sh\n")
    (root / "tool.sh").chmod(0o755)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "Begin")
    git(root, "push", "-q", "origin", "HEAD:main")
    git(root, "fetch", "-q")
    return Clone(at(root))


def test_a_commit_changes_one_file_and_nothing_that_is_staged(clone: Clone) -> None:
    (clone.root / "staged.txt").write_text("mine\n")
    git(clone.root, "add", "staged.txt")
    before = git(clone.root, "ls-files", "-s"), git(clone.root, "status", "--porcelain=v2")
    tip = clone.tip("main")
    made = clone.commit(tip, PATH, b"text\n", "Ask\n", signed=False)
    assert git(clone.root, "diff", "--name-status", tip, made) == f"A\t{PATH}"
    gone = clone.commit(made, PATH, None, "Give back\n", signed=False)
    assert git(clone.root, "rev-parse", f"{gone}^{{tree}}") == git(
        clone.root, "rev-parse", f"{tip}^{{tree}}"
    )
    after = git(clone.root, "ls-files", "-s"), git(clone.root, "status", "--porcelain=v2")
    assert after == before


def test_a_file_keeps_its_mode(clone: Clone) -> None:
    made = clone.commit(clone.tip("main"), "tool.sh", b"#!/bin/bash\n", "Edit\n", signed=False)
    assert git(clone.root, "ls-tree", made, "tool.sh").startswith("100755 ")


def test_a_branch_that_is_there_already_is_not_moved(clone: Clone) -> None:
    """Not even forward, where git alone would not mind."""
    tip = clone.tip("main")
    clone.push(clone.commit(tip, PATH, b"first\n", "Ask\n", signed=False), "request/x")
    first = clone.git.commit("refs/remotes/origin/request/x")
    next_ = clone.commit(first, PATH, b"second\n", "Ask\n", signed=False)
    with pytest.raises(ReconcilerError, match="rejected"):
        clone.push(next_, "request/x")
    assert "request/x" in clone.branches("request/", remote=True)
    assert clone.branches("request/", remote=False) == frozenset()


def test_a_commit_is_signed_where_signatures_are_asked_for(clone: Clone) -> None:
    git(clone.root, "config", "gpg.program", "false")
    for signed, settled in ((True, "false"), (False, "true")):
        git(clone.root, "config", "commit.gpgsign", settled)
        with pytest.raises(ReconcilerError, match="commit-tree failed"):
            clone.commit(clone.tip("main"), PATH, b"text\n", "Ask\n", signed=signed)


def test_the_main_line_is_that_of_origin_before_ones_own(clone: Clone) -> None:
    pushed = clone.tip("main")
    git(clone.root, "commit", "-q", "--allow-empty", "-m", "Not pushed")
    assert clone.tip("main") == pushed
    assert clone.tip("none") == git(clone.root, "rev-parse", "HEAD")


def test_a_file_that_is_not_as_it_was_is_not_overwritten(clone: Clone) -> None:
    clone.leave(PATH, b"one\n", None)
    for before in (None, b"other\n"):
        with pytest.raises(InputError, match="is not as the main line has it"):
            clone.leave(PATH, b"two\n", before)
    clone.leave(PATH, None, b"one\n")
    assert not (clone.root / PATH).exists()


def test_nothing_is_written_through_a_symbolic_link(clone: Clone) -> None:
    """A branch that somebody else pushed, and that is checked out here, may bring one."""
    outside = clone.root.parent / "outside"
    outside.mkdir()
    (outside / "x.yaml").write_bytes(b"one\n")
    (clone.root / "grants").symlink_to(outside)
    with pytest.raises(InputError, match="grants is a symbolic link"):
        clone.leave("grants/new.yaml", b"new\n", None)
    (clone.root / "grants").unlink()
    (clone.root / "grants").mkdir()
    (clone.root / PATH).symlink_to(outside / "x.yaml")
    with pytest.raises(InputError, match=r"grants/x\.yaml is a symbolic link"):
        clone.leave(PATH, b"two\n", b"one\n")
    assert [file.read_bytes() for file in outside.iterdir()] == [b"one\n"]


def test_what_git_says_has_no_address_in_it(clone: Clone) -> None:
    hook = clone.root.parent / "origin.git" / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    made = clone.commit(clone.tip("main"), PATH, b"text\n", "Ask\n", signed=False)
    with pytest.raises(ReconcilerError) as said:
        clone.push(made, "request/x")
    assert "pre-receive hook declined" in str(said.value)
    assert str(clone.root.parent) not in str(said.value)
