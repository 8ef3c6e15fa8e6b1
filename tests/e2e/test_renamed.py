"""A system that is called otherwise in reconciler.yaml, and one that is gone, through the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.sandbox.faults import Fault, FaultKind
from tests.e2e.company import Company, grant, standing
from tests.e2e.test_scenarios import ALICE, AWS, AZURE, BOB, EVERYWHERE, GCP, READ, WRITE, G

NAMES = ("aws", "gcp", "azure", "bitbucket", "bitbucket-dc")


def edited(company: Company, at: float, edit: Any) -> None:
    """reconciler.yaml, with `edit` done to what it says."""
    said = yaml.safe_load((company.root / "reconciler.yaml").read_text())
    edit(said)
    company.merge({"reconciler.yaml": yaml.safe_dump(said, sort_keys=False)}, at=at)


def renamed(company: Company, at: float, *, told: bool, names: tuple[str, ...] = NAMES) -> None:
    """Each system of these gets a new name; `told`: and says what it was."""

    def edit(said: dict[str, Any]) -> None:
        for name in names:
            settings = said["systems"].pop(name)
            said["systems"][f"{name}-main"] = settings | ({"was": [name]} if told else {})

    edited(company, at, edit)


@pytest.fixture
def recorded(company: Company, tmp_path: Path) -> Company:
    ledger = {"store": "folder", "path": str(tmp_path / "ledger")}
    edited(company, -1, lambda said: said.update(ledger=ledger))
    company.converge(at=-0.5)
    return company


@pytest.mark.parametrize("ledger", [False, True])
def test_a_renamed_system_that_says_so_plans_nothing_and_access_ends_on_time(
    company: Company, request: pytest.FixtureRequest, ledger: bool
) -> None:
    if ledger:
        request.getfixturevalue("recorded")
    company.merge({G: grant(ALICE, *EVERYWHERE)})
    company.converge()
    renamed(company, 1, told=True)
    seen = company.plan(at=1)
    assert (seen.code, seen.changes, seen.json["already_held"]) == (0, [], [])
    assert company.plan("--system", "gcp", at=1).code == 0
    assert company.plan("--system", "gcp-main", at=1).code == 0
    assert company.run("validate", at=1).code == 0
    assert len(company.gained()) == 6
    company.converge(at=9)
    assert company.gained() == set()
    assert company.lost() == set()
    assert company.plan(at=9).changes == []


def test_what_the_ledger_gave_under_the_former_name_ends_whatever_git_remembers(
    recorded: Company,
) -> None:
    recorded.merge({"standing/a.yaml": standing(ALICE, AWS)})
    recorded.converge()
    renamed(recorded, 1, told=True)
    recorded.merge({"standing/a.yaml": None, "grants/b.yaml": grant(BOB, AWS)}, at=1)
    recorded.converge(at=2)
    assert len(recorded.gained()) == 1
    recorded.converge(at=24 * 60)
    assert recorded.gained() == set()


def test_a_permission_that_was_replaced_before_the_rename_comes_back_after_it(
    recorded: Company,
) -> None:
    recorded.merge({"standing/r.yaml": standing(ALICE, READ), G: grant(ALICE, WRITE)})
    recorded.converge()
    renamed(recorded, 1, told=True)
    recorded.converge(at=9)
    assert [word.split()[1] for word in recorded.gained()] == ["read"]


def test_a_rename_that_says_nothing_is_told_until_it_is_said(recorded: Company) -> None:
    recorded.merge({G: grant(ALICE, GCP, AZURE)})
    recorded.converge()
    renamed(recorded, 1, told=False, names=("gcp",))
    for run in (recorded.plan(at=1), recorded.apply(at=1)):
        assert run.code == 1
        [unknown] = run.json["unknown"]
        assert unknown["system"] == "gcp"
        assert "`was: [gcp]`" in unknown["error"]
    text = recorded.run("status", at=1)
    assert (text.code, text.out.count("retired: [gcp]")) == (1, 1)
    edited(recorded, 2, lambda said: said["systems"]["gcp-main"].update(was=["gcp"]))
    recorded.converge(at=2)
    recorded.converge(at=11)
    assert recorded.gained() == set()


def test_a_system_that_is_gone_is_told_until_it_is_empty_or_retired(recorded: Company) -> None:
    recorded.merge({G: grant(ALICE, GCP), "grants/b.yaml": grant(BOB, AZURE)})
    recorded.converge()
    settings: dict[str, Any] = {}
    edited(recorded, 1, lambda said: settings.update(gcp=said["systems"].pop("gcp")))
    recorded.merge({G: None}, at=1)
    assert [u["system"] for u in recorded.plan(at=1).json["unknown"]] == ["gcp"]
    edited(recorded, 2, lambda said: said.update(retired=["gcp"]))
    assert recorded.plan(at=2).json["unknown"] == []

    def back(said: dict[str, Any]) -> None:
        del said["retired"]
        said["systems"]["gcp"] = settings["gcp"]

    edited(recorded, 3, back)
    recorded.converge(at=3)
    edited(recorded, 4, lambda said: said["systems"].pop("gcp"))
    assert recorded.plan(at=4).json["unknown"] == []


def test_what_a_run_died_over_before_the_rename_is_found_out_after_it(
    recorded: Company, tmp_path: Path
) -> None:
    recorded.merge({G: grant(ALICE, WRITE)})
    unread = Fault("bitbucket", "GET *permissions-config*", FaultKind.STATUS, 403, skip=3, times=9)
    recorded.sandbox.arm(unread)
    assert recorded.apply().code == 1
    recorded.heals()
    renamed(recorded, 0.1, told=True)
    recorded.converge(at=0.1)
    recorded.converge(at=0.2)
    text = "".join(p.read_text() for p in sorted((tmp_path / "ledger").rglob("*")) if p.is_file())
    events = [json.loads(line) for line in text.splitlines()]
    assert [e["outcome"] for e in events if e["kind"] == "found"] == ["made"]
    recorded.converge(at=9)
    assert recorded.gained() == set()
