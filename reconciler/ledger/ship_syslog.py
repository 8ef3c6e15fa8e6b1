"""A syslog server as a target: RFC 5424 over TLS (RFC 5425), with octet counting. Never in the clear.

Syslog acknowledges nothing. So each batch has a connection of its own, and is taken when the server,
after our end of it, has ended its own in order: by then it has read everything. A reset, or silence,
means that nobody knows, and the batch is sent again.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from reconciler import __version__
from reconciler.ledger import ocsf
from reconciler.ledger.export import Style, text
from reconciler.ledger.ocsf import instant
from reconciler.ledger.ship import ShipError
from reconciler.model import Entry

_AUDIT = 13  # the facility "log audit"
_SEVERITIES = {ocsf.LOW: 5, ocsf.MEDIUM: 4, ocsf.HIGH: 3, ocsf.CRITICAL: 2}  # else 6: informational
_LARGEST = 2_147_483_647  # of sequenceId, which begins anew behind it


@dataclass(frozen=True, slots=True)
class SyslogServer:
    """`ca` is a file of certificates to trust instead of the usual ones; `certificate` a file with
    ours and its key, where the server asks for one."""

    host: str
    port: int
    sender: str
    style: Style = Style.OCSF
    ca: str = ""
    certificate: str = ""
    timeout: float = 30.0

    def deliver(self, entries: Sequence[Entry]) -> None:
        frames = b"".join(frame(entry, self.sender, self.style) for entry in entries)
        context = self._context()
        where = f"{self.host}:{self.port}"
        try:
            with (
                socket.create_connection((self.host, self.port), self.timeout) as plain,
                context.wrap_socket(plain, server_hostname=self.host) as secured,
            ):
                secured.sendall(frames)
                # It may end the connection without TLS's own word: unread data would reset it.
                with suppress(ssl.SSLEOFError):
                    secured.unwrap()
        except ssl.SSLCertVerificationError as e:
            raise ShipError(
                f"{where}: its certificate is not trusted ({e.verify_message})"
            ) from None
        except (OSError, ValueError) as e:
            raise ShipError(f"{where}: not known to have arrived ({e}); it is sent again") from None

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca or None)
            if self.certificate:
                context.load_cert_chain(self.certificate)
        except OSError as e:
            what = self.certificate or self.ca
            raise ShipError(f"{what}: no certificates can be read from it ({e})") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


def frame(entry: Entry, sender: str, style: Style) -> bytes:
    """One message with its length before it."""
    rank = _SEVERITIES.get(ocsf.severity(entry.event), 6)
    sequence = (entry.number - 1) % _LARGEST + 1
    head = f"<{_AUDIT * 8 + rank}>1 {instant(entry.event.at)} {_name(sender)} access-reconciler"
    data = (
        f'[origin software="access-reconciler" swVersion="{__version__}"]'
        f'[meta sequenceId="{sequence}"]'
    )
    said = text(entry, style).encode()  # without a BOM, which readers of JSON choke on
    message = f"{head} - {entry.event.kind.value} {data} ".encode() + said
    return f"{len(message)} ".encode() + message


def _name(host: str) -> str:
    """HOSTNAME is printable ASCII without spaces, up to 255."""
    return "".join(c for c in host if "!" <= c <= "~")[:255] or "-"
