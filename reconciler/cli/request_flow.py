"""The three things one may ask: access, another end, and to give it back. Each says what the rules
say before it writes, and writes nothing that they refuse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import click

from reconciler.asking import letter
from reconciler.asking.grant_file import extended, written
from reconciler.asking.offers import USUAL, lenient, offers, possible
from reconciler.asking.places import BRANCHES, Place, numbered, places, slug, stem
from reconciler.asking.weighing import Answer, Approval, permit, weigh
from reconciler.cli import request_questions as questions
from reconciler.cli import request_words as words
from reconciler.cli.request_desk import Desk
from reconciler.cli.request_said import Parcel, Said, deliver
from reconciler.cli.session import UNAPPROVED
from reconciler.errors import InputError
from reconciler.model import ForgeKind, Grant, Item
from reconciler.policy.words import length, moment
from reconciler.repository.paths import BREAK_GLASS, GRANTS, Kind, kind_of, trouble

_UNSAID = "It is not said yet"  # a reason, while only the access is looked at


def new(desk: Desk, said: Said) -> int:
    said = _for_whom(desk, said)
    if not said.access:
        said = _what(desk, said)
    draft = _draft(desk, said)
    [hoped] = possible([draft], desk.authorised, desk.now, flexible=said.open_ended)
    if hoped is None:
        return _refused(desk, said, _at_best(desk, draft, _spots(desk, said, draft)[1], True))
    said = _rest(desk, said, hoped)
    grant = replace(_draft(desk, said), break_glass=said.break_glass)
    name, spots = _spots(desk, said, grant)
    answer = _at_best(desk, grant, spots, False)
    path = answer.grant.path
    approvals = answer.approvals(desk.author)
    if answer.permitted:
        words.foretold(answer, approvals, path)
    if _stopped(desk, said, answer, approvals):
        return UNAPPROVED
    content = written(said.wish, desk.schema(path)).encode()
    desk.valid(path, content)
    click.echo(f"\n{content.decode()}", err=True)
    told = letter.asking(answer, approvals)
    return deliver(desk, said, Parcel(path, name, content, None, told, answer, approvals))


def extend(desk: Desk, said: Said, path: str) -> int:
    """`path` is a grant that is there; only its end is moved."""
    before, old = _standing(desk, path)
    if kind_of(path) is Kind.STANDING:
        raise InputError(f"{path} has no end; write the path of a grant in grants/")
    if said.open_ended:
        [hoped] = possible([old], desk.authorised, desk.now, flexible=True)
        said = replace(said, duration=questions.how_long(hoped, silent=said.yes))
    ends = ("expires", moment(said.expires)) if said.expires else ("duration", said.duration)
    content = extended(before.decode(), path, *ends).encode()
    if content == before:
        raise InputError(
            f"{path} says `{ends[0]}: {ends[1]}` already, and what does not change starts no new "
            "version; write another length, or --expires"
        )
    desk.valid(path, content)
    [answer] = weigh([desk.grant(path, content)], desk.authorised, desk.now)
    approvals = answer.approvals(desk.author)
    now, then = desk.end(path), answer.window.end
    if answer.permitted:
        words.foretold(answer, approvals, path)
        words.moved(now, then)
    if _stopped(desk, said, answer, approvals):
        return UNAPPROVED
    shorter = now is not None and then is not None and then <= now
    told = letter.asking(answer, approvals, "Shorter access" if shorter else "Longer access")
    name = f"extend-{slug(PurePosixPath(path).stem)}"
    return deliver(desk, said, Parcel(path, name, content, before, told, answer, approvals))


def give_back(desk: Desk, said: Said, path: str) -> int:
    before, grant = _standing(desk, path)
    told = letter.done(grant)
    click.echo(f"{told.title}: this only takes away", err=True)
    name = f"done-{slug(PurePosixPath(path).stem)}"
    return deliver(desk, said, Parcel(path, name, None, before, told))


def _standing(desk: Desk, path: str) -> tuple[bytes, Grant]:
    """A grant of the main line, and its file."""
    content = desk.content(path)
    if kind_of(path) not in GRANTS:
        raise InputError(f"{path} is no grant; write the path of a file in grants/ or standing/")
    return content, desk.grant(path, content)


def _for_whom(desk: Desk, said: Said) -> Said:
    if said.group:
        return said
    subject = said.subject or (desk.author if said.yes else "")
    if not subject:
        if said.yes:
            raise InputError(desk.nobody())
        default = desk.author or None
        asked = "For whom (e-mail address)"
        subject = questions.ask(asked, "--for", desk.known, silent=False, default=default)
    return replace(said, subject=subject.lower())


def _what(desk: Desk, said: Said) -> Said:
    """Chosen from what is permitted, or typed."""
    base = Grant(
        "",
        (said.ref,),
        (),
        _UNSAID,
        said.starts,
        said.expires,
        USUAL if said.open_ended else said.length,
        said.ticket,
        said.break_glass,
    )
    found = offers(desk.loaded, desk.authorised, base, desk.now, flexible=said.open_ended)
    while True:
        typed = questions.what(found, said.ref.id, desk.author, silent=said.yes)
        try:
            _draft(desk, chosen := replace(said, access=typed))
        except InputError as e:
            if not desk.knows(said.ref):
                raise  # no other item would mend that
            click.echo(f"Error: {e}", err=True)
        else:
            return chosen


def _draft(desk: Desk, said: Said) -> Grant:
    """The grant as it would be read. Raises InputError for what no file may say."""
    duration = length(USUAL) if said.open_ended else said.duration
    draft = replace(said, reason=said.reason or _UNSAID, duration=duration)
    path = f"{BREAK_GLASS if said.break_glass else 'grants/'}request.yaml"
    content = written(draft.wish).encode()
    desk.valid(path, content, placed=False)
    return desk.grant(path, content)


def _rest(desk: Desk, said: Said, hoped: Answer) -> Said:
    """How long, why and by which ticket, as the rules that decide ask for it."""
    rules = [rule for name in hoped.rules if (rule := permit(desk.laws, name))]
    if said.open_ended:
        said = replace(said, duration=questions.how_long(hoped, silent=said.yes))
    if not said.reason:
        least = max((rule.require.reason for rule in rules), default=0)
        said = replace(said, reason=questions.reason(least, silent=said.yes))
    pattern = next((rule.require.ticket for rule in rules if rule.require.ticket), "")
    if pattern and not said.ticket:
        said = replace(said, ticket=questions.ticket(pattern, silent=said.yes))
    return said


def _places(desk: Desk, said: Said, name: str) -> tuple[Place, ...]:
    if said.path:
        return (Place(said.path),)
    return places(desk.laws, name, break_glass=said.break_glass)


def _spots(desk: Desk, said: Said, grant: Grant) -> tuple[str, tuple[Place, ...]]:
    """A name that is free as a file and as a branch, and where the file may lie."""
    files, branches = desk.files, desk.branches
    if said.path:
        problem = trouble(said.path)
        if problem is not None or kind_of(said.path) not in (Kind.GRANT, Kind.BREAK_GLASS):
            fix = f"{problem.what}; {problem.fix}" if problem else "write a path in grants/"
            raise InputError(f"--path {said.path}: {fix}")
        if said.path.lower() in files:
            raise InputError(f"there is {said.path} already; write another --path, or --extend it")
        return slug(PurePosixPath(said.path).stem), _places(desk, said, "")

    def taken(name: str) -> bool:
        spots = _places(desk, said, name)
        return f"{BRANCHES}{name}" in branches or any(p.path.lower() in files for p in spots)

    name = numbered(stem(said.ref.id, grant.access[0], desk.now), taken)
    return name, _places(desk, said, name)


def _at_best(desk: Desk, grant: Grant, spots: Sequence[Place], lenient_: bool) -> Answer:
    """What the rules say at the place that fits best: one that a rule that decides has named, else
    one that no rule names, else any."""
    laws = lenient(desk.authorised.changes.tip) if lenient_ else None
    grants = [replace(grant, path=place.path) for place in spots]
    pairs = list(zip(spots, weigh(grants, desk.authorised, desk.now, laws), strict=True))
    good = [(place, answer) for place, answer in pairs if answer.permitted]
    own = [answer for place, answer in good if place.rule and place.rule in answer.rules]
    plain = [answer for place, answer in good if not place.rule]
    near = [answer for _, answer in pairs if answer.rules]
    return next(iter((*own, *plain, *(a for _, a in good), *near, pairs[0][1])))


def _stopped(desk: Desk, said: Said, answer: Answer, approvals: Sequence[Approval]) -> bool:
    """Whether it could never be granted, which is then said."""
    if not answer.permitted:
        _refused(desk, said, answer)
        return True
    subjects = {ref.id for ref in answer.grant.subjects}
    unheard = [each for each in approvals if not each.possible]
    if answer.emergency is not None and desk.author and subjects != {desk.author}:
        who = ", ".join(sorted(subjects))
        click.echo(f"Break-glass is asked for by oneself, and you are not {who}: nothing was "
                   "written", err=True)  # fmt: skip
    elif unheard and desk.settings.kind is not ForgeKind.NONE:
        words.impossible(unheard)
    else:
        return False
    if said.style == "json":
        click.echo(words.as_json(None, answer, approvals))
    return True


def _refused(desk: Desk, said: Said, answer: Answer) -> int:
    base = replace(answer.grant, reason=_UNSAID)
    found = offers(desk.loaded, desk.authorised, base, desk.now, flexible=True)
    systems = {one.entitlement.system for one in base.access if isinstance(one, Item)}
    near = [
        offer
        for offer in found
        if offer.access not in base.access
        and (not isinstance(offer.access, Item) or offer.access.entitlement.system in systems)
    ]
    words.refused(answer, near)
    if said.style == "json":
        click.echo(words.as_json(None, answer, ()))
    return UNAPPROVED
