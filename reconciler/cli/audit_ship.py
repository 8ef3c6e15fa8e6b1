"""`reconciler audit ship`: entries to where others keep watch. Writes to no ledger."""

from __future__ import annotations

import os
import socket
from hashlib import sha256
from pathlib import Path

import click

from reconciler.cli import clock
from reconciler.cli.audit_source import Source, where
from reconciler.errors import InputError
from reconciler.ledger.export import Style
from reconciler.ledger.ship import Target, ship
from reconciler.repository import cache

TOKEN = "RECONCILER_HEC_TOKEN"  # noqa: S105  # the name of the variable


@click.command(
    "ship",
    short_help="Send what is new to a SIEM.",
    epilog="\b\nExample: reconciler audit ship --to syslog logs.example.com:6514 --ca logs-ca.pem",
)
@click.argument("address", metavar="ADDRESS")
@where
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
def command(
    address: str,
    source: Source,
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
    everything is sent again. The ledger is the one that the approved reconciler.yaml names, so the
    forge is asked as by apply.
    """
    ledger = source.approved(clock.now()).ledger
    target = _target(kind, address, Style(style), ca, certificate, index)
    held = position or _position(source.root, f"{ledger.where}\0{kind}\0{address}")
    if not cache.private(held):
        what = "others can write it, or the folder it is in, and could have entries left out"
        raise InputError(f"--position {held}: {what}; take that right away, or name another file")
    click.echo(f"{ship(ledger, target, held)} entries sent to {address}")
    return 0


def _target(kind: str, address: str, style: Style, ca: str, certificate: str, index: str) -> Target:
    if kind == "file":
        from reconciler.ledger.ship_file import FileTarget

        return FileTarget(Path(address), style)
    sender = socket.gethostname()
    if kind == "syslog":
        from reconciler.ledger.ship_syslog import SyslogServer

        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port[:6]) < 65_536:
            raise InputError(f"{address!r} is no server; write logs.example.com:6514")
        return SyslogServer(host.strip("[]"), int(port), sender, style, ca, certificate)
    from reconciler.ledger.ship_hec import Collector

    token = os.environ.get(TOKEN, "").strip()
    if not token:
        raise InputError(f"no token for the collector; set {TOKEN}")
    if not (token.isascii() and token.isprintable()):
        raise InputError(f"{TOKEN} has characters that are in no token; copy it again")
    return Collector(address.rstrip("/"), token, sender, style, index, ca)


def _position(root: Path, what: str) -> Path:
    folder = cache.folder(os.environ)
    if folder is None:
        raise InputError("there is no folder for caches here; write --position FILE")
    name = sha256(f"{root.resolve()}\0{what}".encode()).hexdigest()[:32]
    return folder / f"{name}.position.json"
