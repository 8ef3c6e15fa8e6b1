"""Who gained and lost what, for people and as JSON by schemas/diff.schema.json. Decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from reconciler.model import Unknown
from reconciler.planning.between import Recorded, Spell, Turn, Turned
from reconciler.planning.status import by
from reconciler.policy.words import short
from reconciler.render import as_json
from reconciler.render.as_text import safe
from reconciler.render.tables import listed
from reconciler.render.words import brief, moment

_SIGNS = {
    Turn.GAINED: "[green]+ gained[/]",
    Turn.LOST: "[red]- lost[/]",
    Turn.PASSED: "[yellow]± came and went[/]",
    Turn.KEPT: "[dim]= kept[/]",
}


@dataclass(frozen=True, slots=True)
class Told:
    """`declared` is by git and its proof; `done` by the ledger, None where there is none or, with an
    `error`, where it could not be read."""

    earlier: datetime
    later: datetime
    declared: tuple[Turned, ...]
    done: tuple[tuple[Turn, Recorded], ...] | None = None
    error: str = ""
    unknown: tuple[Unknown, ...] = ()
    notices: tuple[str, ...] = ()


def text(told: Told, console: Console) -> None:
    for notice in told.notices:
        console.print(f"[bold yellow]! {safe(notice)}[/]")
    console.print(f"[bold]From {_second(told.earlier)} to {_second(told.later)}[/]")
    console.print("Declared in git, and approved", style="bold")
    _rows([_declared(one, told.later) for one in told.declared], console)
    if told.done is not None:
        console.print("Done, by the ledger", style="bold")
        _rows([_done(turn, one) for turn, one in told.done], console)
    elif told.error:
        console.print(f"[red]The ledger tells nothing: {safe(brief(told.error))}[/]")
    else:
        console.print("No ledger is kept, so nothing tells what was really done.", style="dim")
    for unknown in told.unknown:
        console.print(f"[red]{safe(unknown.where)}: {safe(brief(unknown.error))}[/]")
    console.print(f"[bold]Declared:[/] {_counts(one.turn for one in told.declared)}.")


def _second(at: datetime) -> str:
    """To the second, for two commits may be of one minute."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def _rows(rows: list[tuple[str, ...]], console: Console) -> None:
    if not rows:
        console.print("  nothing")
    else:
        console.print(listed(rows, console, first=3))


def _declared(one: Turned, later: datetime) -> tuple[str, ...]:
    spell = one.spell
    end = f"to {moment(spell.end)}" if spell.end else "on, without an end"
    if spell.end and spell.end <= later:  # what is still to come has not expired
        end = f"{end} ({spell.cause})"
    e = spell.entitlement
    places = (spell.subject, short(e.role), e.resource, e.system)
    times = f"from {moment(spell.start)} {end}"
    return (_SIGNS[one.turn], *map(safe, (*places, times, ", ".join(spell.grants))))


def _done(turn: Turn, one: Recorded) -> tuple[str, ...]:
    e = one.assignment.entitlement
    places = (one.subject or str(one.assignment.principal), short(e.role), e.resource, e.system)
    return (_SIGNS[turn], *map(safe, (*places, _since(one), _why(one))))


def _since(one: Recorded) -> str:
    before = "" if one.ours else " (already held, not by us)"
    if one.gone:
        end = f" (to end {moment(one.until)})" if one.until else ""
        return f"from {moment(one.since)} to {moment(one.gone)}{end}{before}"
    until = f", until {moment(one.until)}" if one.until else ""
    return f"since {moment(one.since)}{until}{before}"


def _why(one: Recorded) -> str:
    return ", ".join(filter(None, (*one.grants, by(one))))


def _counts(turns: Iterable[Turn]) -> str:
    counts = Counter(turns)
    told = [turn for turn in Turn if counts[turn] or turn is not Turn.KEPT]
    return ", ".join(f"{counts[turn]} {turn}" for turn in told)


def document(told: Told) -> str:
    done = None if told.done is None else [_recorded(turn, one) for turn, one in told.done]
    return as_json.dumped(
        {
            "from": as_json.instant(told.earlier),
            "to": as_json.instant(told.later),
            "declared": [_spell(one.turn, one.spell) for one in told.declared],
            "done": done,
            "ledger_error": told.error or None,
            "unknown": [as_json.unknown(one) for one in told.unknown],
            "notices": list(told.notices),
        }
    )


def _spell(turn: Turn, spell: Spell) -> dict[str, Any]:
    return {
        "turn": turn.value,
        "subject": spell.subject,
        **as_json.entitlement(spell.entitlement),
        "account": spell.account or None,
        "start": as_json.instant(spell.start),
        "end": as_json.instant(spell.end),
        "ends_as": spell.cause.value,
        "grants": list(spell.grants),
    }


def _recorded(turn: Turn, one: Recorded) -> dict[str, Any]:
    return {
        "turn": turn.value,
        **as_json.assignment(one.assignment),
        "subject": one.subject or None,
        "since": as_json.instant(one.since),
        "until": as_json.instant(one.until),
        "gone": as_json.instant(one.gone),
        "native_expiry": one.native_expiry,
        "ours": one.ours,
        "grants": list(one.grants),
        "rule": one.rule or None,
        "approved_by": list(one.approved_by),
        "pull": one.pull or None,
    }
