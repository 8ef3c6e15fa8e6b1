"""An entry <-> its line in the ledger: canonical JSON. Reads strictly, and never guesses.

A line has its keys sorted, no spaces, and leaves out what is empty; times are RFC 3339 in UTC. The
hash is SHA-256 over the line without `hash`, so `jq -cjS 'del(.hash)' | sha256sum` computes it too.
What is signed is the line without `hash` and `signature`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from reprlib import repr as seen
from typing import Any

from reconciler.ledger.base import LedgerError
from reconciler.ledger.redact import clean as clean
from reconciler.ledger.redact import name
from reconciler.model import Assignment, Entitlement, Entry, Event, EventKind, Principal

NAMES = ("run", "subject", "action", "cause", "path", "commit", "rule", "outcome", "pull",
         "replaces", "restores", "handle", "ticket")  # fmt: skip
SENTENCES = ("reason", "justification", "error")
LISTS = ("grants", "approved_by")
# Made by ourselves, and of one shape: never cleaned, which might take part of them for a secret.
MARKS = {
    "signed_by": re.compile(r"SHA256:[A-Za-z0-9+/]{43}"),
    "signature": re.compile(r"[0-9a-f]{128}"),
}
_MAY_BE_EMPTY = frozenset(("before", "run"))
_ASSIGNMENT = frozenset(("system", "kind", "resource", "role", "principal", "name"))
_REQUIRED = ("number", "before", "hash", "at", "kind", "run")
KNOWN = frozenset(
    (
        *_REQUIRED,
        *NAMES,
        *SENTENCES,
        *LISTS,
        *MARKS,
        "assignment",
        "until",
        "native_expiry",
        "counts",
    )
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(?!0{6})\d{6})?Z", re.ASCII)
_HASH = b'"hash":"'
_HASH_LENGTH = 64


def cleaned(event: Event) -> Event:
    """As it may be written down: no secrets, no control characters, all times in UTC."""
    a = event.assignment
    texts: dict[str, Any] = {key: name(getattr(event, key)) for key in NAMES}
    texts |= {key: clean(getattr(event, key)) for key in SENTENCES}
    texts |= {key: tuple(map(name, getattr(event, key))) for key in LISTS}
    return replace(
        event,
        at=_utc(event.at),
        until=_utc(event.until) if event.until else None,
        assignment=_cleaned(a) if a else None,
        counts=tuple(sorted({name(word): number for word, number in event.counts}.items())),
        **texts,
    )


def sealed(number: int, before: str, event: Event) -> Entry:
    """The entry with its hash. The event is `cleaned`."""
    line = _text(_fields(number, before, event))
    return Entry(number, before, event, sha256(line).hexdigest())


def vouched(number: int, before: str, event: Event) -> bytes:
    """What the signature in the event is over."""
    return _text(_fields(number, before, replace(event, signature="")))


def encode(entry: Entry) -> bytes:
    """The line, without a line break."""
    fields = _fields(entry.number, entry.before, entry.event)
    return _text(fields | {"hash": entry.hash})


def true_hash(line: bytes) -> str:
    """What the hash of a line should be, over its very bytes: "" where it says none."""
    at = line.find(_HASH)
    end = at + len(_HASH) + _HASH_LENGTH
    if at < 0 or line[end : end + 2] != b'",' or line.find(_HASH, end) >= 0:
        return ""
    total = sha256(line[:at])
    total.update(line[end + 2 :])
    return total.hexdigest()


def decode(line: bytes) -> Entry:
    """Raises LedgerError for what is no entry, or is one that we would spell otherwise. Whether its
    hash is right is for `true_hash`."""
    try:
        text = line.decode()
        found = json.loads(text)
        entry = _entry(found)
        spelled = _JSON(found) == text
    except (ValueError, RecursionError) as e:
        raise LedgerError(f"no JSON: {e}") from None
    if not spelled or (not all(found.values()) and _holds_empty(found)):
        raise LedgerError(f"it is not spelled as entries are: {_SPELLED}")
    return entry


_SPELLED = "keys sorted and each once, no spaces, nothing that is empty"


def _holds_empty(found: Mapping[str, Any]) -> bool:
    return not all(found[key] for key in found.keys() - _MAY_BE_EMPTY)


def _entry(found: Any) -> Entry:
    if not isinstance(found, dict):
        raise LedgerError("no entry: a line is one JSON object")
    if not found.keys() <= KNOWN:
        strange = ", ".join(f"`{key[:40]}`" for key in sorted(found.keys() - KNOWN)[:5])
        raise LedgerError(f"{strange} is not known here: {_NEWER}")
    for key in _REQUIRED:
        if key not in found:
            raise LedgerError(f"`{key}` is missing")
    number = found["number"]
    if type(number) is not int or number < 1:
        raise LedgerError(f"`number` is {seen(number)}, not a number from 1")
    return Entry(number, _string(found, "before"), _event(found), _string(found, "hash"))


_NEWER = "a newer version of access-reconciler wrote it; install that one to read this ledger"


def _event(found: Mapping[str, Any]) -> Event:
    kind = _KINDS.get(_string(found, "kind"))
    if kind is None:
        raise LedgerError(f"the kind {seen(found['kind'])} is not known here: {_NEWER}")
    values: dict[str, Any] = {key: found[key] for key in found if key in _TEXTS}
    if not _texts(values):
        for key in values:
            _string(values, key)
    for key in LISTS:
        if key in found:
            values[key] = _strings(found[key], key)
    if "assignment" in found:
        values["assignment"] = _assignment(found["assignment"])
    if "until" in found:
        values["until"] = _time(found, "until")
    if "native_expiry" in found:
        values["native_expiry"] = _yes(found["native_expiry"])
    if "counts" in found:
        values["counts"] = _counts(found["counts"])
    for key in MARKS.keys() & found.keys():
        values[key] = _mark(found, key)
    return Event(kind, _clock(found), **values)


_TEXTS = frozenset((*NAMES, *SENTENCES))
_KINDS = {kind.value: kind for kind in EventKind}


def _texts(found: Mapping[str, Any]) -> bool:
    return set(map(type, found.values())) <= {str}


def _fields(number: int, before: str, event: Event) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "number": number,
        "before": before,
        "at": _spelled(event.at),
        "kind": event.kind.value,
        "run": event.run,
    }
    for key in (*NAMES, *SENTENCES, *LISTS, *MARKS):
        if value := getattr(event, key):
            fields[key] = value
    if a := event.assignment:
        e, p = a.entitlement, a.principal
        named = {"name": p.name} if p.name else {}
        fields["assignment"] = {
            "system": e.system,
            "kind": e.kind,
            "resource": e.resource,
            "role": e.role,
            "principal": p.id,
            **named,
        }
    if event.until:
        fields["until"] = _spelled(event.until)
    if event.native_expiry:
        fields["native_expiry"] = True
    if event.counts:
        fields["counts"] = dict(event.counts)
    return fields


_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def _text(fields: Mapping[str, Any]) -> bytes:
    return _JSON(fields).encode()


def _cleaned(a: Assignment) -> Assignment:
    e, p = a.entitlement, a.principal
    entitlement = Entitlement(name(e.system), name(e.kind), name(e.resource), name(e.role))
    return Assignment(entitlement, Principal(name(p.id), name(p.name)))


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise LedgerError(f"the time {at.isoformat()} has no UTC offset; give it one")
    return at.astimezone(UTC)


def _spelled(at: datetime) -> str:
    return f"{_utc(at).isoformat().removesuffix('+00:00')}Z"


def _time(found: Mapping[str, Any], key: str) -> datetime:
    text = _string(found, key)
    try:
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise LedgerError(f"`{key}` is {seen(text)}, not a time like 2026-12-01T18:00:00Z")


def _clock(found: Mapping[str, Any]) -> datetime:
    """Nobody can reckon from the ends of the calendar, and a run that tried would end there."""
    at = _time(found, "at")
    if at.year not in _YEARS:
        raise LedgerError(f"`at` is {found['at']}, which no clock shows")
    return at


_YEARS = range(1970, 9000)


def _string(found: Mapping[str, Any], key: str) -> str:
    value = found[key]
    if type(value) is not str:
        raise LedgerError(f"`{key}` is {seen(value)}, not a text")
    return value


def _mark(found: Mapping[str, Any], key: str) -> str:
    value = _string(found, key)
    if not MARKS[key].fullmatch(value):
        raise LedgerError(f"`{key}` is {seen(value)}, not of its shape")
    return value


def _strings(value: Any, key: str) -> tuple[str, ...]:
    if type(value) is not list or not all(type(v) is str for v in value):
        raise LedgerError(f"`{key}` is {seen(value)}, not a list of texts")
    return tuple(value)


def _yes(value: Any) -> bool:
    if value is not True:
        raise LedgerError(f"`native_expiry` is {seen(value)}, not true")
    return True


def _counts(value: Any) -> tuple[tuple[str, int], ...]:
    if type(value) is not dict or not all(type(n) is int for n in value.values()):
        raise LedgerError(f"`counts` is {seen(value)}, not numbers by words")
    return tuple(value.items())


def _assignment(value: Any) -> Assignment:
    if type(value) is not dict or not value.keys() <= _ASSIGNMENT:
        raise LedgerError(f"`assignment` is {seen(value)}, with keys not known here: {_NEWER}")
    for key in sorted(_ASSIGNMENT - {"name"} - value.keys()):
        raise LedgerError(f"`assignment.{key}` is missing")
    if not _texts(value) or value.get("name", "-") == "":
        raise LedgerError(f"`assignment` is {seen(value)}, with other things than texts")
    held = _entitlement(value["system"], value["kind"], value["resource"], value["role"])
    return Assignment(held, Principal(value["principal"], value.get("name", "")))


@lru_cache(maxsize=16_384)
def _entitlement(system: str, kind: str, resource: str, role: str) -> Entitlement:
    """Many assignments share few, so they are made once."""
    return Entitlement(system, kind, resource, role)
