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
