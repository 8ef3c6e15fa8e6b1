"""A company whose commands run in this process, and that can be put back to how it was.

Holds what a case needs of git, the local systems, the ledger and the caches. Judges nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from google.iam.v1 import policy_pb2

from reconciler.cli import cli, clock
from reconciler.errors import ReconcilerError
from reconciler.sandbox.aws.identity_center import Row as Assigned
from reconciler.sandbox.bitbucket import Holder, Place
from reconciler.sandbox.bitbucket_cloud import User
from reconciler.sandbox.home import Running
from reconciler.sandbox.local import Row
from reconciler.sandbox.process import Sandbox
from tests.e2e.company import Company
from tests.result import Result

SYSTEMS = ("aws", "gcp", "bitbucket")


@dataclass(frozen=True)
class Live:
    """What the three systems hold."""

    bitbucket: tuple[tuple[Place, Holder, str], ...]
    aws: tuple[Any, ...]
    gcp: Mapping[str, policy_pb2.Policy]


@dataclass(frozen=True)
class Moment:
    """All that a run goes by. `cache` is a folder that nobody writes to."""

    commit: str
    live: Live
    ledger: object  # whatever its shelf says
    anchor: bytes
    cache: Path


class World:
    """Of one access repository. `hour` is what the clock says, counted from the start."""

    def __init__(self, sandbox: Sandbox, running: Running, home: Path) -> None:
        home.mkdir()
        self.company = Company(sandbox, running, home)
        self.root, self.home, self.hour = self.company.root, home, 0.0
        self.anchor = home / "anchor.json"
        self._sandbox = sandbox
        self.cache = home / "cache"
        self._copies = 0
        self._seconds = 0
        self._environment = running.environment({})

    def now(self) -> datetime:
        """A second later each time that it is asked."""
        self._seconds += 1
        return self.company.start + timedelta(hours=self.hour, seconds=self._seconds % 60)

    def run(self, *arguments: str, at: float) -> Result:
        """The command as `main` runs it. What it does not foresee is raised."""
        self.hour = at
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self._environment.items():
                patch.setenv(name, value)
            patch.setenv("XDG_CACHE_HOME", str(self.cache))
            patch.setattr(clock, "now", self.now)
            asked = [*arguments, "--repo", str(self.root)]
            done = CliRunner().invoke(cli, asked, standalone_mode=False)
        if isinstance(done.exception, ReconcilerError):
            return Result(done.exception.exit_code, done.stdout, f"{done.stderr}{done.exception}")
        if done.exception is not None:
            raise done.exception
        assert "Traceback" not in done.output, done.output
        return Result(done.return_value or 0, done.stdout, done.stderr)

    def apply(self, systems: Iterable[str], at: float) -> Result:
        only = [word for name in systems for word in ("--system", name)]
        return self.run("apply", "--format", "json", *only, at=at)

    def rows(self) -> frozenset[str]:
        """Of the systems that take part: system, resource, role, who; and until when, with whose
        mark, where a system says so."""
        return frozenset(_said(row) for row in self._sandbox.rows() if row.system in SYSTEMS)

    def give(self, access: str) -> None:
        system, resource, role, login = access.split()
        if system == "bitbucket":
            self._local(system).table.put(Place("repository", resource), _holder(login), role)
        elif system == "gcp":
            self._local(system).give(resource, role, f"user:{login}@example.com")
        else:
            self._local(system).assignments.put(self._assignment(resource, role, login))

    def take(self, access: str) -> None:
        system, resource, role, login = access.split()
        if system == "bitbucket":
            self._local(system).table.clear(Place("repository", resource), _holder(login))
        elif system == "gcp":
            member = f"user:{login}@example.com"
            self._policies.change(resource, lambda policy: _without(policy, role, member))
        else:
            self._local(system).assignments.drop(self._assignment(resource, role, login))

    def _assignment(self, account: str, role: str, login: str) -> Any:
        local = self._local("aws")
        people = local.identity_store.data.users.items()
        user = next(id for id, person in people if person.UserName == login)
        return Assigned(account, local.assignments.permission_set(role), "USER", user)

    def forget(self) -> None:
        """Another machine: no cache."""
        self.cache = self._fresh()

    def _fresh(self) -> Path:
        self._copies += 1
        return self.home / f"cache-{self._copies}"

    def moment(self, ledger: object) -> Moment:
        cache = self._fresh()
        shutil.copytree(self.cache, cache)
        anchor = self.anchor.read_bytes() if self.anchor.exists() else b""
        return Moment(self.commit(), self.live(), ledger, anchor, cache)

    def put_back(self, moment: Moment) -> None:
        """All but the ledger: that is for its shelf."""
        self.checkout(moment.commit)
        self.set_live(moment.live)
        self.set_anchor(moment.anchor)
        self.cache = self._fresh()
        shutil.copytree(moment.cache, self.cache)

    def commit(self) -> str:
        return self.company.git("rev-parse", "HEAD").strip()

    def checkout(self, commit: str) -> None:
        self.company.git("reset", "-q", "--hard", commit)

    def set_anchor(self, content: bytes) -> None:
        self.anchor.unlink(missing_ok=True)
        if content:
            self.anchor.write_bytes(content)

    def live(self) -> Live:
        return Live(
            tuple(self._local("bitbucket").table.all()),
            self._local("aws").assignments.rows(),
            {name: self._policies.get(name, 3) for name in self._policies.resources()},
        )

    def set_live(self, live: Live) -> None:
        table, assignments = self._local("bitbucket").table, self._local("aws").assignments
        for place, holder, _ in table.all():
            table.clear(place, holder)
        for place, holder, role in live.bitbucket:
            table.put(place, holder, role)
        for row in assignments.rows():
            assignments.drop(row)
        for row in live.aws:
            assignments.put(row)
        for name, policy in live.gcp.items():
            self._policies.change(name, lambda p, was=policy: _like(p, was))

    @property
    def _policies(self) -> Any:
        return self._local("gcp").policies

    def _local(self, system: str) -> Any:
        return self._sandbox._systems[system]


def _said(row: Row) -> str:
    who = row.principal.removeprefix("user:").partition("@")[0]
    return " ".join(filter(None, (row.system, row.resource, row.role, who, row.until, row.marker)))


def _holder(login: str) -> Holder:
    return Holder("users", User(login).uuid)


def _without(policy: policy_pb2.Policy, role: str, member: str) -> None:
    for binding in policy.bindings:
        if binding.role == role and member in binding.members:
            binding.members.remove(member)


def _like(policy: policy_pb2.Policy, was: policy_pb2.Policy) -> None:
    del policy.bindings[:]
    policy.bindings.extend(was.bindings)
