"""Policy tests, decision trees, coverage and the doctor's findings for a person. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console

from reconciler.model import Effect, Finding, Proof
from reconciler.policy.coverage import Coverage
from reconciler.policy.examine import Examined
from reconciler.policy.explanation import Explained, Explanation, Weighed
from reconciler.policy.trace import MATCHES, UNREACHED, Step
from reconciler.policy.words import many
from reconciler.render.as_text import safe
from reconciler.render.words import moment

_SIGNS = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[yellow]?[/]"}
_PROOFS = {
    Proof.PROVED: "[green]granted[/]",
    Proof.WAITING: "[yellow]not known yet[/]",
    Proof.REFUSED: "[red]not granted[/]",
}


def tests(examined: Sequence[tuple[str, Examined]], console: Console) -> None:
    """With the path of each test's file. What was expected and what came, where they differ."""
    shown = ""
    for path, one in examined:
        if path != shown:
            console.print(safe(path), style="bold")
            shown = path
        rule = f", rule `{one.rule}`" if one.rule else ""
        came = safe(f"{one.decision}{rule}")
        console.print(f"  {_SIGNS[not one.wrong]} {safe(one.test.name)}: {came}")
        if one.wrong:
            console.print(f"      {safe(str(one.test.position))} {safe(one.access)}", style="dim")
            for line in (*one.wrong, *one.reasons):
                console.print(f"      {safe(line)}")
    failed = sum(bool(one.wrong) for _, one in examined)
    console.print(f"[bold]Tests:[/] {len(examined) - failed} passed, {failed} failed.")


def explanation(found: Explanation, console: Console) -> None:
    when = f"at {found.commit[:10]}, merged {moment(found.merged)}" if found.commit else (
        f"as it is in the working tree, if it were merged at {moment(found.merged)}"
    )  # fmt: skip
    gone = f", taken away or replaced {moment(found.gone)}" if found.gone else ""
    console.print(f"[bold]{safe(found.path)}[/] {when}{gone}")
    for one in found.explained:
        _explained(one, console)
    for weighed in found.pulls:
        _weighed(weighed, console)


def _explained(one: Explained, console: Console) -> None:
    case = one.case
    of = case.entitlement
    end = f"until {moment(case.window.end)}" if case.window.end else "without an end"
    console.print()
    console.print(f"[bold]{safe(case.subject.id)}[/]  {safe(str(of))}  [dim]{of.kind}[/]")
    console.print(f"  from {moment(case.window.start)} {end}", style="dim")
    for step in one.steps:
        console.print(f"  {_step(step)}")
    for line in _decision(one):
        console.print(f"  {line}")


def _step(step: Step) -> str:
    forbids = step.effect is Effect.FORBID
    sign, colour = "·", "dim"
    if step.outcome == MATCHES:
        sign, colour = ("✗", "red") if forbids or step.why else ("✓", "green")
    why = f": {step.why}" if step.why else ""
    place = "" if step.outcome == UNREACHED else f" ({step.position})"
    text = safe(f"{sign} {step.effect} {step.rule} {step.outcome}{why}{place}")
    return f"[{colour}]{text}[/]"


def _decision(one: Explained) -> Iterator[str]:
    ruling = one.ruling
    word = "[green]permitted[/]" if ruling.permitted else "[red]refused[/]"
    yield f"{word}: {safe('; '.join(ruling.reasons))}"
    if ruling.fix:
        yield f"do: {safe(ruling.fix)}"
    if one.limits:
        yield f"limits of the rule: {safe(', '.join(one.limits))}"
    if ruling.permitted:
        needs = ", ".join(need.words for need in ruling.needs) or _unneeded(one)
        yield f"needs: {safe(needs)}"
    if one.proof is not None:
        yield _proof(one, one.proof)


def _unneeded(one: Explained) -> str:
    if one.ruling.break_glass is not None:
        return "no approval before, and somebody's look afterwards (break-glass)"
    return "no approval" + (" (auto_approve)" if one.ruling.automatic else "")


def _proof(one: Explained, proof: Proof) -> str:
    judgement = one.judgement
    if judgement is None:
        why = "it came before proof was asked for, and is trusted"
        if proof is Proof.WAITING:
            why = "the forge does not answer, so nothing new is given for it"
        return f"proof: {_PROOFS[proof]}: {why}"
    said = "; ".join(judgement.reasons) or f"approved by {', '.join(judgement.approved_by)}"
    if not judgement.reasons and not judgement.approved_by:
        said = "no approval was needed"
    fix = f"; do: {judgement.fix}" if judgement.fix else ""
    return f"proof: {_PROOFS[proof]}: {safe(said + fix)}"


def _weighed(one: Weighed, console: Console) -> None:
    pull = one.pull
    merged = f", merged {moment(pull.merged_at)}" if pull.merged_at else ""
    console.print()
    author = str(pull.author) if pull.author else "a deleted account"
    console.print(f"[bold]{safe(pull.url)}[/] by {safe(author)}{merged}")
    for person in sorted(one.approved.persons):
        console.print(f"  [green]✓[/] {safe(person)} approved, and it counts")
    for remark in one.approved.remarks:
        console.print(f"  [yellow]✗[/] {safe(remark)}")
    if not one.approved.persons and not one.approved.remarks:
        console.print("  nobody approved it")


def coverage(found: Coverage, console: Console) -> None:
    if found.unreached:
        console.print("Rules that no test and no grant reaches", style="bold yellow")
    for rule in found.unreached:
        console.print(f"  {rule.effect} {safe(rule.name)}  [dim]{safe(str(rule.position))}[/]")
    if found.uncovered:
        console.print("Access that nobody could get", style="bold yellow")
    for one in found.uncovered:
        console.print(f"  {safe(one.access)}: {safe(one.why)}")
        console.print(f"      {safe(', '.join(one.where))}", style="dim")
    if found.outlived:
        console.print("Grants that stand and would be refused today", style="bold yellow")
    for left in found.outlived:
        console.print(f"  {safe(left.path)}: {safe(left.subject)}, {safe(left.access)}")
        console.print(f"      {safe(left.reason)}")
        console.print(f"      {safe(left.fix)}")
    console.print(
        f"[bold]Coverage:[/] {many(len(found.unreached), 'rule')} unreached, "
        f"{many(len(found.uncovered), 'entitlement')} uncovered, "
        f"{many(len(found.outlived), 'grant')} that today's rules would refuse."
    )


def findings(found: Iterable[Finding], console: Console) -> None:
    """What is not right is told with what it lets somebody do, and with what to do."""
    rows = tuple(found)
    for one in rows:
        console.print(f"{_SIGNS[one.right]} [bold]{safe(one.name)}[/]: {safe(one.what)}")
        if one.right is not True and one.fix:
            console.print(f"    do: {safe(one.fix)}")
    right, wrong = sum(r.right is True for r in rows), sum(r.right is False for r in rows)
    console.print(
        f"[bold]Doctor:[/] {right} right, {wrong} to mend, {len(rows) - right - wrong} not known."
    )
