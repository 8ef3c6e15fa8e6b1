"""Strict YAML: text -> plain data with the line and column of every key and value.

Stands on PyYAML's C event stream and builds without recursion, so that no file can crash it.
Every scalar stays text; what YAML offers beyond mappings, lists and text is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from yaml import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    MarkedYAMLError,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
    YAMLError,
)
from yaml.cyaml import CParser  # type: ignore[attr-defined]

from reconciler.errors import Problem
from reconciler.model import Position
from reconciler.repository.words import shown

DEEPEST = 20

Spot = tuple[Any, Any, Any]  # mark of the key (or None), mark of the value, what is within
_LOST: Final = object()  # a key whose value is dropped: a duplicate, a merge
_EXPECTED: Final = object()  # a mapping waits for its next key
_INDENT = "indent with spaces, as the line above"
_HINTS = (
    ("found character that cannot start any token", "quote the value"),
    ("mapping values are not allowed", "quote a value that contains `: `, or mend the indentation"),
    ("did not find expected key", f"{_INDENT}, or quote the value"),
    ("did not find expected '-'", _INDENT),
    ("did not find expected <document start>", _INDENT),
    ("found a tab character", _INDENT),
    ("could not find expected ':'", "write `key: value`"),
    ("found unexpected end of stream", "close the quote"),
    ("did not find expected ',' or", "close the bracket"),
)


@dataclass(frozen=True, slots=True)
class Tree:
    """`data` is made of dict, list and str; `root` mirrors it with a mark for every node: within a
    mapping a dict of spots, within a list a list of them.

    `sound` is False when a part of the file is missing from `data`, so that checking it against
    a schema would report what is not wrong.
    """

    path: str
    data: Any
    root: Spot
    problems: tuple[Problem, ...]
    sound: bool

    def position(self, keys: Sequence[str | int] = (), *, of_key: bool = False) -> Position:
        """Where the value at `keys` starts, or its key; for what is missing, where its nearest
        parent starts."""
        spot, found = self.root, True
        for key in keys:
            within = spot[2]
            inside = key in within if isinstance(within, dict) else _index(key, within)
            if not inside:
                found = False
                break
            spot = within[key]
        mark = spot[0] if of_key and found and spot[0] is not None else spot[1]
        if mark is None:
            return Position(self.path)
        return Position(self.path, mark.line + 1, mark.column + 1)

    def within(self, keys: Sequence[str | int]) -> Tree:
        """The part of the tree at `keys`, which must be there."""
        data, spot = self.data, self.root
        for key in keys:
            data, spot = data[key], spot[2][key]
        return Tree(self.path, data, spot, (), True)


def build(text: str, path: str) -> Tree:
    """Never raises for the text's sake: what is wrong with it is in `problems`."""
    builder = _Builder(path, text)
    try:
        builder.run(CParser(text))
    except MarkedYAMLError as e:
        builder.syntax(e)
    except YAMLError as e:
        builder.lose(None, f"not YAML: {str(e).splitlines()[0]}", "mend the file", "yaml-syntax")
    spots = builder.top_spots
    root: Spot = spots[0] if spots else (None, None, None)
    data = builder.top[0] if builder.top else None
    if data in (None, "") and not builder.problems:
        builder.lose(None, "the file is empty", "fill it in, or delete it", "empty-file")
    return Tree(path, data, root, tuple(builder.problems), builder.sound)


def _index(key: object, within: object) -> bool:
    return isinstance(within, list) and isinstance(key, int) and key < len(within)


class _Open:
    """A container that is being filled. `key` is None in a list; in a mapping _EXPECTED, _LOST or
    the text that waits for its value."""

    __slots__ = ("key", "key_mark", "spots", "values")

    def __init__(self, values: Any, spots: Any, key: Any) -> None:
        self.values, self.spots, self.key = values, spots, key
        self.key_mark: Any = None

    def put(self, value: Any, mark: Any, within: Any) -> None:
        key = self.key
        if key is None:
            self.values.append(value)
            self.spots.append((None, mark, within))
            return
        if key is not _LOST:
            self.values[key] = value
            self.spots[key] = (self.key_mark, mark, within)
        self.key = _EXPECTED


