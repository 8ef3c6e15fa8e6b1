"""Nothing that somebody else can push, and nothing of the user's own settings, changes what git is
understood to say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import InputError
from reconciler.repository.git import Git, at
from tests.repository.build import Repository

A = "grants/a.yaml"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """With a merge whose content is that of neither side, which no other commit ever had."""
    found = Repository(tmp_path / "access", empty=True)
    found.commit(0, (A, "one\n"), ("grants/b.yaml", "b\n"))
    found.git("switch", "-q", "-c", "side")
    found.commit(1, (A, "side\n"))
    found.git("switch", "-q", "main")
    found.commit(2, ("grants/c.yaml", "c\n"))
    found.git("merge", "-q", "--no-ff", "--no-commit", "side")
    found.commit(3, (A, "of neither\n"))
    found.commit(4, (A, "two\n"))
    return found


def said(git: Git) -> list[Any]:
    """All that we ever ask."""
    tip = git.commit("HEAD")
    return [
        tip,
        git.commit("main"),
        git.tree(tip, "grants"),
        git.top(tip),
        sorted(git.contents_before(tip, A)),
        list(git.first_parents(tip)),
        list(git.changes([tip])),
        git.index("grants"),
        git.changed(),
        git.untracked("grants"),
        git.blob(tip, A),
        list(git.blobs([git.id_of(tip, A)])),
        git.forks(tip, git.commit("side"), within=tip),
    ]


def test_a_tag_is_not_taken_for_the_branch_of_its_name(repository: Repository) -> None:
    git = at(repository.root)
    main, side = git.commit("main"), git.commit("side")
    repository.git("update-ref", "refs/remotes/origin/main", main)
    for name in ("main", "origin/main", "refs/heads/main", "HEAD", main):
        repository.git("update-ref", f"refs/tags/{name}", side)
    assert git.commit("side~1") == git.commit("main~3")
    repository.git("update-ref", f"refs/heads/{main}", side)
    repository.git("update-ref", "refs/heads/HEAD", side)
    for name in (
        "main",
        "origin/main",
        "refs/heads/main",
        "refs/remotes/origin/main",
        "HEAD",
        main,
    ):
        assert git.commit(name) == main, name
    assert git.commit("main~1") == git.commit("HEAD~1") == git.commit(f"{main}~1")


def test_a_tag_and_a_short_id_still_name_a_commit(repository: Repository) -> None:
    git = at(repository.root)
    repository.git("tag", "-a", "-m", "v1", "v1", "side")
    assert git.commit("v1") == git.commit("side") == git.commit(git.commit("side")[:10])
    with pytest.raises(InputError, match="there is no commit '--all'"):
        git.commit("--all")


LOCAL = {
    "GIT_DIR": "other",
    "GIT_WORK_TREE": "other",
    "GIT_COMMON_DIR": "other",
    "GIT_INDEX_FILE": "none",
    "GIT_OBJECT_DIRECTORY": "other/objects",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": "other/objects",
    "GIT_SHALLOW_FILE": "shallow",
    "GIT_REPLACE_REF_BASE": "refs/x",
    "GIT_NAMESPACE": "x",
    "GIT_ICASE_PATHSPECS": "1",
    "GIT_GLOB_PATHSPECS": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_GRAFT_FILE": "grafts",
}


@pytest.mark.parametrize("name", LOCAL)
def test_no_variable_points_us_at_another_repository_or_history(
    repository: Repository, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = at(repository.root)
    before = said(git)
    other = Repository(tmp_path / "elsewhere")
    (other.root / ".git").rename(tmp_path / "other")
    for file in ("shallow", "grafts"):
        (tmp_path / file).write_text(f"{before[0]}\n")
    value = LOCAL[name]
    beside = {"1": "1", "x": "x", "refs/x": "refs/x"}.get(value, str(tmp_path / value))
    monkeypatch.setenv(name, beside)
    assert said(at(repository.root)) == before


SETTINGS = {
    "log.diffMerges": ("off", "first-parent", "combined"),
    "log.follow": ("true",),
    "log.showRoot": ("false",),
    "log.showSignature": ("true",),
    "log.mailmap": ("true",),
    "log.decorate": ("full",),
    "diff.renames": ("copies", "false"),
    "diff.ignoreSubmodules": ("all",),
    "diff.relative": ("true",),
    "diff.external": ("/bin/false",),
    "diff.submodule": ("log",),
    "diff.noprefix": ("true",),
    "core.quotePath": ("true",),
    "core.abbrev": ("4",),
    "core.warnAmbiguousRefs": ("false",),
    "color.ui": ("always",),
    "format.pretty": ("oneline",),
    "i18n.logOutputEncoding": ("UTF-16",),
    "notes.displayRef": ("*",),
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, all_ in SETTINGS.items() for v in all_])
def test_no_setting_of_the_users_own_changes_an_answer(
    repository: Repository, key: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = at(repository.root)
    before = said(git)
    assert len(before[4]) == 3  # "one", "side", and what only the merge had
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", key)
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", value)
    assert said(git) == before


def test_replaced_objects_and_grafts_are_not_believed(repository: Repository) -> None:
    git = at(repository.root)
    before = said(git)
    repository.git("replace", before[0], git.commit("side"))
    (repository.root / ".git" / "info").mkdir(exist_ok=True)
    (repository.root / ".git" / "info" / "grafts").write_text(f"{before[0]}\n")
    assert said(git) == before
