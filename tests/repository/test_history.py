"""Histories that nobody would write by hand, held against the rules said in another way."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model import Grant, SubjectRef
from reconciler.repository.git_answers import Commit, Step
from reconciler.repository.history import History
from reconciler.repository.paths import Kind
from reconciler.repository.spans import Columns, Live, Span, flat, unflat
from reconciler.repository.timeline import settled
from reconciler.repository.versions import Line, lately, recent

PATHS = ("grants/a.yaml", "grants/b.yaml", "grants/c.yaml", "grants/bad.yml", "attic/a.yaml")
CONTENTS = ("x", "y", "z", "bad1", "bad2")  # those that start with "bad" are invalid

Tree = dict[str, str]  # path -> content
TREES = st.lists(
    st.dictionaries(st.sampled_from(PATHS), st.sampled_from(CONTENTS), max_size=4),
    min_size=1,
    max_size=8,
)


def walked(trees: list[Tree]) -> History:
    history = History()
    history.feed(commits(trees))
    return history


def commits(trees: list[Tree]) -> list[Commit]:
    found: list[Commit] = []
    before: Tree = {}
    for i, tree in enumerate(trees):
        paths = sorted(p for p in before.keys() | tree.keys() if before.get(p) != tree.get(p))
        steps = tuple(step(path, before.get(path), tree.get(path)) for path in paths)
        found.append(Commit(f"c{i}", 100 * i, f"c{i - 1}" if i else "", steps))
        before = tree
    return found


def step(path: str, old: str | None, new: str | None) -> Step:
    mode = {True: "100644", False: "000000"}
    return Step(mode[old is not None], mode[new is not None], old or "0", new or "0", path)


def versions(history: History, since: int = 0) -> Counter[tuple[str, str, int, int | None]]:
    """How often there is (path, content, merged, gone); two versions may be alike in all."""
    line = Line(history, settled(history.times), None)
    return Counter(
        (v.path, v.blob, hundreds(v.merged), hundreds(v.gone) if v.gone else None)
        for v in recent(line, lately(line, since), valid)
    )


def hundreds(time: datetime) -> int:
    return int(time.timestamp()) // 100


def valid(spans: object) -> dict[int, Grant]:
    grant = Grant("", (SubjectRef("a"),), (), "")
    return {s.id: grant for s in spans if s.blob and not s.blob.startswith("bad")}  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Declared:
    """A content that is declared by a commit: by which path, since which commit."""

    content: str
    since: int


def declared(trees: list[Tree]) -> list[dict[str, Declared]]:
    """By the rules, commit by commit, with no notion of a span: what each path declares."""
    found: list[dict[str, Declared]] = []
    before: dict[str, Declared] = {}
    previous: Tree = {}
    for i, whole in enumerate(trees):
        tree = {p: c for p, c in whole.items() if p.startswith("grants/")}
        free = [p for p in sorted(previous) if tree.get(p) != previous[p]]
        now: dict[str, Declared] = {}
        fresh: list[tuple[str, str]] = []
        taken: set[str] = set()
        for path in sorted(tree):
            content = tree[path]
            if previous.get(path) == content:
                if path in before:
                    now[path] = before[path]
                continue
            name = path.rpartition("/")[2]
            sources = [p for p in free if previous[p] == content and p not in taken]
            sources.sort(key=lambda p: (p.rpartition("/")[2] != name, p))
            if sources:
                taken.add(sources[0])
                good = path.endswith(".yaml") and sources[0].endswith(".yaml")
                moved = before.get(sources[0])
                if good and moved is not None:
                    now[path] = moved
                    continue
                if good:
                    continue  # an invalid content, still invalid
                fresh.append((path, sources[0]))
            else:
                fresh.append((path, path))
        for path, source in fresh:
            content = tree[path]
            if path.endswith(".yaml") and not content.startswith("bad"):
                now[path] = Declared(content, i)
            elif source in before and (source != path or path not in taken):
                now[path] = before[source]  # rule 23
        found.append(now)
        before, previous = now, tree
    return found


@settings(max_examples=400, deadline=None)
@given(TREES)
def test_versions_are_what_the_rules_say_at_every_commit(trees: list[Tree]) -> None:
    found = versions(walked(trees))
    for i, expected in enumerate(declared(trees)):
        there = sorted((b, m) for _, b, m, g in found.elements() if m <= i and (g is None or i < g))
        assert there == sorted((d.content, d.since) for d in expected.values())


@settings(max_examples=150, deadline=None)
@given(TREES, st.integers(0, 8))
def test_the_horizon_cuts_nothing_but_what_went_before_it(trees: list[Tree], since: int) -> None:
    every = versions(walked(trees))
    expected = Counter(v for v in every.elements() if v[3] is None or v[3] >= since)
    assert versions(walked(trees), since) >= expected
    assert versions(walked(trees), since) <= every


@settings(max_examples=150, deadline=None)
@given(TREES, st.integers(0, 8))
def test_a_walk_in_two_parts_is_the_walk_in_one(trees: list[Tree], cut: int) -> None:
    whole, every = walked(trees), commits(trees)
    parted = History()
    parted.feed(every[:cut])
    parted.live = Live({k: Columns.of(flat([*parted.live.of(k).values()])) for k in Kind})
    parted.parts, parted.ended = [flat(parted.ended)], []
    parted.feed(every[cut:])
    assert versions(parted) == versions(whole)


@given(st.lists(st.integers(0, 50), max_size=30))
def test_settled_times_never_go_back_and_keep_what_is_in_order(times: list[int]) -> None:
    found = settled(times)
    assert found == sorted(found)
    assert len(found) == len(times)
    if times == sorted(times):
        assert found == times
    assert set(found) <= set(times)


@given(st.lists(st.integers(100, 200), min_size=4, max_size=30), st.data())
def test_one_wrong_clock_moves_only_its_own_commit(times: list[int], data: st.DataObject) -> None:
    right = sorted(times)
    at = data.draw(st.integers(2, len(right) - 2))
    wrong = data.draw(st.sampled_from([0, 10_000]))
    found = settled([*right[:at], wrong, *right[at:]])
    assert found[:at] + found[at + 1 :] == right
    assert found[at] == (right[at - 1] if wrong == 0 else right[at])


def test_spans_survive_as_bytes_whatever_their_paths_are() -> None:
    spans = [
        Span("grants/ü\udcff\n.yaml", "b" * 40, "grants/ö.yaml", 3, 1, 2, -1),
        Span("x", "", "", 4, 0, -1, 3),
    ]
    assert unflat(flat(spans)) == spans
    assert unflat(b"") == []


def test_the_executable_bit_is_no_edit() -> None:
    history = walked([{"grants/a.yaml": "x"}])
    history.feed([Commit("c1", 100, "c0", (Step("100644", "100755", "x", "x", "grants/a.yaml"),))])
    assert versions(history) == {("grants/a.yaml", "x", 0, None): 1}


def test_times_are_in_utc() -> None:
    line = Line(walked([{"grants/a.yaml": "x"}]), [0], None)
    [version] = recent(line, lately(line, 0), valid)
    assert version.merged == datetime(1970, 1, 1, tzinfo=UTC)
