"""One plan with everything in it, in each rendering."""

from __future__ import annotations

import html
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from markdown_it import MarkdownIt  # rich brings it
from rich.console import Console

from reconciler.errors import ProviderError
from reconciler.model import AlreadyHeld, Declared, Foreign, Held, Mode, Plan, Unknown, Warning
from reconciler.planning.plan import Live, plan
from reconciler.planning.resolve import declaration
from reconciler.planning.status import status
from reconciler.providers.base import Outcome
from reconciler.render import as_json, as_markdown, as_text
from reconciler.render import status as as_status
from tests.build import HORIZON, MARKED, NOW, SLOT, assignment, can, claim, live

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "schemas" / "plan.schema.json").read_text(encoding="utf-8")
)
SAID = [
    claim(assignment("alice")),
    claim(assignment("bob", "write", SLOT), -5, -1),
    claim(assignment("bob", "read", SLOT), -99, None, grant="standing/b.yaml"),
    claim(assignment("carol"), 2, 4),
]
ROWS = [
    live(assignment("bob", "write", SLOT)),
    live(assignment("zoe", kind=MARKED)),
    live(assignment("root", "admin"), marked=False),
]


@pytest.fixture
def everything() -> Plan:
    drawn = plan(declaration(SAID, NOW), Live(ROWS), can, NOW, HORIZON)
    held = Held(drawn.changes[0], "mass-removal", "too much at once")
    return replace(
        drawn,
        held=(held,),
        already_held=(AlreadyHeld(assignment("dave"), "dave@example.com", ("grants/d.yaml",)),),
        unrecorded=(Declared(assignment("erin"), "erin@example.com", None, ("grants/e.yaml",)),),
        unknown=(Unknown("aws", "111122223333", "AccessDenied"),),
        warnings=(Warning("sys", "mind the | gap"),),
    )


def text(everything: Plan) -> str:
    out = io.StringIO()
    as_text.plan(everything, Console(file=out, width=300), {"sys": Mode.ENFORCE})
    return out.getvalue()


def test_the_json_plan_follows_its_schema(everything: Plan) -> None:
    jsonschema.validate(json.loads(as_json.plan(everything)), SCHEMA)


def test_the_json_of_an_apply_follows_it_too(everything: Plan) -> None:
    outcomes = (
        Outcome(everything.changes[0]),
        Outcome(everything.changes[1], ProviderError("sys", "do it", "no")),
    )
    document = json.loads(as_json.applied(everything, outcomes, everything.changes[:1]))
    jsonschema.validate(document, SCHEMA)
    assert [o["error"] for o in document["outcomes"]] == [None, "sys: cannot do it: no"]


def test_a_key_that_the_schema_does_not_know_is_noticed(everything: Plan) -> None:
    document = json.loads(as_json.plan(everything)) | {"more": 1}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


@pytest.mark.parametrize("render", [text, as_markdown.plan])
def test_people_are_told_everything_that_a_plan_holds(everything: Plan, render: object) -> None:
    shown = render(everything).replace("\\", "")  # type: ignore[operator]
    for word in (
        "alice@example.com",
        "write (back to read)",
        "until 2026-03-01 13:00Z, ended by the system",
        "withdrawn",
        "too much at once",
        "AccessDenied",
        "dave@example.com",
        "mind the | gap",
        "root",
        "1 to add, 2 to remove; 0 as declared; 1 to write down as ours; 1 already held; 1 held back; 1 unknown; 1 foreign",
        everything.hash,
    ):
        assert word in shown, word


def test_a_piped_plan_has_no_colour_and_one_line_a_change(everything: Plan) -> None:
    shown = text(everything)
    assert "\x1b" not in shown
    assert len([line for line in shown.splitlines() if line.startswith(("+", "-"))]) == 3


def test_markdown_from_outside_stays_text() -> None:
    evil = assignment("<img src=x>|@team [x](https://example.com) `a`")
    shown = as_markdown.plan(Plan(NOW, foreign=(Foreign(live(evil, marked=False), "a\nb"),)))
    assert "<img" not in shown
    assert "[x" not in shown.replace("\\[x", "")
    assert "://" not in shown
    assert "@&#8203;team" in shown
    [row] = [line for line in shown.splitlines() if "img" in line]
    assert row.count(" | ") == 4


@pytest.mark.parametrize("text", [
    "@acme/admins", "x @acme/admins, @erin", "grants/x.@erin.yaml", "(@erin)", "é@erin", "\\@erin",
    "`@erin`", "**@erin**", "</details>@erin", "www.example.com", "a.WWW.example.com",
    "https://example.com", "![x](https://example.com)", "[x]: https://example.com", "<img src=x>",
    "<!--", "--><b>", "&lt;b&gt;", "a\\|b|c", "\u202e@erin", "@\u200berin",
])  # fmt: skip
def test_a_cell_makes_no_link_no_mention_and_no_markup(text: str) -> None:
    """By a markdown parser, and by what GitHub looks for in the text that comes out of it."""
    lines = as_markdown.table(("one", "two"), [(text, "end")])
    page = MarkdownIt("commonmark").enable("table").render("\n".join(lines))
    [body] = re.findall(r"<tbody>\s*<tr>\s*<td>(.*)</td>\s*<td>end</td>\s*</tr>", page)
    assert "<" not in body
    assert not re.search(r"(?:^|[^A-Za-z0-9_])@[A-Za-z0-9]", html.unescape(body))
    source = lines[2]
    assert "://" not in source
    assert "www." not in source.lower()


