"""The steps of the reusable check, run with bash against a local GitHub and its real repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.templates import Forge, Project, access_repository
from tests.ledger.signers import OURS
from tests.proof.test_break_glass import BROKEN, GLASS, breaks
from tests.proof.town import CONFIGURATION, A, Town, asks

from .remote import READS, WRITES, Remote, serving
from .runner import Run, Runner

FETCH, CHECK = "Fetch the pull request, as data", "Check"


@dataclass
class Desk:
    """A town, and the workspace of a runner with the main line checked out."""

    town: Town
    runner: Runner

    @property
    def folder(self) -> Path:
        return self.runner.workspace / "access"

    def begin(self) -> None:
        self.town.begin()
        clone = ["git", "clone", "--quiet", str(self.town.root), str(self.folder)]
        subprocess.run(clone, check=True)

    def propose(self, files: dict[str, str | None]) -> int:
        """As GitHub shows every pull request in git, from forks too."""
        number = self.town.propose("alice", files)
        self.show(number)
        return number

    def show(self, number: int) -> None:
        head = self.town.github.pulls[number].head
        self.town.github.bare.run("update-ref", f"refs/pull/{number}/head", head)

    def run(self, event: str = "pull_request_target", **inputs: str) -> Run:
        return replace(self.runner, inputs=inputs, event=event).run("check.yml", "check")

    @property
    def states(self) -> list[str]:
        return [status.state for status in self.town.github.statuses]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    town = Town(tmp_path)
    town.at = datetime.now(UTC) - timedelta(hours=6)
    python = tmp_path / "temp" / "reconciler" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    runner = Runner(
        tmp_path / "workspace",
        tmp_path / "temp",
        env={"XDG_CACHE_HOME": str(tmp_path / "cache")},
        done=frozenset({"Install the reconciler"}),
        token=town.github.users["reconciler"].token,
    )
    runner.workspace.mkdir()
    yield Desk(town, runner)
    town.close()


def test_a_pull_request_gets_its_comment_and_its_status(desk: Desk) -> None:
    desk.begin()
    number = desk.propose({A: asks()})
    done = desk.run(pull=str(number))
    assert not done.failed, done.steps
    assert desk.states == ["pending"]
    (comment,) = desk.town.github.comments
    assert "waits for approval: 1 of leads" in comment.body
    assert "waits for approval: 1 of leads" in done.summary


def test_a_review_is_seen_by_the_commit_that_it_is_about(desk: Desk) -> None:
    """`workflow_run` tells no number for a pull request from a fork."""
    desk.begin()
    number = desk.propose({A: asks()})
    desk.town.approve(number, "carol")
    done = desk.run("workflow_run", head=desk.town.github.pulls[number].head)
    assert not done.failed, done.steps
    assert desk.states == ["success"]


def test_nothing_of_the_pull_request_is_checked_out_or_run(desk: Desk) -> None:
    desk.begin()
    mark = desk.runner.temp / "run"
    trap = f"open({str(mark)!r}, 'w')\n"
    names = ("sitecustomize.py", "yaml.py", "click.py", "reconciler/__init__.py")
    hooks = {".gitattributes": "* filter=trap merge=trap\n", ".gitmodules": "[submodule]\n"}
    number = desk.propose({A: asks(), **dict.fromkeys(names, trap), **hooks})
    assert not desk.run(pull=str(number)).failed
    assert not mark.exists()
    assert {path.name for path in desk.folder.iterdir()} == {
        ".git", "README.md", "directory", "policies", CONFIGURATION,
    }  # fmt: skip


def test_the_token_stays_in_no_file(desk: Desk) -> None:
    desk.begin()
    number = desk.propose({A: asks()})
    desk.run(pull=str(number))
    token = desk.runner.token.encode()
    for folder in (desk.folder, desk.runner.temp):
        for path in folder.rglob("*"):
            assert not path.is_file() or token not in path.read_bytes(), path


@pytest.mark.parametrize("event", ["pull_request", "pull_request_review", "issues"])
def test_an_event_that_brings_its_own_workflow_is_refused(desk: Desk, event: str) -> None:
    desk.begin()
    number = desk.propose({A: asks()})
    done = desk.run(event, pull=str(number))
    assert done.failed
    assert done.names == ["Refuse events that bring a workflow of their own"]
    assert desk.states == []


@pytest.mark.parametrize("pull", ["1; touch x", "../1", "$(id)", "0", "-1"])
def test_what_is_no_number_is_refused(desk: Desk, pull: str) -> None:
    desk.begin()
    done = desk.run("workflow_dispatch", pull=pull)
    assert done.failed
    assert done.names[-1] == FETCH
    assert not (desk.folder / "x").exists()


def test_what_is_wrong_with_a_pull_request_fails_its_status_and_not_the_run(desk: Desk) -> None:
    desk.begin()
    number = desk.propose({A: "subject: [\n"})
    assert not desk.run(pull=str(number)).failed
    assert desk.states == ["failure"]


def test_a_check_that_could_not_be_made_fails_the_run(desk: Desk) -> None:
    desk.begin()
    number = desk.propose({A: asks()})
    nobody = replace(desk, runner=replace(desk.runner, token="of nobody"))
    done = nobody.run(pull=str(number))
    assert done.failed
    assert done.step(CHECK).code == 1


def test_a_commit_of_no_pull_request_is_nothing_to_check(desk: Desk) -> None:
    desk.begin()
    done = desk.run("workflow_run", head="0" * 40)
    assert not done.failed
    assert desk.states == []


def test_a_pull_request_that_was_merged_meanwhile_fails_nothing(desk: Desk) -> None:
    desk.begin()
    number = desk.propose({A: asks()})
    desk.town.pull("bob", {"README.md": "hi\n"})
    desk.town.merge(number)
    assert not desk.run(pull=str(number)).failed


def plan(desk: Desk, event: str) -> str:
    inputs = {"environment": "access-plan"}
    runner = replace(desk.runner, inputs=inputs, event=event)
    return runner.run("reconcile.yml", "reconcile").summary


def test_a_pull_request_is_planned_as_if_it_were_approved_and_all_else_as_it_is(
    desk: Desk,
) -> None:
    desk.begin()
    desk.town.push("alice", {A: asks()})
    subprocess.run(["git", "-C", str(desk.folder), "pull", "--quiet"], check=True)
    assert "Not approved" in plan(desk, "schedule")
    before = len(desk.town.faults.calls())
    assert "Not approved" not in plan(desk, "pull_request")
    assert len(desk.town.faults.calls()) == before  # and its own `forge:` hears of no token


def pipeline(desk: Desk, number: int, verb: str = "check") -> subprocess.CompletedProcess[str]:
    """As a pipeline of a Bitbucket pull request has it: no token, the branch checked out."""
    files = access_repository(
        "acme", Forge.BITBUCKET, ["bitbucket"], Project("acme/tool", "0" * 40)
    )
    script = desk.runner.temp / "reconciler.sh"
    script.write_text(next(f.text for f in files if f.path == ".bitbucket/reconciler.sh"))
    python = desk.runner.temp / "venv" / "bin" / "python"
    if not python.exists():
        python.parent.mkdir(parents=True)
        python.symlink_to(desk.runner.temp / "reconciler" / "bin" / "python")
    git = ["git", "-C", str(desk.folder)]
    branch = desk.town.branch_of(number)
    subprocess.run([*git, "fetch", "--quiet", "origin", branch], check=True)
    head = desk.town.github.bare.tip(branch)
    env = {
        "PATH": os.environ["PATH"],
        "RECONCILER_TEMP": str(desk.runner.temp),
        "BITBUCKET_PR_DESTINATION_COMMIT": desk.town.github.bare.tip("main"),
        "BITBUCKET_COMMIT": head,
    }
    return subprocess.run(
        ["bash", str(script), verb], cwd=desk.folder, env=env, capture_output=True, text=True
    )


def test_a_pipeline_without_a_token_tells_who_must_approve_and_fails_on_a_refusal(
    desk: Desk,
) -> None:
    desk.begin()
    waiting = pipeline(desk, desk.propose({A: asks()}))
    assert waiting.returncode == 0, waiting.stderr
    assert "waits for approval: 1 of leads" in waiting.stdout
    refused = pipeline(desk, desk.propose({A: asks(end="duration: 90d")}))
    assert refused.returncode == 4
    invalid = pipeline(desk, desk.propose({A: "subject: [\n"}))
    assert invalid.returncode == 2


def test_the_review_workflow_wakes_people_from_the_main_line_and_from_no_pull_request(
    desk: Desk,
) -> None:
    desk.begin()
    done = replace(desk.runner, event="push").run("review.yml", "review")
    assert not done.failed, done.steps
    assert "No break-glass access waits" in done.summary
    refused = replace(desk.runner, event="pull_request").run("review.yml", "review")
    assert refused.failed
    assert len(refused.steps) == 1  # it does not even check out


def taken(desk: Desk) -> None:
    """Alice took break-glass access, and carol and dave are to be woken."""
    ledger = f"ledger: {{store: branch, branch: access-ledger, signed_by: [{OURS.line}]}}\n"
    desk.town.begin(GLASS, **{CONFIGURATION: desk.town.configuration() + ledger})
    desk.town.pull("alice", {BROKEN: breaks()})


def reviewed(desk: Desk, remote: Remote, granted: str, **secrets: str) -> Run:
    """On a machine of its own. `granted` is what the workflow's own token may do with git."""
    remote.tokens = {desk.runner.token: granted == WRITES, WRITES: True}
    remote.clone(desk.folder)
    env = {**desk.runner.env, "GITHUB_SERVER_URL": remote.server}
    secrets = {"RECONCILER_LEDGER_KEY": OURS.private, **secrets}
    runner = replace(desk.runner, env=env, event="schedule", secrets=secrets)
    return runner.run("review.yml", "review")


