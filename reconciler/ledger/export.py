"""Entries as text for others: OCSF for SIEMs, JSON lines as the ledger has them, CSV for tables."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from csv import writer
from enum import StrEnum

from reconciler.ledger import ocsf, wire
from reconciler.ledger.ocsf import instant
from reconciler.ledger.redact import visible
from reconciler.model import Entry


class Style(StrEnum):
    OCSF = "ocsf"
    JSONL = "jsonl"  # the ledger's own lines, to the byte
    CSV = "csv"


_COLUMNS = ("number", "at", "kind", "run", "subject", "system", "entitlement", "resource", "role",
            "principal", "name", "action", "cause", "until", "native_expiry", "replaces",
            "restores", "grants", "path", "commit", "rule", "outcome", "approved_by", "pull",
            "reason", "justification", "ticket", "error", "handle", "counts", "before", "hash", "signed_by",
            "signature")  # fmt: skip
_FORMULA = ("=", "+", "-", "@")


def lines(entries: Iterable[Entry], style: Style) -> Iterator[str]:
    """Without line breaks at their ends. CSV begins with its header."""
    if style is Style.CSV:
        yield ",".join(_COLUMNS)
        yield from map(row, entries)
    else:
        yield from (text(entry, style) for entry in entries)


def text(entry: Entry, style: Style) -> str:
    if style is Style.OCSF:
        return ocsf.line(entry)
    return wire.encode(entry).decode() if style is Style.JSONL else row(entry)


def row(entry: Entry) -> str:
    out = io.StringIO()
    writer(out, lineterminator="").writerow(map(_harmless, _cells(entry)))
    return out.getvalue()


def _cells(entry: Entry) -> tuple[str, ...]:
    e, a = entry.event, entry.event.assignment
    of = a.entitlement if a else None
    place = (of.system, of.kind, of.resource, of.role) if of else ("",) * 4
    who = (a.principal.id, a.principal.name) if a else ("", "")
    return (
        str(entry.number),
        instant(e.at),
        e.kind.value,
        e.run,
        e.subject,
        *place,
        *who,
        e.action,
        e.cause,
        instant(e.until) if e.until else "",
        "yes" if e.native_expiry else "",
        e.replaces,
        e.restores,
        " ".join(e.grants),
        e.path,
        e.commit,
        e.rule,
        e.outcome,
        " ".join(e.approved_by),
        e.pull,
        e.reason,
        e.justification,
        e.ticket,
        e.error,
        e.handle,
        " ".join(f"{word}={number}" for word, number in e.counts),
        entry.before,
        entry.hash,
        e.signed_by,
        e.signature,
    )


def _harmless(cell: str) -> str:
    """A spreadsheet takes such a cell for a formula, and reasons are written by anybody. In a forged
    entry there may be anything."""
    seen = visible(cell)
    return f"'{seen}" if seen.startswith(_FORMULA) else seen
