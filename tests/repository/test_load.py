"""A commit with its history -> what is declared and what was: merges, edits, deletions, renames,
odd clocks, and every reason to refuse a repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.errors import InputError
from reconciler.repository import load, older
from tests.repository.build import BUNDLE, Repository, hours
from tests.repository.versions import NOW, READ, WRITE, clock, history, loaded, role


def test_a_grant_stands_from_its_commit(repo: Repository) -> None:
    commit = repo.commit(1, ("grants/a.yaml", READ))
    [version] = loaded(repo).grants
    assert (version.path, version.commit, version.merged) == ("grants/a.yaml", commit, hours(1))
    assert version.gone is None
    assert version.blob == repo.git("rev-parse", "HEAD:grants/a.yaml").strip()
    assert loaded(repo).commit == commit


def test_an_edit_is_a_new_version_and_the_old_one_is_known(repo: Repository) -> None:
    repo.commit(1, ("grants/a.yaml", READ))
    repo.commit(2, ("grants/a.yaml", WRITE))
    assert history(loaded(repo)) == [
        ("grants/a.yaml", "viewer", 1, 2),
        ("grants/a.yaml", "editor", 2, None),
    ]


def test_a_deleted_grant_is_known_until_the_horizon(repo: Repository) -> None:
    repo.commit(1, ("grants/a.yaml", READ))
    repo.commit(2, ("grants/a.yaml", None))
    assert history(loaded(repo)) == [("grants/a.yaml", "viewer", 1, 2)]
    assert loaded(repo, since=2).grants[0].gone == hours(2)
    forgotten = loaded(repo, since=3)
    assert forgotten.grants == ()
    assert [v.path for v in older(forgotten)] == ["grants/a.yaml"]


def test_deleted_and_added_again_counts_anew(repo: Repository) -> None:
    repo.commit(1, ("grants/a.yaml", READ))
    repo.commit(2, ("grants/a.yaml", None))
    repo.commit(3, ("grants/a.yaml", READ))
    assert history(loaded(repo)) == [
        ("grants/a.yaml", "viewer", 1, 2),
        ("grants/a.yaml", "viewer", 3, None),
    ]


def test_a_pure_rename_keeps_the_merge_through_many(repo: Repository) -> None:
    """Rule 10: and so `duration` does not start again."""
    repo.commit(1, ("grants/a.yaml", READ))
    for i in range(2, 6):
        repo.move("grants/a.yaml" if i == 2 else f"grants/r{i - 1}.yaml", f"grants/r{i}.yaml")
        repo.commit(i)
    assert history(loaded(repo)) == [("grants/r5.yaml", "viewer", 1, None)]
    assert loaded(repo).grants[0].content.path == "grants/r5.yaml"


def test_a_rename_with_an_edit_is_a_new_version(repo: Repository) -> None:
    repo.commit(1, ("grants/a.yaml", READ))
    repo.commit(2, ("grants/a.yaml", None), ("grants/b.yaml", READ + "ticket: OPS-1\n"))
    assert [(v.path, clock(v.merged)) for v in loaded(repo).grants] == [
        ("grants/a.yaml", 1),
        ("grants/b.yaml", 2),
    ]


def test_two_files_that_swap_contents_keep_their_merges(repo: Repository) -> None:
    repo.commit(1, ("grants/a.yaml", READ))
    repo.commit(2, ("grants/b.yaml", WRITE))
    repo.commit(3, ("grants/a.yaml", WRITE), ("grants/b.yaml", READ))
    assert history(loaded(repo)) == [
        ("grants/b.yaml", "viewer", 1, None),
        ("grants/a.yaml", "editor", 2, None),
    ]


def test_a_copy_starts_when_it_is_made(repo: Repository) -> None:
    repo.commit(1, ("grants/a.yaml", READ))
    repo.commit(2, ("grants/b.yaml", READ))
    assert [(p, m) for p, _, m, _ in history(loaded(repo))] == [
        ("grants/a.yaml", 1),
        ("grants/b.yaml", 2),
    ]


def test_a_file_made_executable_keeps_its_merge_beside_a_copy(repo: Repository) -> None:
    repo.commit(1, ("grants/b.yaml", READ))
    (repo.root / "grants/b.yaml").chmod(0o755)
    repo.commit(2, ("grants/a.yaml", READ))
    assert [(p, m) for p, _, m, _ in history(loaded(repo))] == [
        ("grants/b.yaml", 1),
        ("grants/a.yaml", 2),
    ]


def test_twins_that_move_together_keep_their_own_merges(repo: Repository) -> None:
    repo.commit(1, ("grants/x/a.yaml", READ))
    repo.commit(2, ("grants/x/b.yaml", READ))
    repo.move("grants/x/a.yaml", "grants/y/a.yaml")
    repo.move("grants/x/b.yaml", "grants/y/b.yaml")
    repo.commit(3)
    assert [(p, m) for p, _, m, _ in history(loaded(repo))] == [
        ("grants/y/a.yaml", 1),
        ("grants/y/b.yaml", 2),
    ]


def test_only_the_first_parent_line_counts(repo: Repository) -> None:
    """A branch's own commits are older than its merge, and its back and forth never was declared."""
    repo.git("checkout", "-q", "-b", "work")
    repo.commit(1, ("grants/a.yaml", WRITE))
    repo.commit(2, ("grants/a.yaml", READ))
    repo.git("checkout", "-q", "main")
    repo.commit(3, ("README.md", "hello"))
    merge = repo.merge("work", 4)
    [version] = loaded(repo).grants
    assert (version.merged, version.commit, role(version)) == (hours(4), merge, "viewer")


