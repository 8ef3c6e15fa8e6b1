"""The ledger through the installed command: memory of what git cannot know, and its loss."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.ledgers import Known
from reconciler.repository.memory import Memory
from reconciler.sandbox.bitbucket import Holder, Place
from reconciler.sandbox.bitbucket_cloud import User
from reconciler.sandbox.faults import Fault, FaultKind
from tests.e2e.company import Company, grant
from tests.e2e.test_scenarios import ALICE, AWS, BOB, EVERYWHERE, GCP, READ, WRITE, G


class Recorded:
    """A company that keeps a ledger in a folder beside its access repository."""

    def __init__(self, company: Company, folder: Path) -> None:
        self.company, self.folder = company, folder
        said = (company.root / "reconciler.yaml").read_text()
        anchor = folder.with_name("anchor.json")
        company.merge(
            {
                "reconciler.yaml": f"{said}ledger:\n  store: folder\n  path: {folder}\n"
                f"  anchor: {{file: {anchor}}}\n"
            },
            at=-1,
        )

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        lines = [
            json.loads(line)
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
            for line in path.read_text().splitlines()
        ]
        return [line for line in lines if kind in ("", line["kind"])]

    def kinds(self) -> list[str]:
        return [event["kind"] for event in self.events()]


@pytest.fixture
def recorded(company: Company, tmp_path: Path) -> Recorded:
    recorded = Recorded(company, tmp_path / "ledger")
    company.converge(at=-0.5)  # it begins before any grant
    return recorded


def test_every_change_is_intended_and_told(recorded: Recorded) -> None:
    recorded.company.merge({G: grant(ALICE, *EVERYWHERE)})
    recorded.company.converge()
    assert len(recorded.events("intended")) == len(recorded.events("done")) == 6
    kinds = recorded.kinds()
    assert kinds.index("intended") < kinds.index("done")
    numbers = [event["number"] for event in recorded.events()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_quiet_run_writes_only_that_it_ran(recorded: Recorded) -> None:
    recorded.company.merge({G: grant(ALICE, *EVERYWHERE)})
    recorded.company.converge()
    before = len(recorded.kinds())
    recorded.company.converge(at=0.1)
    assert recorded.kinds()[before:] == ["run-started", "run-ended"]


def by_hand(company: Company, login: str, role: str) -> None:
    """Somebody gives a permission in Bitbucket, and git knows nothing of it."""
    local: Any = company.sandbox._systems["bitbucket"]
    holder = Holder("users", User(login).uuid)
    local.table.put(Place("repository", "payments-api"), holder, role)


def test_rule_22_what_was_there_before_survives_where_nothing_marks_or_dates_it(
    recorded: Recorded,
) -> None:
    company = recorded.company
    by_hand(company, "alice", "write")
    company.merge({G: grant(ALICE, WRITE)})
    during = company.converge()
    assert [a["subject"] for a in during.json["already_held"]] == [ALICE]
    assert recorded.kinds().count("already-held") == 1
    assert company.converge(at=9).changes == []
    assert company.gained() == {"bitbucket write alice"}


def test_rule_22_holds_from_the_first_run_with_a_ledger_on(
    company: Company, tmp_path: Path
) -> None:
    """Whether the grant came after that run is for git to say: clocks differ by minutes."""
    recorded = Recorded(company, tmp_path / "ledger")
    company.converge(at=-0.01)
    by_hand(company, "alice", "write")
    company.merge({G: grant(ALICE, WRITE)})
    during = company.converge(at=0.01)
    assert [a["subject"] for a in during.json["already_held"]] == [ALICE]
    assert recorded.kinds().count("already-held") == 1
    assert company.converge(at=9).changes == []
    assert company.gained() == {"bitbucket write alice"}


def test_what_started_before_the_ledger_was_lost_is_not_taken_for_somebody_elses(
    recorded: Recorded,
) -> None:
    """Its grant came long before: when it starts is no sign that the ledger would know of it."""
    company = recorded.company
    window = f"starts: {company.time(1)}\nexpires: {company.time(8)}"
    company.merge({G: grant(ALICE, WRITE, end=window)})
    company.converge(at=1.1)
    assert company.gained() == {"bitbucket write alice"}
    shutil.rmtree(recorded.folder)
    for at in (1.2, 1.3):
        company.converge(at=at)
    company.converge(at=9)
    assert company.gained() == set()


def test_looking_at_the_ledger_leaves_nothing_for_a_run_to_go_by(recorded: Recorded) -> None:
    """`audit verify` goes by the keys of the last commit, which nobody need have approved."""
    company = recorded.company
    cache = company._home / "cache"
    shutil.rmtree(cache)
    assert company.run("audit", "verify").code == 0
    first = company.git("rev-list", "--max-parents=0", "--first-parent", "HEAD").strip()
    known = Known(Memory(cache / "access-reconciler", company.root), first)
    space = f"ledger:{recorded.folder}"
    assert known.read(space, ["digest", "head"]) == {}
    company.converge()
    assert known.read(space, ["digest", "head"]).keys() == {"digest", "head"}


def test_another_repository_in_the_same_folder_has_a_ledger_of_its_own(
    company: Company, tmp_path: Path
) -> None:
    said = (company.root / "reconciler.yaml").read_text()
    ledger = f"ledger: {{store: folder, path: {tmp_path / 'ledger'}}}\n"
    company.merge({"reconciler.yaml": said + ledger}, at=-1)
    company.converge()
    shutil.rmtree(tmp_path / "ledger")
    assert "entry 2" in company.run("audit", "verify").out
    shutil.rmtree(company.root / ".git")
    company.git("init", "-q", "-b", "main")
    company.git("add", "-A")
    company.git("commit", "-q", "-m", "Another one")
    assert "entry 2" not in company.run("audit", "verify").out
    assert company.converge(at=1).json["notices"] == company.plan(at=2).json["notices"]


def test_what_may_be_older_than_its_ledger_is_warned_about(
    company: Company, tmp_path: Path
) -> None:
    by_hand(company, "alice", "write")
    company.merge({G: grant(ALICE, WRITE)}, at=-2)
    Recorded(company, tmp_path / "ledger")
    [warning] = company.converge(at=0).json["warnings"]
    assert "nothing tells since when" in warning["text"]


def test_an_undeclared_permission_comes_back_when_the_one_that_replaced_it_ends(
    recorded: Recorded,
) -> None:
    company = recorded.company
    by_hand(company, "alice", "read")
    company.merge({G: grant(ALICE, WRITE)})
    given = company.converge()
    assert ([c["replaces"] for c in given.json["changes"]], given.json["warnings"]) == (
        ["read"],
        [],
    )
    ended = company.converge(at=9)
    assert [(c["action"], c["restores"]) for c in ended.json["changes"]] == [("remove", "read")]
    assert company.gained() == {"bitbucket read alice"}
    assert company.converge(at=10).changes == []


def test_rule_22_what_we_removed_and_came_back_is_told_and_stays(recorded: Recorded) -> None:
    company = recorded.company
    company.merge({G: grant(ALICE, WRITE)})
    company.converge()
    company.converge(at=9)
    by_hand(company, "alice", "write")
    assert company.converge(at=10).changes == []
    company.converge(at=11)
    assert recorded.kinds().count("came-back") == 1
    assert company.gained() == {"bitbucket write alice"}


def test_a_crash_between_intent_and_outcome_is_found_out(recorded: Recorded) -> None:
    company = recorded.company
    company.merge({G: grant(ALICE, WRITE)})
    company.sandbox.arm(Fault("bitbucket", "PUT *", FaultKind.DELAY, seconds=2))
    with company.started("apply", when="PUT */permissions-config/*") as process:
        process.kill()
    assert recorded.kinds()[-1] == "intended"
    deadline = time.monotonic() + 30
    while not company.gained():  # the system did it all the same
        assert time.monotonic() < deadline
        time.sleep(0.05)
    company.converge(at=0.1)
    assert [event["outcome"] for event in recorded.events("found")] == ["made"]
    assert company.gained() == {"bitbucket write alice"}
    company.converge(at=9)
    assert company.gained() == set()


def test_rule_15_a_lost_ledger_costs_memory_and_no_access(recorded: Recorded) -> None:
    company = recorded.company
    company.merge({G: grant(ALICE, AWS, WRITE), "grants/b.yaml": grant(BOB, READ)})
    company.converge()
    shutil.rmtree(recorded.folder)
    lost = company.run("apply", at=1)
    assert lost.code == 0
    assert "the ledger lost entries" in lost.out
    assert recorded.kinds().count("ledger-lost") == 1
    assert "the ledger lost entries" not in company.run("apply", at=1.1).out
    assert len(company.gained()) == 3
    company.converge(at=9)
    assert (company.gained(), company.lost()) == (set(), set())


def test_without_a_ledger_that_can_be_written_nothing_is_given_and_all_is_taken(
    recorded: Recorded,
) -> None:
    company = recorded.company
    company.merge({G: grant(ALICE, WRITE, end="duration: 1h")})
    company.converge()
    company.merge({"grants/b.yaml": grant(BOB, WRITE)}, at=1)
    for file in recorded.folder.rglob("*"):
        if file.is_file():
            file.write_text("{}\n")
    done = company.apply(at=2)
    assert done.code == 1
    assert [o["action"] for o in done.json["outcomes"]] == ["remove"]
    assert company.gained() == set()


def test_a_refusal_by_the_system_is_written_down_with_its_words(recorded: Recorded) -> None:
    company = recorded.company
    company.merge({G: grant(ALICE, WRITE)})
    company.sandbox.arm(Fault("bitbucket", "PUT *", FaultKind.STATUS, status=402, times=1))
    assert company.apply().code == 1
    assert "402" in recorded.events("done")[-1]["error"]


def test_what_was_written_and_could_not_be_read_again_is_ours_and_ends(recorded: Recorded) -> None:
    """A change that failed may have been made all the same: else it would be somebody else's."""
    company = recorded.company
    company.merge({G: grant(ALICE, WRITE)})
    company.sandbox.arm(
        Fault("bitbucket", "GET *permissions-config*", FaultKind.STATUS, 403, skip=3, times=9)
    )
    failed = company.apply()
    company.heals()
    assert (failed.code, company.gained()) == (1, {"bitbucket write alice"})
    assert company.converge(at=0.1).json["already_held"] == []
    assert [event["outcome"] for event in recorded.events("found")] == ["made"]
    company.converge(at=9)
    assert company.gained() == set()


