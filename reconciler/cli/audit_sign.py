"""`reconciler audit sign`: a person vouches for entries that no key has signed. Adds one signature, and
nothing else."""

from __future__ import annotations

import os
import shlex

import click

from reconciler.cli import clock, ledgers, options
from reconciler.cli.audit_source import Opened, Source, where
from reconciler.errors import InputError
from reconciler.ledger.base import LedgerError
from reconciler.ledger.chain import Break
from reconciler.ledger.signing import KEY, asked
from reconciler.render import audit as render
from reconciler.repository.configuration import FILE

_FEW = 20  # entries that are shown
_UNSIGNED = "nothing is signed: see `reconciler audit verify`"


@click.command(
    "sign",
    short_help="Vouch for what no key has signed.",
    epilog="Example: reconciler audit sign --entry 1200",
)
@where
@click.option("--entry", type=click.IntRange(1), metavar="NUMBER",
              help="The newest entry that you have looked at. Without it, nothing is signed.")  # fmt: skip
@options.colour
def command(source: Source, entry: int | None, no_color: bool) -> int:
    """Show what stands behind the last right signature, and with --entry sign it: a ledger that was
    begun without keys, or whose key was changed.

    Whatever is signed is believed from then on. The private key is taken from RECONCILER_LEDGER_KEY.
    Refused where the chain has another flaw than that nobody signed it.
    """
    opened = source.opened(os.environ.get(KEY, ""))
    if not opened.keys:
        fix = f"list one under `ledger.signed_by` in {FILE}, or write --signed-by FILE"
        raise InputError(f"no public key is known; {fix}")
    _whole(opened)
    count, newest = opened.ledger.unsigned(_FEW)
    if not newest:
        click.echo(f"{opened.ledger.where}: there is nothing that is not signed")
        return 0
    head = newest[-1]
    first = head.number - count + 1
    about = f"entry {first}" if count == 1 else f"entries {first} to {head.number}"
    if entry is None:
        render.entries(newest, options.console(plain=no_color))
        shown = f"; these are the last {len(newest)}" if len(newest) < count else ""
        click.echo(f"No key that is known vouches for {about}{shown}.")
        if shown:
            click.echo(
                "The others: `reconciler audit query --ledger COPY`; docs/audit.md says how to copy."
            )
        named = (("--ledger", source.copy), ("--signed-by", source.signed_by))
        same = "".join(f" {flag} {shlex.quote(str(path))}" for flag, path in named if path)
        click.echo(
            f"If they are right, with {KEY} set to the private key: "
            f"reconciler audit sign{same} --entry {head.number}"
        )
        return 0
    if entry != head.number:
        fix = "look at it again with `reconciler audit sign`"
        raise LedgerError(f"the newest entry is {head.number}, not {entry}; {fix}")
    now = clock.now()
    event = asked(now, ledgers.run_id(now), f"somebody looked at {about}, which no key had signed")
    signed = opened.ledger.sign(head, event)
    click.echo(f"entry {signed.number} vouches for {about}, with {signed.event.signed_by}")
    return 0


def _whole(opened: Opened) -> None:
    flaws = opened.ledger.verify(opened.anchor())
    if wrong := [flaw for flaw in flaws if flaw.sort is not Break.UNSIGNED]:
        what = f"{opened.ledger.where}: {wrong[0].what}"
        raise LedgerError(f"{what}; {_UNSIGNED}")
    if gone := opened.gone():
        raise LedgerError(f"{opened.ledger.where}: {gone.what}; {_UNSIGNED}")