def test_an_edit_within_a_merge_itself_is_seen(repo: Repository) -> None:
    repo.commit(1, ("grants/a.yaml", READ))
    repo.git("checkout", "-q", "-b", "work")
    repo.commit(2, ("README.md", "x"))
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "--no-ff", "--no-commit", "work")
    repo.commit(3, ("grants/a.yaml", WRITE))
    assert history(loaded(repo))[-1] == ("grants/a.yaml", "editor", 3, None)


def test_an_older_commit_can_be_loaded(repo: Repository) -> None:
    first = repo.commit(1, ("grants/a.yaml", READ))
    repo.commit(2, ("grants/a.yaml", WRITE))
    assert history(loaded(repo, commit=first)) == [("grants/a.yaml", "viewer", 1, None)]


def test_the_working_tree_is_not_read(repo: Repository) -> None:
    repo.commit(1, ("grants/a.yaml", READ))
    repo.write("grants/a.yaml", WRITE)
    repo.write("grants/b.yaml", WRITE)
    repo.write("reconciler.yaml", "nonsense")
    assert history(loaded(repo)) == [("grants/a.yaml", "viewer", 1, None)]
    assert loaded(repo).problems == ()


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("revocations/a.yaml", "unsupported"),
        ("Policies/a.yaml", "path"),
        ("policies/x/a.yaml", "path"),
        ("policies/tests/x/a.yaml", "path"),
        ("catalog/x/a.yaml", "path"),
        ("reviews/a.yml", "extension"),
        ("Grants/a.yaml", "path"),
        ("reconciler.yml", "extension"),
        ("grants/a.yml", "extension"),
        ("grants/.hidden.yaml", "path"),
        ("grants/sp ace.yaml", "path"),
        ("grants/ünicode.yaml", "path"),
        ("bundles/deep/a.yaml", "path"),
    ],
)
def test_a_file_that_nothing_reads_is_an_error(repo: Repository, path: str, rule: str) -> None:
    repo.commit(1, (path, READ))
    assert [p.rule for p in loaded(repo).problems] == [rule]


@pytest.mark.parametrize(
    "path", ["README.md", "docs/a.yaml", "grants/.gitkeep", "policies/.gitkeep", "grants/README.md"]
)
def test_bystanders_are_left_alone(repo: Repository, path: str) -> None:
    repo.commit(1, (path, "anything"))
    assert loaded(repo).problems == ()


def test_a_path_that_is_no_utf8_is_an_error(repo: Repository) -> None:
    name = os.fsdecode(b"grants/\xff.yaml")
    repo.commit(1, (name, READ))
    [problem] = loaded(repo).problems
    assert "characters that are not allowed" in problem.what
    str(problem).encode()  # can be printed


def test_a_submodule_is_an_error(repo: Repository, tmp_path: Path) -> None:
    inner = Repository(tmp_path / "inner")
    repo.git(
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "add",
        "-q",
        str(inner.root),
        "grants/sub.yaml",
    )
    repo.commit(1)
    assert [p.rule for p in loaded(repo).problems] == ["irregular-file"]


# Clocks


def test_a_deletion_dated_into_the_past_is_no_older_than_the_commit_before(
    repo: Repository,
) -> None:
    """Else a leftover could be dated out of the look-back, and stay for good."""
    repo.commit(1, ("grants/a.yaml", READ))
    repo.commit(100, ("README.md", "x"))
    repo.commit(-50_000, ("grants/a.yaml", None))
    assert history(loaded(repo)) == [("grants/a.yaml", "viewer", 1, 100)]


