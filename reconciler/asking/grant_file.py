"""The text of a grant: a new one, or an old one with another end. Writes no file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]

from reconciler.errors import InputError
from reconciler.model import Position
from reconciler.repository import characters
from reconciler.repository.tree import build

ENDS = ("expires", "duration")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
_WIDTH = 100
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for, as they said it. `access` are the items, each as JSON of its keys.
    One of `subject` and `group` is given, and one of `duration` and `expires`."""

    subject: str = ""
    group: str = ""
    access: tuple[str, ...] = ()
    duration: str = ""
    expires: str = ""
    starts: str = ""
    reason: str = ""
    ticket: str = ""
    break_glass: bool = False


def written(wish: Wish, schema: str = "") -> str:
    """The file. `schema` is where an editor finds the format, "" for nowhere. Raises InputError
    for a reason with characters that no reviewer would see."""
    _visible(wish.reason)
    keys: dict[str, Any] = {
        "subject": wish.subject,
        "group": wish.group,
        "access": [json.loads(item) for item in wish.access],
        "expires": wish.expires,
        "duration": wish.duration,
        "starts": wish.starts,
        "reason": wish.reason.strip(),
        "ticket": wish.ticket,
        "break_glass": wish.break_glass,
    }
    head = f"# yaml-language-server: $schema={schema}\n" if schema else ""
    said = {key: value for key, value in keys.items() if value or key in ("access", "reason")}
    return head + yaml.dump(said, Dumper=_Dumper, sort_keys=False, width=_WIDTH, allow_unicode=True)


def item(text: str) -> str:
    """`key=value,key=value`, or an item as a grant has it between braces -> JSON. Raises InputError."""
    if text.lstrip().startswith("{"):
        tree = build(text, "--access")
        if tree.problems:
            raise InputError(f"--access {text}: {tree.problems[0].what}; {tree.problems[0].fix}")
        return json.dumps(tree.data, ensure_ascii=False)
    found: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not key or not value or key in found:
            raise InputError(
                f"--access {text}: {part.strip()!r} is no `key=value` that is said once; write it "
                "like 'system=gcp,project=payments-prod,role=roles/viewer'"
            )
        found[key] = value
    return json.dumps(found, ensure_ascii=False)


def extended(text: str, path: str, key: str, value: str) -> str:
    """A grant's text with `key: value` for its end, and every other byte as it was."""
    tree = build(text, path)
    old = next((end for end in ENDS if isinstance(tree.data, dict) and end in tree.data), "")
    if not old or not tree.sound:
        raise InputError(
            f"{path} has no end to move; write a grant that `reconciler validate` takes"
        )
    start = tree.position((old,)) if old == key else tree.position((old,), of_key=True)
    begin, end = _offset(text, start), _end(text, tree.position((old,)))
    return f"{text[:begin]}{value if old == key else f'{key}: {value}'}{text[end:]}"


def _end(text: str, at: Position) -> int:
    """Where the scalar that starts there ends."""
    parser = CParser(text)
    while parser.check_event():
        event: Any = parser.get_event()
        mark = event.start_mark
        if isinstance(event, yaml.ScalarEvent) and (mark.line, mark.column) == (
            at.line - 1,
            at.column - 1,
        ):
            last: Any = event.end_mark
            return _offset(text, Position(at.path, last.line + 1, last.column + 1))
    raise AssertionError(f"nothing starts at {at}")


def _offset(text: str, at: Position) -> int:
    return sum(len(line) + 1 for line in text.split("\n")[: at.line - 1]) + at.column - 1


def _visible(reason: str) -> None:
    for line in reason.split("\n"):
        hidden = [
            p for p in characters.read(line.encode(), "--reason")[1] if p.rule != "line-length"
        ]
        if hidden:
            raise InputError(f"the reason has {hidden[0].what}; {hidden[0].fix}")


class _Dumper(yaml.SafeDumper):
    """Indents lists as the documentation does, and never writes an alias."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    if _TIME.fullmatch(text):  # or it would be quoted, as text that looks like a time
        return dumper.represent_scalar(_TIMESTAMP, text)
    lines = text.split("\n")
    block = len(lines) > 1 and max(map(len, lines)) <= _WIDTH
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if block else None)


_Dumper.add_representer(str, _text)
