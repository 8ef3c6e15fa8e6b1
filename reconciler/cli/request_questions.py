"""The questions that `reconciler request` asks, on stderr, where a flag has not answered them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from reconciler.asking.grant_file import item
from reconciler.asking.offers import Offer
from reconciler.asking.weighing import Answer
from reconciler.errors import InputError
from reconciler.policy.patterns import fits, wrong
from reconciler.policy.words import length
from reconciler.repository.times import length as parsed
from reconciler.repository.words import printable

SHOWN = 20  # choices on one screen
_LEAST = 10  # characters of a reason
_NUMBERS = re.compile(r"[0-9]{1,6}([, ]+[0-9]{1,6})*")


class Length(click.ParamType[str]):
    """A length of time as files spell it."""

    name = "LENGTH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            parsed(value)
        except ValueError as e:
            self.fail(f"{value!r}: {e}; write it like 8h, 30m or 1d12h", param, ctx)
        return str(value)


def ask(
    text: str, flag: str, check: Callable[[str], str], *, silent: bool, default: str | None = None
) -> str:
    """Until the answer is right. Raises InputError where nobody is there to answer."""
    if silent:
        raise InputError(f"{flag} is missing; write it, or leave out --yes to be asked")
    try:
        return str(click.prompt(text, default=default, value_proc=check, err=True))
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise InputError(f"nobody answers; write {flag}") from None


def agreed(text: str, *, silent: bool) -> bool:
    if silent:
        return True
    try:
        return click.confirm(text, default=True, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise InputError("nobody answers; write --yes to go on without being asked") from None


def what(offers: Sequence[Offer], who: str, author: str, *, silent: bool) -> tuple[str, ...]:
    """Items as JSON: of what is offered, by number, or typed."""
    if silent:
        raise InputError("--access or --bundle is missing; write one, or leave out --yes")
    shown = list(offers)
    if not shown:
        click.echo(f"Nothing that is known here is permitted for {who}.", err=True)
    while True:
        _list(shown, author)
        answer = ask(
            "What (numbers like 1,3; a word to search for; or key=value,key=value)",
            "--access",
            str.strip,
            silent=False,
        )
        if "=" in answer or answer.startswith("{"):
            try:
                return (item(answer),)
            except InputError as e:
                click.echo(f"Error: {e}", err=True)
        elif _NUMBERS.fullmatch(answer):
            numbers = [int(n) for n in answer.replace(",", " ").split()]
            if all(0 < n <= len(shown) for n in numbers):
                return tuple(dict.fromkeys(shown[n - 1].text for n in numbers))
            many = f"numbers from 1 to {len(shown)}" if shown else "an item: nothing has a number"
            click.echo(f"Error: write {many}", err=True)
        else:
            near = [offer for offer in offers if answer.casefold() in str(offer).casefold()]
            if not near:
                click.echo(f"Nothing permitted has {answer!r} in it.", err=True)
            shown = near or list(offers)


def how_long(answer: Answer | None, *, silent: bool) -> str:
    limit = answer.most if answer else None
    most = f"; at most {length(limit)}" if limit else ""

    def check(text: str) -> str:
        found = Length().convert(text.strip(), None, None)
        if limit and parsed(found) > limit:
            raise click.BadParameter(f"{found} is longer than {length(limit)}")
        return found

    return ask(f"How long (like 8h or 2d{most})", "--duration", check, silent=silent)


def reason(least: int, *, silent: bool) -> str:
    least = max(least, _LEAST)

    def check(text: str) -> str:
        if len(text.strip()) < least:
            raise click.BadParameter(f"write at least {least} characters")
        return text.strip()

    return ask("Why", "--reason", check, silent=silent)


def ticket(pattern: str, *, silent: bool) -> str:
    def check(text: str) -> str:
        if not wrong(pattern) and not fits(pattern, text.strip()):
            raise click.BadParameter(f"write one like {pattern}")
        return text.strip()

    return ask(f"Ticket (like {pattern})", "--ticket", check, silent=silent)


def _list(shown: Sequence[Offer], author: str) -> None:
    for number, offer in enumerate(shown[:SHOWN], 1):
        answer = offer.answer
        most = f"at most {length(answer.most)}" if answer.most else "for as long as you say"
        words = " and ".join(each.words for each in answer.approvals(author))
        by = words or ("at once, reviewed afterwards" if answer.emergency else "nobody approves")
        click.echo(printable(f"{number:>3}  {offer}  ({by}; {most})"), err=True)
    if len(shown) > SHOWN:
        click.echo(f"     … and {len(shown) - SHOWN} more: search for a word", err=True)
