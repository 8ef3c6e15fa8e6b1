"""Looking back: where a content came in, what it replaced, what took it away, what a commit did."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import InputError
from reconciler.model import Grant
from reconciler.repository import Loaded, load
from reconciler.repository.archive import Archive, Trace
from reconciler.repository.configuration import Configuration
from reconciler.repository.paths import GRANTS, Kind
from tests.repository.build import CONFIGURATION, DIRECTORY, Repository, grant, hours
from tests.repository.versions import BROKEN, NOW, READ, WRITE


def loaded(repo: Repository, since: float = -1, cache: Path | None = None) -> Loaded:
    return load(repo.root, NOW, horizon=hours(since), cache=cache)


def archive(found: Loaded) -> Archive:
    assert found.archive is not None
    return found.archive


def grants(found: Loaded) -> list[Trace]:
    return list(archive(found).traces(GRANTS))


def test_a_version_knows_its_place_in_the_history(repo: Repository) -> None:
    first = repo.commit(1, ("grants/a.yaml", READ))
    second = repo.commit(2, ("grants/a.yaml", WRITE))
    old, new = loaded(repo).grants
    assert (old.commit, old.gone_by, old.origin) == (first, second, "grants/a.yaml")
    assert (new.commit, new.gone_by, new.previous) == (second, "", old.id)
    assert old.previous == -1
    assert old.id != new.id


@pytest.mark.parametrize("warm", [False, True])
def test_a_pure_rename_keeps_where_the_content_came_in(
    repo: Repository, tmp_path: Path, warm: bool
) -> None:
    first = repo.commit(1, ("grants/a.yaml", READ))
    repo.move("grants/a.yaml", "grants/b.yaml")
    repo.commit(2)
    if warm:
        loaded(repo, cache=tmp_path / "cache")
    repo.move("grants/b.yaml", "grants/c.yaml")
    repo.commit(3)
    found = loaded(repo, cache=tmp_path / "cache" if warm else None)
    [version] = found.grants
    assert (version.path, version.origin, version.commit) == (
        "grants/c.yaml",
        "grants/a.yaml",
        first,
    )
    [trace] = grants(found)
    assert (trace.path, trace.origin, trace.number) == ("grants/c.yaml", "grants/a.yaml", 1)
    repo.move("grants/c.yaml", "grants/a.yaml")
    repo.commit(4)
    [version] = loaded(repo).grants
    assert (version.path, version.origin) == ("grants/a.yaml", "grants/a.yaml")


def test_rule_23_what_stands_on_behind_an_invalid_content_keeps_its_id(repo: Repository) -> None:
    repo.commit(1, ("grants/a.yaml", READ))
    [valid] = loaded(repo).grants
    broken = repo.commit(2, ("grants/a.yaml", BROKEN))
    found = loaded(repo)
    [standing] = found.grants
    assert (standing.id, standing.gone, standing.gone_by) == (valid.id, None, "")
    first, second = grants(found)
    assert (first.id, first.gone_by, first.gone_number) == (valid.id, broken, 2)
    assert (second.previous, second.gone_number) == (valid.id, -1)
    last = repo.commit(3, ("grants/a.yaml", WRITE))
    old, new = loaded(repo).grants
    assert (old.id, old.gone_by) == (valid.id, last)
    assert new.previous == second.id


def test_every_content_there_ever_was_is_traced_past_the_horizon(repo: Repository) -> None:
    one = repo.commit(1, ("grants/a.yaml", READ))
    two = repo.commit(2, ("grants/a.yaml", None))
    three = repo.commit(3, ("standing/b.yaml", grant(end="")))
    found = loaded(repo, since=900)
    assert [(t.kind, t.path, t.commit, t.gone_by) for t in grants(found)] == [
        (Kind.GRANT, "grants/a.yaml", one, two),
        (Kind.STANDING, "standing/b.yaml", three, ""),
    ]


def test_configurations_and_the_directory_are_traced_without_the_grants(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit(1, ("grants/a.yaml", READ), ("reconciler.yaml", CONFIGURATION + "lookback: 3d\n"))
    repo.commit(2, ("grants/a.yaml", None), ("directory/people.yaml", DIRECTORY + "# x\n"))
    found = loaded(repo)
    monkeypatch.setattr(type(found.archive.line.history), "went", None)  # type: ignore[union-attr]
    traces = archive(found).traces({Kind.CONFIGURATION, Kind.DIRECTORY})
    assert [(t.path, t.number, t.gone_number) for t in traces] == [
        ("directory/people.yaml", 0, 2),
        ("reconciler.yaml", 0, 1),
        ("reconciler.yaml", 1, -1),
        ("directory/people.yaml", 2, -1),
    ]


@pytest.mark.parametrize("warm", [False, True])
def test_contents_are_read_when_they_are_asked_for(
    repo: Repository, tmp_path: Path, warm: bool
) -> None:
    repo.commit(1, ("grants/a.yaml", READ), ("reconciler.yaml", CONFIGURATION + "lookback: 3d\n"))
    repo.commit(2, ("grants/a.yaml", BROKEN), ("reconciler.yaml", "systems: {}\n"))
    repo.commit(3, ("grants/a.yaml", WRITE), ("reconciler.yaml", CONFIGURATION))
    for _ in range(1 + warm):
        found = loaded(repo, since=900, cache=tmp_path / "cache" if warm else None)
    every = archive(found)
    ids = [t.id for t in every.traces(list(Kind)) if "/people" not in t.path]
    said = [(v.path, v.merged, type(v.content)) for v in every.versions(ids)]
    expected = [
        ("reconciler.yaml", hours(0), Configuration),
        ("grants/a.yaml", hours(1), Grant),
        ("reconciler.yaml", hours(1), Configuration),
        ("grants/a.yaml", hours(3), Grant),
        ("reconciler.yaml", hours(3), Configuration),
    ]
    assert [one for one in said if "bundles" not in one[0]] == expected
    fresh = archive(loaded(repo, since=900))  # also where nobody asked for traces before
    assert [v.id for v in fresh.versions(ids)] == [v.id for v in every.versions(ids)]
    assert every.versions([]) == ()


def test_a_commit_has_a_number_only_on_the_main_line(repo: Repository) -> None:
    repo.git("checkout", "-q", "-b", "work")
    side = repo.commit(1, ("grants/a.yaml", READ))
    repo.git("checkout", "-q", "main")
    repo.commit(2, ("README.md", "x"))
    merge = repo.merge("work", 3)
    every = archive(loaded(repo))
    assert every.number(merge) == 2
    assert every.commit(2) == merge
    assert every.number(side) is None


def test_what_a_commit_touched_is_every_path_against_its_first_parent(repo: Repository) -> None:
    repo.git("checkout", "-q", "-b", "work")
    repo.commit(1, ("grants/a.yaml", READ), (".github/workflows/apply.yaml", "on: push\n"))
    repo.git("checkout", "-q", "main")
    plain = repo.commit(2, ("README.md", "x"))
    merge = repo.merge("work", 3)
    repo.move("grants/a.yaml", "grants/b.yaml")
    renamed = repo.commit(4)
    every = archive(loaded(repo))
    root = every.commit(0)
    assert every.touched([renamed, plain, merge, plain, root]) == {
        plain: ("README.md",),
        merge: (".github/workflows/apply.yaml", "grants/a.yaml"),
        renamed: ("grants/a.yaml", "grants/b.yaml"),
        root: ("bundles/payments-oncall.yaml", "directory/people.yaml", "reconciler.yaml"),
    }
    assert every.touched([]) == {}
    with pytest.raises(InputError):
        every.touched(["f" * 40])
