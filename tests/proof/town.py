"""A town with one access repository on a local GitHub: people push, ask, approve and merge, and a run
says who holds what. Real commits in a real repository, and evidence over real HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.forge.base import Credentials, ForgeReader
from reconciler.forge.github import open_reader
from reconciler.forge.session import Patience
from reconciler.model import Claim, ForgeSettings, OpenReview, Proof, Unapproved
from reconciler.model.window import union_end
from reconciler.proof.authorise import Authorised, Forge, authorise
from reconciler.proof.near import covers, near
from reconciler.repository.load import load
from reconciler.repository.memory import Memory
from reconciler.sandbox.faults import Fault, FaultKind, Faults
from reconciler.sandbox.github.local import LocalGithub

NEAR = ("alice@example.com", "bob@example.com", "oncall")
FAST = Patience(tries=1, factor=0.0, longest=0.1, timeout=20.0)
Files = Mapping[str, str | None]

A, B = "grants/a.yaml", "grants/b.yaml"
PEOPLE, POLICY, CONFIGURATION = "directory/people.yaml", "policies/main.yaml", "reconciler.yaml"
LOGINS = ("alice", "bob", "carol", "dave", "erin", "frank", "grace")

RULES = """rules:
  - permit: payments
    match: {paths: ["grants/**"], systems: [bitbucket]}
    max_duration: 60d
    approvals: [{count: 1, groups: [leads]}]
"""
CHANGES = """changes:
  - change: rules
    paths: ["policies/**", "directory/**", "bundles/**", "catalog/**", reconciler.yaml]
    approvals: [{count: 1, groups: [admins]}]
  - change: reviews
    paths: ["reviews/**"]
    approvals: []