class _Builder:
    def __init__(self, path: str, text: str) -> None:
        self.path, self.lines, self.text = path, text.count("\n") + 1, text
        self.problems: list[Problem] = []
        self.sound = True
        self.top: list[Any] = []
        self.top_spots: list[Spot] = []

    def run(self, parser: Any) -> None:
        """One pass over the events, without recursion: `around` is what `here` lies in."""
        get = parser.get_event
        here = _Open(self.top, self.top_spots, None)
        around: list[_Open] = []
        while True:
            event = get()
            kind = event.__class__
            if kind is ScalarEvent:
                value: Any = event.value
                within: Any = None
            elif kind is MappingStartEvent:
                value, within = {}, {}
            elif kind is SequenceStartEvent:
                value, within = [], []
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                here = around.pop()
                continue
            elif kind is StreamEndEvent or not self.marker(event, kind):
                return
            elif kind is AliasEvent:
                value, within = "", None
            else:
                continue
            mark = event.start_mark
            if kind is not AliasEvent and (event.anchor is not None or event.tag is not None):
                self.decorated(event, mark)
            if here.key is _EXPECTED:
                here.key, here.key_mark = self.key(value, within, event, here), mark
            else:
                here.put(value, mark, within)
            if within is not None:
                around.append(here)
                here = _Open(value, within, _EXPECTED if kind is MappingStartEvent else None)
                if len(around) > DEEPEST:
                    what = f"nested deeper than {DEEPEST} levels"
                    self.lose(mark, what, "write it flatter", "yaml-depth")
                    return

    def key(self, value: Any, within: Any, event: Any, here: _Open) -> Any:
        mark = event.start_mark
        if event.__class__ is AliasEvent:
            return _LOST
        if within is not None:
            self.lose(mark, "a key that is not text", "write `key: value`", "yaml-key")
            return _LOST
        if value == "<<" and not event.style:
            what = "a merge key `<<`: what it brings in is written elsewhere"
            self.lose(mark, what, "write the keys out", "yaml-merge")
            return _LOST
        if value in here.values:
            first = here.spots[value][0].line + 1
            what = f"`{shown(value)}` is already set on line {first}"
            self.refuse(mark, what, "keep one of them", "duplicate-key")
            return _LOST
        return value

    def marker(self, event: Any, kind: type) -> bool:
        """Events that hold no value. False where reading must stop."""
        if kind is DocumentStartEvent:
            if self.top:
                what = "a second document in one file"
                fix = "write one file for each, and remove `---`"
                self.refuse(event.start_mark, what, fix, "yaml-documents")
                return False
            if event.version or event.tags:
                what = "a YAML directive (a line that starts with `%`)"
                self.refuse(event.start_mark, what, "remove it", "yaml-directive")
        elif kind is AliasEvent:
            what = f"an alias, *{shown(event.anchor)}: what it stands for is written elsewhere"
            self.lose(event.start_mark, what, "write the value out", "yaml-alias")
        else:
            assert kind in (StreamStartEvent, DocumentEndEvent)
        return True

    def decorated(self, event: Any, mark: Any) -> None:
        if event.anchor is not None:
            what = f"an anchor, &{shown(event.anchor)}"
            self.refuse(mark, what, "remove it, and write values out", "yaml-anchor")
        if event.tag is not None:
            what = f"a tag, {shown(event.tag)}"
            self.refuse(mark, what, "remove it: the schema knows the type", "yaml-tag")

    def syntax(self, error: MarkedYAMLError) -> None:
        said = error.problem or "it cannot be read"
        fix = next((fix for start, fix in _HINTS if start in said), "mend the line")
        context = f" {error.context}" if error.context else ""
        mark = error.problem_mark or error.context_mark
        if mark is not None and self.indented_by_tab(mark.line):
            fix = _INDENT
        past_the_end = mark is not None and mark.line >= self.lines
        if error.context_mark and (past_the_end or "end of stream" in said):
            mark = error.context_mark  # where the quote or bracket opens, not where the file ends
        self.lose(mark, f"not YAML: {said}{context}", fix, "yaml-syntax")

    def indented_by_tab(self, line: int) -> bool:
        there = self.text.split("\n")[line : line + 1]
        return any("\t" in one[: len(one) - len(one.lstrip())] for one in there)

    def lose(self, mark: Any, what: str, fix: str, rule: str) -> None:
        """Refuse what is missing from the data then."""
        self.refuse(mark, what, fix, rule)
        self.sound = False

    def refuse(self, mark: Any, what: str, fix: str, rule: str) -> None:
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        if line > self.lines:
            line, column = self.lines, 1
        self.problems.append(Problem(Position(self.path, line, column), what, fix, rule))