def test_rule_15_a_ledger_that_lost_its_end_costs_no_expiry(recorded: Recorded) -> None:
    """It is older than the grant, and knows nothing of what was given then."""
    company = recorded.company
    company.merge({G: grant(ALICE, WRITE)})
    company.converge()
    given = [f for f in recorded.folder.rglob("*.jsonl") if '"intended"' in f.read_text()]
    for file in recorded.folder.rglob("*.jsonl"):
        if file.name >= given[0].name:
            file.unlink()
    assert company.converge(at=1).json["already_held"] == []
    assert recorded.kinds().count("ledger-lost") == 1
    company.converge(at=2)
    company.converge(at=9)
    assert company.gained() == set()


def test_what_somebody_else_took_away_and_gave_again_is_theirs(recorded: Recorded) -> None:
    """We gave it once, and nothing of ours took it away: that does not make it ours for ever."""
    company = recorded.company
    company.merge({G: grant(ALICE, WRITE)})
    company.converge()
    local: Any = company.sandbox._systems["bitbucket"]
    local.table.clear(Place("repository", "payments-api"), Holder("users", User("alice").uuid))
    assert company.gained() == set()
    company.converge(at=9)
    assert "it is gone, and not by us" in recorded.events("found")[-1]["reason"]
    by_hand(company, "alice", "write")
    assert company.converge(at=10).changes == []
    assert company.gained() == {"bitbucket write alice"}
    kinds = len(recorded.kinds())
    company.converge(at=11)
    assert recorded.kinds()[kinds:] == ["run-started", "run-ended"]


def test_without_a_ledger_an_end_still_comes_nearer_and_moves_no_further(
    recorded: Recorded,
) -> None:
    company = recorded.company
    company.merge({G: grant(ALICE, GCP), "grants/b.yaml": grant(BOB, GCP)})
    company.converge()
    nearer, further = (f"expires: {company.time(at)}" for at in (4, 12))
    company.merge(
        {G: grant(ALICE, GCP, end=nearer), "grants/b.yaml": grant(BOB, GCP, end=further)}, at=1
    )
    for file in recorded.folder.rglob("*.jsonl"):
        file.write_text("{}\n")
    done = company.apply(at=2)
    assert [(o["action"], o["error"]) for o in done.json["outcomes"]] == [("shorten", None)]
