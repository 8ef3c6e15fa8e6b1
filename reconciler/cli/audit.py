"""`reconciler audit`: is the ledger whole, what does it say, and taking it elsewhere. Writes to no
ledger."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import click

from reconciler.cli import ledgers, options
from reconciler.cli.session import FAILED
from reconciler.errors import InputError
from reconciler.ledger import open_anchor, open_store
from reconciler.ledger.anchor import FileAnchor
from reconciler.ledger.base import Anchor, LedgerError
from reconciler.ledger.export import Style, lines
from reconciler.ledger.folder import FolderStore
from reconciler.ledger.ledger import Ledger
from reconciler.ledger.query import Question, entries
from reconciler.ledger.ship import Target, ship
from reconciler.model import Entry, EventKind
from reconciler.model.ledger_settings import LedgerSettings
from reconciler.render import audit as render
from reconciler.repository import cache
from reconciler.repository.configuration import FILE
from reconciler.repository.git import at as git_at
from reconciler.repository.parse import parse_configuration
from reconciler.repository.schemas import installed

TOKEN = "RECONCILER_HEC_TOKEN"  # noqa: S105  # the name of the variable
Command = TypeVar("Command", bound=Callable[..., Any])


@click.group("audit")
def command() -> None:
    """Prove that the ledger is whole, ask it, and take it to where others keep watch.

    \b
    Example:
      reconciler audit verify
      reconciler audit query --person alice@example.com --from 2026-11-01T00:00:00Z
      reconciler audit export --format ocsf > access.ocsf.jsonl
    """


def _where(command: Command) -> Command:
    copy = click.option(
        "--ledger",
        "copy",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        metavar="FOLDER",
        help="A copy of a ledger, instead of the one that reconciler.yaml names.",
    )
    return options.repository(copy(command))


def _window(command: Command) -> Command:
    since = click.option("--from", "since", type=options.Moment(), help="From this time on.")
    before = click.option("--to", "before", type=options.Moment(), help="Before this time.")
    return since(before(command))


@command.command(
    "verify",
    short_help="Prove that nothing was altered, removed or forked.",
    epilog="Example: reconciler audit verify --anchor /mnt/safe/anchor.json",
)
@_where
@click.option("--anchor", type=click.Path(path_type=Path), metavar="FILE",
              help="As `audit anchor` wrote it; the one of reconciler.yaml if left out.")  # fmt: skip
@options.output("text", "json")
@options.colour
def verify(repo: Path, copy: Path | None, anchor: Path | None, style: str, no_color: bool) -> int:
    """Read the whole chain, and say of each flaw where it is and of which sort: altered, removed,
    reordered, repeated, truncated, forked, unreadable.

    Ends with 0 when it is whole, with 1 when it is not or cannot be read.
    """
    ledger, settings = _opened(repo, copy)
    known = _anchor(repo, settings, anchor)
    flaws = ledger.verify(known)
    head = None if flaws else ledger.head()
    found = render.Verdict(
        ledger.where,
        tuple(render.Break(f.number, f.batch, f.sort.value, f.what) for f in flaws),
        (head.number, head.hash) if head else (0, ""),
        known.number if known else 0,
    )
    if style == "json":
        click.echo(render.verdict_document(found))
    else:
        render.verdict(found, options.console(plain=no_color))
    return FAILED if flaws else 0


@command.command(
    "query",
    short_help="Find entries.",
    epilog="Example: reconciler audit query --resource 'projects/payments-*' --kind done",
)
@_where
@click.option("--person", default="", metavar="ID", help="A subject's id, or a principal's.")
@click.option("--system", default="", metavar="GLOB", help="The system's name.")
@click.option("--resource", default="", metavar="GLOB", help="What it is on.")
@click.option("--role", default="", metavar="GLOB", help="What may be done there.")
@click.option("--grant", default="", metavar="GLOB", help="The file of the grant, or of the rule.")
@_window
@click.option("--cause", default="", metavar="WORD", help="As plans tell it: expired, left...")
@click.option("--kind", "kinds", multiple=True, type=click.Choice([k.value for k in EventKind]),
              metavar="KIND", help="A kind of event; may be repeated.")  # fmt: skip
@click.option("--run", default="", metavar="ID", help="What one run wrote.")
@options.output("text", "json", "csv", "jsonl")
@options.colour
def query(
    repo: Path,
    copy: Path | None,
    kinds: tuple[str, ...],
    style: str,
    no_color: bool,
    **asked: Any,
) -> int:
    """List the entries that all options fit. In a GLOB `*` stands for anything, also a `/`.

    Kinds: run-started, run-ended, decided, intended, done, found, already-held, came-back,
    held-back, unknown, unapproved, break-glass, reviewed, notified, ledger-lost.
    """
    ledger, _ = _opened(repo, copy)
    question = Question(**asked, kinds=tuple(map(EventKind, kinds)))
    with ledgers.index(ledger, copy or repo) as index:
        found = entries(index, question)
        if style == "text":
            render.entries(found, options.console(plain=no_color))
        elif style == "json":
            click.echo(render.document(tuple(lines(found, Style.JSONL))))
        else:
            _echo(lines(found, Style(style)))
    return 0


@command.command(
    "export",
    short_help="Print the ledger for others to read.",
    epilog="Example: reconciler audit export --format csv --from 2026-10-01T00:00:00Z > q4.csv",
)
@_where
@_window
@options.output(Style.OCSF.value, Style.CSV.value, Style.JSONL.value)
def export(
    repo: Path, copy: Path | None, since: datetime | None, before: datetime | None, style: str
) -> int:
    """Print every entry on a line of its own: as an event of OCSF 1.8, as a row of CSV, or as the
    ledger has it. The chain is verified on the way, and the first flaw ends it with 1."""
    ledger, _ = _opened(repo, copy)
    _echo(lines(_between(ledger.entries(), since, before), Style(style)))
    return 0


@command.command(
    "ship",
    short_help="Send what is new to a SIEM.",
    epilog="Example: reconciler audit ship --to syslog logs.example.com:6514 --ca logs-ca.pem",
)
@click.argument("address", metavar="ADDRESS")
@_where
@click.option("--to", "kind", required=True, type=click.Choice(["hec", "syslog", "file"]),
              help="What is there.")  # fmt: skip
@click.option("--format", "style", type=click.Choice(["ocsf", "jsonl"]), default="ocsf",
              show_default=True, help="How an entry is told.")  # fmt: skip
@click.option("--position", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Where it stands how far this came; in the cache if left out.")  # fmt: skip
@click.option("--ca", default="", metavar="FILE", help="Certificates to trust there.")
@click.option("--certificate", default="", metavar="FILE",
              help="For syslog: ours and its key, if it asks for one.")  # fmt: skip
@click.option("--index", default="", metavar="NAME", help="For hec: not the token's own index.")
def shipping(
    address: str,
    repo: Path,
    copy: Path | None,
    kind: str,
    style: str,
    position: Path | None,
    ca: str,
    certificate: str,
    index: str,
) -> int:
    """Send the entries that ADDRESS has not yet had, each at least once: the address of Splunk's
    HTTP event collector, HOST:PORT of a syslog server with TLS, or a file.

    The collector's token is taken from RECONCILER_HEC_TOKEN. Keep the position between runs: without it
    everything is sent again.
    """
    ledger, _ = _opened(repo, copy)
    target = _target(kind, address, Style(style), ca, certificate, index)
    held = position or _position(copy or repo, f"{ledger.where}\0{kind}\0{address}")
    click.echo(f"{ship(ledger, target, held)} entries sent to {address}")
    return 0


@command.command(
    "anchor",
    short_help="Keep the end of the ledger elsewhere.",
    epilog="Example: reconciler audit anchor /mnt/safe/anchor.json",
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_where
def anchor(file: Path, repo: Path, copy: Path | None) -> int:
    """Write the number and the hash of the last entry to FILE, once the chain has proved whole.
    Held against it, a ledger that lost its end is seen. Keep it where whoever can write to the
    ledger cannot."""
    ledger, _ = _opened(repo, copy)
    kept = FileAnchor(file)
    if flaws := ledger.verify(kept.read()):
        raise LedgerError(f"{ledger.where}: {flaws[0].what}; nothing is anchored")
    head = ledger.head()
    if head is None:
        raise LedgerError(f"{ledger.where} is empty; there is nothing to anchor")
    kept.write(Anchor(head.number, head.hash))
    click.echo(f"entry {head.number} is anchored in {file}")
    return 0


def _opened(repo: Path, copy: Path | None) -> tuple[Ledger, LedgerSettings | None]:
    if copy is not None:
        return Ledger(FolderStore(copy)), None
    data = git_at(repo).blob("HEAD", FILE)
    if data is None:
        raise InputError(f"there is no {FILE} in the last commit; write --ledger FOLDER for a copy")
    configuration, _, problems = parse_configuration(data, installed())
    if configuration is None:
        raise InputError(f"{problems[0]}; or write --ledger FOLDER for a copy of a ledger")
    if configuration.ledger is None:
        raise InputError(f"no ledger is kept: add `ledger:` to {FILE}")
    return Ledger(open_store(configuration.ledger, repo)), configuration.ledger


def _anchor(repo: Path, settings: LedgerSettings | None, file: Path | None) -> Anchor | None:
    """Raises InputError for one that was asked for and is not there."""
    if file is None:
        kept = open_anchor(settings, repo) if settings else None
        return kept.read() if kept else None
    found = FileAnchor(file).read()
    if found is None:
        raise InputError(f"there is no anchor {file}; `reconciler audit anchor` writes one")
    return found


def _between(
    found: Iterator[Entry], since: datetime | None, before: datetime | None
) -> Iterator[Entry]:
    for entry in found:
        at = entry.event.at
        if (since is None or at >= since) and (before is None or at < before):
            yield entry


def _echo(found: Iterator[str]) -> None:
    out = sys.stdout
    try:
        out.writelines(f"{line}\n" for line in found)
        out.flush()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def _target(kind: str, address: str, style: Style, ca: str, certificate: str, index: str) -> Target:
    if kind == "file":
        from reconciler.ledger.ship_file import FileTarget

        return FileTarget(Path(address), style)
    sender = socket.gethostname()
    if kind == "syslog":
        from reconciler.ledger.ship_syslog import SyslogServer

        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise InputError(f"{address!r} is no server; write logs.example.com:6514")
        return SyslogServer(host.strip("[]"), int(port), sender, style, ca, certificate)
    from reconciler.ledger.ship_hec import Collector

    token = os.environ.get(TOKEN, "")
    if not token:
        raise InputError(f"no token for the collector; set {TOKEN}")
    return Collector(address.rstrip("/"), token, sender, style, index, ca)


def _position(root: Path, what: str) -> Path:
    folder = cache.folder(os.environ)
    if folder is None:
        raise InputError("there is no folder for caches here; write --position FILE")
    name = sha256(f"{root.resolve()}\0{what}".encode()).hexdigest()[:32]
    return folder / f"{name}.position.json"
