"""`reconciler sandbox`: local AWS, GCP, Azure and Bitbucket to try things on."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from reconciler.cli.sandbox_pull import pull
from reconciler.cli.sandbox_shared import HOME, columns, home_option
from reconciler.errors import InputError
from reconciler.sandbox import background
from reconciler.sandbox.faults import Fault, FaultKind
from reconciler.sandbox.home import HOME_VARIABLE, Running, find
from reconciler.sandbox.process import Sandbox
from reconciler.sandbox.systems import served

Function = Callable[..., Any]


def _what_to_serve(function: Function) -> Function:
    function = click.argument("systems", nargs=-1, metavar="[SYSTEMS]...")(function)
    function = click.option(
        "--forge",
        is_flag=True,
        help="Also a local GitHub that hosts the access repository, and proof of approvals.",
    )(function)
    return click.option(
        "--port", type=click.IntRange(0, 65000), default=0, help="The first port; 0: any free ones."
    )(home_option(function))


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Serve local AWS, GCP, Azure and Bitbucket to try things on.

    Without a command: `sandbox serve`. Nothing leaves this machine, and nothing outlives the
    sandbox but the access repository in its home.

    \b
    Example:
      reconciler sandbox start
      source .sandbox/env && cd .sandbox/access && reconciler plan
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(serve)


command.add_command(pull)


@command.command()
@_what_to_serve
@click.option("--until-stdin-closes", is_flag=True, hidden=True)
def serve(
    home: Path = HOME,
    port: int = 0,
    systems: Sequence[str] = (),
    forge: bool = False,
    until_stdin_closes: bool = False,
) -> None:
    """Serve SYSTEMS (all by default) until Ctrl-C.

    \b
    Example: reconciler sandbox serve aws gcp
    """
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    if until_stdin_closes:
        threading.Thread(target=_set_at_end_of_stdin, args=(over,), daemon=True).start()
    with Sandbox(home, systems, port, hosted=forge, recorded=True) as running:
        _tell(running)
        click.echo("Ctrl-C ends it.")
        over.wait()


@command.command()
@_what_to_serve
def start(home: Path, port: int, systems: Sequence[str], forge: bool) -> None:
    """Serve SYSTEMS in the background, and return when they answer.

    \b
    Example: reconciler sandbox start --port 8400
    """
    running = background.start(home, systems, port, hosted=forge)
    _tell(running)
    usual = home.resolve() == Path(os.environ.get(HOME_VARIABLE) or HOME).resolve()
    where = "" if usual else f" --home {shlex.quote(str(home))}"
    click.echo(f"Process {running.pid}; `reconciler sandbox stop{where}` ends it.")


@command.command()
@home_option
def stop(home: Path) -> None:
    """End the sandbox that runs in the background."""
    click.echo(f"Stopped process {background.stop(home)}.")


@command.command()
@home_option
@click.option("--system", metavar="SYSTEM", default="", help="Only this one.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def show(home: Path, system: str, form: str) -> None:
    """Print who has what in the local systems."""
    rows = sorted(find(home).control.rows(system))
    if form == "json":
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    heads = ("SYSTEM", "RESOURCE", "ROLE", "PRINCIPAL", "UNTIL", "MARKER")
    columns(
        heads,
        [(r.system, r.resource, r.role, r.principal, r.until, r.marker) for r in rows],
    )


@command.command()
@click.argument("system")
@click.option(
    "--match", default="*", help="Glob over the call's name, as `sandbox calls` shows it."
)
@click.option("--status", type=click.IntRange(400, 599), help="Answer with this and do nothing.")
@click.option("--retry-after", type=click.IntRange(0), help="Seconds, sent with --status.")
@click.option("--delay", type=click.FloatRange(0, 60), help="Wait so many seconds, then do it.")
@click.option("--half", "cut", flag_value="half", help="Do it, send half of the answer.")
@click.option("--drop", "cut", flag_value="drop", help="Do it, hang up without an answer.")
@click.option("--empty", "cut", flag_value="empty", help="Answer a list with a page without rows.")
@click.option("--times", type=click.IntRange(1), default=1, help="How many calls it hits.")
@click.option("--skip", type=click.IntRange(0), default=0, help="How many calls pass before.")
@home_option
def fault(
    home: Path,
    system: str,
    match: str,
    status: int | None,
    retry_after: int | None,
    delay: float | None,
    cut: str | None,
    times: int,
    skip: int,
) -> None:
    """Break the next calls to SYSTEM on purpose.

    \b
    Example: reconciler sandbox fault azure --match 'GET *' --status 429 --retry-after 1 --times 2
    """
    running = find(home)
    served(running.systems, system)
    given = sum(option is not None for option in (status, delay, cut))
    if given != 1:
        what = "a fault is one thing" if given else f"it is not said what goes wrong with {system}"
        raise InputError(f"{what}; write one of --status, --delay, --half, --drop, --empty")
    if retry_after is not None and status is None:
        raise InputError("--retry-after goes with an answer; write --status 429 beside it")
    kind = FaultKind(cut or ("status" if status else "delay"))
    running.control.arm(
        Fault(system, match, kind, status or 503, delay or 0.0, retry_after, times, skip)
    )
    click.echo(f"Armed: {kind} for the next {times} of {system} {match!r}.")


@command.command()
@home_option
@click.option("--system", metavar="SYSTEM", default="", help="Only this one.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.option("--count", is_flag=True, help="How often each call came, instead of each in turn.")
def calls(home: Path, system: str, form: str, count: bool) -> None:
    """List the API calls that came, oldest first."""
    seen = find(home).control.calls(system)
    if form == "json":
        click.echo(json.dumps([asdict(call) for call in seen], indent=2))
    elif count:
        counted = Counter((c.system, c.call) for c in seen).most_common()
        columns(("COUNT", "SYSTEM", "CALL"), [(str(n), s, c) for (s, c), n in counted])
    else:
        columns(("SYSTEM", "CALL", "FAULT"), [(c.system, c.call, c.fault) for c in seen])


@command.command()
@home_option
def reset(home: Path) -> None:
    """Put every local system back to how it was seeded.

    Armed faults and the calls that came are forgotten, too.
    """
    find(home).control.reset()
    click.echo("Everything is as it was seeded.")


def _set_at_end_of_stdin(over: threading.Event) -> None:
    sys.stdin.read()
    over.set()


def _tell(running: Running) -> None:
    click.echo("Local systems, with throw-away credentials:")
    columns((), [(f"  {name}", key, value) for name, key, value in running.endpoints])
    env, access = (os.path.relpath(path) for path in (running.env_file, running.access))
    click.echo(f"Access repository: {access}")
    click.echo(f"Try: source {env} && cd {access} && reconciler plan")
