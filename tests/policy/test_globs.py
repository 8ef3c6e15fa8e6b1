"""Globs: both ways to match a path are one, and no glob and no path keep a run busy."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.policy import globs

PARTS = st.sampled_from(
    ["a", "b", "ab", "*", "**", "?", "[ab]", "[!a]", "a*", "*.yaml", "***", "a**", "", "[a", "{a,b}", "!a"]
)  # fmt: skip
NAMES = st.sampled_from(["a", "b", "ab", "aab", "a.yaml", ".yaml", ".a"])


@given(st.lists(PARTS, min_size=1, max_size=5), st.lists(NAMES, min_size=1, max_size=5))
def test_a_glob_fits_the_same_paths_folder_by_folder(parts: list[str], names: list[str]) -> None:
    glob, path = "/".join(parts), "/".join(names)
    assert globs._folders(glob)(path) is globs._expression(glob)(path)


def test_no_glob_and_no_path_keep_a_rule_busy() -> None:
    deep = f"grants/{'a/' * 300}a.yaml"
    assert not globs.path("**/a/" * 20 + "b.yaml")(deep)
    assert globs.path("**/a/" * 20 + "a.yaml")(deep)
    long = f"grants/{'a' * 120}.yaml"
    assert not globs.path("grants/" + "*a" * 40 + "*b.yaml")(long)
    assert not globs.text(["*a" * 200 + "*b"])("a" * 512)
    assert not globs.text(["*[ab]" * 100 + "*c"])("ab" * 256)