def test_a_deletion_dated_into_the_future_has_happened(repo: Repository) -> None:
    repo.commit(1, ("grants/a.yaml", READ))
    repo.commit(90_000, ("grants/a.yaml", None))
    assert loaded(repo).grants[0].gone == NOW


def test_nothing_goes_before_it_came(repo: Repository) -> None:
    repo.commit(90_000, ("grants/a.yaml", READ))
    repo.commit(90_001, ("grants/a.yaml", None))
    [version] = loaded(repo).grants
    assert version.gone == version.merged
    assert version.window.empty


def test_one_commit_from_the_future_does_not_date_all_that_follow(repo: Repository) -> None:
    repo.commit(1, ("grants/a.yaml", READ))
    repo.commit(90_000, ("grants/b.yaml", READ))
    repo.commit(3, ("grants/c.yaml", READ))
    assert [(p, m) for p, _, m, _ in history(loaded(repo))] == [
        ("grants/a.yaml", 1),
        ("grants/b.yaml", 3),
        ("grants/c.yaml", 3),
    ]


# What cannot be loaded


def refusal(root: Path, **options: object) -> str:
    with pytest.raises(InputError) as e:
        load(root, NOW, **options)  # type: ignore[arg-type]
    return str(e.value)


def test_a_shallow_clone_says_which_depth_to_set(repo: Repository, tmp_path: Path) -> None:
    repo.commit(1, ("grants/a.yaml", READ))
    repo.git("clone", "-q", "--depth=1", f"file://{repo.root}", str(tmp_path / "clone"))
    assert "set `fetch-depth: 0` in actions/checkout" in refusal(tmp_path / "clone")


def test_no_git_repository_no_commit_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    assert "is no git repository; run in an access repository" in refusal(tmp_path / "bare")
    empty = Repository(tmp_path / "empty", empty=True)
    assert "has no commit yet" in refusal(empty.root)
    empty.commit(1, ("README.md", "x"))
    assert "there is no reconciler.yaml in commit" in refusal(empty.root)
    assert "there is no commit 'nowhere'" in refusal(empty.root, commit="nowhere")
    assert "there is no commit '--help'" in refusal(empty.root, commit="--help")


def test_a_folder_inside_a_repository_is_refused(repo: Repository) -> None:
    (repo.root / "grants").mkdir()
    said = refusal(repo.root / "grants")
    assert said.startswith(f"the access repository is {repo.root.resolve()}; run there, or add ")


def test_a_detached_head_is_loaded_like_any_other(repo: Repository) -> None:
    repo.commit(1, ("grants/a.yaml", READ))
    repo.git("checkout", "-q", "--detach")
    assert len(loaded(repo).grants) == 1


def test_a_repository_with_sha256_is_loaded_too(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "access", format="sha256")
    repo.commit(1, ("grants/a.yaml", READ))
    repo.write("grants/a.yaml", WRITE)  # the working tree does not help: git must be asked
    [version] = loaded(repo).grants
    assert (len(version.blob), role(version)) == (64, "viewer")


@pytest.mark.parametrize(
    "setting",
    ["log.showRoot=false", "diff.renames=copies", "log.date=relative", "core.quotePath=true",
     "log.showSignature=true", "diff.orderFile=order", "log.diffMerges=off", "diff.noprefix=true"],
)  # fmt: skip
def test_a_users_own_settings_change_nothing(repo: Repository, setting: str) -> None:
    repo.git("checkout", "-q", "-b", "work")
    repo.commit(1, ("grants/a.yaml", READ))
    repo.git("checkout", "-q", "main")
    repo.merge("work", 2)
    repo.move("grants/a.yaml", "grants/b.yaml")
    repo.commit(3)
    expected = history(loaded(repo))
    repo.git("config", *setting.split("="))
    (repo.root / "order").write_text("*\n")
    assert history(loaded(repo)) == expected == [("grants/b.yaml", "viewer", 2, None)]


def test_a_replaced_commit_does_not_rewrite_history(repo: Repository) -> None:
    real = repo.commit(1, ("grants/a.yaml", READ))
    repo.commit(2, ("README.md", "x"))
    fake = repo.git("commit-tree", f"{real}^{{tree}}", "-m", "fake", at=500).strip()
    repo.git("replace", real, fake)
    assert history(loaded(repo)) == [("grants/a.yaml", "viewer", 1, None)]


def test_bundles_and_directory_have_versions_too(repo: Repository) -> None:
    repo.commit(1, ("bundles/payments-oncall.yaml", BUNDLE.replace("viewer", "editor")))
    assert [(clock(v.merged), v.gone and clock(v.gone)) for v in loaded(repo).bundles] == [
        (0, 1),
        (1, None),
    ]
