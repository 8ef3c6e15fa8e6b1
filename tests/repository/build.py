"""Small access repositories for tests: files in a folder, commits at chosen times."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from reconciler.errors import Problem
from reconciler.repository.grammar import Grammar
from reconciler.repository.parse import Parsed, parse, parse_configuration
from reconciler.repository.paths import Kind
from reconciler.repository.schemas import installed

CONFIGURATION = """\
systems:
  gcp: {provider: gcp, projects: {payments: payments-prod}}
  azure: {provider: azure, tenant: 00000000-0000-0000-0000-000000000000, pim: false}
  bitbucket-dc: {provider: bitbucket-dc, url: https://bitbucket.example.com}
"""
DIRECTORY = """\
people:
  - {id: alice@example.com, name: Alice Archer, manager: bob@example.com}
  - {id: bob@example.com, groups: [payments-oncall]}
groups:
  - {id: payments-oncall, members: [alice@example.com]}
services:
  - {id: deployer, accounts: {gcp: deployer@payments-prod.iam.gserviceaccount.com}}
"""
BUNDLE = """\
description: What on-call for payments needs
access:
  - {system: gcp, project: payments, role: roles/viewer}
"""
GRANT = """\
subject: alice@example.com
access:
  - system: gcp
    project: payments
    role: roles/cloudsql.viewer
  - system: azure
    subscription: 00000000-0000-0000-0000-000000000001
    role: Reader
expires: 2026-12-01T18:00:00Z
starts: 2026-12-01T09:00:00Z
reason: Settlement batch fails since Tuesday
ticket: OPS-4711
"""
POLICY = """\
rules:
  - forbid: contractors-never-administer
    match: {roles: ["*admin*"], groups: [payments-oncall], attributes: {employment: contractor}}
    reason: Contractors administer nothing
  - forbid: deploy-and-audit
    match: {systems: [bitbucket-dc], roles: [write, admin]}
    holds: [{systems: [gcp], roles: ["*audit*"], tags: {env: prod}}]
    ends: 2027-01-01T00:00:00Z
  - permit: payments-read
    match:
      systems: [gcp, "azure*"]
      kinds: [project]
      resources: ["projects/payments-*"]
      bundles: [payments-oncall]
      paths: ["grants/payments/**"]
      tags: {env: prod}
      classification: [confidential]
      subjects: [person]
      attributes: {employment: [employee, intern]}
    when: grant.ticket.startsWith("OPS-")
    min_duration: 30m
    max_duration: 30d
    max_total: 90d
    max_ahead: 7d
    require: {ticket: "OPS-[0-9]+", reason: 20}
    approvals:
      - {count: 2, groups: [payments-oncall], persons: [Bob@example.com], owner: true, manager: true}
      - {persons: [bob@example.com]}
    self_approval: true
    auto_approve:
      groups: [payments-oncall]
      attributes: {employment: employee, contract_end: []}
      roles: [roles/viewer]
      max_duration: 4h
    notify: [payments-oncall, alice@example.com]
  - permit: payments-emergency
    match: {paths: ["grants/break-glass/**"]}
    break_glass:
      serves: {groups: [payments-oncall], persons: [alice@example.com]}
      max_duration: 2h
      wakes: [payments-oncall]
      review: {groups: [payments-oncall], within: 3d}
  - permit: birthright
    match: {paths: ["standing/**"]}
    standing: true
    approvals: []
changes:
  - change: rules-and-people
    paths: ["policies/**", reconciler.yaml]
    approvals: [{groups: [payments-oncall]}]
auto_merge: true
"""
CATALOG = """\
resources:
  - system: gcp
    resource: projects/payments-prod
    owner: payments-oncall
    tags: {env: prod, cost: "4711"}
    classification: confidential
  - {system: bitbucket-dc, resource: "*", owner: Bob@example.com}
"""
REVIEW = """\
grant: grants/break-glass/payments.yaml
commit: 0123456789abcdef0123456789abcdef01234567
outcome: justified
remarks: The settlement batch was restarted
"""
POLICY_TEST = """\
tests:
  - name: On-call reads payments
    path: grants/payments/alice.yaml
    grant:
      subject: alice@example.com
      access: [{system: gcp, project: payments, role: roles/viewer}]
      duration: 8h
      reason: Settlement batch fails
    at: 2026-03-01T12:00:00Z
    facts:
      author: Alice@example.com
      approved_by: [bob@example.com]
      groups: {alice@example.com: [payments-oncall]}
      attributes: {alice@example.com: {employment: employee}}
      holds: [{system: gcp, project: payments, role: roles/editor}]
    expect: {decision: granted, rule: payments-read, reason: payments}
"""
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def grant(role: str = "roles/viewer", end: str = "duration: 8h", who: str = "alice") -> str:
    return (
        f"subject: {who}@example.com\n"
        f"access:\n  - {{system: gcp, project: payments, role: {role}}}\n"
        f"{end}\nreason: Settlement batch fails\n"
    )


def hours(n: float) -> datetime:
    return START + timedelta(hours=n)


@cache
def grammar() -> Grammar:
    configuration, found, problems = parse_configuration(CONFIGURATION.encode(), installed())
    assert configuration is not None, problems
    return found


def parsed(text: str | bytes, kind: Kind = Kind.GRANT, path: str = "grants/a.yaml") -> Parsed:
    data = text if isinstance(text, bytes) else text.encode()
    return parse(kind, path, data, grammar())


def problems(text: str | bytes, kind: Kind = Kind.GRANT) -> list[Problem]:
    return list(parsed(text, kind).problems)


def changed(old: str, new: str, text: str = GRANT) -> str:
    assert old in text
    return text.replace(old, new, 1)


class Repository:
    """A git repository of its own, with a valid configuration, directory and bundle."""

    def __init__(self, root: Path, *, empty: bool = False, format: str = "sha1") -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main", f"--object-format={format}")
        if not empty:
            self.write("reconciler.yaml", CONFIGURATION)
            self.write("directory/people.yaml", DIRECTORY)
            self.write("bundles/payments-oncall.yaml", BUNDLE)
            self.commit(0)

    def write(self, path: str, text: str | bytes) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())

    def remove(self, path: str) -> None:
        (self.root / path).unlink()

    def move(self, old: str, new: str) -> None:
        (self.root / new).parent.mkdir(parents=True, exist_ok=True)
        (self.root / old).rename(self.root / new)

    def commit(self, at: float, *files: tuple[str, str | None]) -> str:
        """Everything as it is in the folder, with `files` written (None: deleted) before."""
        for path, text in files:
            if text is None:
                self.remove(path)
            else:
                self.write(path, text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change", at=at)
        return self.git("rev-parse", "HEAD").strip()

    def merge(self, branch: str, at: float) -> str:
        self.git("merge", "-q", "--no-ff", "-m", "merge", branch, at=at)
        return self.git("rev-parse", "HEAD").strip()

    def git(self, *arguments: str, at: float = 0) -> str:
        date = f"{int(hours(at).timestamp())} +0000"
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Alice",
            "GIT_AUTHOR_EMAIL": "alice@example.com",
            "GIT_AUTHOR_DATE": date,
            "GIT_COMMITTER_NAME": "Alice",
            "GIT_COMMITTER_EMAIL": "alice@example.com",
            "GIT_COMMITTER_DATE": date,
        }
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