def batches(remote: Remote) -> list[str]:
    return remote.git("ls-tree", "-r", "--name-only", "access-ledger").splitlines()


def woken(remote: Remote) -> list[str]:
    lines = "\n".join(remote.git("show", f"access-ledger:{batch}") for batch in batches(remote))
    entries = [json.loads(line) for line in lines.splitlines()]
    return [entry["subject"] for entry in entries if entry["kind"] == "notified"]


def test_the_review_workflow_pushes_to_the_ledger_who_was_woken(desk: Desk) -> None:
    taken(desk)
    with serving(desk.town.root) as remote:
        for _ in range(2):
            done = reviewed(desk, remote, WRITES)
            assert not done.failed, done.steps
        assert woken(remote) == ["carol@example.com", "dave@example.com"]
        assert '"kind":"signed"' in remote.git("show", f"access-ledger:{batches(remote)[-1]}")
    assert len(desk.town.github.comments) == 1


def test_the_review_workflow_that_may_not_push_wakes_people_and_fails(desk: Desk) -> None:
    taken(desk)
    with serving(desk.town.root) as remote:
        done = reviewed(desk, remote, READS)
        assert done.failed
        assert "`contents: write`" in done.step("Tell").output
        assert len(desk.town.github.comments) == 1
        done = reviewed(desk, remote, READS, RECONCILER_LEDGER_TOKEN=WRITES)
        assert not done.failed, done.steps
        assert woken(remote) == ["carol@example.com", "dave@example.com"]


def test_the_review_workflow_believes_what_its_environment_trusts(desk: Desk) -> None:
    """As apply does: a history that lacks that commit was rewritten."""
    taken(desk)
    with serving(desk.town.root) as remote:
        lost = replace(desk, runner=replace(desk.runner, trust="1" * 40))
        done = reviewed(lost, remote, WRITES)
        assert done.failed
        assert desk.town.github.comments == []
