"""What is written in the workflows: checked by the tools that GitHub's users check theirs with."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.templates import SYSTEMS, Forge, Project, access_repository

from .runner import ROOT, WORKFLOWS, load

PROJECT = Project("acme/access-reconciler", "0123456789abcdef0123456789abcdef01234567")
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GitHub access repository beside one on Bitbucket."""
    root = tmp_path_factory.mktemp("access")
    for forge in Forge:
        for file in access_repository("acme", forge, SYSTEMS, PROJECT):
            path = root / forge / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text)
    return root


@pytest.fixture(scope="module")
def every(templates: Path) -> tuple[Path, ...]:
    ours = sorted(WORKFLOWS.glob("*.yml"))
    theirs = sorted((templates / "github" / ".github" / "workflows").glob("*.yml"))
    assert {p.name for p in ours} == {
        "ci.yml",
        "validate.yml",
        "check.yml",
        "reconcile.yml",
        "review.yml",
    }
    assert {p.name for p in theirs} == {
        "validate.yml",
        "check.yml",
        "review.yml",
        "reviewed.yml",
        "reconcile.yml",
    }
    return (*ours, *theirs)


def jobs(path: Path) -> Iterator[dict[str, Any]]:
    yield from load(path)["jobs"].values()


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in jobs(path):
        yield from job.get("steps", [])


def test_every_workflow_is_one_by_githubs_schema(every: tuple[Path, ...]) -> None:
    check("vendor.github-workflows", *every)


def test_the_pipeline_is_one_by_bitbuckets_schema(templates: Path) -> None:
    check("vendor.bitbucket-pipelines", templates / "bitbucket" / "bitbucket-pipelines.yml")


