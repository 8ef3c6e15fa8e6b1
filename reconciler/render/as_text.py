"""Plans, outcomes and status for a person at a terminal, or plain when piped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from reconciler.model import Action, Change, Mode, OpenReview, Plan
from reconciler.planning.status import Line, State
from reconciler.providers.base import Outcome
from reconciler.render.words import (
    SIGNS,
    UNAPPROVED,
    UNKNOWN,
    brief,
    counts,
    done,
    emergency,
    ends,
    grouped,
    moment,
    printable,
    release,
    role_of,
    what,
    who,
)

_COLOURS = {
    Action.ADD: "green",
    Action.EXTEND: "cyan",
    Action.SHORTEN: "cyan",
    Action.REMOVE: "red",
}
_STATES = {
    State.ACTIVE: "green",
    State.PENDING: "cyan",
    State.CHANGING: "cyan",
    State.LEFTOVER: "red",
    State.HELD: "yellow",
    State.FOREIGN: "magenta",
}
_TABLE_WIDTH = 110  # below, a row of six cells folds in the middle of names
_FEW = 10  # foreign rows shown unless all are asked for


def _safe(text: str) -> str:
    """Text from outside, taken literally."""
    return escape(printable(text))


def plan(plan: Plan, console: Console, modes: Mapping[str, Mode], *, every: bool = False) -> None:
    notices(plan, console)
    _changes(plan.changes, console, modes)
    unapproved(plan, console)
    _held(plan, console)
    unknown(plan, console)
    _section(console, "Already held: not ours, and it stays", "", _already_held(plan))
    _section(console, "Foreign: nobody declared it, and it stays", "magenta", _foreign(plan, every))
    _section(console, "Warnings", "yellow", ((w.system, w.text) for w in plan.warnings))
    console.print(f"[bold]Plan:[/] {counts(plan)}.")
    console.print(f"Hash: {plan.hash}", style="dim")


def notices(plan: Plan, console: Console) -> None:
    for notice in plan.notices:
        console.print(f"[bold yellow]! {_safe(notice)}[/]")
    if plan.reviews:
        reviews(plan.reviews, plan.at, console)


def reviews(found: Iterable[OpenReview], now: datetime, console: Console) -> None:
    found = tuple(found)
    for review in found:
        late = "OVERDUE " if review.due <= now else ""
        colour = "red" if late else "yellow"
        console.print(f"[bold {colour}]! {_safe(late + emergency(review))}[/]")
    if not found:
        console.print("No break-glass access waits for somebody to look at it.")


def unapproved(plan: Plan, console: Console) -> None:
    """Each refusal with its reason and what to do: on lines of their own, for they are sentences."""
    if plan.unapproved:
        console.print(UNAPPROVED, style="bold red")
    for row in grouped(plan.unapproved):
        console.print(f"  [red]✗[/] {_safe(row.title)}")
        for line in row.lines:
            console.print(f"      {_safe(line)}")


def unknown(plan: Plan, console: Console) -> None:
    rows = ((u.system, u.where, brief(u.error)) for u in plan.unknown)
    _section(console, UNKNOWN, "red", rows)


def applied(
    plan: Plan,
    outcomes: tuple[Outcome, ...],
    skipped: tuple[Change, ...],
    console: Console,
    modes: Mapping[str, Mode],
) -> None:
    """What was done, then what was not and why."""
    notices(plan, console)
    for outcome in outcomes:
        _outcome(outcome, console)
    if skipped:
        _changes(skipped, console, modes)
    unapproved(plan, console)
    _held(plan, console)
    unknown(plan, console)
    _section(console, "Warnings", "yellow", ((w.system, w.text) for w in plan.warnings))
    console.print(f"[bold]Applied:[/] {done(outcomes, skipped)}. [dim]{counts(plan)}.[/]")


def _changes(changes: Iterable[Change], console: Console, modes: Mapping[str, Mode]) -> None:
    by_system: dict[str, list[Change]] = {}
    for change in changes:
        by_system.setdefault(change.assignment.entitlement.system, []).append(change)
    for system, rows in by_system.items():
        mode = modes.get(system, Mode.REPORT)
        only = "" if mode is Mode.ENFORCE else " (mode: report; apply leaves it alone)"
        console.print(f"[bold]{_safe(system)}[/]{only}")
        lines = [_change(change) for change in rows]
        console.print(_stacked(lines, 3) if _narrow(console) else _table(lines))
        for note in sorted({change.note for change in rows if change.note}):
            console.print(f"  note: {_safe(note)}", style="dim")


def _change(change: Change) -> tuple[str, ...]:
    colour = _COLOURS[change.action]
    return (
        f"[{colour}]{SIGNS[change.action]} {change.action}[/]",
        _safe(who(change.subject, change.assignment)),
        _safe(role_of(change)),
        _safe(change.assignment.entitlement.resource),
        _safe(ends(change)),
        _safe(", ".join(change.grants)),
    )


def _held(plan: Plan, console: Console) -> None:
    _section(console, "Held back by a guard", "yellow", _held_rows(plan))
    if words := release(plan):
        console.print(f"  {words}")


def _held_rows(plan: Plan) -> Iterable[tuple[str, ...]]:
    for held in plan.held:
        of = held.change.assignment
        name = who(held.change.subject, of)
        change = f"{held.change.action} {name}: {what(of)} on {of.entitlement.resource}"
        yield of.entitlement.system, change, f"{held.guard}: {held.reason}"


def _already_held(plan: Plan) -> Iterable[tuple[str, ...]]:
    for held in plan.already_held:
        of = held.assignment
        yield (
            of.entitlement.system,
            who(held.subject, of),
            f"{what(of)} on {of.entitlement.resource}",
            held.note,
        )


def _foreign(plan: Plan, every: bool) -> Iterable[tuple[str, ...]]:
    rows = plan.foreign if every else plan.foreign[:_FEW]
    for foreign in rows:
        of = foreign.observed.assignment
        until = moment(foreign.observed.until)
        yield (
            of.entitlement.system,
            str(of.principal),
            f"{what(of)} on {of.entitlement.resource}",
            f"until {until}" if until else "",
            foreign.note,
        )
    if len(rows) < len(plan.foreign):
        yield ("", f"and {len(plan.foreign) - len(rows)} more (--foreign shows all)")


def _section(console: Console, title: str, colour: str, rows: Iterable[tuple[str, ...]]) -> None:
    rows = list(rows)
    if not rows:
        return
    console.print(title, style=f"bold {colour}".strip())
    console.print(_table(tuple(map(_safe, row)) for row in rows))


def _outcome(outcome: Outcome, console: Console) -> None:
    """One line as it happens."""
    change = outcome.change
    name = _safe(who(change.subject, change.assignment))
    text = f"{name}: {_safe(role_of(change))} on {_safe(change.assignment.entitlement.resource)}"
    system = _safe(change.assignment.entitlement.system)
    if outcome.error:
        console.print(
            f"[red]✗[/] {change.action} {system} {text}: {_safe(brief(outcome.error.cause))}"
        )
    else:
        console.print(f"[green]✓[/] {change.action} {system} {text}, {_safe(ends(change))}")


def status(lines: Iterable[Line], console: Console) -> None:
    headers = ("who", "what", "where", "system", "state", "until", "grants")
    rows = [_line(line) for line in lines]
    if not rows:
        console.print("Nobody here holds anything that is known.")
    else:
        console.print(_stacked(rows, 2) if _narrow(console) else _table(rows, headers))


def _line(line: Line) -> tuple[str, ...]:
    entitlement = line.assignment.entitlement
    colour = _STATES.get(line.state, "")
    return (
        _safe(who(line.subject, line.assignment)),
        _safe(what(line.assignment)),
        _safe(entitlement.resource),
        _safe(entitlement.system),
        f"[{colour}]{line.state}[/]" if colour else line.state.value,
        _until(line),
        _safe(", ".join(line.grants) or line.note),
    )


def _until(line: Line) -> str:
    if line.start is not None:
        return f"starts {moment(line.start)}"
    if line.until is None:
        return "" if line.state in (State.FOREIGN, State.LEFTOVER, State.HELD) else "no end"
    return moment(line.until) + (" (by the system)" if line.native_expiry else "")


def _narrow(console: Console) -> bool:
    return console.width < _TABLE_WIDTH


def _stacked(rows: Iterable[tuple[str, ...]], first: int) -> str:
    """For narrow terminals: the first cells on a line, the others indented below."""
    lines: list[str] = []
    for row in rows:
        lines.append("  ".join(row[:first]))
        lines.append("      " + ", ".join(cell for cell in row[first:] if cell))
    return "\n".join(lines)


def _table(rows: Iterable[tuple[str, ...]], headers: tuple[str, ...] = ()) -> Table:
    """Long names are folded, never cut: what is not shown cannot be checked."""
    rows = list(rows)
    width = max(map(len, rows), default=len(headers))
    titles = headers or ("",) * width
    columns = [Column(title, overflow="fold") for title in titles]
    table = Table(*columns, box=None, show_header=bool(headers), padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*row)
    return table
