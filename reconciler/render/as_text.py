"""Plans and outcomes for a person at a terminal, or plain when piped. Never for machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from rich.console import Console
from rich.markup import escape

from reconciler.model import Action, Change, Mode, OpenReview, Plan
from reconciler.providers.base import Outcome
from reconciler.render.tables import listed
from reconciler.render.words import (
    SIGNS,
    UNAPPROVED,
    UNKNOWN,
    brief,
    closing,
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
_FEW = 10  # foreign rows shown unless all are asked for


def safe(text: str) -> str:
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
    if _idle(plan):
        console.print(
            "Nobody is granted anything now; `reconciler request` asks for it.", style="dim"
        )


def _idle(plan: Plan) -> bool:
    """Whether nothing was there to look at: a plan looks only where a grant points, or pointed."""
    found = (plan.changes, plan.kept, plan.already_held, plan.held, plan.foreign)
    return not any((*found, plan.unapproved, plan.unknown))


def notices(plan: Plan, console: Console) -> None:
    for notice in plan.notices:
        console.print(f"[bold yellow]! {safe(notice)}[/]")
    for review in plan.reviews:
        _emergency(review, emergency(review), plan.at, console)


def reviews(
    found: Iterable[OpenReview], now: datetime, console: Console, *, whole: bool = True
) -> None:
    """Not `whole` where something could not be asked: there may be more."""
    found = tuple(found)
    for review in found:
        _emergency(review, emergency(review, hint=""), now, console)
        for line in closing(review):
            console.print(f"    {safe(line)}", soft_wrap=True)
    if not whole:
        more = "more " if found else ""
        console.print(f"Whether {more}break-glass access waits for somebody is not known.")
    elif not found:
        console.print("No break-glass access waits for somebody to look at it.")


def _emergency(review: OpenReview, words: str, now: datetime, console: Console) -> None:
    late = review.due <= now
    colour, mark = ("red", "OVERDUE ") if late else ("yellow", "")
    console.print(f"[bold {colour}]! {mark}{safe(words)}[/]")


def unapproved(plan: Plan, console: Console) -> None:
    """Each refusal with its reason and what to do: on lines of their own, for they are sentences."""
    if plan.unapproved:
        console.print(UNAPPROVED, style="bold red")
    for row in grouped(plan.unapproved):
        console.print(f"  [red]✗[/] {safe(row.title)}")
        for line in row.lines:
            console.print(f"      {safe(line)}")


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
    console.print(f"[bold]Applied:[/] {done(outcomes, skipped)}. [dim]Planned: {counts(plan)}.[/]")


def _changes(changes: Iterable[Change], console: Console, modes: Mapping[str, Mode]) -> None:
    by_system: dict[str, list[Change]] = {}
    for change in changes:
        by_system.setdefault(change.assignment.entitlement.system, []).append(change)
    for system, rows in by_system.items():
        mode = modes.get(system, Mode.REPORT)
        only = "" if mode is Mode.ENFORCE else " (mode: report; apply leaves it alone)"
        console.print(f"[bold]{safe(system)}[/]{only}")
        lines = [_change(change) for change in rows]
        console.print(listed(lines, console, first=3))
        for note in sorted({change.note for change in rows if change.note}):
            console.print(f"  note: {safe(note)}", style="dim")


def _change(change: Change) -> tuple[str, ...]:
    colour = _COLOURS[change.action]
    return (
        f"[{colour}]{SIGNS[change.action]} {change.action}[/]",
        safe(who(change.subject, change.assignment)),
        safe(role_of(change)),
        safe(change.assignment.entitlement.resource),
        safe(ends(change)),
        safe(", ".join(change.grants)),
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
    console.print(listed([tuple(map(safe, row)) for row in rows], console))


def _outcome(outcome: Outcome, console: Console) -> None:
    """One line as it happens."""
    change = outcome.change
    name = safe(who(change.subject, change.assignment))
    text = f"{name}: {safe(role_of(change))} on {safe(change.assignment.entitlement.resource)}"
    system = safe(change.assignment.entitlement.system)
    if outcome.error:
        console.print(
            f"[red]✗[/] {change.action} {system} {text}: {safe(brief(outcome.error.cause))}"
        )
    else:
        console.print(f"[green]✓[/] {change.action} {system} {text}, {safe(ends(change))}")
