"""What a pull request would make of the main line: real merges, which leave no trace."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest

from reconciler.errors import InputError
from reconciler.repository import load, merged_as
from reconciler.repository.git import Git
from tests.repository.build import Repository, grant, hours

READ, WRITE = grant("roles/viewer"), grant("roles/editor")
NOW = hours(9)


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    repo = Repository(tmp_path / "access")
    repo.commit(1, ("grants/a.yaml", READ), ("grants/b.yaml", READ + "ticket: OPS-1\n"))
    repo.git("checkout", "-q", "-b", "work")
    return repo


def main(repo: Repository) -> None:
    repo.git("checkout", "-q", "main")


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_a_merge_is_loaded_as_if_it_were_made_now(repo: Repository) -> None:
    repo.commit(2, ("grants/a.yaml", WRITE))
    head = repo.commit(3, ("grants/c.yaml", WRITE + "ticket: OPS-2\n"))
    main(repo)
    base = repo.commit(4, ("grants/d.yaml", READ), ("grants/b.yaml", None))
    with merged_as(repo.root, "main", "work", NOW) as (git, commit):
        found = load(repo.root, NOW, commit, git=git, horizon=hours(-1))
        assert git.says("rev-parse", f"{commit}^1", f"{commit}^2") == f"{base}\n{head}"
        merged = {v.path: v.merged for v in found.grants if v.gone is None}
        assert merged == {"grants/a.yaml": NOW, "grants/c.yaml": NOW, "grants/d.yaml": hours(4)}
        assert {v.commit for v in found.grants if v.merged == NOW} == {commit}
        assert found.archive is not None
        assert found.archive.touched([commit]) == {commit: ("grants/a.yaml", "grants/c.yaml")}


def test_the_repository_is_only_read(repo: Repository, tmp_path: Path) -> None:
    repo.commit(2, ("grants/c.yaml", READ))
    main(repo)
    repo.commit(3, ("grants/d.yaml", READ))
    before = files(repo.root)
    with merged_as(repo.root, "main", "work", NOW) as (git, commit):
        load(repo.root, NOW, commit, git=git, cache=tmp_path / "cache")
        assert files(repo.root) == before
        assert git.objects is not None
        aside = git.objects
    assert files(repo.root) == before
    assert not aside.exists()
    assert Git(repo.root).says("cat-file", "-e", commit) is None


def test_a_merge_that_is_gone_is_not_remembered(repo: Repository, tmp_path: Path) -> None:
    """Else the next run would have to walk the whole history again."""
    store = tmp_path / "cache"
    load(repo.root, NOW, "main", cache=store)
    repo.commit(2, ("grants/c.yaml", READ))
    with merged_as(repo.root, "main", "work", NOW) as (git, commit):
        load(repo.root, NOW, commit, git=git, cache=store)
    with merged_as(repo.root, "main", "work", NOW) as (git, commit):
        load(repo.root, NOW, commit, git=git, cache=tmp_path / "fresh")
    for folder in (store, tmp_path / "fresh"):
        text = b"".join(path.read_bytes() for path in folder.iterdir())
        assert commit.encode() not in text


def test_a_conflict_names_its_paths(repo: Repository) -> None:
    repo.commit(2, ("grants/a.yaml", WRITE), ("grants/b.yaml", WRITE))
    main(repo)
    repo.commit(3, ("grants/a.yaml", grant("roles/owner")), ("grants/b.yaml", None))
    with pytest.raises(InputError) as e, merged_as(repo.root, "main", "work", NOW):
        pass
    assert str(e.value) == (
        "work conflicts with the main line in grants/a.yaml, grants/b.yaml; "
        "merge the main line into it, or rebase it"
    )


def test_unrelated_histories_do_not_merge(repo: Repository) -> None:
    repo.git("checkout", "-q", "--orphan", "other")
    repo.commit(2, ("grants/z.yaml", READ))
    with (
        pytest.raises(InputError, match="refusing to merge unrelated histories"),
        merged_as(repo.root, "main", "other", NOW),
    ):
        pass


@pytest.mark.parametrize("configured", ["in the repository", "for the user"])
def test_nothing_that_a_pull_request_brings_along_is_run(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configured: str
) -> None:
    """A merge driver or filter that is set up here would run by the attributes of a stranger."""
    ran = tmp_path / "ran"
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    scope = (
        ("--local",) if configured == "in the repository" else ("--file", str(home / ".gitconfig"))
    )
    for key, value in (
        ("merge.evil.driver", f"touch {ran}; true"),
        ("filter.evil.clean", f"touch {ran}; cat"),
        ("filter.evil.smudge", f"touch {ran}; cat"),
        ("core.hooksPath", str(tmp_path / "hooks")),
        ("core.fsmonitor", f"touch {ran}"),
    ):
        repo.git("config", *scope, key, value)
    (tmp_path / "hooks").mkdir()
    for hook in ("post-merge", "pre-merge-commit", "reference-transaction", "prepare-commit-msg"):
        path = tmp_path / "hooks" / hook
        path.write_text(f"#!/bin/sh\ntouch {ran}\n")
        path.chmod(0o755)
    attributes = "* merge=evil filter=evil\n"
    repo.commit(2, (".gitattributes", attributes), ("grants/a.yaml", WRITE))
    main(repo)
    repo.commit(3, (".gitattributes", attributes), ("grants/a.yaml", grant("roles/owner")))
    ran.unlink(missing_ok=True)
    with (
        pytest.raises(InputError, match=r"conflicts .* in grants/a.yaml;"),
        merged_as(repo.root, "main", "work", NOW),
    ):
        pass
    assert not ran.exists()


def test_attributes_do_not_make_two_edits_one(repo: Repository) -> None:
    """`merge=union` would put both sides into one file, which nobody wrote or saw."""
    repo.commit(2, (".gitattributes", "* merge=union\n"), ("grants/a.yaml", WRITE))
    main(repo)
    repo.commit(3, (".gitattributes", "* merge=union\n"), ("grants/a.yaml", grant("roles/owner")))
    with pytest.raises(InputError, match="conflicts"), merged_as(repo.root, "main", "work", NOW):
        pass


def test_a_hook_runs_it_in_a_repository_with_sha256(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With variables set that point elsewhere, as git sets them for hooks."""
    repo = Repository(tmp_path / "access", format="sha256")
    repo.git("checkout", "-q", "-b", "work")
    repo.commit(2, ("grants/a.yaml", READ))
    monkeypatch.setenv("GIT_DIR", os.devnull)
    monkeypatch.setenv("GIT_INDEX_FILE", os.devnull)
    with merged_as(repo.root, "main", "work", NOW) as (git, commit):
        assert len(commit) == 64
        assert merged(repo, git, commit) == NOW


def merged(repo: Repository, git: Git, commit: str) -> datetime:
    [version] = load(repo.root, NOW, commit, git=git).grants
    return version.merged


def test_a_commit_that_is_not_there_says_so(repo: Repository) -> None:
    with (
        pytest.raises(InputError, match="there is no commit 'nowhere'"),
        merged_as(repo.root, "main", "nowhere", NOW),
    ):
        pass
