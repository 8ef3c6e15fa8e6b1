"""`reconciler demo`: the whole story on local systems. Every command in it is the real one."""

from __future__ import annotations

import os
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

_LASTS = timedelta(seconds=40)  # long enough to be seen, short enough to be waited for

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

_HELP = """\
subject: bob@example.com
access:
  - system: bitbucket-dc
    project: PAY
    repository: ledger
    permission: write
duration: 8h
reason: Helps alice with the settlement batch
"""


@click.command("demo", epilog="Example: reconciler demo --fast")
@click.option("--fast", is_flag=True, help="No pauses for reading; expiry is still waited for.")
@options.colour
def command(fast: bool, no_color: bool) -> None:
    """Watch access appear, expire and disappear in five local systems, with no cloud at all."""
    console = options.console(plain=no_color)
    with tempfile.TemporaryDirectory(prefix="reconciler-demo-") as folder:
        console.print("[bold]Starting local AWS, GCP, Azure, Bitbucket Cloud and Data Center …[/]")
        with child(Path(folder) / "sandbox") as running:
            _Story(console, running, pause=0 if fast else 2.5).tell()


@dataclass
class _Story:
    console: Console
    running: Running
    pause: float
    begun: float = field(default_factory=time.monotonic)

    def tell(self) -> None:
        before = self._rows()
        end = self._ask()
        self._run("validate", says="Every file is checked, without asking anybody.")
        self._run("plan", says="What would change, and who ends it. A plan cannot write.")
        self._run("apply", says="The pull request is merged, and the job runs.")
        self._show(before, "What the five APIs answer now, beside what was there before:")
        self._run("apply", says="The job runs again: nothing to do. Every run recomputes all.")
        self._withdraw()
        self._wait(end)
        self._run("plan", says="The end has come. No pull request, no ticket, nobody awake:")
        self._run("apply", says="What could not end by itself is ended by the job.")
        left = self._show(before, "What the five APIs answer in the end:")
        calls = len(self.running.control.calls())
        seconds = time.monotonic() - self.begun
        if left:
            raise ReconcilerError(f"the demo left {len(left)} assignments behind")
        self.console.print(
            f"[bold green]All as it was before[/], after {seconds:.0f} s and {calls} calls of real "
            "SDKs to local servers.\nNext: [bold]reconciler init my-access[/] writes an access "
            "repository for your own organisation."
        )

    def _ask(self) -> datetime:
        self._chapter("1. Somebody asks", "A small file, in a pull request that others approve:")
        end = clock.now().replace(microsecond=0) + _LASTS
        text = _INCIDENT.format(end=end.strftime("%Y-%m-%dT%H:%M:%SZ"))
        self._write("grants/payments/incident.yaml", text)
        self._write("grants/payments/help.yaml", _HELP)
        self.console.print(Syntax(text, "yaml", theme="ansi_dark", background_color="default"))
        self._git("add", "-A")
        self._git("commit", "-q", "-m", "Access for the settlement incident (#42)")
        return end

    def _withdraw(self) -> None:
        self._chapter("2. Somebody no longer needs it", "bob's file is deleted, in git:")
        self._git("rm", "-q", "grants/payments/help.yaml")
        self._git("commit", "-q", "-m", "bob is done (#43)")
        self._run("apply", says="Git's history says whose access that was, so it can go.")

    def _wait(self, end: datetime) -> None:
        self._chapter("3. Time passes", f"alice's access ends at {end:%H:%M:%S}Z.")
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

    def _run(self, *arguments: str, says: str) -> None:
        """The installed command, in the access repository, as a person would type it."""
        self._chapter("", says)
        self.console.print(f"[bold cyan]$ reconciler {' '.join(arguments)}[/]")
        plain = ["--no-color"] if self.console.no_color and arguments[0] != "validate" else []
        done = subprocess.run(
            [sys.executable, "-P", "-m", "reconciler", *arguments, *plain],
            cwd=self.running.access,
            env=self.running.environment(os.environ),
        )
        if done.returncode:
            raise ReconcilerError(f"`reconciler {arguments[0]}` ended with {done.returncode}")
        time.sleep(self.pause)

    def _chapter(self, title: str, says: str) -> None:
        self.console.print()
        if title:
            self.console.print(Panel(title, style="bold", expand=False))
        self.console.print(says, style="italic")

    def _write(self, path: str, text: str) -> None:
        file = self.running.access / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def _git(self, *arguments: str) -> None:
        who = ("-c", "user.name=demo", "-c", "user.email=demo@example.com")
        plain = ("-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null")
        command = ["git", *who, *plain, *arguments]
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
