"""A ledger on a branch: from any clone, beside other writers, without touching anybody's work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.ledger.base import LedgerError, Taken
from reconciler.ledger.branch import BranchStore
from reconciler.ledger.git import Git
from reconciler.ledger.ledger import Ledger
from tests.ledger.build import event
from tests.ledger.writer import acknowledged, started

BRANCH = "access-ledger"
SETTINGS = {"store": "branch", "branch": BRANCH}
ALICE = ("-c", "user.name=alice", "-c", "user.email=alice@example.com")


def git(where: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(where), *ALICE, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`origin.git`, and `alice`, a clone of it with one commit on main."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "origin.git")
    git(tmp_path, "clone", "-q", "origin.git", "alice")
    alice = tmp_path / "alice"
    git(alice, "checkout", "-q", "-b", "main")
    (alice / "grant.yaml").write_text("subject: alice@example.com\n")
    git(alice, "add", "grant.yaml")
    git(alice, "commit", "-q", "-m", "Grant")
    git(alice, "push", "-q", "origin", "main")
    return tmp_path


def clone(world: Path, name: str, *options: str) -> Path:
    """From an address, as a CI job has it."""
    git(world, "clone", "-q", *options, f"file://{world}/origin.git", name)
    return world / name


def ledger(where: Path) -> Ledger:
    return Ledger(BranchStore(where, BRANCH))


def reasons(where: Path) -> list[str]:
    return [entry.event.reason for entry in ledger(where).entries()]


def test_clones_carry_on_one_ledger(world: Path) -> None:
    alice, bob = world / "alice", clone(world, "bob")
    assert ledger(bob).head() is None
    one, other = ledger(alice), ledger(bob)
    one.append([event(reason="a1"), event(reason="a2")])
    other.append([event(reason="b1")])
    one.append([event(reason="a3")])
    assert reasons(alice) == reasons(bob) == ["a1", "a2", "b1", "a3"]
    assert ledger(bob).verify() == ()
    store = BranchStore(bob, BRANCH)
    assert store.last() == 3
    assert [number for number, _ in store.batches(after=1)] == [2, 3]


@pytest.mark.parametrize("options", [["--depth=1"], ["--filter=blob:none"], ["--single-branch"]])
def test_any_kind_of_clone_will_do(world: Path, options: list[str]) -> None:
    """What actions/checkout leaves is shallow, and has no branch but one."""
    git(world / "origin.git", "config", "uploadpack.allowFilter", "true")
    ledger(world / "alice").append([event(reason="a1")])
    job = clone(world, "job", *options)
    assert reasons(job) == ["a1"]
    ledger(job).append([event(reason="j1")])
    ledger(world / "alice").append([event(reason="a2")])
    ledger(job).append([event(reason="j2")])
    assert reasons(job) == reasons(world / "alice") == ["a1", "j1", "a2", "j2"]


def test_nobodys_work_is_touched(world: Path) -> None:
    alice = world / "alice"
    (alice / "staged.yaml").write_text("staged\n")
    git(alice, "add", "staged.yaml")
    (alice / "grant.yaml").write_text("changed\n")
    (alice / "new.yaml").write_text("new\n")
    (alice / ".git/FETCH_HEAD").write_text("mine\n")
    index = (alice / ".git/index").read_bytes()
    before = [git(alice, *ask) for ask in LOOKS]
    ledger(alice).append([event()])
    ledger(clone(world, "bob")).append([event()])
    assert len(list(ledger(alice).entries())) == 2
    assert [git(alice, *ask) for ask in LOOKS] == before
    assert (alice / ".git/index").read_bytes() == index
    assert (alice / ".git/FETCH_HEAD").read_text() == "mine\n"


LOOKS = (
    ("status", "--porcelain=v2", "--branch"),
    ("rev-parse", "HEAD"),
    ("for-each-ref", "refs/heads", "refs/stash", "refs/tags"),
    ("config", "--list", "--local"),
)


def test_no_hook_runs(world: Path) -> None:
    alice = world / "alice"
    for hook in ("pre-push", "pre-commit", "reference-transaction", "post-commit"):
        path = alice / ".git/hooks" / hook
        path.write_text(f"#!/bin/sh\ntouch '{world}/hooked'\nexit 1\n")
        path.chmod(0o755)
    ledger(alice).append([event()])
    assert not (world / "hooked").exists()
    assert len(reasons(alice)) == 1


def test_other_files_of_the_branch_stay(world: Path) -> None:
    alice = world / "alice"
    git(alice, "checkout", "-q", "--orphan", BRANCH)
    (alice / "README.md").write_text("Do not edit.\n")
    git(alice, "add", "README.md")
    git(alice, "commit", "-q", "-m", "Say what this is")
    git(alice, "push", "-q", "origin", BRANCH)
    git(alice, "checkout", "-q", "main")
    ledger(alice).append([event(reason="a1")])
    ledger(alice).append([event(reason="a2")])
    assert git(alice, "show", f"origin/{BRANCH}:README.md") == "Do not edit."
    assert reasons(alice) == ["a1", "a2"]
    assert git(world / "origin.git", "fsck", "--strict") == ""


def test_who_pushes_second_looks_again(world: Path) -> None:
    """The race: both have seen the same end."""
    one, other = BranchStore(world / "alice", BRANCH), BranchStore(clone(world, "bob"), BRANCH)
    assert one.last() == other.last() == 0
    one.put(1, b"one\n")
    with pytest.raises(Taken, match="has a batch 1 already"):
        other.put(1, b"other\n")
    other.put(2, b"other\n")
    assert list(one.batches()) == list(other.batches()) == [(1, b"one\n"), (2, b"other\n")]


def test_equal_batches_of_two_writers_are_two_commits(world: Path) -> None:
    one, other = BranchStore(world / "alice", BRANCH), BranchStore(clone(world, "bob"), BRANCH)
    assert one.last() == other.last() == 0
    one.put(1, b"same\n")
    with pytest.raises(Taken):
        other.put(1, b"same\n")


def test_what_somebody_else_pushed_beside_it_is_no_obstacle(world: Path) -> None:
    store = BranchStore(world / "alice", BRANCH)
    store.put(1, b"one\n")
    bob = clone(world, "bob", "--branch", BRANCH)
    (bob / "README.md").write_text("Do not edit.\n")
    git(bob, "add", "README.md")
    git(bob, "commit", "-q", "-m", "Say what this is")
    git(bob, "push", "-q")
    store.put(2, b"two\n")
    assert [n for n, _ in store.batches()] == [1, 2]
    assert git(bob, "ls-remote", "origin", f"refs/heads/{BRANCH}")


@pytest.mark.parametrize("remote", [True, False], ids=["pushed", "local"])
def test_two_processes_lose_nothing_and_do_not_fork(world: Path, remote: bool) -> None:
    one = world / "alice"
    if not remote:
        git(one, "remote", "remove", "origin")
    other = clone(world, "bob") if remote else one
    writers = [started(SETTINGS, where, n, 12) for where, n in ((one, "one"), (other, "other"))]
    wanted = acknowledged(writers)
    assert ledger(one).verify() == ()
    assert sorted(reasons(one)) == sorted(wanted)
    assert reasons(other) == reasons(one)


def test_two_processes_in_one_clone_do_not_fork_either(world: Path) -> None:
    alice = world / "alice"
    wanted = acknowledged([started(SETTINGS, alice, name, 8) for name in ("one", "other")])
    assert ledger(alice).verify() == ()
    assert sorted(reasons(alice)) == sorted(wanted)


def test_a_killed_writer_leaves_a_whole_ledger(world: Path) -> None:
    alice = world / "alice"
    known = 0
    for n in range(5):
        writer = started(SETTINGS, alice, f"w{n}", 1_000)
        assert writer.stdout is not None
        told = [writer.stdout.readline().strip() for _ in range(n + 1)]
        writer.kill()
        told += writer.stdout.read().split()
        writer.communicate()
        assert ledger(alice).verify() == ()
        found = reasons(alice)[known:]
        assert found[: len(told)] == told
        assert len(found) - len(told) <= 3
        known += len(found)
    assert git(world / "origin.git", "fsck") == ""


def test_without_a_remote_the_local_branch_is_the_ledger(world: Path) -> None:
    git(world, "init", "-q", "-b", "main", "alone")
    ledger(world / "alone").append([event(reason="a1")])
    ledger(world / "alone").append([event(reason="a2")])
    assert reasons(world / "alone") == ["a1", "a2"]
    assert git(world / "alone", "log", "--format=%s", BRANCH) == "Ledger, batch 2\nLedger, batch 1"


def test_a_branch_that_may_not_be_pushed_says_what_to_do(world: Path) -> None:
    hook = world / "origin.git/hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'protected branch' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(
        LedgerError, match=r"cannot write the branch `access-ledger`: .*`contents: write`"
    ):
        ledger(world / "alice").append([event()])
    hook.unlink()
    assert ledger(world / "alice").append([event()])


def test_a_remote_that_is_gone_is_an_error_and_not_an_empty_ledger(world: Path) -> None:
    ledger(world / "alice").append([event()])
    (world / "origin.git").rename(world / "moved.git")
    for ask in (lambda: ledger(world / "alice").head(), lambda: reasons(world / "alice")):
        with pytest.raises(LedgerError, match="git ls-remote failed"):
            ask()


def test_a_ledger_that_was_rewritten_is_read_as_it_is_now(world: Path) -> None:
    """The branch is what `origin` says; that it lost its end is for the anchor to see."""
    alice = world / "alice"
    one = ledger(alice)
    one.append([event(reason="a1")])
    one.append([event(reason="a2")])
    git(world / "origin.git", "update-ref", f"refs/heads/{BRANCH}", f"{BRANCH}~1")
    assert reasons(alice) == ["a1"]
    git(world / "origin.git", "update-ref", "-d", f"refs/heads/{BRANCH}")
    assert reasons(alice) == []


def test_git_names_what_is_missing(world: Path) -> None:
    with pytest.raises(LedgerError, match="git has no object 0000"):
        list(Git(world / "alice").blobs(["0" * 40]))


def test_without_git_it_says_so(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent / "nowhere"))
    with pytest.raises(LedgerError, match="git is not installed"):
        ledger(world / "alice").head()


LOCAL = {
    "GIT_DIR": "other",
    "GIT_WORK_TREE": "other",
    "GIT_COMMON_DIR": "other",
    "GIT_INDEX_FILE": "other/index",
    "GIT_OBJECT_DIRECTORY": "other/objects",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": "other/objects",
    "GIT_SHALLOW_FILE": "shallow",
    "GIT_GRAFT_FILE": "grafts",
    "GIT_NAMESPACE": "x",
}


@pytest.mark.parametrize("name", LOCAL)
def test_no_variable_takes_the_ledger_to_another_repository(
    world: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, value = world / "alice", LOCAL[name]
    ledger(alice).append([event(reason="one")])
    git(world, "init", "-q", "--bare", "other")
    for file in ("shallow", "grafts"):
        (world / file).write_text(git(alice, "rev-parse", "HEAD") + "\n")
    with monkeypatch.context() as inside:
        inside.setenv(name, value if value == "x" else str(world / value))
        ledger(alice).append([event(reason="two")])
        assert reasons(alice) == ["one", "two"]
    assert git(world / "other", "count-objects") == "0 objects, 0 kilobytes"
    assert reasons(clone(world, "bob")) == ["one", "two"]


def test_a_batch_is_ours_whoever_committed_last_in_this_shell(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as inside:
        for who in ("AUTHOR", "COMMITTER"):
            inside.setenv(f"GIT_{who}_NAME", "Mallory")
            inside.setenv(f"GIT_{who}_EMAIL", "mallory@example.com")
        ledger(world / "alice").append([event(reason="one")])
    people = git(world / "origin.git", "log", "-1", "--format=%an %cn", BRANCH)
    assert people == "access-reconciler access-reconciler"
