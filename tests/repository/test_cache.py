"""Rule 15: losing the cache, or finding it broken, costs time and nothing else."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest

from reconciler.model import Item
from reconciler.repository import cache as caches
from reconciler.repository import check, contents, load, older, walk
from reconciler.repository.cache import Cache, folder, space
from reconciler.repository.git import Git
from reconciler.repository.load import Loaded
from reconciler.repository.paths import Kind
from tests.repository.build import (
    BUNDLE,
    CATALOG,
    DIRECTORY,
    GRANT,
    POLICY,
    POLICY_TEST,
    REVIEW,
    Repository,
    grammar,
    grant,
    hours,
    parsed,
)

NOW = hours(1000)
ATTRIBUTES = """\
people: [{id: a@example.com, attributes: {b: x, a: y}, accounts: {forge: [alice, "17"]}}]
services: [{id: deployer, attributes: {team: payments}}]
"""


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    repo = Repository(tmp_path / "access")
    repo.commit(1, ("grants/a.yaml", grant("roles/viewer")), ("grants/b.yaml", "nonsense: ["))
    repo.commit(2, ("grants/a.yaml", grant("roles/editor")), ("standing/c.yaml", grant(end="")))
    repo.commit(3, ("grants/d.yaml", "group: payments-oncall\n" + grant().partition("\n")[2]))
    repo.commit(4, ("grants/d.yaml", None), ("grants/e.yaml", grant(end="duration: 1d")))
    return repo


def seen(found: Loaded) -> tuple[object, ...]:
    """All of it, positions too, which take no part in comparisons."""
    rest = (found.commit, found.problems, found.configuration, list(older(found)))
    return (repr(found.grants), repr(found.bundles), repr(found.directory), *rest)


def loaded(repo: Repository, store: Path | None, since: float = 0) -> Loaded:
    return load(repo.root, NOW, horizon=hours(since), cache=store)


def file_of(store: Path) -> Path:
    [file] = store.glob("*.sqlite")
    return file


def test_a_warm_load_is_the_cold_one(repo: Repository, tmp_path: Path) -> None:
    expected = seen(loaded(repo, None))
    for _ in range(3):
        assert seen(loaded(repo, tmp_path / "cache")) == expected


def test_a_warm_load_parses_nothing(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(repo, tmp_path / "cache")

    def never(*_: object) -> None:
        raise AssertionError("parsed again")

    monkeypatch.setattr(contents, "parse", never)
    assert len(loaded(repo, tmp_path / "cache").grants) == 5


def sabotage_bytes(file: Path) -> None:
    data = bytearray(file.read_bytes())
    for i in range(2000, len(data), 97):
        data[i] ^= 0x55
    file.write_bytes(bytes(data))


def sabotage_rows(file: Path) -> None:
    """A cache that says something else, with no care for its checksums."""
    change(file, b"roles/editor", b"roles/ow..er")


def sabotage_ends(file: Path) -> None:
    change(file, b"28800", b"99999")


def change(file: Path, old: bytes, new: bytes) -> None:
    with sqlite3.connect(file) as db:
        found = db.execute("SELECT space, part, data FROM parts").fetchall()
        for space_, part, data in found:
            db.execute(
                "UPDATE parts SET data = ? WHERE space = ? AND part = ?",
                (data.replace(old, new), space_, part),
            )


def sabotage_lengths(file: Path) -> None:
    with sqlite3.connect(file) as db:
        db.execute("UPDATE parts SET data = substr(data, 1, length(data) / 2)")


def sabotage_types(file: Path) -> None:
    with sqlite3.connect(file) as db:
        db.execute("UPDATE parts SET data = 5, sum = 'x'")


def sabotage_sound_nonsense(file: Path) -> None:
    """Right checksums, wrong contents: rows that this version never wrote."""
    with sqlite3.connect(file) as db:
        for space_, part, data in db.execute("SELECT space, part, data FROM parts").fetchall():
            wrong = bytes(data).replace(b"\x1f", b"\x1e")
            db.execute(
                "UPDATE parts SET data = ?, sum = ? WHERE space = ? AND part = ?",
                (wrong, crc32(wrong), space_, part),
            )


def no_tables(file: Path) -> None:
    with sqlite3.connect(file) as db:
        db.execute("DROP TABLE parts")
        db.execute("CREATE TABLE parts (other)")


HARM: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "empty": lambda file: file.write_bytes(b""),
    "no database": lambda file: file.write_bytes(b"not a database" * 1000),
    "cut in half": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "flipped bits": sabotage_bytes,
    "changed rows": sabotage_rows,
    "changed ends": sabotage_ends,
    "cut parts": sabotage_lengths,
    "wrong types": sabotage_types,
    "sound nonsense": sabotage_sound_nonsense,
    "other tables": no_tables,
}


@pytest.mark.parametrize("harm", HARM)
def test_rule_15_a_broken_cache_changes_nothing(
    repo: Repository, tmp_path: Path, harm: str
) -> None:
    store = tmp_path / "cache"
    expected, told = seen(loaded(repo, store)), check(repo.root, cache=store)
    HARM[harm](file_of(store))
    assert check(repo.root, cache=store) == told
    HARM[harm](file_of(store))
    assert seen(loaded(repo, store)) == expected
    assert seen(loaded(repo, store)) == expected


def near(repo: Repository, store: Path | None) -> tuple[object, ...]:
    """What is read for one person and one group; never for nobody."""
    whom = frozenset({"alice@example.com", "payments-oncall"})
    return seen(load(repo.root, NOW, horizon=hours(0), cache=store, whom=lambda _: whom))


@pytest.fixture
def peopled(repo: Repository) -> Repository:
    """Beside alice's there are grants for others, good and bad ones, that came and went."""
    for i in range(12):
        who = f"bob{i % 3}"
        text = grant(f"roles/r{i}.x", who=who) if i % 4 else "broken: ["
        repo.commit(5 + i, (f"grants/b{i % 5}.yaml", text))
    repo.commit(20, ("grants/g.yaml", "group: payments-oncall\n" + grant().partition("\n")[2]))
    two = "subjects: [bob1@example.com, alice@example.com]\n" + grant().partition("\n")[2]
    repo.commit(21, ("grants/two.yaml", two), ("grants/copy.yaml", two))
    return repo


