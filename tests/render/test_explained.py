"""Answers about one person or group, for people."""

from __future__ import annotations

import io

from rich.console import Console

from reconciler.model import Plan, Window
from reconciler.planning.answer import Told
from reconciler.planning.timeline import ALWAYS, Span
from reconciler.render import explained
from tests.build import NOW, hours


def shown(told: Told, width: int) -> list[str]:
    out = io.StringIO()
    explained.text(told, Console(file=out, width=width))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def group(*members: Span[str]) -> Told:
    return Told("oncall", (), Plan(NOW), members)


def test_what_goes_on_stays_below_its_beginning_on_a_terminal() -> None:
    many = group(*(Span(ALWAYS, f"person{n}@example.com") for n in range(9)))
    head, first, *rest = shown(many, 60)
    assert (head, first.split()[0]) == ("oncall", "members")
    below = [line for line in rest if "person" in line]
    assert len(below) > 2
    assert all(line.startswith(" " * 10 + "person") for line in below)
    assert len([line for line in shown(many, 10_000) if "person" in line]) == 1


def test_members_are_told_with_when_they_joined_and_left_and_those_who_left_last() -> None:
    left = Span(Window(hours(-5), hours(-2)), "alice@example.com")
    told = shown(group(left, Span(ALWAYS, "bob@example.com")), 200)[1]
    assert told == (
        "  members bob@example.com, "
        "alice@example.com from 2026-03-01 07:00Z until 2026-03-01 10:00Z"
    )


def test_of_a_group_without_members_that_is_said() -> None:
    assert shown(group(), 200)[1] == "  members nobody, as far back as is known"