"""


def mail(login: str) -> str:
    return f"{login}@example.com"


def item(role: str = "write", repository: str = "payments-api") -> str:
    return f"{{system: bitbucket, repository: {repository}, permission: {role}}}"


def asks(
    who: str = "alice",
    role: str = "write",
    end: str = "duration: 8h",
    reason: str = "The settlement batch fails",
    *,
    items: Iterable[str] = (),
    more: str = "",
) -> str:
    """A grant; `who` may be "group: oncall"."""
    subject = who if ":" in who else f"subject: {mail(who)}"
    access = "".join(f"  - {one}\n" for one in items or [item(role)])
    return f"{subject}\naccess:\n{access}{end}\nreason: {reason}\n{more}"


@dataclass(frozen=True)
class Seen:
    """What one run found: "alice write" is held where it is proved and its time is now."""

    now: datetime
    authorised: Authorised
    calls: int

    def _now(self, proof: Proof) -> list[Claim]:
        claims = self.authorised.claims
        return [c for c in claims if c.proof is proof and c.window.contains(self.now)]

    @property
    def held(self) -> set[str]:
        return {_short(claim) for claim in self._now(Proof.PROVED)}

    @property
    def waiting(self) -> set[str]:
        return {_short(claim) for claim in self._now(Proof.WAITING)}

    def until(self, held: str) -> datetime | None:
        windows = [c.window for c in self._now(Proof.PROVED) if _short(c) == held]
        return union_end(windows, self.now)

    @property
    def unapproved(self) -> tuple[Unapproved, ...]:
        return self.authorised.unapproved

    @property
    def refused(self) -> set[str]:
        """Paths of what the main line says and nobody may rely on."""
        return {one.path for one in self.unapproved}

    def why(self, path: str = A) -> str:
        return "; ".join(one.reason for one in self.unapproved if one.path == path)

    @property
    def reviews(self) -> tuple[OpenReview, ...]:
        return self.authorised.reviews

    @property
    def unknown(self) -> str:
        return "; ".join(f"{one.where}: {one.error}" for one in self.authorised.unknown)


def _short(claim: Claim) -> str:
    role, subject = claim.entitlement.role, claim.subject.id.removesuffix("@example.com")
    resource = claim.entitlement.resource
    return f"{subject} {role}" + ("" if "payments-api" in resource else f" on {resource}")


def _of(found: Authorised, ids: set[str]) -> tuple[list[Claim], list[Unapproved]]:
    claims = [claim for claim in found.claims if claim.subject.id in ids]
    return sorted(claims, key=repr), [one for one in found.unapproved if one.subject in ids]


class Town:
    """A minute passes with everything that somebody does. Leads approve grants, admins approve
    changes of rules; grace, an admin, merges."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.at = datetime(2026, 11, 1, 9, tzinfo=UTC)
        self.faults = Faults()
        self.github = LocalGithub(clock=lambda: self.at)
        served = self.github.start(self.faults, home)
        self.url, self.token = served.settings["url"], served.env["GITHUB_TOKEN"]
        self.root = self.github.bare.path
        self.memory = Memory(home / "memory", self.root)
        self.groups = {
            "leads": ["carol", "dave"],
            "admins": ["grace", "frank"],
            "oncall": ["alice", "bob"],
        }
        self.accounts = {login: [str(self.github.users[login].id)] for login in LOGINS}
        self._branches = 0

    def close(self) -> None:
        self.github.stop()

    def begin(self, rules: str = RULES, changes: str = CHANGES, **files: str | None) -> str:
        """The first setup, which is trusted. Returns its commit."""
        setup: Files = {
            CONFIGURATION: self.configuration(),
            PEOPLE: self.directory(),
            POLICY: rules + changes,
        }
        return self.push("grace", {**setup, **files})

    def configuration(self, more: str = "") -> str:
        forge = f'{{provider: github, repository: acme/access, url: "{self.url}"{more}}}'
        return f"systems:\n  bitbucket: {{provider: bitbucket, workspace: acme}}\nforge: {forge}\n"

    def directory(self, more: str = "", **groups: Sequence[str]) -> str:
        """`groups` are put in place of those that there are."""
        lines = ["people:"]
        for login, names in self.accounts.items():
            forge = "[" + ", ".join(f'"{name}"' for name in names) + "]"
            accounts = f", accounts: {{forge: {forge}}}" if names else ""
            lines.append(f"  - {{id: {mail(login)}, manager: {mail('grace')}{accounts}}}")
        lines.append("groups:")
        for name, members in {**self.groups, **groups}.items():
            lines.append(f"  - {{id: {name}, members: [{', '.join(map(mail, members))}]}}")
        return "\n".join(lines) + "\n" + more

    def wait(self, **time: float) -> None:
        self.at += timedelta(**time)

    def push(self, login: str, files: Files, branch: str = "main", onto: str = "") -> str:
        self.wait(minutes=1)
        return self.github.commit(login, branch, files, onto=onto)

    def propose(self, login: str, files: Files, branch: str = "") -> int:
        self._branches += 1
        branch = branch or f"request-{self._branches}"
        self.push(login, files, branch)
        return self.github.open_pull(login, branch, "Please")

    def approve(self, number: int, *logins: str, state: str = "APPROVED") -> None:
        for login in logins:
            self.wait(minutes=1)
            self.github.review(login, number, state)

    def merge(self, number: int, method: str = "merge", by: str = "grace") -> str:
        self.wait(minutes=1)
        return self.github.merge(by, number, method, admin=True)

    def pull(
        self, login: str, files: Files, *approvers: str, method: str = "merge", by: str = "grace"
    ) -> str:
        """A whole pull request: opened, approved, merged. Returns the commit on main."""
        number = self.propose(login, files)
        self.approve(number, *approvers)
        return self.merge(number, method, by)

    def branch_of(self, number: int) -> str:
        return self.github.pulls[number].branch

    def down(self, kind: FaultKind = FaultKind.STATUS, skip: int = 0) -> None:
        self.faults.arm(Fault("github", "*", kind, status=500, times=1_000, skip=skip))

    def forget(self) -> None:
        """The cache is lost."""
        self.memory = Memory(self.home / f"memory-{self.at:%H%M%S%f}-{self._branches}", self.root)

    def run(self, trust: str = "", commit: str = "main") -> Seen:
        now = self.at
        before = len(self.faults.calls())
        loaded = load(self.root, now, commit)
        found = authorise(loaded, now, Forge(self.reader, self.memory, trust))
        seen = Seen(now, found, len(self.faults.calls()) - before)
        if not self.faults.armed:
            for who in NEAR:
                self._same_alone(who, found, trust, commit)
        return seen

    def _same_alone(self, who: str, whole: Authorised, trust: str, commit: str) -> None:
        """Whoever is asked about alone, with few grants read, is told what a whole run says."""
        loaded = load(self.root, self.at, commit, whom=near(who), cache=self.home / "rows")
        assert loaded.whom is None or who in loaded.whom
        alone = authorise(loaded, self.at, Forge(self.reader, self.memory, trust))
        roster = whole.changes.tip.roster
        beside = roster.groups_of(who) | roster.members(who)
        if not covers(loaded, beside):
            return
        ids = {who, *beside}
        assert _of(alone, ids) == _of(whole, ids), who

    def reader(self, settings: ForgeSettings) -> ForgeReader:
        return open_reader(settings, Credentials(self.token), FAST)