def test_what_is_read_for_one_person_is_their_part_of_the_whole(
    peopled: Repository, tmp_path: Path
) -> None:
    store = tmp_path / "cache"
    whole = load(peopled.root, NOW, horizon=hours(0), cache=store)
    names = {"alice@example.com", "payments-oncall"}
    mine = [v for v in whole.grants if names & {ref.id for ref in v.content.subjects}]
    assert 4 < len(mine) < len(whole.grants)
    for whom in (names, {*names, *(f"x{i}" for i in range(50))}):
        for kept in (None, store, store):
            alone = load(
                *(peopled.root, NOW),
                horizon=hours(0),
                cache=kept,
                whom=lambda _, whom=whom: frozenset(whom),  # type: ignore[misc]
            )
            assert repr(list(alone.grants)) == repr(mine)


def test_whoever_has_nothing_is_told_so_when_all_of_it_was_read_before(
    peopled: Repository, tmp_path: Path
) -> None:
    for _ in range(2):
        alone = load(
            *(peopled.root, NOW),
            horizon=hours(0),
            cache=tmp_path / "cache",
            whom=lambda _: frozenset({"zoe@example.com"}),
        )
        assert alone.grants == ()


@pytest.mark.parametrize("harm", HARM)
def test_rule_15_a_broken_cache_changes_nothing_for_one_person(
    peopled: Repository, tmp_path: Path, harm: str
) -> None:
    store = tmp_path / "cache"
    expected = near(peopled, None)
    assert near(peopled, store) == near(peopled, store) == expected
    HARM[harm](file_of(store))
    assert near(peopled, store) == expected
    assert near(peopled, store) == expected


