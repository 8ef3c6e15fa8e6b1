"""`reconciler check` as it is run: exit codes, comments, statuses, merges, and what it prints."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from rich.console import Console

from reconciler.model import Entitlement, Unknown, Window
from reconciler.model.checked import (
    AccessChange,
    Answer,
    Asked,
    Checked,
    Mistake,
    Refusal,
    Ruled,
    Step,
)
from reconciler.model.position import Position
from reconciler.render import checked as render
from reconciler.render.checked_words import headline, length, times
from tests.proof.town import CHANGES, POLICY, RULES, A, B, Files, Town, asks, mail

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "check.schema.json").read_text())
CHECKED = datetime(2026, 11, 1, 10, tzinfo=UTC)
HOSTILE = "![x](https://evil.example.com) @acme/admins | <img src=x> `a`"


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


class Office:
    """A town, and a clone of its repository in which the command is run, in the present."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.town = Town(home)
        self.town.at = datetime.now(UTC) - timedelta(hours=6)
        self.clone = home / "clone"

    def begin(self, rules: str = RULES, **files: str | None) -> None:
        self.town.begin(rules, CHANGES, **files)
        self._git("clone", "--quiet", str(self.town.root), str(self.clone))

    def check(self, number: int, *words: str, token: str = "") -> Done:
        self._git("-C", str(self.clone), "pull", "--quiet", "--ff-only", "origin", "main")
        branch = self.town.branch_of(number)
        self._git("-C", str(self.clone), "fetch", "--quiet", "origin", branch)
        return self.run("--head", "FETCH_HEAD", *words, token=token)

    def run(self, *words: str, token: str = "") -> Done:
        own = self.town.github.users["reconciler"].token
        env = {
            "PATH": os.environ["PATH"],
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "GITHUB_TOKEN": token or own,
        }
        command = [sys.executable, "-m", "reconciler", "check", *words]
        done = subprocess.run(
            command, cwd=self.clone, env=env, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def pulled(self, number: int, *words: str) -> Done:
        return self.check(number, "--pull", str(number), *words)

    def _git(self, *words: str) -> None:
        subprocess.run(["git", *words], check=True, capture_output=True)

    def told(self) -> list[tuple[str, str]]:
        return [(status.state, status.description) for status in self.town.github.statuses]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.town.close()


def test_it_ends_with_4_while_approvals_are_missing_and_0_when_they_are_there(
    office: Office,
) -> None:
    office.begin()
    number = office.town.propose("alice", {A: asks()})
    waiting = office.pulled(number, "--status")
    assert waiting.code == 4
    assert "waits for approval: 1 of leads" in waiting.out
    office.town.approve(number, "carol")
    approved = office.pulled(number, "--status")
    assert (approved.code, approved.err) == (0, "")
    assert "approved by carol@example.com" in approved.out
    assert office.told() == [
        ("pending", "waits for approval: 1 of leads"),
        ("success", "may be merged: all approvals are there"),
    ]


def test_a_refusal_ends_with_4_and_fails_the_status(office: Office) -> None:
    office.begin()
    number = office.town.propose("alice", {A: asks(), POLICY: RULES + CHANGES + "# more\n"})
    assert office.pulled(number, "--status").code == 4
    assert office.told() == [
        ("failure", f"refused: it changes grants together with {POLICY}"),
    ]


def test_a_file_that_is_wrong_ends_with_2(office: Office) -> None:
    office.begin()
    number = office.town.propose("alice", {A: asks().replace("permission", "permision")})
    done = office.pulled(number, "--status")
    assert done.code == 2
    assert f"{A}:3:" in done.out
    assert office.told() == [("failure", "1 mistake in its files")]


def test_a_conflict_ends_with_2_and_fails_the_status(office: Office) -> None:
    office.begin(**{A: asks()})
    number = office.town.propose("alice", {A: asks(end="duration: 1h")})
    office.town.push("grace", {A: asks(end="duration: 2h")})
    done = office.pulled(number, "--status", "--comment")
    assert done.code == 2
    assert f"conflicts with the main line in {A}" in done.err
    assert office.told()[0][0] == "failure"
    assert "conflicts with the main line" in office.town.github.comments[0].body


def test_of_what_is_merged_nothing_is_said(office: Office) -> None:
    office.begin()
    number = office.town.propose("alice", {A: asks()})
    office.check(number)
    office.town.merge(number)
    words = ("--base", "HEAD", "--head", "FETCH_HEAD", "--pull", str(number))
    done = office.run(*words, "--status", "--comment")
    assert done.code == 2
    assert "is merged already" in done.err
    assert (office.told(), office.town.github.comments) == ([], [])


def test_a_forge_that_says_no_ends_with_1(office: Office) -> None:
    office.begin()
    number = office.town.propose("alice", {A: asks()})
    done = office.check(number, "--pull", str(number), token="of nobody")
    assert done.code == 1
    assert "the forge: cannot" in done.err


def test_without_a_number_no_token_is_needed(office: Office) -> None:
    office.begin()
    number = office.town.propose("alice", {A: asks()})
    done = office.check(number, token="of nobody")
    assert done.code == 4
    assert "the forge was not asked" in done.out
    assert office.check(number, "--comment").code == 2


def test_the_comment_is_written_once_and_then_updated_in_place(office: Office) -> None:
    office.begin()
    number = office.town.propose("alice", {A: asks()})
    office.pulled(number, "--comment")
    (comment,) = office.town.github.comments
    assert "waits for approval" in comment.body
    office.town.approve(number, "carol")
    office.pulled(number, "--comment")
    assert office.town.github.comments == [comment]
    assert "may be merged" in comment.body
    assert "waits" not in comment.body


def test_json_follows_its_schema(office: Office) -> None:
    office.begin()
    office.town.pull("alice", {A: asks()}, "carol")
    number = office.town.propose("alice", {A: asks(end="duration: 2d"), B: asks("bob")})
    found = json.loads(office.pulled(number, "--format", "json").out)
    jsonschema.validate(found, SCHEMA)
    assert found["answer"] == "waiting"
    assert {row["step"] for row in found["access"]} == {"added", "extended"}


AUTO = RULES + "auto_merge: true\n"


@pytest.mark.parametrize(
    ("rules", "files", "approver", "why"),
    [
        (AUTO, {A: asks()}, "", "waits for approval"),
        (RULES, {A: asks()}, "carol", "no file of policies/"),
        (AUTO, {A: asks(), "README.md": "hi\n"}, "carol", "only files below grants/"),
    ],
    ids=["not approved", "not switched on", "more than grants"],
)
def test_it_merges_nothing_that_is_not_in_order(
    office: Office, rules: str, files: Files, approver: str, why: str
) -> None:
    office.begin(rules)
    number = office.town.propose("alice", files)
    office.town.approve(number, *filter(None, [approver]))
    done = office.pulled(number, "--merge")
    assert f"not merged: {why}" in done.err
    assert office.town.github.pulls[number].state == "OPEN"


def test_it_merges_what_is_approved_where_the_policy_of_the_main_line_lets_it(
    office: Office,
) -> None:
    office.begin(AUTO)
    number = office.town.propose("alice", {A: asks()})
    office.town.approve(number, "carol")
    assert office.pulled(number).code == 0
    assert office.town.github.pulls[number].state == "OPEN"  # not unless it is told to
    done = office.pulled(number, "--merge")
    assert (done.code, office.town.github.pulls[number].state) == (0, "MERGED")
    assert office.town.run().held == {"alice write"}


@pytest.mark.parametrize("text", [None, asks("bob", end="duration: 1h")])
def test_what_takes_access_away_is_merged_by_a_person(office: Office, text: str | None) -> None:
    """It needs no approval, so that anybody could have anybody's access removed."""
    office.begin(AUTO)
    office.town.pull("bob", {B: asks("bob", end="duration: 2d")}, "carol")
    number = office.town.propose("erin", {A: asks("erin"), B: text})
    office.town.approve(number, "carol")
    done = office.pulled(number, "--merge")
    assert f"not merged: it takes access away ({mail('bob')}" in done.err
    assert office.town.github.pulls[number].state == "OPEN"


def test_a_pull_request_does_not_switch_its_own_merge_on(office: Office) -> None:
    office.begin()
    number = office.town.propose("grace", {POLICY: AUTO + CHANGES})
    office.town.approve(number, "frank")
    assert "not merged: no file" in office.pulled(number, "--merge").err


def test_nothing_of_the_pull_request_is_checked_out(office: Office) -> None:
    office.begin()
    number = office.town.propose("alice", {A: asks(), "sitecustomize.py": "print('run')\n"})
    done = office.pulled(number)
    assert not (office.clone / A).exists()
    assert "run" not in done.out.split()


def change(**other: Any) -> AccessChange:
    until = Window(CHECKED, CHECKED + timedelta(days=1))
    usual = AccessChange(
        "alice@example.com",
        Entitlement("bitbucket", "repository", "payments-api", "write"),
        "",
        Step.ADDED,
        (),
        (until,),
        timedelta(days=1),
        (A,),
    )
    return replace(usual, **other)


def everything(text: str = "plain") -> Checked:
    asked = Asked(1, f"1 of {text}", (text,))
    return Checked(
        "0" * 40,
        "1" * 40,
        CHECKED,
        7,
        "https://github.com/acme/access/pull/7",
        (text,),
        (change(subject=text, account=text, grants=(text,)),),
        (Ruled(text, ((text, text),), Answer.REFUSED, text, (text,), text, (text,), (asked,)),),
        (Refusal(text, text),),
        (Mistake(Position(text), text, text),),
        (text,),
        (text,),
        (text,),
        (Unknown("forge", text, text),),
    )


def test_what_comes_from_outside_does_nothing_in_a_comment() -> None:
    text = render.markdown(everything(HOSTILE))
    assert "evil.example.com" in text
    for active in (r"(?<!\\)\]\(", "<img", "://", r"@(?!&#8203;)", r"(?<!\\)`a", r"acme/admins \|"):
        assert not re.search(active, text), active


def test_what_comes_from_outside_does_nothing_in_a_terminal() -> None:
    out = io.StringIO()
    render.text(everything("[red]x[/] \x1b[31m"), Console(file=out, width=300))
    assert "[red]x[/]" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_a_narrow_terminal_gets_no_table_that_folds_in_the_middle_of_names() -> None:
    out = io.StringIO()
    one = replace(everything(), changes=(change(account="{u-1}"),))
    render.text(one, Console(file=out, width=60))
    first = next(line for line in out.getvalue().splitlines() if line.startswith("+ added"))
    assert first == "+ added  alice@example.com as {u-1}  write"


def test_everything_as_json_follows_its_schema() -> None:
    jsonschema.validate(json.loads(render.as_json(everything())), SCHEMA)
    jsonschema.validate(json.loads(render.as_json(Checked("0" * 40, "1" * 40, CHECKED))), SCHEMA)


def test_members_of_a_large_group_are_told_as_one_and_of_a_small_one_each() -> None:
    many = tuple(change(subject=f"p{n}@example.com", ref="oncall") for n in range(11))
    large = replace(everything(), changes=many)
    assert "11 members of oncall" in render.markdown(large)
    assert "p1" not in render.markdown(large)
    small = replace(everything(), changes=many[:10])
    assert "p1@example.com (of oncall)" in render.markdown(small)


def test_times_are_told_in_words() -> None:
    at, day = CHECKED, timedelta(days=1)
    was, will = Window(at, at + day), Window(at, at + 20 * day)
    longer = change(step=Step.EXTENDED, before=(was,), after=(will,), gained=19 * day)
    assert times(longer, at) == "until 2026-11-02 10:00Z -> until 2026-11-21 10:00Z: 19 days longer"
    endless = change(step=Step.EXTENDED, before=(was,), after=(Window(at),), gained=None)
    assert times(endless, at).endswith("-> without an end: now without an end")
    later = change(after=(Window(at + day, at + 2 * day),))
    assert times(later, at) == "from 2026-11-02 10:00Z until 2026-11-03 10:00Z (1 day)"
    gone = change(step=Step.REMOVED, before=(was,), after=(), gained=timedelta(0))
    assert times(gone, at) == "was until 2026-11-02 10:00Z"
    assert length(timedelta(days=1, hours=12, minutes=3)) == "1 day 12 hours"
    assert length(timedelta(hours=8) - timedelta(seconds=1)) == "8 hours"
    assert length(timedelta(seconds=59)) == "less than a minute"


def test_the_worst_is_the_answer() -> None:
    found = everything()
    assert found.answer is Answer.UNKNOWN
    found = replace(found, unknown=())
    assert found.answer is Answer.INVALID
    found = replace(found, mistakes=())
    assert found.answer is Answer.REFUSED
    found = replace(found, refusals=())
    assert headline(found) == "refused: plain: plain"
    found = replace(found, ruled=(replace(found.ruled[0], answer=Answer.WAITING),))
    assert headline(found) == "waits for approval: 1 of plain"
    assert headline(replace(found, ruled=())) == "may be merged"
