"""How `reconciler request` says what the rules say: before anything is written, and afterwards.
Decides nothing."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import click

from reconciler.asking import letter
from reconciler.asking.offers import Offer
from reconciler.asking.weighing import Answer, Approval
from reconciler.model import BundleRef
from reconciler.policy.words import length, listed, moment, some, what
from reconciler.repository.words import printable

_FEW = 5  # other things that are named as permitted


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a request. `url` is "" where no pull request was opened, and `branch` then
    the one to make."""

    path: str
    branch: str
    url: str = ""
    reviewers: tuple[str, ...] = ()


def foretold(answer: Answer, approvals: Sequence[Approval], path: str) -> None:
    """The rule that decides, who must approve, for how long: on stderr."""
    rows = [
        ("for", letter.names(answer.grant)),
        *_access(answer),
        ("rule", ", ".join(answer.rules) or "none: there are no policies yet"),
        ("approval", _approval(answer, approvals)),
        ("until", letter.until(answer)),
        *([("at most", length(answer.most))] if answer.most else []),
        ("file", path),
    ]
    for name, text in rows:
        click.echo(printable(f"  {name:<9}{text}"), err=True)
    if answer.emergency is not None:
        loud = f"BREAK-GLASS: {letter.afterwards(answer)}"
        click.secho(printable(loud), err=True, bold=True, fg="red")


def refused(answer: Answer, instead: Iterable[Offer]) -> None:
    """Why not, and what would be permitted: on stderr."""
    click.echo("Not permitted, so nothing was written:", err=True)
    why: dict[str, list[str]] = {}
    for each in answer.refusals:
        for reason in each.ruling.reasons:
            why.setdefault(reason, []).append(each.subject)
    for reason, subjects in why.items():
        click.echo(printable(f"  {some(set(subjects), 'and')}: {reason}"), err=True)
    for fix in dict.fromkeys(e.ruling.fix for e in answer.refusals if e.ruling.fix):
        click.echo(printable(f"  {fix}"), err=True)
    end = answer.window.end
    if answer.most and end is not None and end - answer.window.start > answer.most:
        click.echo(f"  It can be had for {length(answer.most)}: --duration "
                   f"{length(answer.most)}", err=True)  # fmt: skip
    others = [str(offer) for offer in instead][:_FEW]
    if others:
        click.echo(printable(f"  Permitted would be: {'; '.join(others)}"), err=True)


def impossible(approvals: Iterable[Approval]) -> None:
    click.echo("Nobody could approve it, so nothing was written:", err=True)
    for each in approvals:
        others = some(each.candidates, "and") or "nobody"
        click.echo(
            printable(f"  it takes {each.words}; who asks left out, that is {others}"), err=True
        )
    click.echo("  have the rule, the catalog or the directory corrected first", err=True)


def result(done: Done, answer: Answer | None, approvals: Sequence[Approval], style: str) -> None:
    if done.url and not approvals:
        click.echo("It needs nobody's approval: merge it yourself", err=True)
    if style == "json":
        click.echo(as_json(done, answer, approvals))
        return
    click.echo(done.path)
    if done.url:
        click.echo(done.url)


def by_hand(done: Done, unopened: str, title: str) -> None:
    """What to do where no pull request was opened: on stderr."""
    path, branch = shlex.quote(done.path), shlex.quote(done.branch)
    click.echo(f"No pull request was opened ({unopened}). The file is in your work tree:", err=True)
    for line in (
        f"git switch -c {branch}",
        f"git add -A {path} && git commit -m {shlex.quote(title)} -- {path}",
        f"git push -u origin {branch}",
    ):
        click.echo(f"  {line}", err=True)
    click.echo("Then open a pull request from that branch.", err=True)


def ask_yourself(nameless: Sequence[str]) -> None:
    """Of whom directory/ has no name by which the forge could ask them."""
    if nameless:
        who = some(nameless, "and")
        click.echo(
            printable(f"note: directory/ has no login of {who}: ask them yourself"), err=True
        )


def moved(before: datetime | None, after: datetime | None) -> None:
    """Where an end goes to: on stderr."""
    if before is not None and after is not None:
        if after > before:
            click.echo(f"  later than {moment(before)}, the end it has now", err=True)
            return
        fix = "for more, write a later --expires, or a longer --duration: it counts from the merge"
        way = "EARLIER than" if after < before else "the same as"
        click.echo(f"  {way} {moment(before)}, the end it has now; {fix}", err=True)


def as_json(done: Done | None, answer: Answer | None, approvals: Sequence[Approval]) -> str:
    found: dict[str, object] = {}
    if done is not None:
        found |= {"path": done.path, "branch": done.branch, "pull_request": done.url}
        found["reviewers"] = list(done.reviewers)
    if answer is not None:
        end = answer.window.end
        found |= {
            "permitted": answer.permitted,
            "rules": list(answer.rules),
            "approvals": [asdict(each) for each in approvals],
            "until": moment(end) if end else None,
            "at_most": length(answer.most) if answer.most else None,
            "break_glass": answer.emergency is not None,
            "refusals": [
                {
                    "subject": each.subject,
                    "access": str(each.entitlement or ""),
                    "reasons": list(each.ruling.reasons),
                    "fix": each.ruling.fix,
                }
                for each in answer.refusals
            ],
        }
    return json.dumps(found, indent=2)


def _access(answer: Answer) -> Iterator[tuple[str, str]]:
    for one in answer.grant.access:
        yield "access", letter.what(one)
        if isinstance(one, BundleRef):
            yield from (("", f"  {what(each)}") for each in answer.items(one.name))


def _approval(answer: Answer, approvals: Sequence[Approval]) -> str:
    if approvals:
        each = (f"{a.words}: {some(a.candidates) or 'nobody'}" for a in approvals)
        return listed(each, "and")
    if answer.emergency is not None:
        return "none before, a review afterwards"
    return "none: the rule approves it by itself" if answer.automatic else "none is needed"
