"""A line of the ledger: canonical, strict, and without secrets."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.ledger import chain, wire
from reconciler.ledger.base import LedgerError
from reconciler.model import Assignment, Entitlement, Event, EventKind, Principal
from reconciler.repository.schemas import installed
from tests.ledger.build import NOON, entries, event

TEXT = st.text(max_size=30)
NAME = st.text(min_size=1, max_size=30)
TIME = st.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from((UTC, timezone(timedelta(hours=5, minutes=45)))),
)
ASSIGNMENT = st.builds(
    Assignment,
    st.builds(Entitlement, NAME, NAME, TEXT, TEXT),
    st.builds(Principal, TEXT, TEXT),  # nobody is looked up for a decision
)
EVENT = st.builds(
    Event,
    st.sampled_from(EventKind),
    TIME,
    NAME,
    assignment=st.none() | ASSIGNMENT,
    until=st.none() | TIME,
    grants=st.lists(TEXT, max_size=3).map(tuple),
    approved_by=st.lists(TEXT, max_size=3).map(tuple),
    native_expiry=st.booleans(),
    counts=st.lists(st.tuples(NAME, st.integers(0, 10**9)), max_size=3).map(tuple),
    **{key: TEXT for key in (*wire.NAMES, *wire.SENTENCES) if key != "run"},
)


@given(EVENT)
def test_what_is_written_is_read_again(found: Event) -> None:
    [entry] = chain.chained([found], None)
    line = wire.encode(entry)
    assert b"\n" not in line
    assert wire.decode(line) == entry
    assert wire.true_hash(line) == entry.hash
    assert wire.cleaned(entry.event) == entry.event


@given(EVENT)
def test_a_line_fits_the_published_schema(found: Event) -> None:
    [entry] = chain.chained([found], None)
    SCHEMA.validate(json.loads(wire.encode(entry)))


SCHEMA = jsonschema_rs.Draft202012Validator(
    json.loads((installed() / "ledger.schema.json").read_text())
)


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_of_event_is_in_the_schema(kind: EventKind) -> None:
    [entry] = entries(event(kind))
    SCHEMA.validate(json.loads(wire.encode(entry)))


def test_every_field_of_an_event_is_written() -> None:
    """A field that the wire forgets would be lost without a word."""
    strange = {f.name for f in fields(Event)} - wire.KNOWN
    assert strange == set()


def test_a_line_is_canonical_json_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    [entry] = entries(replace(event(reason="as agreed, né?"), at=NOON.astimezone(east)))
    line = wire.encode(entry)
    assert line.startswith(b'{"at":"2026-12-01T12:00:00Z","before":"","hash":"')
    assert line.endswith(
        '","kind":"done","number":1,"reason":"as agreed, né?","run":"run-1"}'.encode()
    )


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
def test_anybody_can_compute_the_hash_without_us() -> None:
    [_, entry] = entries(
        event(), event(reason='as agreed, né? \\ " \U0001f600', counts=(("a", 1),))
    )
    command = "jq -cjS 'del(.hash)' | sha256sum"
    done = subprocess.run(
        command, shell=True, input=wire.encode(entry), capture_output=True, check=True
    )
    assert done.stdout.decode().split()[0] == entry.hash


@pytest.mark.parametrize(
    "harm",
    [
        lambda line, digest: line.replace(b'"hash":"', b'"hash":"' + digest + b'","hash":"'),
        lambda line, digest: line.replace(b'"hash":"', b'"hash": "'),
        lambda line, digest: line.replace(b'"hash":"' + digest + b'",', b""),
        lambda line, digest: line.replace(digest, digest[:-1]),
    ],
    ids=["twice", "spelled otherwise", "not at all", "short"],
)
def test_a_line_says_its_hash_once_and_in_one_way(harm: Any) -> None:
    [entry] = entries(event())
    assert wire.true_hash(harm(wire.encode(entry), entry.hash.encode())) == ""


def test_a_time_without_an_offset_is_refused() -> None:
    naive = datetime(2026, 12, 1)  # noqa: DTZ001
    with pytest.raises(LedgerError, match="has no UTC offset"):
        entries(replace(event(), at=naive))


def changed(**keys: Any) -> bytes:
    [entry] = entries(event())
    found = {**json.loads(wire.encode(entry)), **keys}
    return json.dumps({k: v for k, v in found.items() if v is not ...}).encode()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (changed(kind="teleported"), "'teleported' is not known here: a newer version"),
        (changed(colour="red"), "`colour` is not known here: a newer version"),
        (changed(assignment={"colour": 1}), "not known here: a newer version"),
        (changed(assignment={"system": "aws"}), "`assignment.kind` is missing"),
        (changed(assignment=dict.fromkeys(("system", "kind", "resource", "role", "principal"), 1)), "other things than texts"),
        (changed(kind=["done"]), "`kind` is .*, not a text"),
        (changed(at="2026-12-01T12:00:00"), "not a time like"),
        (changed(until="2026-12-01T12:00:00+00:00"), "not a time like"),
        (changed(at="tomorrow"), "not a time like"),
        (changed(number=0), "not a number from 1"),
        (changed(number=True), "not a number from 1"),
        (changed(number="1"), "not a number from 1"),
        (changed(run=...), "`run` is missing"),
        (changed(reason=7), "not a text"),
        (changed(grants="grants/alice.yaml"), "not a list of texts"),
        (changed(counts={"added": "3"}), "not numbers by words"),
        (changed(native_expiry=False), "not true"),
        (changed(at="9999-12-31T00:00:00Z"), "no clock shows"),
        (changed(at="2026-12-01T12Z"), "not a time like"),
        (changed(assignment=[[]] * 100_000), "not known here"),
        (b"[]", "a line is one JSON object"),
        (b"{", "no JSON"),
        (b"", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"number":' + b"9" * 5000 + b"}", "no JSON"),
    ],
)  # fmt: skip
def test_reading_is_strict(line: bytes, said: str) -> None:
    with pytest.raises(LedgerError, match=said):
        wire.decode(line)


@pytest.mark.parametrize(
    "respelled",
    [
        lambda line: line.replace(b'"number":1', b'"number":2,"number":1'),
        lambda line: line.replace(b'"number":1', b'"number": 1'),
        lambda line: line.replace(b'"run":"run-1"', b'"run":"\\u0072un-1"'),
        lambda line: line.replace(b'"run":', b'"rule":"","run":'),
        lambda line: line.replace(b"run-1", b"\\ud800"),
        lambda line: b"{" + line[line.index(b'"before"') : -1] + b',"at":"2026-12-01T12:00:00Z"}',
    ],
    ids=["twice", "a space", "an escape", "empty", "half a character", "unsorted"],
)
def test_what_says_the_same_in_another_spelling_is_no_entry(respelled: Any) -> None:
    """Its hash would be of a text that nobody but its writer has."""
    [entry] = entries(event())
    line = respelled(wire.encode(entry))
    assert json.loads(line)["number"] == 1
    with pytest.raises(LedgerError, match="not spelled as entries are"):
        wire.decode(line)


def test_of_an_endless_value_little_is_told() -> None:
    with pytest.raises(LedgerError) as told:
        wire.decode(changed(assignment="x" * 1_000_000))
    assert len(str(told.value)) < 300
