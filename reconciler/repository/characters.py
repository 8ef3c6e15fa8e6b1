"""Bytes of a file -> text, or everything in them that a reviewer would not see. Never parses."""

from __future__ import annotations

import re
import unicodedata

from reconciler.errors import Problem
from reconciler.model import Position

SMALL = 64 * 1024  # grants, bundles: what a person writes and another reviews
LARGE = 16 * 1024 * 1024  # directory, catalog, configuration: what a program may write
LONGEST_LINE = 200

# Tab, line feed and printable ASCII: a file of nothing else needs no further look.
_PLAIN = bytes([9, 10, *range(32, 127)])

# Control characters; what YAML 1.1 takes for a line break and an editor does not; what turns the
# reading direction; what has no width; what looks like a space and is none.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5"
    "\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]|\r(?!\n)"
)
_CONTROLS = {"\r": "CARRIAGE RETURN", "\x85": "NEXT LINE", "\x1b": "ESCAPE", "\x00": "NULL"}
_BOMS = (
    (b"\xef\xbb\xbf", "UTF-8 with a byte order mark"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


def read(data: bytes, path: str, limit: int = SMALL) -> tuple[str, list[Problem]]:
    """The text, and what must not be in it. With problems, only long lines leave text to parse."""
    if len(data) > limit:
        what = f"the file is too large: {len(data):,} bytes, at most {limit:,} are read"
        return "", [Problem(Position(path), what, "split it into smaller files", "file-size")]
    if not data.translate(None, _PLAIN):
        text = data.decode("ascii")
        return text, _long_lines(text, path)
    for bom, name in _BOMS:
        if data.startswith(bom):
            what = f"the file is {name}"
            fix = "save it as UTF-8 without a byte order mark"
            return "", [Problem(Position(path), what, fix, "encoding")]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as e:
        return "", [_not_utf8(data, e.start, path)]
    hidden = [_hidden(text, match, path) for match in _HIDDEN.finditer(text)]
    return ("" if hidden else text), [*hidden, *_long_lines(text, path)]


def name_of(character: str) -> str:
    """`U+200B ZERO WIDTH SPACE`, for an error about what cannot be seen."""
    name = unicodedata.name(character, "") or _CONTROLS.get(character, "control character")
    return f"U+{ord(character):04X} {name}"


def _not_utf8(data: bytes, at: int, path: str) -> Problem:
    line = data.count(b"\n", 0, at) + 1
    column = at - (data.rfind(b"\n", 0, at) + 1) + 1
    what = f"byte 0x{data[at]:02x} is not UTF-8"
    return Problem(Position(path, line, column), what, "save the file as UTF-8", "encoding")


def _hidden(text: str, match: re.Match[str], path: str) -> Problem:
    at = match.start()
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    what = f"a character that a reviewer cannot see: {name_of(match.group())}"
    fix = "remove it, or write a plain space or line break"
    return Problem(Position(path, line, column), what, fix, "hidden-character")


def _long_lines(text: str, path: str) -> list[Problem]:
    lines = text.split("\n")
    if max(map(len, lines)) <= LONGEST_LINE:
        return []
    return [
        Problem(
            Position(path, number, LONGEST_LINE + 1),
            f"the line is too long: {len(line)} characters, at most {LONGEST_LINE} are read",
            "break it: what scrolls out of view is not reviewed",
            "line-length",
        )
        for number, line in enumerate(lines, 1)
        if len(line) > LONGEST_LINE
    ]
