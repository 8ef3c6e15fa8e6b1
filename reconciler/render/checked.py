"""A check for a person at a terminal, for a comment on the pull request, and as JSON by
schemas/check.schema.json. Whatever comes from outside is escaped, and never markup."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console

from reconciler.model import Window
from reconciler.model.checked import AccessChange, Answer, Checked, Ruled, Step
from reconciler.render import as_markdown
from reconciler.render.as_json import dumped, entitlement, instant
from reconciler.render.as_markdown import cell
from reconciler.render.as_text import safe
from reconciler.render.checked_words import (
    MARKS,
    SIGNS,
    UNJUDGED,
    Row,
    details,
    headline,
    rows,
    title,
    verdict,
)
from reconciler.render.tables import listed
from reconciler.render.words import UNKNOWN, brief

_COLOURS = {
    Answer.GRANTED: "green",
    Answer.WAITING: "yellow",
    Answer.REFUSED: "red",
    Answer.INVALID: "red",
    Answer.UNKNOWN: "magenta",
}
_STEPS = {Step.ADDED: "green", Step.REMOVED: "red"}
_HEADERS = ("", "who", "what", "where", "system", "when", "grants")


def text(checked: Checked, console: Console) -> None:
    for notice in checked.notices:
        console.print(f"[bold yellow]! {safe(notice)}[/]")
    _access(checked, console)
    for ruled in checked.ruled:
        colour = _COLOURS[ruled.answer]
        console.print(f"[{colour}]{MARKS[ruled.answer]}[/] {safe(title(ruled))}")
        for line in (verdict(ruled), *details(ruled)):
            console.print(f"    {safe(line)}")
    for refusal in checked.refusals:
        console.print(f"[red]✗[/] {safe(refusal.what)}\n    do: {safe(refusal.fix)}")
    for mistake in checked.mistakes:
        console.print(f"[red]✗[/] {safe(str(mistake))}")
    for unknown in checked.unknown:
        console.print(f"[magenta]?[/] {safe(unknown.where)}: {safe(brief(unknown.error))}")
    if checked.unjudged:
        console.print(f"{UNJUDGED}: {safe(', '.join(checked.unjudged))}")
    for warning in checked.warnings:
        console.print(f"[yellow]![/] {safe(warning)}")
    colour = _COLOURS[checked.answer]
    console.print(f"[bold]Check:[/] [{colour}]{safe(headline(checked))}[/].")


def _access(checked: Checked, console: Console) -> None:
    found = [_cells(row) for row in rows(checked)]
    if not found:
        console.print("It changes nobody's access.")
        return
    lines = [
        (f"[{_STEPS.get(row.step, 'cyan')}]{cells[0]}[/]", *map(safe, cells[1:]))
        for row, cells in zip(rows(checked), found, strict=True)
    ]
    console.print(listed(lines, console, _HEADERS, first=3))


def _cells(row: Row) -> tuple[str, ...]:
    step = f"{SIGNS[row.step]} {row.step}"
    return step, row.who, row.role, row.resource, row.system, row.when, row.grants


def markdown(checked: Checked) -> str:
    parts = [f"### {MARKS[checked.answer]} Access check: {cell(headline(checked))}", ""]
    for notice in checked.notices:
        parts += [f"> **{cell(notice)}**", ""]
    parts += as_markdown.table(_HEADERS, map(_cells, rows(checked))) or [
        "It changes nobody's access.",
        "",
    ]
    parts += _section(
        "What the rules say",
        ("", "file", "verdict", "more"),
        (
            (MARKS[r.answer], title(r), verdict(r), "; ".join(details(r)))
            for r in sorted(checked.ruled, key=lambda r: r.answer is Answer.GRANTED)
        ),
    )
    refusals = ((refusal.what, refusal.fix) for refusal in checked.refusals)
    parts += _section("Refused", ("why", "what to do"), refusals)
    mistakes = ((str(m.position), m.what, m.fix) for m in checked.mistakes)
    parts += _section("Mistakes", ("where", "what", "what to write"), mistakes)
    unknown = ((u.where, brief(u.error)) for u in checked.unknown)
    parts += _section(UNKNOWN, ("where", "error"), unknown)
    parts += _section(UNJUDGED, ("file",), ((path,) for path in checked.unjudged))
    parts += _section("Warnings", ("warning",), ((warning,) for warning in checked.warnings))
    parts += [f"Commit `{checked.head[:12]}` against `{checked.base[:12]}`"]
    return "\n".join(parts) + "\n"


def conflict(words: str) -> str:
    """A comment where there is nothing to check: no merge comes out."""
    return f"### {MARKS[Answer.REFUSED]} Access check: cannot be merged\n\n{cell(words)}\n"


def _section(title: str, headers: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return as_markdown.section(title, as_markdown.table(headers, rows))


def as_json(checked: Checked) -> str:
    document = {
        "answer": checked.answer.value,
        "headline": headline(checked),
        "base": checked.base,
        "head": checked.head,
        "at": instant(checked.at),
        "pull": checked.pull or None,
        "url": checked.url or None,
        "paths": list(checked.paths),
        "access": [_change(change) for change in checked.changes],
        "ruled": [_ruled(ruled) for ruled in checked.ruled],
        "refusals": [{"what": r.what, "fix": r.fix} for r in checked.refusals],
        "mistakes": [
            {
                "path": m.position.path,
                "line": m.position.line,
                "column": m.position.column,
                "what": m.what,
                "fix": m.fix,
            }
            for m in checked.mistakes
        ],
        "unjudged": list(checked.unjudged),
        "warnings": list(checked.warnings),
        "notices": list(checked.notices),
        "unknown": [{"where": u.where, "error": u.error} for u in checked.unknown],
        "auto_merge": checked.auto_merge,
    }
    return dumped(document)


def _change(change: AccessChange) -> dict[str, Any]:
    gained = change.gained
    return {
        "step": change.step.value,
        "subject": change.subject,
        "group": change.ref or None,
        "account": change.account or None,
        **entitlement(change.entitlement),
        "before": [_window(window) for window in change.before],
        "after": [_window(window) for window in change.after],
        "gained_seconds": None if gained is None else int(gained.total_seconds()),
        "grants": list(change.grants),
    }


def _window(window: Window) -> dict[str, Any]:
    return {"start": instant(window.start), "end": instant(window.end)}


def _ruled(ruled: Ruled) -> dict[str, Any]:
    return {
        "path": ruled.path,
        "about": [{"subject": subject, "access": access} for subject, access in ruled.about],
        "answer": ruled.answer.value,
        "rule": ruled.rule or None,
        "reasons": list(ruled.reasons),
        "fix": ruled.fix,
        "approved_by": list(ruled.approved_by),
        "missing": [
            {"count": asked.count, "words": asked.words, "candidates": list(asked.candidates)}
            for asked in ruled.missing
        ],
        "break_glass": ruled.break_glass,
        "automatic": ruled.automatic,
    }