def check(schema: str, *paths: Path) -> None:
    command: list[Path | str] = [BIN / "check-jsonschema", "--builtin-schema", schema, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_job_of_the_documentation_is_one_too(tmp_path: Path) -> None:
    """The code scanning job, pasted into a workflow as the page says."""
    text = (ROOT / "docs" / "workflows.md").read_text()
    (job,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    path = tmp_path / "scan.yml"
    validate = "  validate:\n    name: v\n    permissions: {}\n    uses: " + (
        f"{PROJECT.repository}/.github/workflows/validate.yml@{PROJECT.commit}\n"
    )
    head = "name: scan\non: push\npermissions: {}\nconcurrency: {group: scan, cancel-in-progress: true}\njobs:\n"
    path.write_text(head + validate + job)
    check("vendor.github-workflows", path)
    zizmor("pedantic", path)


@pytest.mark.parametrize("persona", ["regular", "pedantic"])
def test_zizmor_finds_nothing(every: tuple[Path, ...], persona: str) -> None:
    zizmor(persona, *every)


def zizmor(persona: str, *paths: Path) -> None:
    command: list[Path | str] = [
        BIN / "zizmor",
        "--offline",
        "--no-progress",
        "--persona",
        persona,
        *paths,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_action_is_pinned_to_a_commit_and_says_which_version_that_is() -> None:
    for path in WORKFLOWS.glob("*.yml"):
        for line in path.read_text().splitlines():
            if re.search(r"\buses:", line):
                assert re.search(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), (
                    line
                )


def test_an_access_repository_calls_the_workflows_at_the_commit_it_was_told(
    templates: Path,
) -> None:
    theirs = templates / "github" / ".github" / "workflows"
    paths = sorted(theirs.glob("*.yml"))
    called = [job["uses"] for path in paths for job in jobs(path) if "uses" in job]
    assert called == [
        f"{PROJECT.repository}/.github/workflows/{name}@{PROJECT.commit}"
        for name in ("check.yml", "reconcile.yml", "review.yml", "validate.yml", "reconcile.yml")
    ]


def test_access_repositories_pass_only_inputs_and_secrets_that_the_workflows_have(
    templates: Path,
) -> None:
    for path in (templates / "github" / ".github" / "workflows").glob("*.yml"):
        for job in jobs(path):
            if "uses" not in job:
                continue
            called = load(WORKFLOWS / job["uses"].partition("@")[0].rpartition("/")[2])
            takes = called["on"]["workflow_call"]
            assert set(job.get("with", {})) <= set(takes["inputs"])
            assert set(job.get("secrets", {})) <= set(takes["secrets"])
            (lent,) = called["jobs"].values()
            # GitHub refuses a call whose jobs ask for more than the caller gives.
            assert lent.get("permissions", job["permissions"]) == job["permissions"]


# They have what the caller's job has: their one job plans and applies, or keeps its ledger here or
# there.
LENT = ("reconcile.yml", "review.yml")


def test_workflows_start_with_no_permission_at_all(every: tuple[Path, ...]) -> None:
    for path in every:
        if path.name in LENT and path.parent == WORKFLOWS:
            assert set(load(path)["on"]) == {"workflow_call"}
            assert "permissions" not in load(path)
        else:
            assert load(path)["permissions"] == {}, path


def given(every: tuple[Path, ...]) -> dict[str, dict[str, str]]:
    """The permissions of each job, by "workflow job", of the callers and of what is not called."""
    return {
        f"{path.stem} {name}": job["permissions"]
        for path in every
        if path.parent != WORKFLOWS or path.name not in LENT
        for name, job in load(path)["jobs"].items()
    }


def test_every_job_says_what_it_may_and_two_of_them_push_the_ledger(
    every: tuple[Path, ...],
) -> None:
    reading = {"contents": "read"}
    assert given(every) == {
        "ci test": reading,
        "validate validate": reading,
        "validate plan": {**reading, "pull-requests": "read", "id-token": "write"},
        "check check": {**reading, "pull-requests": "write", "statuses": "write"},
        "reviewed reviewed": {},
        "reconcile reconcile": {"contents": "write", "pull-requests": "read", "id-token": "write"},
        "review review": {"contents": "write", "pull-requests": "write"},
    }
    for path in every:
        if path.parent == WORKFLOWS and path.name in LENT:
            assert all("permissions" not in job for job in jobs(path))


def test_what_can_push_to_the_repository_runs_from_the_main_line_alone(
    templates: Path,
) -> None:
    theirs = templates / "github" / ".github" / "workflows"
    for path in theirs.glob("*.yml"):
        workflow = load(path)
        for job in workflow["jobs"].values():
            if job["permissions"].get("contents") == "write":
                assert set(workflow["on"]) == {"push", "schedule", "workflow_dispatch"}
                assert workflow["on"]["push"] == {"branches": ["main"]}
                assert job["with"]["environment"] == "access-apply"


def test_a_secret_is_in_the_environment_of_the_steps_that_need_it_alone() -> None:
    wanted = {
        "RECONCILER_LEDGER_KEY": {"reconcile.yml Apply", "review.yml Tell"},
        "RECONCILER_LEDGER_TOKEN": {"reconcile.yml Apply", "review.yml Tell"},
        "RECONCILER_HEC_TOKEN": {"reconcile.yml Ship the ledger, also of a run that failed"},
        "HEARTBEAT_URL": {"reconcile.yml Tell the dead-man alarm that all is well"},
    }
    for name in LENT:
        workflow = load(WORKFLOWS / name)
        assert "env" not in workflow
        assert all("env" not in job for job in jobs(WORKFLOWS / name))
    for secret, needed in wanted.items():
        found = {
            f"{path.name} {step['name']}"
            for path in WORKFLOWS.glob("*.yml")
            for step in steps(path)
            if f"secrets.{secret} " in str(step)
        }
        assert found == needed, secret


def test_what_comments_on_pull_requests_can_do_nothing_else(templates: Path) -> None:
    """No cloud, no secret, no environment: only the workflow's own token."""
    theirs = templates / "github" / ".github" / "workflows" / "check.yml"
    for path in (WORKFLOWS / "check.yml", theirs):
        (job,) = jobs(path)
        assert set(job["permissions"]) == {"contents", "pull-requests", "statuses"}
        assert "environment" not in job
        assert set(re.findall(r"secrets\.(\w+)", path.read_text())) <= {"RECONCILER_READ_TOKEN"}


def test_what_holds_a_token_that_writes_runs_as_it_stands_on_the_main_line(
    templates: Path,
) -> None:
    """A run for `pull_request` or `pull_request_review` takes its workflow from the pull request."""
    theirs = templates / "github" / ".github" / "workflows"
    check, reviewed = load(theirs / "check.yml"), load(theirs / "reviewed.yml")
    assert set(check["on"]) == {"pull_request_target", "workflow_run", "workflow_dispatch"}
    assert check["on"]["workflow_run"]["workflows"] == [reviewed["name"]]
    assert set(reviewed["on"]) == {"pull_request_review"}
    assert [job["permissions"] for job in reviewed["jobs"].values()] == [{}]
    assert "uses:" not in (theirs / "reviewed.yml").read_text()


def test_the_check_checks_out_the_main_line_only() -> None:
    access, tool = (
        step["with"]
        for step in steps(WORKFLOWS / "check.yml")
        if step.get("uses", "").startswith("actions/checkout@")
    )
    assert access["ref"] == "${{ github.event.repository.default_branch }}"
    assert (tool["ref"], tool["path"]) == ("${{ job.workflow_sha }}", "reconciler")
    scripts = " ".join(step.get("run", "") for step in steps(WORKFLOWS / "check.yml"))
    assert not re.search(r"git (checkout|switch|merge|pull|reset|submodule)", scripts)


def test_validate_holds_no_credentials() -> None:
    (job,) = jobs(WORKFLOWS / "validate.yml")
    assert job["permissions"] == {"contents": "read"}
    assert "environment" not in job
    secrets = set(re.findall(r"secrets\.(\w+)", (WORKFLOWS / "validate.yml").read_text()))
    assert secrets == {"RECONCILER_READ_TOKEN"}


def test_no_script_is_put_together_by_github(every: tuple[Path, ...]) -> None:
    scripts = [step["run"] for path in every for step in steps(path) if "run" in step]
    assert scripts
    assert not [script for script in scripts if "${{" in script]


def test_pull_requests_from_forks_are_never_given_credentials(templates: Path) -> None:
    workflow = load(templates / "github" / ".github" / "workflows" / "validate.yml")
    assert workflow["on"] == {"pull_request": None}  # and never pull_request_target
    own = "github.event.pull_request.head.repo.full_name == github.repository"
    for job in workflow["jobs"].values():
        assert "id-token" not in job["permissions"] or job["if"] == own


def test_pull_requests_plan_in_another_environment_than_apply_and_never_apply(
    templates: Path,
) -> None:
    theirs = templates / "github" / ".github" / "workflows"
    plan = load(theirs / "validate.yml")["jobs"]["plan"]["with"]
    apply = load(theirs / "reconcile.yml")["jobs"]["reconcile"]["with"]
    assert "apply" not in plan
    assert apply["apply"] is True
    for name in ("environment", "aws-role", "gcp-service-account"):
        assert plan[name] != apply[name]


def test_one_run_writes_at_a_time_and_is_never_cut_off() -> None:
    (job,) = jobs(WORKFLOWS / "reconcile.yml")
    assert job["concurrency"] == {
        "group": "access-reconciler-${{ inputs.apply && 'apply' || github.ref }}",
        "cancel-in-progress": False,
    }


def test_access_ends_at_any_time_so_the_run_comes_four_times_an_hour_off_the_full_hour(
    templates: Path,
) -> None:
    workflow = load(templates / "github" / ".github" / "workflows" / "reconcile.yml")
    (schedule,) = workflow["on"]["schedule"]
    assert schedule["cron"] == "7,22,37,52 * * * *"
    assert set(workflow["on"]) == {"schedule", "push", "workflow_dispatch"}


def test_the_whole_history_is_checked_out_and_no_token_stays_behind() -> None:
    for name in ("validate.yml", "check.yml", "reconcile.yml", "review.yml"):
        checkouts = [
            step["with"]
            for step in steps(WORKFLOWS / name)
            if step.get("uses", "").startswith("actions/checkout@")
        ]
        access, tool = checkouts
        assert (access["path"], access["fetch-depth"]) == ("access", 0)
        assert (tool["ref"], tool["repository"]) == (
            "${{ job.workflow_sha }}",
            "${{ job.workflow_repository }}",
        )
        assert {checkout["persist-credentials"] for checkout in checkouts} == {False}


def test_every_package_is_locked_with_its_hash() -> None:
    text = (ROOT / "requirements" / "runtime.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert len(lines) > 20
    assert all(re.match(r"[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line) for line in lines)


def test_the_scripts_are_ones_that_bash_reads(every: tuple[Path, ...], templates: Path) -> None:
    scripts = [step["run"] for path in every for step in steps(path) if "run" in step]
    scripts += [(templates / "bitbucket" / ".bitbucket" / "reconciler.sh").read_text()]
    scripts += [(ROOT / ".ci" / "run").read_text()]
    for script in scripts:
        subprocess.run(["bash", "-n", "-c", script], check=True)
