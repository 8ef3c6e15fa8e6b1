"""The text of a grant: it means exactly what was said, and another end changes nothing else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.asking.grant_file import Wish, extended, item, written
from reconciler.errors import InputError
from reconciler.repository import characters
from reconciler.repository.parse import read
from reconciler.repository.tree import build

VIEWER = item("system=gcp,project=payments-prod,role=roles/viewer")


def encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@given(st.text(max_size=300).filter(encodable))
def test_whatever_the_reason_the_file_says_exactly_that_or_is_refused(reason: str) -> None:
    wish = Wish("alice@example.com", access=(VIEWER,), duration="8h", reason=reason)
    try:
        text = written(wish)
    except InputError:
        return
    tree, problems = read("grants/x.yaml", text.encode(), characters.SMALL)
    assert tree is not None
    assert not [p for p in problems if p.rule != "line-length"]
    assert tree.data["reason"] == reason.strip()


@pytest.mark.parametrize(
    "reason",
    [
        'a: "b" # no comment, {not} [yaml], & *neither',
        "two lines\n  and: |\n- a third",
        "- starts like a list: yes",
        "null, or 2026-12-01T18:00:00Z, or 0x1f",
        "2026-12-01T18:00:00Z",
        "quotes ' and \" and \\n and `code` and ``` fences",
        "word " * 80,
        "  indented first\nthen not\n\n\nand a gap",
        "trailing space \nin a line",
        "prüfen 日本語 🚒 is text, too",
    ],
)
def test_a_hostile_reason_is_text_and_every_line_is_short(reason: str) -> None:
    text = written(Wish("alice@example.com", access=(VIEWER,), duration="8h", reason=reason))
    tree, problems = read("grants/x.yaml", text.encode(), characters.SMALL)
    assert tree is not None
    assert problems == []
    assert tree.data["reason"] == reason.strip()


def test_a_file_looks_as_the_documentation_has_it() -> None:
    wish = Wish(
        "alice@example.com",
        access=(VIEWER, json.dumps({"bundle": "payments-oncall"})),
        expires="2026-12-01T18:00:00Z",
        starts="2026-12-01T09:00:00Z",
        reason="Settlement batch fails since Tuesday",
        ticket="OPS-4711",
    )
    assert written(wish, "../.schemas/grant.schema.json") == (
        "# yaml-language-server: $schema=../.schemas/grant.schema.json\n"
        "subject: alice@example.com\n"
        "access:\n"
        "  - system: gcp\n"
        "    project: payments-prod\n"
        "    role: roles/viewer\n"
        "  - bundle: payments-oncall\n"
        "expires: 2026-12-01T18:00:00Z\n"
        "starts: 2026-12-01T09:00:00Z\n"
        "reason: Settlement batch fails since Tuesday\n"
        "ticket: OPS-4711\n"
    )


def test_the_same_value_twice_makes_no_alias() -> None:
    statements = item(
        '{system: aws, account: "111122223333", user: alice, statements: [{Effect: Allow, Action: ["s3:GetObject"], Resource: "*"}]}'
    )
    text = written(
        Wish("alice@example.com", access=(statements, statements), reason="Twice the same")
    )
    assert "&" not in text
    assert text.count("account: '111122223333'") == 2


def test_an_item_may_be_written_as_a_grant_has_it() -> None:
    assert json.loads(item("{system: gcp, project: p, role: r}")) == {
        "system": "gcp",
        "project": "p",
        "role": "r",
    }
    for wrong in ("{system: gcp", "{a: &x 1, b: *x}", "system", "a=1,a=2", "=x", "a="):
        with pytest.raises(InputError):
            item(wrong)


ENDS = (
    ("duration: 8h\nreason: x", "duration", "4h", "duration: 4h\nreason: x"),
    ("duration: '8h'   # why", "duration", "4h", "duration: 4h   # why"),
    ('{subject: a, "duration": 8h, reason: ü}', "duration", "4h",
     '{subject: a, "duration": 4h, reason: ü}'),
    ("reason: |\n  duration: 8h\nexpires: 2026-12-01T18:00:00Z", "duration", "4h",
     "reason: |\n  duration: 8h\nduration: 4h"),
    ("ä: ö\r\nduration:  8h\r\nreason: y\r\n", "expires", "2026-12-01T18:00:00Z",
     "ä: ö\r\nexpires: 2026-12-01T18:00:00Z\r\nreason: y\r\n"),
    ("duration:\n  8h\nreason: z", "duration", "4h", "duration:\n  4h\nreason: z"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "key", "value", "then"), ENDS)
def test_another_end_changes_nothing_else(text: str, key: str, value: str, then: str) -> None:
    assert extended(text, "grants/x.yaml", key, value) == then


@given(
    st.lists(st.sampled_from(["# ü 🚒", "", "ticket: A-1", 'reason: "x: y" # z'])), st.booleans()
)
def test_another_end_is_what_the_file_says_then(lines: list[str], crlf: bool) -> None:
    rest = [line for i, line in enumerate(lines) if not line or lines.index(line) == i]
    text = ("\r\n" if crlf else "\n").join([*rest, "duration: 8h # until then", *rest[:0]])
    moved = extended(text, "grants/x.yaml", "duration", "1d12h")
    assert build(moved, "x").data == {**build(text, "x").data, "duration": "1d12h"}
    assert moved.replace("1d12h", "8h") == text


def test_a_file_without_an_end_has_none_to_move() -> None:
    with pytest.raises(InputError, match="has no end to move"):
        extended("subject: alice@example.com\n", "standing/x.yaml", "duration", "4h")
