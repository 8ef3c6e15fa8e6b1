"""An access repository on a local GitHub, and the clone of somebody who asks for access."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.sandbox.faults import Faults
from reconciler.sandbox.github.local import LocalGithub
from reconciler.templates import editor_schemas
from tests.e2e import installed
from tests.e2e.installed import INSIDE
from tests.result import Result

BATCH = "The settlement batch fails"

POLICY = """\
rules:
  - forbid: nobody-owns
    match: {roles: [roles/owner]}
    reason: Owners are made by the platform team's own pipeline
  - permit: emergency
    match: {paths: ["grants/break-glass/**"], groups: [payments-oncall]}
    break_glass:
      serves: {groups: [payments-oncall]}
      max_duration: 2h
      wakes: [payments-leads]
      review: {groups: [auditors], within: 3d}
  - permit: payments-work
    match: {paths: ["grants/payments/**"], systems: [gcp], resources: ["projects/payments-*"]}
    max_duration: 7d
    max_total: 10d
    approvals: [{count: 1, groups: [payments-leads]}]
  - permit: code
    match: {systems: [bitbucket]}
    max_duration: 30d
    require: {ticket: "OPS-[0-9]+", reason: 20}
    approvals: [{count: 1, manager: true}]
  - permit: lonely
    match: {systems: [gcp], resources: ["projects/lonely-prod"]}
    approvals: [{count: 1, groups: [nobody-there]}]
changes:
  - change: everything
    paths: ["policies/**", "directory/**", "bundles/**", "catalog/**", reconciler.yaml]
    approvals: [{count: 1, groups: [admins]}]
"""
BUNDLE = """\
description: What on-call for payments needs
access:
  - {system: gcp, project: payments-prod, role: roles/logging.viewer}
"""
CATALOG = """\
resources:
  - {system: gcp, resource: projects/payments-test, owner: carol@example.com}
"""
GROUPS = """\
groups:
  - {id: payments-oncall, members: [alice@example.com, bob@example.com]}
  - {id: payments-leads, members: [alice@example.com, carol@example.com, dave@example.com]}
  - {id: auditors, members: [erin@example.com]}
  - {id: admins, members: [frank@example.com, grace@example.com]}
  - {id: nobody-there}
"""


@dataclass
class World:
    """`clone` is alice's. `token` is whose pull requests are opened. `at` is how many hours from
    now it is, on the forge and for the command."""

    hub: LocalGithub
    faults: Faults
    home: Path
    token: str
    url: str = ""
    clone: Path = field(default_factory=Path)
    at: float = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(hours=self.at)

    def time(self, hours: float) -> str:
        return f"{self.now() + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"

    def begin(self, **files: str) -> None:
        texts = {file.path: file.text for file in editor_schemas()} | {
            "reconciler.yaml": self.configuration(),
            "directory/people.yaml": self.people() + GROUPS,
            "policies/main.yaml": POLICY,
            "bundles/payments-oncall.yaml": BUNDLE,
            "catalog/gcp.yaml": CATALOG,
        }
        self.hub.commit("grace", "main", {**texts, **files}, "Set up")
        self.clone = self.home / "clone"
        self.git("clone", "-q", str(self.hub.bare.path), str(self.clone), cwd=self.home)
        self.git("config", "user.name", "Alice Archer")
        self.git("config", "user.email", "alice@example.com")

    def configuration(self) -> str:
        return (
            "systems:\n  gcp: {provider: gcp}\n  bitbucket: {provider: bitbucket, workspace: acme}\n"
            f'forge: {{provider: github, repository: acme/access, url: "{self.url}"}}\n'
        )

    def people(self) -> str:
        """Each known by an immutable id, and by the login that the forge asks by."""
        rows = "".join(
            f"  - {{id: {login}@example.com, manager: grace@example.com, "
            f'accounts: {{forge: ["{self.hub.users[login].id}", {login}]}}}}\n'
            for login in ("alice", "bob", "carol", "dave", "erin", "frank", "grace")
        )
        return f"people:\n{rows}"

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd or self.clone,
            env=os.environ | {"GIT_CONFIG_GLOBAL": os.devnull},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def run(self, *arguments: str, said: str = "", token: str | None = None) -> Result:
        """`reconciler request`, in the clone; `said` is typed."""
        token = self.token if token is None else token
        environment = self._environment(token)
        return installed.run(
            "request", *arguments, cwd=self.clone, environment=environment, said=said
        )

    def validated(self) -> Result:
        return installed.run("validate", cwd=self.clone)

    def _environment(self, token: str) -> Mapping[str, str]:
        kept = {k: v for k, v in os.environ.items() if "TOKEN" not in k and "RECONCILER" not in k}
        return kept | {
            "PYTHONPATH": str(INSIDE),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GITHUB_TOKEN": token,
            "SCENARIO_HOURS": str(self.at),
        }

    def tip(self, branch: str) -> str:
        return self.hub.bare.tip(branch)

    def text(self, branch: str, path: str) -> str:
        return self.hub.bare.run("cat-file", "blob", f"{branch}:{path}") + "\n"

    def state(self) -> tuple[str, ...]:
        """Everything of the clone that a request has no business with."""
        return (
            self.git("status", "--porcelain=v2", "--branch", "--untracked-files=all"),
            self.git("rev-parse", "HEAD"),
            self.git("ls-files", "-s"),
            self.git("stash", "list"),
            self.git("for-each-ref", "refs/heads"),
        )


@contextmanager
def world(home: Path) -> Iterator[World]:
    hub, faults = LocalGithub(clock=lambda: made.now()), Faults()
    made = World(hub, faults, home, hub.users["alice"].token)
    made.url = str(hub.start(faults, home).settings["url"])
    try:
        yield made
    finally:
        hub.stop()
