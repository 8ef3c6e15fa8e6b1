"""Answers about one person or group, for people. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from rich.console import Console
from rich.text import Text

from reconciler.model import Event, EventKind, Proof
from reconciler.planning.answer import Answer, Holds, Next, Row, Told, Turn
from reconciler.planning.basis import Basis
from reconciler.planning.timeline import ALWAYS, Span
from reconciler.render import as_text
from reconciler.render.as_text import safe
from reconciler.render.words import brief, moment, printable, what

_COLOURS = {
    Holds.HAS: "green",
    Holds.HAS_NOT: "red",
    Holds.HAD: "dim",
    Holds.UNKNOWN: "yellow",
}
NOTHING = (
    "Nothing of this is declared for them, or was within the look-back. What others gave is looked "
    "for where it is asked for by name, like 'system=gcp,project=payments-prod,role=roles/viewer'."
)
_NO_FIT = (
    "Nothing that is known of them fits. A glob is held against the whole of what is printed, like "
    "'gcp: * on projects/payments-*'; without one, all that is known is told."
)
_INDENT = 10
_FEW = 5  # events of one assignment that people are shown


def text(told: Told, console: Console) -> None:
    as_text.notices(told.plan, console)
    console.print(f"[bold]{safe(told.who)}[/]")
    if told.members is not None:
        _line("members", _members(told.members, told.plan.at), console)
    if not told.answers:
        _line("", NOTHING if told.whole else _NO_FIT, console)
    if told.members is None:
        for answer in told.answers:
            through = f", as a member of group {answer.subject}" * (answer.subject != told.who)
            _print(answer.holds, f"{_access(answer)}{through}", _lines(answer), console)
    else:
        _by_member(told, console)
    as_text.unknown(told.plan, console)


def _by_member(told: Told, console: Console) -> None:
    """Members of whom the same is to be told are told of together."""
    groups: dict[tuple[Holds, str, tuple[tuple[str, str], ...]], list[str]] = {}
    for answer in told.answers:
        key = (answer.holds, _access(answer), tuple(_lines(answer)))
        groups.setdefault(key, []).append(answer.subject)
    for (holds, access, lines), subjects in groups.items():
        title = "member" if len(subjects) == 1 else "members"
        by = [(title, ", ".join(sorted(subjects)))] if subjects != [told.who] else []
        _print(holds, access, (*by, *lines), console)


def _members(members: Sequence[Span[str]], now: datetime) -> str:
    said = [
        " ".join(
            (
                span.value,
                *(
                    [f"from {moment(start)}"]
                    if (start := span.window.start) != ALWAYS.start
                    else []
                ),
                *([f"until {moment(end)}"] if (end := span.window.end) else []),
            )
        )
        for span in sorted(members, key=lambda span: (span.window.ended(now), span.value))
    ]
    return ", ".join(said) or "nobody, as far back as is known"


def _access(answer: Answer) -> str:
    e = answer.assignment.entitlement
    return f"{e.system}: {what(answer.assignment)} on {e.resource}"


def _print(holds: Holds, access: str, lines: Iterable[tuple[str, str]], console: Console) -> None:
    console.print()
    console.print(f"[bold {_COLOURS[holds]}]{holds}[/]  {safe(access)}")
    for title, line in lines:
        _line(title, line, console)


def _line(title: str, line: str, console: Console) -> None:
    """What is too long for a terminal goes on below its beginning."""
    for part in Text(printable(line)).wrap(console, console.width - _INDENT):
        console.print(f"  [dim]{title:<8}[/]", part, sep="")
        title = ""


def _lines(answer: Answer) -> Iterator[tuple[str, str]]:
    for basis in answer.bases:
        yield "grant", _grant(basis)
        yield from (("", line) for line in _proof(basis))
        ticket = f" ({basis.ticket})" if basis.ticket else ""
        yield "", f"reason: {brief(basis.reason)}{ticket}"
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
    if not answer.coming and not answer.bases and not answer.unread:
        yield from (("next", line) for line in _idle(answer))
    last = answer.events[-1:]
    shown = [e for e in answer.events if e.kind is not EventKind.INTENDED or e in last][-_FEW:]
    known = {basis.commit for basis in answer.bases}
    for title, event in zip(("done", *[""] * len(shown)), shown, strict=False):
        yield title, _event(event)
        if event.kind is EventKind.DECIDED and event.commit not in known:
            yield "", f"  by {_decided(event)}"


def _idle(answer: Answer) -> Iterator[str]:
    """Of what no grant speaks and no run touches."""
    if answer.holds is Holds.HAS_NOT:
        yield "nothing: nobody asked for it; `reconciler request` asks"
    elif answer.holds is Holds.HAS:
        yield "stays: nothing of ours gives it, or takes it away"


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
            return f"ends {at}, by the system itself{why}"
        case Turn.ENDS:
            return f"ends in the first run after {at}{why}{idle}"
        case Turn.STARTS:
            return f"starts {at}"
        case Turn.MOVES:
            return f"gets another end in the next run: {at or 'none'}{idle}"
        case Turn.GIVEN | Turn.REMOVED:
            return f"{coming.turn} in the next run{why}{idle}"
        case Turn.UNAPPROVED | Turn.UNASKED | Turn.GUARDED | Turn.STAYS:
            return f"{coming.turn}{why}"


def _decided(event: Event) -> str:
    """What the grant itself would say, were it not from before the look-back."""
    rule = f"rule `{event.rule}`" if event.rule else ""
    people = f"approved by {', '.join(event.approved_by)}" if event.approved_by else ""
    grant = f"{event.path} at {event.commit[:10]}"
    ticket = f" ({event.ticket})" if event.ticket else ""
    why = f"asked for: {event.justification}{ticket}" if event.justification else ""
    return ", ".join(filter(None, (grant, rule, people, event.pull, why)))


def _event(event: Event) -> str:
    words = [event.kind.value, event.action, event.outcome, event.cause]
    said = " ".join(word for word in words if word)
    end = f" until {moment(event.until)}" if event.until else ""
    error = f": {brief(event.error)}" if event.error else ""
    return f"{moment(event.at)} {said}{end}{error} (run {event.run})"
