"""The head kept elsewhere: in a file, or in signed tags. It only ever moves on."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reconciler.ledger import open_anchor
from reconciler.ledger.anchor import FileAnchor, TagAnchor
from reconciler.ledger.base import Anchor, LedgerError
from reconciler.ledger.branch import BranchStore
from reconciler.ledger.chain import Break
from reconciler.ledger.folder import FolderStore
from reconciler.ledger.ledger import Ledger
from reconciler.model.ledger_settings import LedgerSettings, LedgerStore
from tests.ledger.build import event

ONE, TWO = Anchor(1, "1" * 64), Anchor(2, "2" * 64)


def git(where: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(where), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone that signs with an SSH key, and trusts it."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "origin.git")
    git(tmp_path, "clone", "-q", "origin.git", "access")
    access = tmp_path / "access"
    key = tmp_path / "key"
    make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "reconciler", "-f", str(key)]
    subprocess.run(make, check=True)
    known = tmp_path / "signers"
    known.write_text(f"reconciler@example.com {key.with_suffix('.pub').read_text()}")
    for name, value in {
        "user.name": "reconciler",
        "user.email": "reconciler@example.com",
        "gpg.format": "ssh",
        "user.signingkey": f"{key}.pub",
        "gpg.ssh.allowedSignersFile": str(known),
    }.items():
        git(access, "config", name, value)
    return access


def test_a_file_keeps_the_newest(tmp_path: Path) -> None:
    anchor = FileAnchor(tmp_path / "head.json")
    assert anchor.read() is None
    anchor.write(ONE)
    anchor.write(ONE)  # the run that follows did nothing
    anchor.write(TWO)
    assert anchor.read() == TWO
    assert [p.name for p in tmp_path.iterdir()] == ["head.json"]


def test_a_tag_keeps_the_newest_and_reaches_every_clone(repository: Path) -> None:
    anchor = TagAnchor(repository)
    assert anchor.read() is None
    for number in (1, 2, 10):
        anchor.write(Anchor(number, f"{number:064d}"))
    assert anchor.read() == Anchor(10, f"{10:064d}")
    other = repository.parent / "other"
    git(repository.parent, "clone", "-q", "--no-tags", "origin.git", "other")
    signers = git(repository, "config", "gpg.ssh.allowedSignersFile")
    git(other, "config", "gpg.ssh.allowedSignersFile", signers)
    assert TagAnchor(other).read() == Anchor(10, f"{10:064d}")


@pytest.mark.parametrize("kind", ["file", "tags"])
def test_an_anchor_is_never_moved_back(repository: Path, kind: str) -> None:
    """A ledger that lost its end and went on would else hide that."""
    anchor = TagAnchor(repository) if kind == "tags" else FileAnchor(repository / "head.json")
    anchor.write(TWO)
    for wrong in (ONE, Anchor(2, "3" * 64)):
        with pytest.raises(LedgerError, match="has lost its end, or is another one"):
            anchor.write(wrong)
    assert anchor.read() == TWO


def test_a_tag_that_nobody_signed_is_refused(repository: Path) -> None:
    TagAnchor(repository).write(ONE)
    blob = git(repository, "rev-parse", "ledger/1^{blob}")
    git(repository, "tag", "-a", "-m", "forged", "ledger/2", blob)
    git(repository, "push", "-q", "origin", "refs/tags/ledger/2")
    with pytest.raises(LedgerError, match="signature of the tag ledger/2 does not hold"):
        TagAnchor(repository).read()


def test_a_tag_that_a_stranger_signed_is_refused(repository: Path, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "x", "-f", str(stranger)]
    subprocess.run(make, check=True)
    mine = git(repository, "config", "user.signingkey")
    git(repository, "config", "user.signingkey", f"{stranger}.pub")
    TagAnchor(repository).write(ONE)
    git(repository, "config", "user.signingkey", mine)
    with pytest.raises(LedgerError, match="signature of the tag ledger/1 does not hold"):
        TagAnchor(repository).read()


def test_a_tag_under_another_name_is_refused(repository: Path) -> None:
    TagAnchor(repository).write(ONE)
    tag = git(repository, "rev-parse", "refs/tags/ledger/1")
    git(repository, "push", "-q", "origin", f"{tag}:refs/tags/ledger/7")
    with pytest.raises(LedgerError, match="is of entry 1: somebody renamed it"):
        TagAnchor(repository).read()


def test_without_a_key_it_says_what_to_set(repository: Path) -> None:
    git(repository, "config", "user.signingkey", "/nowhere.pub")
    with pytest.raises(LedgerError, match=r"cannot sign the tag ledger/1: .*`user.signingkey`"):
        TagAnchor(repository).write(ONE)
    assert TagAnchor(repository).read() is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"number": "1", "hash": ""}', '{"number": 1}'])
def test_a_file_that_is_no_anchor_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "head.json"
    path.write_text(text)
    with pytest.raises(LedgerError, match="holds no anchor"):
        FileAnchor(path).read()


def test_a_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="No such file or directory; let this user write there"):
        FileAnchor(tmp_path / "nowhere/head.json").write(ONE)


def test_a_truncated_ledger_is_seen_by_its_anchor(repository: Path) -> None:
    ledger = Ledger(BranchStore(repository, "access-ledger"))
    ledger.append([event(), event()])
    head = ledger.append([event(), event()])[-1]
    anchor = TagAnchor(repository)
    anchor.write(Anchor(head.number, head.hash))
    assert ledger.verify(anchor.read()) == ()
    origin = repository.parent / "origin.git"
    git(origin, "update-ref", "refs/heads/access-ledger", "access-ledger~1")
    assert ledger.verify() == ()
    [flaw] = ledger.verify(anchor.read())
    assert (flaw.sort, flaw.number) == (Break.TRUNCATED, 3)


def test_a_lost_ledger_is_seen_by_its_anchor(tmp_path: Path) -> None:
    anchor = FileAnchor(tmp_path / "head.json")
    anchor.write(TWO)
    [flaw] = Ledger(FolderStore(tmp_path / "ledger")).verify(anchor.read())
    assert (flaw.sort, flaw.number) == (Break.TRUNCATED, 1)


def test_the_configuration_says_where_the_head_is_kept(tmp_path: Path) -> None:
    none = LedgerSettings(LedgerStore.FOLDER, path="ledger")
    assert open_anchor(none, tmp_path) is None
    file = LedgerSettings(LedgerStore.FOLDER, path="ledger", anchor_file="../head.json")
    assert open_anchor(file, tmp_path) == FileAnchor(tmp_path / "../head.json")
    tags = LedgerSettings(LedgerStore.BRANCH, branch="access-ledger", anchor_tags=True)
    assert open_anchor(tags, tmp_path) == TagAnchor(tmp_path)
