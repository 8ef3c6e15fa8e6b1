"""The steps of the reusable workflows, run with bash against the local systems."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from reconciler.templates import Forge, Project, access_repository
from tests.ledger.signers import OURS

from .access import GRANT, HELD, INSTALL, Access, git
from .remote import Remote, serving
from .runner import WORKFLOWS, Runner, load


def test_all_workflows_install_in_the_same_way() -> None:
    scripts = {
        step["run"]
        for name in ("validate.yml", "check.yml", "reconcile.yml", "review.yml")
        for job in load(WORKFLOWS / name)["jobs"].values()
        for step in job["steps"]
        if step["name"] == INSTALL
    }
    assert len(scripts) == 1


def test_a_package_with_another_hash_is_not_installed(installed: Runner, tmp_path: Path) -> None:
    requirements = tmp_path / "reconciler" / "requirements"
    requirements.mkdir(parents=True)
    (requirements / "runtime.txt").write_text(f"everything==1.0 --hash=sha256:{'0' * 64}\n")
    runner = replace(installed, workspace=tmp_path, temp=tmp_path, done=frozenset())
    refused = runner.only("validate.yml", INSTALL)
    assert refused.code != 0
    assert "DO NOT MATCH THE HASHES" in refused.output


def test_validate_passes_what_is_right_and_needs_no_credentials(access: Access) -> None:
    access.commit("grants/carol.yaml", GRANT)
    plain = {k: v for k, v in access.runner.env.items() if k not in access.sandbox.env}
    done = replace(access, runner=replace(access.runner, env=plain)).run("validate.yml")
    assert done.names == ["Validate"]
    assert not done.failed, done.steps[-1].output
    assert access.sandbox.control.calls() == ()


def test_validate_fails_on_what_is_wrong_and_says_where(access: Access) -> None:
    access.commit("grants/carol.yaml", GRANT.replace("permission: write", "permision: write"))
    done = access.run("validate.yml", event="pull_request")
    assert done.failed
    assert done.step("Validate").code == 2
    assert "::error file=grants/carol.yaml,line=5" in done.step("Validate").output


def test_validate_keeps_its_problems_for_code_scanning_when_asked(access: Access) -> None:
    access.commit("grants/carol.yaml", GRANT.replace("permission: write", "permision: write"))
    done = access.run("validate.yml", sarif=True)
    assert done.names[-1] == "Validate, for code scanning"
    assert done.failed
    assert done.steps[-1].code == 0
    assert '"2.1.0"' in (access.runner.temp / "reconciler.sarif").read_text()


def test_plan_shows_the_change_in_the_summary_and_writes_nothing(access: Access) -> None:
    access.commit("grants/carol.yaml", GRANT)
    before = access.sandbox.control.rows()
    done = access.run("reconcile.yml", event="pull_request", environment="access-plan")
    assert done.names == ["Plan"]
    assert not done.failed, done.steps[-1].output
    assert "Access plan: 1 to add" in done.summary
    assert "grants/carol" in done.summary
    assert access.sandbox.control.rows() == before
    assert {call.call.split()[0] for call in access.sandbox.control.calls("bitbucket")} == {"GET"}


def test_apply_gives_what_was_merged_and_takes_it_when_it_is_withdrawn(access: Access) -> None:
    access.commit("grants/carol.yaml", GRANT)
    done = access.run("reconcile.yml", apply=True, environment="access-apply")
    assert not done.failed, done.steps
    assert access.holds(HELD)
    assert "1 to add" in done.summary
    time.sleep(1.1)  # git counts in seconds: merged and withdrawn within one was never declared
    access.commit("grants/carol.yaml", None)
    done = access.run("reconcile.yml", "schedule", apply=True, environment="access-apply")
    assert not done.failed, done.steps
    assert not access.holds(HELD)
    done = access.run("reconcile.yml", "schedule", apply=True, environment="access-apply")
    assert "1 to" not in done.summary


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target", "issue_comment"])
def test_apply_refuses_what_is_not_merged(access: Access, event: str) -> None:
    access.commit("grants/carol.yaml", GRANT)
    done = access.run("reconcile.yml", event, apply=True, environment="access-apply")
    assert done.failed
    assert done.names == ["Refuse to apply what is not merged"]
    assert access.sandbox.control.calls() == ()


def test_a_system_that_cannot_sign_in_fails_the_run_and_stops_no_other(access: Access) -> None:
    access.commit("grants/carol.yaml", GRANT)
    access.commit(
        "grants/dave.yaml",
        GRANT.replace("carol", "dave").replace(
            "system: bitbucket\n", "system: bitbucket-dc\n    project: PAY\n"
        ),
    )
    env = {**access.runner.env, "BITBUCKET_DC_TOKEN": ""}
    signed_out = replace(access, runner=replace(access.runner, env=env))
    done = signed_out.run("reconcile.yml", apply=True, environment="access-apply")
    assert done.failed
    assert done.step("Apply").code == 1
    assert "BITBUCKET" in done.summary
    assert access.holds(HELD)


@pytest.mark.parametrize(
    ("workflow", "inputs", "step"),
    [
        ("validate.yml", {}, "Validate"),
        ("validate.yml", {"sarif": True}, "Validate, for code scanning"),
        ("reconcile.yml", {"environment": "access-plan"}, "Plan"),
        ("reconcile.yml", {"environment": "access-apply", "apply": True}, "Apply"),
    ],
)
def test_nothing_in_the_access_repository_is_ever_imported(
    access: Access, workflow: str, inputs: dict[str, Any], step: str
) -> None:
    """A pull request that brings a module of its own must not run it under our credentials."""
    mark = access.runner.temp / "imported"
    trap = f"open({str(mark)!r}, 'w')\n"
    for name in ("yaml.py", "click.py", "sitecustomize.py", "reconciler/__init__.py", "json.py"):
        access.commit(name, trap)
    assert access.run(workflow, **inputs).step(step)
    assert not mark.exists()


def test_a_plan_that_could_not_see_everything_fails_and_still_shows_the_rest(
    access: Access,
) -> None:
    access.commit("grants/carol.yaml", GRANT)
    env = {**access.runner.env, "BITBUCKET_TOKEN": ""}
    signed_out = replace(access, runner=replace(access.runner, env=env))
    done = signed_out.run("reconcile.yml", "pull_request", environment="access-plan")
    assert done.failed
    assert done.step("Plan").code == 1
    assert "Could not be read" in done.summary


@pytest.fixture
def alarm() -> Iterator[tuple[str, list[str]]]:
    heard: list[str] = []

    class Ear(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Ear)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/beat", heard
    server.shutdown()
    thread.join()
    server.server_close()


def test_rule_21_the_alarm_hears_of_good_runs_only(
    access: Access, alarm: tuple[str, list[str]]
) -> None:
    url, heard = alarm
    secrets = {"HEARTBEAT_URL": url}
    told = replace(access, runner=replace(access.runner, secrets=secrets))
    assert not told.run("reconcile.yml", apply=True, environment="access-apply").failed
    assert heard == ["/beat"]
    access.commit("grants/carol.yaml", "subject: [\n")
    assert told.run("reconcile.yml", apply=True, environment="access-apply").failed
    assert heard == ["/beat"]


def test_rule_21_a_run_without_an_alarm_says_so(access: Access) -> None:
    done = access.run("reconcile.yml", apply=True, environment="access-apply")
    assert not done.failed
    assert "::warning::no HEARTBEAT_URL" in done.steps[-1].output


@pytest.fixture
def proxied(access: Access, tmp_path: Path) -> Iterator[Remote]:
    """Bitbucket gives a step no token: git reaches the step's own repository through a proxy that
    signs in for it, as the clone's own settings say."""
    bare = tmp_path / "access.git"
    git(tmp_path, "clone", "-q", "--bare", str(access.folder), str(bare))
    with serving(bare) as remote:
        remote.tokens = {"": True}
        origin = "http://bitbucket.example.com/access.git"
        git(access.folder, "remote", "set-url", "origin", origin)
        git(access.folder, "config", f"http.{origin}.proxy", remote.server)
        yield remote


