"""`reconciler audit`: is the ledger whole, what does it say, and taking it elsewhere. Of its commands
only `sign` writes to a ledger, and that is in a file of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from reconciler.cli import audit_ship, audit_sign, ledgers, options
from reconciler.cli.audit_source import Source, where
from reconciler.cli.session import FAILED
from reconciler.errors import InputError
from reconciler.ledger.anchor import FileAnchor
from reconciler.ledger.base import Anchor, LedgerError
from reconciler.ledger.chain import Break
from reconciler.ledger.export import Style, lines
from reconciler.ledger.query import Question, entries
from reconciler.ledger.redact import visible
from reconciler.ledger.signatures import Signatures
from reconciler.model import Entry, EventKind
from reconciler.render import audit as render

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


command.add_command(audit_ship.command)
command.add_command(audit_sign.command)


def _window(command: Command) -> Callable[..., Any]:
    since = click.option("--from", "since", type=options.Moment(), help="From this time on.")
    before = click.option("--to", "before", type=options.Moment(), help="Before this time.")

    @wraps(command)
    def told(since: datetime | None, before: datetime | None, **rest: Any) -> Any:
        if since and before and before <= since:
            what = f"--to {before.isoformat()} is not after --from {since.isoformat()}"
            raise InputError(f"{what}; write them the other way")
        return command(since=since, before=before, **rest)

    return since(before(told))


@command.command(
    "verify",
    short_help="Prove that nothing was altered, removed or forked.",
    epilog="Example: reconciler audit verify --anchor /mnt/safe/anchor.json",
)
@where
@click.option("--anchor", type=click.Path(path_type=Path), metavar="FILE",
              help="As `audit anchor` wrote it; the one of reconciler.yaml if left out.")  # fmt: skip
@options.output("text", "json")
@options.colour
def verify(source: Source, anchor: Path | None, style: str, no_color: bool) -> int:
    """Read the whole chain, and say of each flaw where it is and of which sort: altered, removed,
    reordered, repeated, truncated, forked, unreadable; and where keys are known, unsigned, forged.

    Ends with 0 when it is whole, with 1 when it is not, is empty, or cannot be read.
    """
    found = source.opened()
    ledger, known = found.ledger, found.anchor(anchor)
    signatures = Signatures(found.keys)
    flaws = ledger.verify(known, signatures)
    head = None if flaws else ledger.head()
    if all(flaw.sort is Break.UNSIGNED for flaw in flaws) and (gone := found.gone()):
        flaws = (*flaws, gone)  # a run says so too
    breaks = [render.Break(f.number, f.batch, f.sort.value, f.what) for f in flaws]
    verdict = render.Verdict(
        ledger.where,
        tuple(breaks),
        (head.number, head.hash) if head else (0, ""),
        known.number if known else 0,
        tuple(signatures.notes()),
    )
    if style == "json":
        click.echo(render.verdict_document(verdict))
    else:
        render.verdict(verdict, options.console(plain=no_color))
    return 0 if verdict.whole else FAILED


@command.command(
    "query",
    short_help="Find entries.",
    epilog="Example: reconciler audit query --resource 'projects/payments-*' --kind done",
)
@where
@click.option(
    "--person", type=options.Some(), metavar="ID", help="A subject's id, or a principal's."
)
@click.option("--system", type=options.Some(), metavar="GLOB", help="The system's name.")
@click.option("--resource", type=options.Some(), metavar="GLOB", help="What it is on.")
@click.option("--role", type=options.Some(), metavar="GLOB", help="What may be done there.")
@click.option(
    "--grant", type=options.Some(), metavar="GLOB", help="The file of the grant, or of the rule."
)
@_window
@click.option(
    "--cause", type=options.Some(), metavar="WORD", help="As plans tell it: expired, left..."
)
@click.option("--kind", "kinds", multiple=True, type=click.Choice([k.value for k in EventKind]),
              metavar="KIND", help="A kind of event; may be repeated.")  # fmt: skip
@click.option("--run", type=options.Some(), metavar="ID", help="What one run wrote.")
@options.output("text", "json", "csv", "jsonl")
@options.colour
def query(
    source: Source,
    kinds: tuple[str, ...],
    style: str,
    no_color: bool,
    **asked: Any,
) -> int:
    """List the entries that all options fit. In a GLOB `*` stands for anything, also a `/`.

    Kinds: run-started, run-ended, decided, intended, done, found, already-held, came-back,
    held-back, unknown, unapproved, break-glass, reviewed, notified, ledger-lost, signed.
    """
    opened = source.opened()
    said = {name: value for name, value in asked.items() if value is not None}
    question = Question(**said, kinds=tuple(map(EventKind, kinds)))
    with ledgers.index(opened.ledger, source.root) as index:
        if gone := opened.unseen(index):
            click.echo(f"note: the ledger lost entries: {gone}; see `audit verify`", err=True)
        found = entries(index, question)
        if style == "text":
            render.entries(found, options.console(plain=no_color))
        elif style == "json":
            _echo(iter((render.document(tuple(lines(found, Style.JSONL))),)))
        else:
            _echo(lines(found, Style(style)))
    return 0


@command.command(
    "export",
    short_help="Print the ledger for others to read.",
    epilog="\b\nExample: reconciler audit export --format csv --from 2026-10-01T00:00:00Z > q4.csv",
)
@where
@_window
@options.output(Style.OCSF.value, Style.CSV.value, Style.JSONL.value)
def export(source: Source, since: datetime | None, before: datetime | None, style: str) -> int:
    """Print every entry on a line of its own: as an event of OCSF 1.8, as a row of CSV, or as the
    ledger has it. The chain is verified on the way, and the first flaw ends it with 1."""
    ledger = source.opened().ledger
    _echo(lines(_between(ledger.entries(), since, before), Style(style)))
    return 0


@command.command(
    "anchor",
    short_help="Keep the end of the ledger elsewhere.",
    epilog="Example: reconciler audit anchor /mnt/safe/anchor.json",
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@where
def anchor(file: Path, source: Source) -> int:
    """Write the number and the hash of the last entry to FILE, once the chain has proved whole.
    Held against it, a ledger that lost its end is seen. Keep it where whoever can write to the
    ledger cannot."""
    opened = source.opened()
    ledger, kept = opened.ledger, FileAnchor(file)
    flaws = ledger.verify(kept.read())
    if flaw := flaws[0] if flaws else opened.gone():
        raise LedgerError(f"{ledger.where}: {flaw.what}; nothing is anchored")
    head = ledger.head()
    if head is None:
        raise LedgerError(f"{ledger.where} is empty; there is nothing to anchor")
    kept.write(Anchor(head.number, head.hash))
    click.echo(f"entry {head.number} is anchored in {file}")
    return 0


def _between(
    found: Iterator[Entry], since: datetime | None, before: datetime | None
) -> Iterator[Entry]:
    for entry in found:
        at = entry.event.at
        if (since is None or at >= since) and (before is None or at < before):
            yield entry


def _echo(found: Iterator[str]) -> None:
    """To the byte, but for a terminal: a forged entry would steer it."""
    out = sys.stdout
    shown = (visible(line, "\n") for line in found) if out.isatty() else found
    try:
        out.writelines(f"{line}\n" for line in shown)
        out.flush()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
