"""The ledger in the workflows: pushed to its branch by machines that forget, and shipped from there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.receivers_ship import TOKEN, Collector, collecting
from tests.ledger.signers import OURS

from .access import GRANT, HELD, Access
from .remote import READS, WRITES, Remote, serving
from .runner import WORKFLOWS, Run, load

ANCHOR = ".ledger-anchor.json"
KEPT = f"""ledger:
  store: branch
  branch: access-ledger
  anchor: {{file: {ANCHOR}}}
"""
SHIP = "Ship the ledger, also of a run that failed"


class Machines:
    """Each run is on a new machine: a clone of its own, an empty cache, nothing in the folder for
    what is temporary. `granted` is the workflow's own token."""

    def __init__(self, access: Access, remote: Remote, home: Path) -> None:
        self._access, self.remote, self._home = access, remote, home
        self.granted = WRITES
        self.secrets: dict[str, str] = {}
        self.cached = False  # the cache keeps how far the ledger was shipped, and its anchor
        self._anchor = b""
        self._runs = 0
        shutil.rmtree(access.runner.temp / "shipped", ignore_errors=True)

    @property
    def folder(self) -> Path:
        return self._access.folder

    def merge(self, path: str, text: str) -> None:
        self._access.commit(path, text)
        push = ["git", "-C", str(self.folder), "push", "-q", str(self.remote.bare), "HEAD:main"]
        subprocess.run(push, check=True)

    def apply(self, ship_to: str = "") -> Run:
        return self._run(True, "access-apply", ship_to)

    def plan(self, ship_to: str = "") -> Run:
        return self._run(False, "access-plan", ship_to)

    def _run(self, apply: bool, environment: str, ship_to: str) -> Run:
        self._runs += 1
        self.remote.clone(self.folder)
        if not self.cached:
            shutil.rmtree(self._access.runner.temp / "shipped", ignore_errors=True)
        elif apply and self._anchor:
            (self.folder / ANCHOR).write_bytes(self._anchor)
        env = {
            **self._access.runner.env,
            "GITHUB_SERVER_URL": self.remote.server,
            "XDG_CACHE_HOME": str(self._home / f"cache-{self._runs}"),
        }
        runner = replace(self._access.runner, env=env, token=self.granted, secrets=self.secrets)
        inputs: dict[str, Any] = {"apply": apply, "environment": environment, "ship-to": ship_to}
        done = replace(self._access, runner=runner).run("reconcile.yml", **inputs)
        if apply:
            anchor = self.folder / ANCHOR
            self._anchor = anchor.read_bytes() if anchor.exists() else b""
        return done

    def holds(self) -> bool:
        return self._access.holds(HELD)

    def ledger(self) -> list[dict[str, Any]]:
        """From the branch as the remote has it, once it has proved whole."""
        copy = self._home / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        archive = ["git", "-C", str(self.remote.bare), "archive", "access-ledger"]
        tar = subprocess.run(archive, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", str(copy)], input=tar, check=True)
        ask = [sys.executable, "-m", "reconciler", "audit"]
        where = ["--ledger", str(copy)]
        subprocess.run([*ask, "verify", *where], check=True, capture_output=True)
        told = [*ask, "export", *where, "--format", "jsonl"]
        out = subprocess.run(told, capture_output=True, text=True, check=True).stdout
        return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def machines(access: Access, tmp_path: Path) -> Iterator[Machines]:
    bare = tmp_path / "access.git"
    clone = ["git", "clone", "-q", "--bare", str(access.folder), str(bare)]
    subprocess.run(clone, check=True)
    with serving(bare) as remote:
        found = Machines(access, remote, tmp_path)
        said = (access.folder / "reconciler.yaml").read_text()
        found.merge("reconciler.yaml", said + KEPT)
        found.merge("grants/carol.yaml", GRANT)
        yield found


def test_apply_pushes_the_ledger_and_a_machine_that_knows_nothing_carries_it_on(
    machines: Machines,
) -> None:
    """With the workflow's own token, and no secret."""
    first = machines.apply()
    assert not first.failed, first.steps
    assert machines.holds()
    before, tip = machines.ledger(), machines.remote.git("rev-parse", "access-ledger")
    assert [e["action"] for e in before if e["kind"] == "done"] == ["add"]
    second = machines.apply()
    assert not second.failed, second.steps
    after = machines.ledger()
    assert after[: len(before)] == before
    assert [e["kind"] for e in after[len(before) :]] == ["run-started", "run-ended"]
    machines.remote.git("merge-base", "--is-ancestor", tip, "access-ledger")
    assert set(machines.remote.pushed_by) == {WRITES}


def test_the_plan_reads_the_ledger_with_a_token_that_cannot_push(machines: Machines) -> None:
    assert not machines.apply().failed
    tip, pushes = machines.remote.git("rev-parse", "access-ledger"), len(machines.remote.pushed_by)
    machines.granted = READS
    done = machines.plan()
    assert not done.failed, done.steps
    assert machines.remote.git("rev-parse", "access-ledger") == tip
    assert len(machines.remote.pushed_by) == pushes


def test_apply_that_may_not_push_gives_nothing_and_says_what_it_needs(machines: Machines) -> None:
    machines.granted = READS
    done = machines.apply()
    assert done.failed
    assert not machines.holds()
    assert "`contents: write`" in done.step("Apply").output


def test_a_token_of_its_own_pushes_where_a_rule_lets_nobody_else(machines: Machines) -> None:
    machines.granted = READS
    machines.secrets = {"RECONCILER_LEDGER_TOKEN": WRITES}
    done = machines.apply()
    assert not done.failed, done.steps
    assert set(machines.remote.pushed_by) == {WRITES}


def test_apply_signs_with_the_key_of_its_environment_and_gives_nothing_without_one(
    machines: Machines,
) -> None:
    said = (machines.folder / "reconciler.yaml").read_text()
    signed = f"{KEPT}  signed_by: [{OURS.line}]\n"
    machines.merge("reconciler.yaml", said.replace(KEPT, signed))
    refused = machines.apply()
    assert refused.failed
    assert "set RECONCILER_LEDGER_KEY" in refused.step("Apply").output
    assert not machines.holds()
    machines.secrets = {"RECONCILER_LEDGER_KEY": OURS.private}
    done = machines.apply()
    assert not done.failed, done.steps
    assert machines.holds()
    assert machines.ledger()[-1]["kind"] == "signed"
    assert not machines.plan().failed  # by the public half


def test_no_token_stays_behind_or_is_shown(machines: Machines) -> None:
    done = machines.apply()
    assert not done.failed
    for folder in (machines.folder, machines.remote.bare):
        for path in folder.rglob("*"):
            assert not path.is_file() or WRITES.encode() not in path.read_bytes(), path
    assert WRITES not in "".join(step.output for step in done.steps) + done.summary


@pytest.fixture
def hec() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


def sent(hec: Collector) -> list[int]:
    return [event["event"]["metadata"]["sequence"] for event in hec.events]


def test_the_ledger_is_shipped_after_apply_where_the_workflow_is_told_to(
    machines: Machines, hec: Collector
) -> None:
    machines.secrets = {"RECONCILER_HEC_TOKEN": TOKEN}
    assert SHIP not in machines.apply().names
    done = machines.apply(f"hec {hec.url} --format ocsf")
    assert not done.failed, done.steps
    assert sent(hec) == [e["number"] for e in machines.ledger()]
    assert TOKEN not in "".join(step.output for step in done.steps)
    assert SHIP not in machines.plan("hec x").names


def test_what_was_shipped_is_not_sent_again_while_the_cache_remembers(
    machines: Machines, hec: Collector
) -> None:
    machines.secrets = {"RECONCILER_HEC_TOKEN": TOKEN}
    machines.cached = True
    for _ in range(2):
        machines.apply(f"hec {hec.url}")
    numbers = [e["number"] for e in machines.ledger()]
    assert sent(hec) == numbers
    machines.apply(f"hec {hec.url} --format ocsf")
    assert sent(hec) == [*numbers, *(e["number"] for e in machines.ledger())]  # a place of its own


def test_a_cache_that_forgot_has_all_of_it_sent_again_under_the_same_names(
    machines: Machines, hec: Collector
) -> None:
    machines.secrets = {"RECONCILER_HEC_TOKEN": TOKEN}
    for _ in range(2):
        assert not machines.apply(f"hec {hec.url}").failed
    names = [event["event"]["metadata"]["uid"] for event in hec.events]
    hashes = [e["hash"] for e in machines.ledger()]
    first = len(names) - len(hashes)
    assert names == hashes[:first] + hashes


def test_a_branch_that_was_deleted_is_told_once_by_a_machine_that_knows_nothing(
    machines: Machines,
) -> None:
    machines.cached = True
    assert not machines.apply().failed
    machines.remote.git("update-ref", "-d", "refs/heads/access-ledger")
    told = machines.apply()
    assert not told.failed, told.steps
    assert "the ledger lost entries" in told.summary
    assert [e["kind"] for e in machines.ledger()].count("ledger-lost") == 1
    assert "the ledger lost entries" not in machines.apply().summary
    assert machines.holds()


def test_the_cache_keeps_the_anchor_around_apply_and_nothing_else() -> None:
    (job,) = load(WORKFLOWS / "reconcile.yml")["jobs"].values()
    names = [step["name"] for step in job["steps"]]
    at = names.index("Apply")
    found, apply, kept = job["steps"][at - 1 : at + 2]
    assert found["uses"].startswith("actions/cache/restore@")
    assert kept["uses"].startswith("actions/cache/save@")
    assert found["with"]["path"] == kept["with"]["path"] == f"access/{ANCHOR}"
    assert kept["with"]["key"] == found["with"]["key"]
    assert kept["with"]["key"].startswith(found["with"]["restore-keys"] + "${{ github.run_id }}")
    assert found["if"] == apply["if"] == "inputs.apply"


def test_the_cache_keeps_what_the_step_writes_and_each_run_under_a_new_key() -> None:
    """What is kept in a cache is never changed: the newest that begins alike is found."""
    (job,) = load(WORKFLOWS / "reconcile.yml")["jobs"].values()
    names = [step["name"] for step in job["steps"]]
    at = names.index(SHIP)
    found, ship, kept = job["steps"][at - 1 : at + 2]
    assert found["uses"].startswith("actions/cache/restore@")
    assert kept["uses"].startswith("actions/cache/save@")
    assert found["with"]["path"] == kept["with"]["path"] == "${{ runner.temp }}/shipped"
    assert "$RUNNER_TEMP/shipped/" in ship["run"]
    assert found["with"]["key"] == kept["with"]["key"]
    assert kept["with"]["key"].startswith(found["with"]["restore-keys"] + "${{ github.run_id }}")
    assert found["if"] == ship["if"] == kept["if"]


def test_a_run_that_failed_is_shipped_too(machines: Machines, hec: Collector) -> None:
    machines.secrets = {"RECONCILER_HEC_TOKEN": TOKEN}
    machines.merge("grants/dave.yaml", "subject: [\n")
    done = machines.apply(f"hec {hec.url}")
    assert done.step("Apply").code == 2
    assert done.step(SHIP).code == 0
    assert sent(hec) == [e["number"] for e in machines.ledger()]


def test_what_cannot_be_shipped_fails_the_run_and_the_alarm_hears_of_it(
    machines: Machines, hec: Collector
) -> None:
    machines.secrets = {"RECONCILER_HEC_TOKEN": "of another"}
    done = machines.apply(f"hec {hec.url}")
    assert done.step("Apply").code == 0
    assert done.failed
    assert "the token is wrong" in done.step(SHIP).output
    assert not [name for name in done.names if "dead-man" in name]