def test_the_bitbucket_pipeline_does_the_same(
    access: Access, proxied: Remote, alarm: tuple[str, list[str]], tmp_path: Path
) -> None:
    said = (access.folder / "reconciler.yaml").read_text()
    signed = f"ledger: {{store: branch, branch: access-ledger, signed_by: [{OURS.line}]}}\n"
    access.commit("reconciler.yaml", said + signed)
    access.commit("grants/carol.yaml", GRANT)
    tool = tmp_path / "tool"
    shutil.copytree(access.runner.workspace / "reconciler", tool, symlinks=True)
    git(tool, "init", "-q")
    git(tool, "add", "-A")
    git(tool, "commit", "-qm", "The tool")
    head = subprocess.run(
        ["git", "-C", str(tool), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    project = Project("acme/access-reconciler", head)
    for file in access_repository("acme", Forge.BITBUCKET, ["bitbucket"], project):
        if file.path == ".bitbucket/reconciler.sh":
            access.commit(file.path, file.text)
    url, heard = alarm
    home = tmp_path / "pipeline"
    home.mkdir()
    env = {
        "HOME": os.environ.get("HOME", "/"),
        **access.runner.env,
        "RECONCILER_REPOSITORY": str(tool),
        "RECONCILER_TEMP": str(home),
        "HEARTBEAT_URL": url,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "BITBUCKET_STEP_OIDC_TOKEN": "local",
        "RECONCILER_LEDGER_KEY": base64.b64encode(OURS.private.encode()).decode(),
    }

    def pipeline(verb: str) -> str:
        command = ["bash", ".bitbucket/reconciler.sh", verb]
        done = subprocess.run(command, cwd=access.folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    pipeline("validate")
    assert "carol" in pipeline("plan")
    assert not access.holds(HELD)
    assert (heard, proxied.pushed_by) == ([], [])
    for batches in (2, 3):  # what is intended and what came of it; then that nothing was to do
        pipeline("apply")
        assert access.holds(HELD)
        assert proxied.git("rev-list", "--count", "access-ledger") == str(batches)
        git(access.folder, "update-ref", "-d", "refs/remotes/origin/access-ledger")
        shutil.rmtree(tmp_path / "cache")
    assert heard == ["/beat", "/beat"]
