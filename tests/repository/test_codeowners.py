"""Code owners: the last line that matches decides, and one without an owner takes all away."""

from __future__ import annotations

import pytest

from reconciler.model import ForgeKind
from reconciler.repository.codeowners import GOVERNING, WORKFLOWS, unowned
from reconciler.templates import Forge, Project, access_repository

PATH = "policies/a.yaml"


@pytest.mark.parametrize(
    "pattern",
    ["*", "/policies/", "policies/", "/policies", "policies", "/policies/*", "*.yaml",
     "policies/**", "/policies/a.yaml", "a.yaml", "**/a.yaml"],
)  # fmt: skip
def test_a_pattern_that_is_for_a_path(pattern: str) -> None:
    assert unowned(f"{pattern} @acme/admins\n", [PATH]) == ()


@pytest.mark.parametrize(
    "pattern",
    ["/a.yaml", "/Policies/", "/policies/tests/", "*.yml", "/*", "polic", "/grants/", "/policies/b*"],
)  # fmt: skip
def test_a_pattern_that_is_not(pattern: str) -> None:
    assert unowned(f"{pattern} @acme/admins\n", [PATH]) == (PATH,)


def test_a_star_is_not_for_what_lies_deeper_and_a_folder_is() -> None:
    assert unowned("/policies/* @acme/admins", ["policies/tests/a.yaml"])
    assert not unowned("/policies/ @acme/admins", ["policies/tests/a.yaml"])


def test_the_last_line_that_matches_decides() -> None:
    assert unowned("* @acme/admins\n/policies/\n", [PATH]) == (PATH,)
    assert unowned("/policies/\n* @acme/admins\n", [PATH]) == ()


def test_comments_own_nothing() -> None:
    assert unowned("# * @acme/admins\n", [PATH]) == (PATH,)
    assert unowned("* # @acme/admins\n", [PATH]) == (PATH,)
    assert unowned("* @acme/admins # for now\n", [PATH]) == ()


@pytest.mark.parametrize("forge", [Forge.GITHUB, Forge.BITBUCKET])
def test_what_init_writes_owns_all_that_decides(forge: Forge) -> None:
    files = access_repository("acme", forge, ("gcp",), Project("acme/access-reconciler"))
    text = next(file.text for file in files if file.path.endswith("CODEOWNERS"))
    kind = ForgeKind(forge.value)
    assert unowned(text, (*GOVERNING, *WORKFLOWS[kind])) == ()