def test_new_commits_count_for_one_person_and_nothing_that_was_remembered_is_lost(
    peopled: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "cache"
    loaded(peopled, store)
    for i in range(3):
        peopled.commit(30 + i, ("grants/a.yaml", grant(f"roles/new{i}.x")))
        peopled.commit(30 + i, ("grants/b1.yaml", grant(f"roles/more{i}.x", who="bob1")))
        assert near(peopled, store) == near(peopled, None)
    expected = seen(loaded(peopled, None))

    def never(*_: object) -> None:
        raise AssertionError("parsed again")

    monkeypatch.setattr(contents, "parse", never)
    assert seen(loaded(peopled, store)) == expected


def test_rule_15_a_cache_that_cannot_be_written_changes_nothing(
    repo: Repository, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert seen(loaded(repo, tmp_path / "cache")) == seen(loaded(repo, None))


def test_rule_15_a_locked_cache_changes_nothing(repo: Repository, tmp_path: Path) -> None:
    expected = seen(loaded(repo, tmp_path / "cache"))
    db = sqlite3.connect(file_of(tmp_path / "cache"), isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    started = time.monotonic()
    assert seen(loaded(repo, tmp_path / "cache")) == expected
    assert time.monotonic() - started < 5  # it waits once, not at every question
    db.close()


def test_new_commits_are_walked_from_the_remembered_tip(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "cache"
    loaded(repo, store)
    repo.commit(5, ("grants/f.yaml", grant("roles/browser")))
    asked: list[str] = []
    real = Git.first_parents

    def spy(self: Git, commit: str, after: str = "") -> object:
        asked.append(after)
        return real(self, commit, after)

    monkeypatch.setattr(Git, "first_parents", spy)
    warm = seen(loaded(repo, store))
    assert len(asked) == 1
    assert asked[0]
    assert warm == seen(loaded(repo, None))


def test_every_refresh_is_the_walk_from_the_start(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the history is remembered again and again, in parts."""
    monkeypatch.setattr(walk, "_REFRESH", 1)
    monkeypatch.setattr(walk, "_PART", 2)
    for i in range(5, 11):
        repo.commit(i, ("grants/a.yaml", grant(f"roles/r{i}.x")), (f"grants/n{i}.yaml", grant()))
        assert seen(loaded(repo, tmp_path / "cache", since=4)) == seen(loaded(repo, None, since=4))


def test_a_rewritten_history_is_walked_afresh(repo: Repository, tmp_path: Path) -> None:
    """A force-push: the remembered tip is not on the line any more."""
    store = tmp_path / "cache"
    loaded(repo, store)
    repo.git("reset", "-q", "--hard", "HEAD~2")
    repo.commit(7, ("grants/z.yaml", grant()))
    assert seen(loaded(repo, store)) == seen(loaded(repo, None))


def test_a_tip_that_came_in_through_a_merge_is_not_on_the_line(
    repo: Repository, tmp_path: Path
) -> None:
    """Remembered on a branch, loaded on main after the merge: other times hold there."""
    repo.git("checkout", "-q", "-b", "work")
    repo.commit(5, ("grants/w.yaml", grant()))
    loaded(repo, tmp_path / "cache")
    repo.git("checkout", "-q", "main")
    repo.merge("work", 9)
    found = loaded(repo, tmp_path / "cache")
    assert seen(found) == seen(loaded(repo, None))
    assert {v.path: v.merged for v in found.grants}["grants/w.yaml"] == hours(9)


def test_another_configuration_reads_the_files_again(repo: Repository, tmp_path: Path) -> None:
    """A row depends on the systems' settings: an alias may stand for another project now."""
    store = tmp_path / "cache"
    loaded(repo, store)
    text = (repo.root / "reconciler.yaml").read_text()
    repo.commit(6, ("reconciler.yaml", text.replace("payments-prod", "payments-next")))
    items = [i for v in loaded(repo, store).grants for i in v.content.access]
    resources = {i.entitlement.resource for i in items if isinstance(i, Item)}
    assert resources == {"projects/payments-next"}


def test_the_space_of_a_row_depends_on_kind_settings_schemas_and_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dataclasses import replace

    names = {space(kind, grammar()) for kind in Kind}
    names.add(space(Kind.GRANT, replace(grammar(), settings="other")))
    names.add(space(Kind.GRANT, replace(grammar(), schemas=Path(__file__).parent)))
    monkeypatch.setattr(caches, "code", lambda: "edited")
    names.add(space(Kind.GRANT, grammar()))
    assert len(names) == len(Kind) + 3


def test_two_processes_parse_what_one_does(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(40):
        repo.write(f"grants/many/g{i}.yaml", grant(f"roles/r{i}.x") if i % 7 else "broken: [")
    repo.commit(6)
    expected = seen(loaded(repo, None))
    monkeypatch.setattr(contents, "MANY", 10)
    monkeypatch.setattr(contents, "_SLICE", 9)
    monkeypatch.setattr(threading, "active_count", lambda: 1)  # pytest's own are harmless
    calls: list[int] = []
    real = contents._pool
    monkeypatch.setattr(contents, "_pool", lambda *a: calls.append(1) or real(*a))  # type: ignore[func-returns-value]
    assert seen(loaded(repo, None)) == expected
    assert calls == [1]


def test_what_is_not_wanted_any_more_is_forgotten(tmp_path: Path) -> None:
    store = Cache(tmp_path, tmp_path)
    many = {f"{i:040}": "Prow" for i in range(30_000)}
    store.remember("s", many, {}, many)
    assert store.rows("s") == many
    store.remember("s", {"f" * 40: "Prow"}, many, ["f" * 40])
    assert store.rows("s") == {"f" * 40: "Prow"}
    for i in range(40):
        store.remember(f"space{i}", {"f" * 40: "Prow"}, {}, ["f" * 40])
    assert store.rows("s") == {}
    assert store.rows("space39")


def test_many_small_additions_become_one_part_again(tmp_path: Path) -> None:
    store, known = Cache(tmp_path, tmp_path), dict[str, str]()
    for i in range(100):
        new = {f"{i:040}": f"Prow {i}"}
        store.remember("s", new, known, {*known, *new})
        known |= new
        assert store.rows("s") == known
    [file] = tmp_path.glob("*.sqlite")
    with sqlite3.connect(file) as db:
        assert db.execute("SELECT count(*) FROM parts").fetchone()[0] < 50


def test_where_the_cache_lives() -> None:
    assert folder({"XDG_CACHE_HOME": "/x", "HOME": "/h"}) == Path("/x/access-reconciler")
    assert folder({"HOME": "/h"}) == Path("/h/.cache/access-reconciler")
    assert folder({"HOME": "relative"}) is None
    assert folder({}) is None


def test_rows_keep_everything(repo: Repository) -> None:
    from reconciler.repository.rows import decode, encode

    bundle = parsed(BUNDLE, Kind.BUNDLE, "bundles/a.yaml")
    for kind, path, text in (
        (Kind.GRANT, "grants/a.yaml", GRANT),
        (Kind.GRANT, "grants/a.yaml", grant(end="duration: 36h\nstarts: 2026-01-01T00:00:00Z")),
        (Kind.GRANT, "grants/a.yaml", GRANT.replace("subject: alice@example.com", "group: g")),
        (Kind.GRANT, "grants/a.yaml", GRANT.replace("access:", "access:\n  - bundle: b")),
        (Kind.GRANT, "grants/a.yaml", GRANT.replace("expires", "expire")),
        (Kind.STANDING, "standing/a.yaml", grant(end="")),
        (Kind.BREAK_GLASS, "grants/break-glass/a.yaml", GRANT + "break_glass: true\n"),
        (Kind.DIRECTORY, "directory/a.yaml", DIRECTORY),
        (Kind.DIRECTORY, "directory/a.yaml", ATTRIBUTES),
        (Kind.POLICY, "policies/a.yaml", POLICY),
        (Kind.POLICY_TEST, "policies/tests/a.yaml", POLICY_TEST),
        (Kind.CATALOG, "catalog/a.yaml", CATALOG),
        (Kind.REVIEW, "reviews/a.yaml", REVIEW),
        (Kind.POLICY, "policies/a.yaml", POLICY.replace("permit:", "permitt:")),
    ):
        found = parsed(text, kind, path)
        assert found.document is not None or "permitt" in text or "expire:" in text
        assert repr(decode(path, encode(found), {})) == repr(found)
    assert repr(decode("bundles/a.yaml", encode(bundle), {})) == repr(bundle)
