"""A plan for a pull request or a job summary. Whatever comes from outside is escaped, and never
markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from reconciler.model import Plan
from reconciler.providers.base import Outcome
from reconciler.render.words import (
    SIGNS,
    UNAPPROVED,
    UNKNOWN,
    brief,
    counts,
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

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_[]|~#"})
# GitHub looks for mentions in what comes out of markdown, where a backslash is gone
# (github.com/github/markup/issues/1168), and not within a word, as an address has it.
_MENTION = re.compile(r"(?<![A-Za-z0-9_])@")
_WWW = re.compile(r"(?<=www)\.", re.IGNORECASE)  # a link even without https:// (GFM, autolinks)


def cell(text: str) -> str:
    """Text that markdown takes literally: no link, mention, code or table border."""
    escaped = html.escape(printable(" ".join(text.split())), quote=False).translate(_SPECIAL)
    linkless = _WWW.sub("&#46;", escaped.replace("://", "&#58;//"))
    return _MENTION.sub("@&#8203;", linkless)


def plan(plan: Plan) -> str:
    parts = [f"### Access plan: {counts(plan)}", ""]
    for notice in (*plan.notices, *map(emergency, plan.reviews)):
        parts += [f"> **{cell(notice)}**", ""]
    parts += table(
        ("", "who", "what", "where", "system", "when", "grants"),
        (
            (
                f"{SIGNS[c.action]} {c.action}",
                who(c.subject, c.assignment),
                role_of(c),
                c.assignment.entitlement.resource,
                c.assignment.entitlement.system,
                ends(c),
                ", ".join(c.grants),
            )
            for c in plan.changes
        ),
    )
    parts += section(
        UNAPPROVED,
        table(
            ("what", "why, and what to do"),
            ((row.title, " ".join(row.lines)) for row in grouped(plan.unapproved)),
        ),
    )
    parts += section("Held back by a guard", _held(plan))
    if words := release(plan):
        parts += [f"`{words}`", ""]
    parts += section(
        UNKNOWN,
        table(
            ("system", "where", "error"),
            ((u.system, u.where, brief(u.error)) for u in plan.unknown),
        ),
    )
    parts += section("Already held: not ours, and it stays", _already_held(plan))
    parts += section(
        "Warnings", table(("system", "warning"), ((w.system, w.text) for w in plan.warnings))
    )
    parts += _foreign(plan)
    parts += [f"Plan hash `{plan.hash}` at {moment(plan.at)}"]
    return "\n".join(parts) + "\n"


def applied(plan_: Plan, outcomes: Iterable[Outcome]) -> str:
    """What an apply did, for a job summary: failures first, then the plan that it carried out."""
    rows = [
        (brief(str(o.error)), who(o.change.subject, o.change.assignment), role_of(o.change))
        for o in outcomes
        if o.error
    ]
    failures = section(f"{len(rows)} changes failed", table(("error", "who", "what"), rows))
    return "\n".join([*failures, plan(plan_)])


def _held(plan: Plan) -> list[str]:
    rows = (
        (
            h.change.action.value,
            who(h.change.subject, h.change.assignment),
            what(h.change.assignment),
            h.change.assignment.entitlement.resource,
            f"{h.guard}: {h.reason}",
        )
        for h in plan.held
    )
    return table(("", "who", "what", "where", "why"), rows)


def _already_held(plan: Plan) -> list[str]:
    rows = (
        (
            who(a.subject, a.assignment),
            what(a.assignment),
            a.assignment.entitlement.resource,
            a.assignment.entitlement.system,
            a.note,
        )
        for a in plan.already_held
    )
    return table(("who", "what", "where", "system", "note"), rows)


def _foreign(plan: Plan) -> list[str]:
    rows = (
        (
            str(f.observed.assignment.principal),
            what(f.observed.assignment),
            f.observed.assignment.entitlement.resource,
            f.observed.assignment.entitlement.system,
            f.note,
        )
        for f in plan.foreign
    )
    listed = table(("who", "what", "where", "system", "note"), rows)
    if not listed:
        return []
    title = f"<summary>Foreign: {len(plan.foreign)} that nobody declared; they stay</summary>"
    return ["<details>", title, "", *listed, "</details>", ""]


def section(title: str, body: list[str]) -> list[str]:
    return [f"#### {title}", "", *body] if body else []


def table(headers: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    body = ["| " + " | ".join(map(cell, row)) + " |" for row in rows]
    if not body:
        return []
    rule = "|" + "---|" * len(headers)
    return ["| " + " | ".join(headers) + " |", rule, *body, ""]
