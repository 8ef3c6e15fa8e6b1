"""Plans, outcomes and status for a person at a terminal, or plain when piped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from reconciler.model import Action, Change, Mode, Plan
from reconciler.planning.status import Line, State
from reconciler.providers.base import Outcome
from reconciler.render.words import SIGNS, brief, counts, ends, moment, role_of, what, who

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
_FEW = 10  # foreign rows shown unless all are asked for


def plan(plan: Plan, console: Console, modes: Mapping[str, Mode], *, every: bool = False) -> None:
    _changes(plan.changes, console, modes)
    _section(console, "Held back by a guard", "yellow", _held(plan))
    unknown(plan, console)
    _section(console, "Already held: not ours, and it stays", "", _already_held(plan))
    _section(console, "Foreign: nobody declared it, and it stays", "magenta", _foreign(plan, every))
    _section(console, "Warnings", "yellow", ((w.system, w.text) for w in plan.warnings))
    console.print(f"[bold]Plan:[/] {counts(plan)}.")
    console.print(f"Hash: {plan.hash}", style="dim")


def unknown(plan: Plan, console: Console) -> None:
    rows = ((u.system, u.where, brief(u.error)) for u in plan.unknown)
    _section(console, "Could not be read: nothing is planned there", "red", rows)


def applied(
    plan: Plan,
    outcomes: tuple[Outcome, ...],
    skipped: tuple[Change, ...],
    console: Console,
    modes: Mapping[str, Mode],
) -> None:
    """What was done, then what was not and why."""
    for outcome in outcomes:
        _outcome(outcome, console)
    if skipped:
        _changes(skipped, console, modes)
    _section(console, "Held back by a guard", "yellow", _held(plan))
    unknown(plan, console)
    _section(console, "Warnings", "yellow", ((w.system, w.text) for w in plan.warnings))
    failed = sum(1 for outcome in outcomes if outcome.error)
    console.print(f"[bold]Applied:[/] {counts(plan)}; {failed} failed.")


def _changes(changes: Iterable[Change], console: Console, modes: Mapping[str, Mode]) -> None:
    by_system: dict[str, list[Change]] = {}
    for change in changes:
        by_system.setdefault(change.assignment.entitlement.system, []).append(change)
    for system, rows in by_system.items():
        mode = modes.get(system, Mode.REPORT)
        only = "" if mode is Mode.ENFORCE else " (mode: report; apply leaves it alone)"
        console.print(f"[bold]{escape(system)}[/]{only}")
        table = _table()
        for change in rows:
            colour = _COLOURS[change.action]
            table.add_row(
                f"[{colour}]{SIGNS[change.action]} {change.action}[/]",
                escape(who(change.subject, change.assignment)),
                escape(role_of(change)),
                escape(change.assignment.entitlement.resource),
                escape(ends(change)),
                escape(", ".join(change.grants)),
            )
        console.print(table)
        for note in sorted({change.note for change in rows if change.note}):
            console.print(f"  note: {escape(note)}", style="dim")


def _held(plan: Plan) -> Iterable[tuple[str, ...]]:
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
    table = _table()
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


def _outcome(outcome: Outcome, console: Console) -> None:
    """One line as it happens."""
    change = outcome.change
    name = escape(who(change.subject, change.assignment))
    text = f"{name}: {escape(role_of(change))} on {escape(change.assignment.entitlement.resource)}"
    system = escape(change.assignment.entitlement.system)
    if outcome.error:
        console.print(
            f"[red]✗[/] {change.action} {system} {text}: {escape(brief(outcome.error.cause))}"
        )
    else:
        console.print(f"[green]✓[/] {change.action} {system} {text}, {escape(ends(change))}")


def status(lines: Iterable[Line], console: Console) -> None:
    table = _table("who", "what", "where", "system", "state", "until", "grants")
    for line in lines:
        entitlement = line.assignment.entitlement
        colour = _STATES.get(line.state, "")
        state = f"[{colour}]{line.state}[/]" if colour else line.state.value
        table.add_row(
            escape(who(line.subject, line.assignment)),
            escape(what(line.assignment)),
            escape(entitlement.resource),
            escape(entitlement.system),
            state,
            _until(line),
            escape(", ".join(line.grants) or line.note),
        )
    console.print(table)


def _until(line: Line) -> str:
    if line.start is not None:
        return f"starts {moment(line.start)}"
    if line.until is None:
        return ""
    return moment(line.until) + (" (by the system)" if line.native_expiry else "")


def _table(*headers: str) -> Table:
    table = Table(
        *headers, box=None, show_header=bool(headers), pad_edge=True, padding=(0, 2, 0, 0)
    )
    if not headers:
        table.show_header = False
    return table
