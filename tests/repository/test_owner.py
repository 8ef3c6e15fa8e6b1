"""`owner` in reconciler.yaml: how it is spelled, and that it cannot be changed without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import Problem
from reconciler.model.marking import Marking
from reconciler.repository import load
from reconciler.repository.load import Loaded
from reconciler.repository.parse import parse_configuration
from reconciler.repository.schemas import installed
from tests.repository.build import CONFIGURATION, Repository
from tests.repository.versions import NOW

FILE = "reconciler.yaml"


def read(text: str) -> tuple[Any, list[str]]:
    found, _, problems = parse_configuration((text + CONFIGURATION).encode(), installed())
    return found, [str(p) for p in problems]


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "new", empty=True)


def told(repo: Repository, *texts: str, without: frozenset[str] = frozenset()) -> Loaded:
    """The configuration of `CONFIGURATION` under each of these first lines, commit by commit."""
    for number, text in enumerate(texts, 1):
        repo.commit(number, (FILE, text + CONFIGURATION))
    return load(repo.root, NOW, without=without)


def owner(found: Loaded) -> str:
    assert found.configuration is not None
    return found.configuration.owner


def spots(problems: tuple[Problem, ...]) -> list[tuple[str, str]]:
    return [(str(p.position), p.rule) for p in problems]


def test_every_system_is_told_whose_marks_are_ours() -> None:
    for text, marking in (
        ("", Marking()),
        ("owner: acme\n", Marking("acme")),
        ('owner: acme\nowner_was: ["", acme-old]\n', Marking("acme", ("", "acme-old"))),
        ("owner_was: [acme]\n", Marking("", ("acme",))),
    ):
        found, problems = read(text)
        assert problems == []
        marks = {getattr(s.system, "marking", None) for s in found.systems}
        assert marks == {marking, None}  # Bitbucket has no room for a mark


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("owner: Acme\n", "reconciler.yaml:1:8: `owner` is `Acme`"),
        ("owner: a--b\n", "reconciler.yaml:1:8: `owner` is `a--b`"),
        (f"owner: {'a' * 25}\n", "reconciler.yaml:1:8: `owner`"),
        ('owner: ""\n', "reconciler.yaml:1:8: `owner`"),
        ("owner: acme\nowner_was: acme\n", "reconciler.yaml:2:12: `owner_was`"),
        (
            "owner: acme\nowner_was: [old, acme]\n",
            "reconciler.yaml:2:18: `owner_was` has `acme`, which is the owner now; "
            "write only what it was before",
        ),
    ],
)
def test_a_mistake_is_told_at_its_place(text: str, said: str) -> None:
    found, [problem] = read(text)
    assert found is None
    assert problem.startswith(said)


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        ("", "owner: acme\n", '""'),
        ("owner: acme\n", "owner: acme-2\n", "acme"),
        ("owner: acme\n", "", "acme"),
        ('"owner" : "acme" # us\n', "owner: acme-2\n", "acme"),
    ],
)
def test_a_change_that_does_not_say_what_was_before_does_not_count(
    repo: Repository, before: str, after: str, names: str
) -> None:
    found = told(repo, before, after)
    [problem] = found.problems
    assert str(problem.position).startswith("reconciler.yaml:1:")
    assert problem.rule == "owner"
    assert f"`owner_was: [{names}]`" in problem.fix
    assert owner(found) == ("acme" if "acme" in before else "")


@pytest.mark.parametrize("was", ['["", acme]', "[]"])
def test_it_counts_once_it_is_said_and_an_empty_list_says_so_too(
    repo: Repository, was: str
) -> None:
    found = told(repo, "owner: acme\n", f"owner: acme-2\nowner_was: {was}\n")
    assert (found.problems, owner(found)) == ((), "acme-2")


def test_no_later_edit_brings_the_change_in_by_the_back_door(repo: Repository) -> None:
    found = told(repo, "", "owner: acme\n", "owner: acme # again\n")
    assert spots(found.problems) == [("reconciler.yaml:1:8", "owner")]
    assert owner(found) == ""


def test_an_owner_from_the_first_commit_on_needs_no_word(repo: Repository) -> None:
    found = told(repo, "owner: acme\n", "owner: acme\n# lookback\n", "# owner: x\nowner: acme\n")
    assert (found.problems, owner(found)) == ((), "acme")


def test_what_was_never_approved_is_no_former_owner(repo: Repository) -> None:
    repo.commit(1, (FILE, "owner: acme\n" + CONFIGURATION))
    rogue = repo.commit(2, (FILE, "owner: rogue\nowner_was: []\n" + CONFIGURATION))
    repo.commit(3, (FILE, "owner: acme\n# mended\n" + CONFIGURATION))
    assert load(repo.root, NOW).problems != ()
    found = load(repo.root, NOW, without=frozenset({rogue}))
    assert (found.problems, owner(found)) == ((), "acme")
