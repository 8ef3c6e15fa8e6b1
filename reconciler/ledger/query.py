"""Questions to the ledger: which entries speak of this, who held what at a moment, and who gained and
lost what between two. Reads the index; changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from fnmatch import translate

from reconciler.ledger.index import Index
from reconciler.ledger.index_rows import micros
from reconciler.model import Entry, EventKind


@dataclass(frozen=True, slots=True)
class Question:
    """What is empty asks for nothing. `person` is a subject's id, or a principal's id or name;
    `system`, `resource`, `role` and `grant` (a file) may be globs, in which `*` crosses every
    character; `since` counts, `before` does not any more. Case is of no account."""

    person: str = ""
    system: str = ""
    resource: str = ""
    role: str = ""
    grant: str = ""
    cause: str = ""
    run: str = ""
    kinds: tuple[EventKind, ...] = ()
    since: datetime | None = None
    before: datetime | None = None


def entries(index: Index, question: Question) -> Iterator[Entry]:
    """In the ledger's order."""
    yield from index.entries(numbers(index, question))


def entry(index: Index, number: int) -> Entry | None:
    """None where the ledger has none of this number."""
    found = index.ask("SELECT number FROM entries WHERE number = ?", (number,))
    return next(index.entries(number for (number,) in found), None)


def last(index: Index) -> int:
    """The number of the newest, 0 for none."""
    [(number,)] = index.ask("SELECT max(number) FROM entries")
    return int(number or 0)


def numbers(index: Index, question: Question) -> list[int]:
    """Of the entries that the question is about."""
    where, values = conditions(index, question)
    query = f"SELECT number FROM entries WHERE {where} ORDER BY number"  # noqa: S608
    return [number for (number,) in index.ask(query, values)]


def lost(index: Index, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Of what time between these entries are gone: from the last one that was left until it was
    said so."""
    for told in entries(index, Question(kinds=(EventKind.LEDGER_LOST,))):
        left = entry(index, told.number - 1)
        if left and left.event.at <= end and start < told.event.at:
            yield left.event.at, told.event.at


def conditions(index: Index, question: Question) -> tuple[str, tuple[object, ...]]:
    """Of SQL on `entries`, with the values for its question marks. Those that find fewest rows
    stand first."""
    parts: list[tuple[str, object]] = []
    if question.person:
        parts.append((_PERSON, folded(question.person)))
    if question.grant:
        parts.append((_FILE, _files(index, question.grant)))
    if question.system or question.resource or question.role:
        parts.append((_ENTITLEMENT, _entitlements(index, question)))
    if question.run:
        parts.append((f"run = {_WORD}", _whole(question.run)))
    if question.cause:
        parts.append((f"cause = {_WORD}", _whole(question.cause)))
    if question.kinds:
        parts.append((_KIND, json.dumps([kind.value for kind in question.kinds])))
    if question.since:
        parts.append(("at >= ?", micros(question.since)))
    if question.before:
        parts.append(("at < ?", micros(question.before)))
    return " AND ".join(part for part, _ in parts) or "1", tuple(value for _, value in parts)


def folded(text: str) -> str:
    """As the index has words."""
    return _whole(text.casefold())


def _whole(text: str) -> str:
    """No entry has half a character, which a command line may have."""
    return text.encode(errors="replace").decode()


_WORD = "(SELECT id FROM words WHERE text = ?)"
_PERSON = f"number IN (SELECT number FROM people WHERE word = {_WORD})"  # noqa: S608
_LISTED = "IN (SELECT value FROM json_each(?))"
_FILE = f"number IN (SELECT number FROM files WHERE word {_LISTED})"  # noqa: S608
_ENTITLEMENT = f"entitlement {_LISTED}"
_KIND = f"kind IN (SELECT id FROM words WHERE text {_LISTED})"  # noqa: S608


def _files(index: Index, glob: str) -> str:
    query = "SELECT id, text FROM words WHERE id IN (SELECT DISTINCT word FROM files)"
    fits = fitting(glob)
    return json.dumps([word for word, text in index.ask(query) if fits(text)])


def _entitlements(index: Index, question: Question) -> str:
    query = "SELECT id, system, resource, role FROM entitlements"
    globs = (question.system, question.resource, question.role)
    tests = [(at, fitting(glob)) for at, glob in enumerate(globs, 1) if glob]
    return json.dumps(
        [row[0] for row in index.ask(query) if all(fits(row[at]) for at, fits in tests)]
    )


def fitting(glob: str) -> Callable[[str], bool]:
    """A glob also fits the text that it is, brackets and all."""
    folded = glob.casefold()
    if not any(c in folded for c in "*?["):
        return lambda text: text.casefold() == folded
    fits = re.compile(translate(folded)).match
    return lambda text: (t := text.casefold()) == folded or fits(t) is not None
