"""Runs the `run:` steps of a workflow's job with bash, the way a GitHub runner would.

Knows just the expressions that these workflows use, and refuses any other: a step is never
skipped because it was not understood.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"


@dataclass(frozen=True)
class Step:
    """One `run:` step that ran."""

    name: str
    code: int
    output: str


@dataclass(frozen=True)
class Run:
    steps: tuple[Step, ...]
    failed: bool
    summary: str

    def step(self, name: str) -> Step:
        return next(step for step in self.steps if step.name == name)

    @property
    def names(self) -> list[str]:
        return [step.name for step in self.steps]


@dataclass
class Runner:
    """`workspace` holds what the checkout steps would bring: `access` and `reconciler`.

    `env` stands for what the sign-in actions would leave in the environment; `done` names steps
    that have been run before, with the same RUNNER_TEMP. `token` is the workflow's own, `trust`
    the variable RECONCILER_TRUST.
    """

    workspace: Path
    temp: Path
    inputs: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    event: str = "push"
    env: Mapping[str, str] = field(default_factory=dict)
    done: frozenset[str] = frozenset()
    token: str = ""
    trust: str = ""

    def run(self, workflow: str, job: str) -> Run:
        document = load(WORKFLOWS / workflow)
        declared = document["on"]["workflow_call"]["inputs"]
        unknown = set(self.inputs) - set(declared)
        assert not unknown, f"{workflow} has no inputs {unknown}"
        values = {name: spec.get("default") for name, spec in declared.items()}
        self._values = {
            **{f"inputs.{name}": value for name, value in {**values, **self.inputs}.items()},
            **{f"secrets.{name}": value for name, value in self.secrets.items()},
            "github.event_name": self.event,
            "github.token": self.token,
            "vars.RECONCILER_TRUST": self.trust,
        }
        return self._run(document["jobs"][job]["steps"])

    def only(self, workflow: str, name: str) -> Step:
        """One step of a workflow with one job."""
        (job,) = load(WORKFLOWS / workflow)["jobs"].values()
        (step,) = (step for step in job["steps"] if step["name"] == name)
        return self._execute(step, self.temp / "summary.md")

    def _run(self, steps: list[dict[str, Any]]) -> Run:
        summary = self.temp / "summary.md"
        summary.write_text("")
        done: list[Step] = []
        failed = False
        for step in steps:
            if step.get("name") in self.done:
                continue
            outcome = f"steps.{step.get('id')}.outcome"
            self._values[outcome] = "skipped"
            if "run" not in step or not self._wanted(step.get("if", "success()"), failed):
                continue
            result = self._execute(step, summary)
            self._values[outcome] = "failure" if result.code else "success"
            done.append(result)
            if result.code and not self._wanted(str(step.get("continue-on-error", False)), False):
                failed = True
        return Run(tuple(done), failed, summary.read_text())

    def _execute(self, step: dict[str, Any], summary: Path) -> Step:
        env = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_STEP_SUMMARY": str(summary),
            "RUNNER_TEMP": str(self.temp),
            **self.env,
        }
        # What is empty is not set over what the environment has: the sandbox's credentials stand
        # for the environment's secrets.
        for name, expression in step.get("env", {}).items():
            value = self._value(expression)
            if value or name not in env:
                env[name] = value
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.workspace / step.get("working-directory", "."),
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return Step(step["name"], done.returncode, done.stdout)

    def _value(self, expression: str) -> str:
        """Of an `env:` entry: always one name, so that nothing is put together in the workflow."""
        name = expression.removeprefix("${{").removesuffix("}}").strip()
        if name.startswith("secrets."):
            return str(self._values.get(name, ""))
        return str(self._values[name])

    def _wanted(self, condition: str, failed: bool) -> bool:
        text = condition.removeprefix("${{").removesuffix("}}").strip()
        match text:
            case "success()":
                return not failed
            case "False":
                return False
            case "inputs.apply" | "!inputs.apply":
                wanted = bool(self._values["inputs.apply"])
                return not failed and (not wanted if text.startswith("!") else wanted)
            case "!cancelled() && inputs.ship-to != '' && steps.apply.outcome != 'skipped'":
                ran = self._values["steps.apply.outcome"] != "skipped"
                return ran and bool(self._values["inputs.ship-to"])
            case "!cancelled() && inputs.sarif":
                return bool(self._values["inputs.sarif"])
        raise NotImplementedError(f"condition {condition!r}: teach the runner")


def load(path: Path) -> dict[str, Any]:
    """`on` is text here, as GitHub reads it, and not a boolean."""
    document = yaml.safe_load(path.read_text())
    document["on"] = document.pop(True)
    assert isinstance(document, dict)
    return document
