"""`reconciler demo`: the whole story on local systems. Every command in it is the real one, in the
name of whoever would type it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table

from reconciler.cli import clock, options
from reconciler.errors import ReconcilerError
from reconciler.sandbox.background import child
from reconciler.sandbox.home import Running
from reconciler.sandbox.local import Row

_LASTS = timedelta(seconds=50)  # long enough to be seen, short enough to be waited for

_INCIDENT = """\
# alice asks for five things in five systems, for as long as the incident lasts
subject: alice@example.com
access:
  - system: aws
    account: payments
    permission_set: ReadOnlyAccess
  - system: aws                      # outside every predefined role: one policy of her own
    account: payments
    user: alice
    statements:
      - {{Effect: Allow, Action: "s3:GetObject", Resource: "arn:aws:s3:::payments-exports/*"}}
  - system: gcp
    project: payments-prod
    role: roles/cloudsql.viewer
  - system: azure
    scope: /subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/payments
    role: Reader
  - system: bitbucket
    repository: payments-api
    permission: write
expires: {end}
reason: The settlement batch fails since Tuesday
ticket: OPS-4711
"""

_BEHIND = """\
subject: bob@example.com
access:
  - system: bitbucket-dc
    project: PAY
    repository: ledger
    permission: write
duration: 8h
reason: Helps alice with the settlement batch
"""

_ALICE = "alice@example.com"
_TOO_MUCH = "system=bitbucket,repository=payments-api,permission=admin"
_REASON = "The settlement batch fails since Tuesday"


@click.command("demo", epilog="Example: reconciler demo --fast")
@click.option("--fast", is_flag=True, help="No pauses for reading; expiry is still waited for.")
@options.colour
def command(fast: bool, no_color: bool) -> None:
    """Watch access be refused, approved, given and ended in five local systems, with no cloud."""
    console = options.console(plain=no_color)
    with tempfile.TemporaryDirectory(prefix="reconciler-demo-") as folder:
        systems = "AWS, GCP, Azure, Bitbucket Cloud and Data Center"
        console.print(f"[bold]Starting local {systems}, and a GitHub for the requests …[/]")
        with child(Path(folder) / "sandbox", hosted=True) as running:
            _Story(console, running, pause=0 if fast else 2.5).tell()


@dataclass
class _Story:
    console: Console
    running: Running
    pause: float
    begun: float = field(default_factory=time.monotonic)

    def tell(self) -> None:
        before = self._rows()
        self._refused()
        end, pull = self._asked()
        self._approved(pull)
        self._show(before, "What the five APIs answer now, beside what was there before:")
        self._run("apply", says="The job runs again: nothing to do. Every run recomputes all.")
        self._behind_the_policy()
        self._asked_why()
        self._wait(end)
        self._run("plan", says="The end has come. No pull request, no ticket, nobody awake:")
        self._run("apply", says="What could not end by itself is ended by the job.")
        left = self._show(before, "What the five APIs answer in the end:")
        self._audited()
        calls = len(self.running.control.calls())
        seconds = time.monotonic() - self.begun
        if left:
            raise ReconcilerError(f"the demo left {len(left)} assignments behind")
        self.console.print(
            f"[bold green]All as it was before[/], after {seconds:.0f} s and {calls} calls of real "
            "SDKs to local servers.\nNext: [bold]reconciler init my-access[/] writes an access "
            "repository for your own organisation."
        )

    def _refused(self) -> None:
        self._chapter("1. Somebody asks for too much", "alice wants to administer a repository:")
        words = ("--access", _TOO_MUCH, "--duration", "8h", "--reason", _REASON, "--yes")
        self._run("request", *words, says="", who="alice", ends=4)

    def _asked(self) -> tuple[datetime, int]:
        says = "alice asks for what she needs, in five systems, in a pull request of her own:"
        self._chapter("2. Somebody asks for what is needed", says)
        end = clock.now().replace(microsecond=0) + _LASTS
        text = _INCIDENT.format(end=end.strftime("%Y-%m-%dT%H:%M:%SZ"))
        self.console.print(Syntax(text, "yaml", theme="ansi_dark", background_color="default"))
        number = self._pull("alice", "incident", "grants/payments/incident.yaml", text)
        self._run(
            *("check", "--pull", str(number), "--head", "origin/incident"),
            says="The pull request is judged by the rules of the main line. It waits:",
            ends=4,
        )
        return end, number

    def _approved(self, number: int) -> None:
        self._chapter("3. Somebody approves", "carol leads payments, and has looked at it:")
        self._act("approve", number, "carol")
        self._act("merge", number, "alice")
        self._run("apply", says="The job finds the pull request and the approval, and gives:")

    def _behind_the_policy(self) -> None:
        says = "frank administers the repository, and merges bob's request that nobody approved:"
        self._chapter("4. Somebody goes behind the policy's back", says)
        number = self._pull("bob", "help", "grants/payments/help.yaml", _BEHIND)
        self._act("merge", number, "frank")
        self._run("apply", says="It is on the main line. That proves nothing:", ends=4)
        self._chapter("", "bob takes his file out again. Taking away needs no approval.")
        self._git("rm", "-q", "grants/payments/help.yaml")
        self._git("commit", "-q", "-m", "bob asks properly another time")
        self._git("push", "-q", "origin", "main")
        self._run("plan", says="")

    def _asked_why(self) -> None:
        says = "Every answer explains itself. grace, who leads the department, asks:"
        self._chapter("5. Somebody asks why", says)
        self._run("explain", _ALICE, "bitbucket: *", says="", who="grace")

    def _audited(self) -> None:
        self._chapter("7. An auditor comes", "What was decided and done for bob and alice:")
        self._run("audit", "query", "--person", "bob@example.com", says="")
        kinds = ("--kind", "decided", "--kind", "done", "--system", "bitbucket")
        self._run("audit", "query", "--person", _ALICE, *kinds, says="")
        self._run("audit", "verify", says="And nobody has touched the record since:")

    def _wait(self, end: datetime) -> None:
        self._chapter("6. Time passes", f"alice's access ends at {end:%H:%M:%S}Z.")
        while (left := (end - clock.now()).total_seconds()) > 0:
            if self.console.is_terminal:
                self.console.print(f"  {left:3.0f} s to go ", end="\r")
            time.sleep(min(1.0, left))

    def _rows(self) -> frozenset[Row]:
        return frozenset(self.running.control.rows())

    def _show(self, before: frozenset[Row], says: str) -> frozenset[Row]:
        self._chapter("", says)
        now = self._rows()
        self.console.print(_table(now - before))
        if missing := before - now:
            raise ReconcilerError(f"the demo lost {len(missing)} assignments of others")
        return now - before

    def _pull(self, login: str, branch: str, path: str, text: str) -> int:
        """A pull request of somebody's, as git and the forge make it."""
        file = self.running.access / path
        self._git("switch", "-q", "-c", branch)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self._git("add", "-A")
        self._git("commit", "-q", "-m", f"{login} asks for access", who=login)
        self._git("push", "-q", "origin", branch)
        self._git("switch", "-q", "main")
        asked = {"do": "open", "login": login, "branch": branch}
        [pull] = self.running.control.pulls(**asked, title=f"Access for {login}")
        return int(pull["number"])

    def _act(self, what: str, number: int, login: str) -> None:
        self.console.print(f"[bold magenta]{login}[/]: {what}s pull request {number}")
        self.running.control.pulls(do=what, number=str(number), login=login)
        self._git("pull", "-q", "--ff-only", "origin", "main")

    def _run(self, *arguments: str, says: str, who: str = "", ends: int = 0) -> None:
        """The installed command, in the access repository, as a person would type it; or as the
        job does, where it is nobody's."""
        if says:
            self._chapter("", says)
        words = " ".join(shlex.quote(word) for word in arguments)
        self.console.print(f"[bold cyan]{who}$ reconciler {words}[/]")
        plain = ["--no-color"] if self.console.no_color else []
        environment = self.running.environment(os.environ)
        if who:
            environment["GITHUB_TOKEN"] = self.running.control.token_of(who)
            self._git("config", "user.email", f"{who}@example.com")
        done = subprocess.run(
            [sys.executable, "-P", "-m", "reconciler", *arguments, *plain],
            cwd=self.running.access,
            env=environment,
        )
        if done.returncode != ends:
            raise ReconcilerError(f"`reconciler {arguments[0]}` ended with {done.returncode}")
        time.sleep(self.pause)

    def _chapter(self, title: str, says: str) -> None:
        self.console.print()
        if title:
            self.console.print(Panel(title, style="bold", expand=False))
        self.console.print(says, style="italic")

    def _git(self, *arguments: str, who: str = "bob") -> None:
        name = ("-c", f"user.name={who}", "-c", f"user.email={who}@example.com")
        plain = ("-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null")
        command = ["git", *name, *plain, *arguments]
        subprocess.run(command, cwd=self.running.access, check=True)


def _table(rows: Iterable[Row]) -> Table:
    table = Table(
        "system", "who", "what", "where", "ends by itself", box=None, padding=(0, 2, 0, 0)
    )
    for row in sorted(rows):
        role = row.role if len(row.role) < 50 else f"{row.role[:49]}…"
        table.add_row(row.system, row.principal, role, row.resource, row.until or "no")
    if not table.row_count:
        table.add_row("(nothing but what was there before)")
    return table
