"""What the ledger says, for people: entries in a table, and whether the chain is whole. Reads nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape

from reconciler.model import Entry, Event, EventKind
from reconciler.policy.words import short
from reconciler.render.as_json import dumped
from reconciler.render.tables import listed
from reconciler.render.words import brief, moment, printable, what, who

_COLOURS = {
    EventKind.CAME_BACK: "magenta",
    EventKind.HELD_BACK: "yellow",
    EventKind.UNKNOWN: "red",
    EventKind.UNAPPROVED: "red",
    EventKind.BREAK_GLASS: "red",
    EventKind.LEDGER_LOST: "red",
}


@dataclass(frozen=True, slots=True)
class Break:
    """Something that is wrong with the chain, and where; `batch` is 0 where it is in none."""

    number: int
    batch: int
    sort: str
    what: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """`head` is the number and the hash of the last entry, (0, "") where there is none, or where it
    cannot be read. `anchored` is the number of the entry that was known from elsewhere, 0 for
    none. `notes` are sentences about its signatures."""

    where: str
    breaks: tuple[Break, ...]
    head: tuple[int, str]
    anchored: int
    notes: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """An empty one proves nothing: all of it may be gone."""
        return not self.breaks and self.head[0] > 0


def entries(found: Iterable[Entry], console: Console) -> int:
    """How many there were."""
    rows = []
    for entry in found:
        number, at, kind, *rest = _cells(entry)
        rows.append((number, at, _coloured(entry.event, kind), *rest))
    if not rows:
        console.print("The ledger says nothing about that.")
    else:
        titles = ("#", "when", "what", "who", "access", "file", "said")
        console.print(listed(rows, console, titles, first=3))
    return len(rows)


def _cells(entry: Entry) -> tuple[str, ...]:
    event, about = entry.event, entry.event.assignment
    access = ""
    if about:
        access = f"{about.entitlement.system}: {what(about)} on {about.entitlement.resource}"
    cells = (
        str(entry.number),
        _second(event.at),
        " ".join(word for word in (event.kind.value, event.action) if word),
        who(event.subject, about) if about else event.subject,
        access,
        ", ".join(dict.fromkeys(path for path in (event.path, *event.grants) if path)),
        "; ".join(_said(event)),
    )
    return tuple(escape(printable(cell)) for cell in cells)


def _said(event: Event) -> Iterator[str]:
    if event.cause:
        yield event.cause
    if event.until:
        due = event.kind is EventKind.BREAK_GLASS
        yield f"{'to be looked at by' if due else 'until'} {moment(event.until)}"
    if event.replaces:
        yield f"instead of {event.replaces}"
    if event.restores:
        yield f"back to {event.restores}"
    if event.outcome:
        code = event.kind is EventKind.RUN_ENDED
        yield f"exit code {event.outcome}" if code else event.outcome
    if event.rule:
        yield f"rule {event.rule}"
    if event.approved_by:
        word = "looked at" if event.kind is EventKind.REVIEWED else "approved"
        yield f"{word} by {', '.join(event.approved_by)}"
    if event.pull:
        yield f"pull request {event.pull}"
    if event.counts:
        yield from _counts(event)
    told = event.outcome == "granted" and event.approved_by  # by what stands before it
    if event.reason and not told:
        yield short(event.reason)
    if event.justification:
        ticket = f" ({event.ticket})" if event.ticket else ""
        yield f"asked for: {short(event.justification)}{ticket}"
    if event.signed_by:
        yield f"with {event.signed_by}"
    if event.error:
        yield f"failed: {brief(event.error)}"


def _counts(event: Event) -> Iterator[str]:
    """Of a run, what it had to tell; of others, which batch, or which entry is gone."""
    if event.kind is EventKind.RUN_ENDED:
        told = [f"{number} {word.replace('_', ' ')}" for word, number in event.counts if number]
        yield ", ".join(told) or "nothing to change"
    else:
        yield ", ".join(f"{word} {number}" for word, number in event.counts)


def _coloured(event: Event, cell: str) -> str:
    colour = "red" if event.error else _COLOURS.get(event.kind, "")
    return f"[{colour}]{cell}[/]" if colour else cell


def _second(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def verdict(found: Verdict, console: Console) -> None:
    for one in found.breaks:
        batch = f" (batch {one.batch})" if one.batch else ""
        console.print(f"[red]✗[/] {one.sort}: {escape(printable(one.what))}{batch}")
    number, digest = found.head
    where = escape(printable(found.where))
    if found.breaks:
        console.print(f"[bold red]The ledger is not what it was:[/] {where}")
        console.print("  docs/audit.md says what each word means, and what to do.")
    elif not number:
        console.print(f"[bold red]The ledger is empty:[/] {where}")
        console.print("  Nothing was written yet (`reconciler apply` does), or all of it is gone.")
    else:
        console.print(f"[green]✓[/] [bold]The ledger is whole:[/] {where}")
        console.print(f"  {number} entries; the last is {digest}")
    if not found.breaks and not found.anchored:
        console.print(
            "  No anchor is known: an end that is missing would not be seen. To keep one: "
            "`reconciler audit anchor FILE`."
        )
    elif not found.breaks:
        console.print(f"  Entry {found.anchored} is the one that was anchored.")
    for note in found.notes:
        console.print(f"  {escape(printable(note))}")


def verdict_document(found: Verdict) -> str:
    number, digest = found.head
    document = {
        "where": found.where,
        "whole": found.whole,
        "entries": number,
        "head": digest or None,
        "anchored": found.anchored or None,
        "notes": list(found.notes),
        "flaws": [asdict(one) for one in found.breaks],
    }
    return dumped(document)


def document(lines: Sequence[str]) -> str:
    """One JSON document of entries that are JSON already."""
    inside = ",\n    ".join(lines)
    return f'{{\n  "entries": [\n    {inside}\n  ]\n}}' if lines else '{\n  "entries": []\n}'