def test_an_address_can_be_copied_from_markdown() -> None:
    assert "alice@example.com" in as_markdown.cell("for alice@example.com")


def test_markup_from_outside_stays_text_on_a_terminal() -> None:
    out = io.StringIO()
    evil = assignment("[red]mallory[/] [link=https://example.com]x[/link]")
    drawn = Plan(NOW, foreign=(Foreign(live(evil, marked=False)),))
    as_text.plan(drawn, Console(file=out, width=300, force_terminal=True), {})
    assert "[red]mallory[/] [link=https://example.com]x[/link]" in out.getvalue()


def test_of_many_foreign_rows_a_few_are_shown_and_the_rest_counted() -> None:
    rows = tuple(Foreign(live(assignment(f"u{i:02}"), marked=False)) for i in range(25))
    shown = text(Plan(NOW, foreign=rows))
    assert "and 15 more (--foreign shows all)" in shown
    assert "u24" not in shown


def test_status_says_what_is_active_pending_upcoming_left_over_and_foreign() -> None:
    says = declaration(SAID, NOW)
    drawn = plan(says, Live(ROWS), can, NOW, HORIZON)
    lines = status(says, drawn, can)
    assert sorted((x.assignment.principal.name, x.state.value) for x in lines) == [
        ("alice", "pending"),
        ("bob", "active"),
        ("bob", "leftover"),
        ("carol", "upcoming"),
        ("root", "foreign"),
        ("zoe", "leftover"),
    ]
    out = io.StringIO()
    as_status.text(lines, Console(file=out, width=300))
    assert "starts 2026-03-01 14:00Z" in out.getvalue()


EVIL = "al\x1b[2Jice\u202e\u2028"


@pytest.mark.parametrize("render", [text, as_markdown.plan, as_json.plan])
def test_no_name_from_a_live_system_can_steer_a_terminal(render: object) -> None:
    drawn = Plan(NOW, foreign=(Foreign(live(assignment(EVIL), marked=False), EVIL),))
    shown = render(drawn)  # type: ignore[operator]
    assert not {"\x1b", "\u202e", "\u2028"} & set(shown)


def test_a_long_name_is_folded_and_never_cut() -> None:
    out = io.StringIO()
    resource = "projects/" + "x" * 200
    drawn = Plan(NOW, foreign=(Foreign(live(assignment(on=resource), marked=False)),))
    as_text.plan(drawn, Console(file=out, width=60), {})
    assert out.getvalue().count("x") >= 200


def test_a_narrow_terminal_gets_two_lines_a_row_and_no_name_is_folded(everything: Plan) -> None:
    out = io.StringIO()
    as_text.plan(everything, Console(file=out, width=80), {"sys": Mode.ENFORCE})
    assert "alice@example.com  read\n      vault, until 2026-03-01 13:00Z" in out.getvalue()


def test_what_was_done_and_what_was_only_planned_are_told_apart(everything: Plan) -> None:
    add, *others = sorted(everything.changes, key=lambda c: c.action)
    outcomes = (Outcome(add), Outcome(others[0], ProviderError("sys", "do it", "no")))
    out = io.StringIO()
    console = Console(file=out, width=200)
    as_text.applied(everything, outcomes, (others[1],), console, {"sys": Mode.ENFORCE})
    assert "Applied: 1 added; 1 failed; 1 only planned (mode: report). Planned: 1 to add" in (
        out.getvalue()
    )


def test_a_plan_that_had_nothing_to_look_at_says_so(everything: Plan) -> None:
    """Else the first plan of all looks as if nothing was found."""
    told = []
    for drawn in (Plan(NOW), everything, replace(Plan(NOW), foreign=everything.foreign)):
        out = io.StringIO()
        as_text.plan(drawn, Console(file=out, width=200), {})
        told.append("`reconciler request` asks for it" in out.getvalue())
    assert told == [True, False, False]


def test_what_a_person_may_release_is_told_with_the_command_that_does_it(everything: Plan) -> None:
    wanted = f"reconciler apply --release-held --expect-hash {everything.hash}"
    assert wanted in text(everything)
    last = replace(everything, held=(replace(everything.held[0], guard="last-admin"),))
    assert "--release-held" not in text(last)


def test_what_apply_writes_down_as_ours_is_shown(everything: Plan) -> None:
    assert "1 to write down as ours" in text(everything)
    assert "1 to write down as ours" in as_markdown.plan(everything)
    (row,) = json.loads(as_json.plan(everything))["to_record"]
    assert (row["subject"], row["until"], row["grants"]) == (
        "erin@example.com",
        None,
        ["grants/e.yaml"],
    )
