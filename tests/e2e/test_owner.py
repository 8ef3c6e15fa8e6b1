"""Two access repositories on one set of systems, and an owner that changes, through the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.sandbox.home import Running
from reconciler.sandbox.process import Sandbox
from tests.e2e.company import Company, grant
from tests.e2e.test_scenarios import ALICE, AZURE, BOB, GCP, POLICY, G

LONG = "duration: 20h"


def with_owner(company: Company, text: str) -> dict[str, str | None]:
    """reconciler.yaml with `text` in place of its lines about the owner."""
    lines = (company.root / "reconciler.yaml").read_text().splitlines(keepends=True)
    rest = "".join(line for line in lines if not line.startswith("owner"))
    return {"reconciler.yaml": text + rest}


def owned(company: Company, text: str, at: float = -1) -> None:
    company.merge(with_owner(company, text), at=at)


@pytest.fixture
def other(company: Company, served: tuple[Sandbox, Running], tmp_path: Path) -> Company:
    (tmp_path / "other").mkdir()
    other = Company(*served, tmp_path / "other")
    owned(other, "owner: other-team\nowner_was: []\n")
    owned(company, "owner: acme\nowner_was: []\n")
    return other


def test_two_access_repositories_on_the_same_systems_take_away_only_their_own(
    company: Company, other: Company
) -> None:
    company.merge({G: grant(ALICE, POLICY, GCP, AZURE)})
    other.merge(
        {G: grant(BOB, GCP, AZURE, end=LONG), "grants/b.yaml": grant(ALICE, POLICY, end=LONG)}
    )
    company.converge()
    other.converge()
    assert len(company.gained()) == 6
    seen = company.plan()
    assert (seen.code, seen.changes, other.plan().changes) == (0, [], [])
    notes = {f["note"] for f in seen.json["foreign"]}
    assert "not ours: access-reconciler of other-team" in notes
    company.converge(at=9)
    assert (company.plan(at=9).changes, other.plan(at=9).changes) == ([], [])
    left = company.gained()
    assert len(left) == 3
    assert {word.rsplit(" ", 1)[-1] for word in left} >= {f"user:{BOB}", "user/alice"}
    other.converge(at=21)
    assert company.gained() == set()


def test_an_owner_that_changes_without_a_word_does_not_count_and_nothing_is_lost(
    company: Company,
) -> None:
    company.merge({G: grant(ALICE, POLICY, GCP, AZURE)})
    company.converge()
    company.git("switch", "-q", "-c", "pull", at=1)
    company.stage(with_owner(company, "owner: acme\n"))
    company.git("commit", "-q", "-m", "An owner", at=1)
    checked = company.run("check", at=1)
    assert checked.code == 2
    assert "owner_was" in checked.out
    company.git("switch", "-q", "main")
    owned(company, "owner: acme\n", at=1)
    silent = company.plan(at=1)
    assert (silent.code, silent.changes) == (2, [])
    assert 'write `owner_was: [""]`' in silent.err
    company.apply(at=9)
    assert company.gained() == set()


def test_an_owner_that_is_switched_on_plans_nothing_and_access_still_ends(company: Company) -> None:
    company.merge({G: grant(ALICE, POLICY, GCP, AZURE)})
    company.converge()
    owned(company, 'owner: acme\nowner_was: [""]\n', at=1)
    assert company.converge(at=1).changes == []
    company.merge({"grants/b.yaml": grant(BOB, GCP)}, at=1)
    assert len(company.converge(at=1).changes) == 1
    assert len(company.gained()) == 4
    company.converge(at=10)
    assert company.gained() == set()


def test_what_the_ledger_gave_and_carries_another_mark_is_told_in_every_run(
    company: Company, tmp_path: Path
) -> None:
    said = (company.root / "reconciler.yaml").read_text()
    ledger = f"ledger: {{store: folder, path: {tmp_path / 'ledger'}}}\n"
    company.merge({"reconciler.yaml": said + ledger}, at=-1)
    company.merge({G: grant(ALICE, AZURE)})
    company.converge()
    owned(company, "owner: acme\nowner_was: []\n", at=1)
    for run in (company.plan(at=1), company.apply(at=1), company.plan(at=9)):
        assert run.code == 1
        [unknown] = run.json["unknown"]
        assert '`owner_was: [""]`' in unknown["error"]
    owned(company, 'owner: acme\nowner_was: [""]\n', at=9)
    company.converge(at=9)
    assert company.gained() == set()
