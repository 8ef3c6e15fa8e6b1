"""Answers about one person, for people and as JSON by schemas/explain.schema.json. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console

from reconciler.model import Event, EventKind, Observed, Plan, Proof
from reconciler.planning.answer import Answer, Holds, Next, Row, Turn
from reconciler.planning.basis import Basis
from reconciler.render import as_json, as_text
from reconciler.render.as_text import safe
from reconciler.render.status import line_document
from reconciler.render.words import brief, moment, what

_COLOURS = {
    Holds.HAS: "green",
    Holds.HAS_NOT: "red",
    Holds.HAD: "dim",
    Holds.UNKNOWN: "yellow",
}
NOTHING = (
    "Nothing of this is declared for them, or was within the look-back. What others gave is looked "
    "for where it is asked for by name, like 'system=gcp,project=payments-prod,role=roles/viewer'; "
    "what a group of directory/ was granted is told of its members."
)
_FEW = 5  # events of one assignment that people are shown


def text(who: str, answers: Sequence[Answer], plan: Plan, console: Console) -> None:
    as_text.notices(plan, console)
    console.print(f"[bold]{safe(who)}[/]")
    if not answers:
        console.print(f"  {NOTHING}", soft_wrap=True)
    for answer in answers:
        _answer(answer, who, console)
    as_text.unknown(plan, console)


def _answer(answer: Answer, who: str, console: Console) -> None:
    e = answer.assignment.entitlement
    colour = _COLOURS[answer.holds]
    console.print()
    through = f", as a member of group {answer.subject}" if answer.subject != who else ""
    console.print(
        f"[bold {colour}]{answer.holds}[/]  "
        f"{safe(f'{e.system}: {what(answer.assignment)} on {e.resource}{through}')}"
    )
    for title, line in _lines(answer):
        console.print(f"  [dim]{title:<8}[/]{safe(line)}")


def _lines(answer: Answer) -> Iterator[tuple[str, str]]:
    for basis in answer.bases:
        yield "grant", _grant(basis)
        yield from (("", line) for line in _proof(basis))
    if not answer.bases:
        yield "grant", "none says it, or did within the look-back"
    yield "live", _live(answer)
    yield from (("", f"also {_row(row)}") for row in answer.rows[1:])
    yield from (("beside", _beside(row)) for row in answer.beside)
    yield from (("ways", _way(row)) for row in answer.ways)
    if answer.ways_unread:
        yield "ways", f"through groups or from above: not known: {brief(answer.ways_unread)}"
    for title, coming in zip(("next", *[""] * len(answer.coming)), answer.coming, strict=False):
        yield title, _coming(coming, answer)
        if coming.fix:
            yield "", f"do: {coming.fix}"
    if answer.holds is Holds.HAS_NOT and not answer.coming and not answer.bases:
        yield "next", "nothing: nobody asked for it; `reconciler request` asks"
    last = answer.events[-1:]
    shown = [e for e in answer.events if e.kind is not EventKind.INTENDED or e in last][-_FEW:]
    for title, event in zip(("done", *[""] * len(shown)), shown, strict=False):
        yield title, _event(event)


def _grant(basis: Basis) -> str:
    claim = basis.claim
    window = claim.window
    end = f"to {moment(window.end)}" if window.end else "on, without an end"
    gone = f", taken away or replaced {moment(basis.gone)}" if basis.gone else ""
    via = f", by bundle {claim.bundle}" if claim.bundle else ""
    via += f", for group {claim.ref}" if claim.ref else ""
    return (
        f"{basis.position.path}:{basis.position.line} at {basis.commit[:10]}{via}: "
        f"from {moment(window.start)} {end}{gone}"
    )


def _proof(basis: Basis) -> Iterator[str]:
    if basis.carried:
        yield "an edit that nobody approved came since; this is what the version before it gives"
    by = f" by rule `{basis.rule}`" if basis.rule else ""
    match basis.proof:
        case Proof.WAITING:
            yield "not known yet whether it was approved: the forge does not answer"
        case Proof.REFUSED:
            yield f"not approved{by}: {'; '.join(basis.refusal)}"
        case Proof.PROVED if not basis.judged:
            yield "believed without proof: none was asked for when it came, or it is long over"
        case Proof.PROVED:
            yield f"permitted{by}, {_approved(basis)}"
    if basis.pull:
        yield basis.pull


def _approved(basis: Basis) -> str:
    if basis.break_glass:
        return "at once, in an emergency (break-glass)"
    if basis.approved_by:
        return f"approved by {', '.join(basis.approved_by)}"
    return "no approval needed" + (" (auto_approve)" if basis.automatic else "")


def _live(answer: Answer) -> str:
    if answer.unread:
        return f"not known: {brief(answer.unread)}"
    if not answer.rows:
        return "no, not by a row of their own" if answer.ways else "no"
    since = f", since {moment(answer.since)}" if answer.since else ""
    return f"{_row(answer.rows[0])}{since}"


def _row(row: Row) -> str:
    seen = row.observed
    ours = "yes" if row.effective else "only the row is left, the system ended it"
    mark = "with our mark" if seen.marker is not None else "ours by git and the ledger"
    whose = mark if row.ours else "not ours"
    note = f" ({row.note})" if row.note else ""
    until = f", until {moment(seen.until)} by the system itself" if seen.until else ""
    return f"{ours}, {whose}{note}{until}"


def _beside(row: Row) -> str:
    e = row.observed.assignment.entitlement
    return f"{what(row.observed.assignment)} on {e.resource}: {_row(row)}"


def _way(row: Row) -> str:
    seen = row.observed
    over = "" if row.effective else "; it is over, only the row is left"
    perhaps = "perhaps " if seen.unsure else ""
    until = f", until {moment(seen.until)} by the system itself" if seen.until else ""
    e = seen.assignment.entitlement
    return f"{perhaps}{what(seen.assignment)} on {e.resource}: {brief(row.note)}{until}{over}"


def _coming(coming: Next, answer: Answer) -> str:
    at = moment(coming.at)
    told = {"; ".join(basis.refusal) for basis in answer.bases}  # stands with the grant
    why = f": {coming.why}" if coming.why and coming.why not in told else ""
    idle = "; but its system is in mode: report, so nothing is done" if coming.idle else ""
    match coming.turn:
        case Turn.ENDS if coming.by_system:
            return f"ends {at}, by the system itself"
        case Turn.ENDS:
            return f"ends in the first run after {at}{idle}"
        case Turn.STARTS:
            return f"starts {at}"
        case Turn.MOVES:
            return f"gets another end in the next run: {at or 'none'}{idle}"
        case Turn.GIVEN | Turn.REMOVED:
            return f"{coming.turn} in the next run{why}{idle}"
        case Turn.UNAPPROVED | Turn.UNASKED | Turn.GUARDED | Turn.STAYS:
            return f"{coming.turn}{why}"


def _event(event: Event) -> str:
    words = [event.kind.value, event.action, event.outcome, event.cause]
    said = " ".join(word for word in words if word)
    end = f" until {moment(event.until)}" if event.until else ""
    error = f": {brief(event.error)}" if event.error else ""
    return f"{moment(event.at)} {said}{end}{error} (run {event.run})"


def document(who: str, answers: Sequence[Answer], plan: Plan) -> str:
    return as_json.dumped(
        {
            "person": who,
            "at": as_json.instant(plan.at),
            "access": [_document(answer) for answer in answers],
            "unknown": [as_json.unknown(one) for one in plan.unknown],
            "reviews": [as_json.review(one) for one in plan.reviews],
            "notices": list(plan.notices),
        }
    )


def _document(answer: Answer) -> dict[str, Any]:
    return {
        **as_json.assignment(answer.assignment),
        "holds": answer.holds.value,
        "subject": answer.subject,
        "since": as_json.instant(answer.since),
        "grants": [_basis(basis) for basis in answer.bases],
        "live": [_row_document(row) for row in answer.rows],
        "beside": [_row_document(row) for row in answer.beside],
        "ways": [_row_document(row) for row in answer.ways],
        "status": [line_document(line) for line in answer.lines],
        "next": [_next_document(one) for one in answer.coming],
        "events": [_event_document(event) for event in answer.events],
        "unread": answer.unread or None,
        "ways_unread": answer.ways_unread or None,
    }


def _basis(basis: Basis) -> dict[str, Any]:
    claim = basis.claim
    return {
        "path": claim.grant,
        "line": basis.position.line,
        "commit": basis.commit,
        "merged": as_json.instant(basis.merged),
        "gone": as_json.instant(basis.gone),
        "reason": basis.reason,
        "subject": claim.subject.id,
        "group": claim.ref or None,
        "bundle": claim.bundle or None,
        "start": as_json.instant(claim.window.start),
        "end": as_json.instant(claim.window.end),
        "ends_as": claim.cause.value,
        "proof": basis.proof.value,
        "judged": basis.judged,
        "carried": basis.carried,
        "rule": basis.rule or None,
        "approved_by": list(basis.approved_by),
        "pull": basis.pull or None,
        "refusal": list(basis.refusal),
        "fix": basis.fix,
        "break_glass": basis.break_glass,
        "automatic": basis.automatic,
    }


def _row_document(row: Row) -> dict[str, Any]:
    seen: Observed = row.observed
    return {
        "role": seen.assignment.entitlement.role,
        "resource": seen.assignment.entitlement.resource,
        "principal": seen.assignment.principal.id,
        "ours": row.ours,
        "effective": row.effective,
        "marked": seen.marker is not None,
        "controller": seen.controller,
        "since": as_json.instant(seen.since),
        "until": as_json.instant(seen.until),
        "via": seen.via or None,
        "unsure": seen.unsure,
        "note": row.note,
    }


def _next_document(one: Next) -> dict[str, Any]:
    return {
        "what": one.turn.value,
        "at": as_json.instant(one.at),
        "why": one.why,
        "fix": one.fix,
        "by_the_system": one.by_system,
        "report_only": one.idle,
    }


def _event_document(event: Event) -> dict[str, Any]:
    at: datetime = event.at
    return {
        "at": as_json.instant(at),
        "run": event.run,
        "kind": event.kind.value,
        "action": event.action or None,
        "cause": event.cause or None,
        "outcome": event.outcome or None,
        "until": as_json.instant(event.until),
        "error": event.error or None,
    }
