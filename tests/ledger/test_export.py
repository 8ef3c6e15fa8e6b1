"""Entries as others read them: OCSF by its published schema, CSV, and the ledger's own lines."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.ledger import export, ocsf, wire
from reconciler.ledger.chain import chained
from reconciler.ledger.export import Style, lines
from reconciler.model import Action, Entry, Event, EventKind
from tests.ledger.lines_index import GRANT, added, at, decided, event, extended, of, removed

SCHEMA = json.loads((Path(__file__).parents[1] / "data/ocsf/schema.json").read_text())
NAMES = {0: "base_event", 2004: "detection_finding", 3004: "entity_management",
         3005: "user_access", 6002: "application_lifecycle", 6008: "application_error"}  # fmt: skip
ALICE = of()
FULL = Event(
    EventKind.DONE, at(1), "run-1", "alice@example.com", ALICE, "add", "declared", at(8), GRANT,
    (GRANT, "grants/b.yaml"), "c" * 40, "payments-read", "granted", ("bob@example.com",), "17",
    "Settlement, \"fails\"", "", "write", "admin", "row-1", True, (("added", 1),),
    "The batch must run", "OPS-4711",
)  # fmt: skip


def checker(of: int) -> jsonschema.Draft202012Validator:
    schema = {**SCHEMA, "$ref": f"#/$defs/class_{NAMES[of]}"}
    return jsonschema.Draft202012Validator(schema)


def told(event: Event) -> dict[str, Any]:
    """As OCSF, and right by its schema."""
    [entry] = chained([event], None)
    found: dict[str, Any] = json.loads(ocsf.line(entry))
    checker(found["class_uid"]).validate(found)
    return found


def bare(kind: EventKind) -> Event:
    return Event(kind, at(0), "run-1")


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_is_an_event_by_the_published_schema(kind: EventKind) -> None:
    told(bare(kind))
    told(replace(FULL, kind=kind))
    told(replace(FULL, kind=kind, error="HTTP 403"))
    told(replace(bare(kind), subject="alice@example.com", path="policies/a.yaml"))


def test_the_extract_refuses_what_ocsf_does_not_describe() -> None:
    found = told(FULL)
    assert not checker(3005).is_valid({**found, "grants": []})
    assert not checker(3005).is_valid({**found, "activity_id": 3, "type_uid": 300503})
    assert not checker(3005).is_valid({k: v for k, v in found.items() if k != "user"})


_WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.sampled_from(EventKind), _WORDS, _WORDS, _WORDS, st.sampled_from(["", *Action]))
def test_whatever_an_event_says_it_is_told_by_the_schema(
    kind: EventKind, subject: str, reason: str, outcome: str, action: str
) -> None:
    about = None if len(reason) % 2 else of(outcome or "x", reason or "read")
    told(Event(kind, at(0), "r", subject, about, action, outcome=outcome, reason=reason))


@pytest.mark.parametrize(
    ("event", "activity", "name"),
    [
        (added(ALICE), 1, "Assign Privileges"),
        (removed(ALICE, 8), 2, "Revoke Privileges"),
        (extended(ALICE, 1, 9), 99, "Extend Privileges"),
        (event(EventKind.INTENDED, 0, ALICE, action="add"), 99, "Intend"),
        (event(EventKind.ALREADY_HELD, 0, ALICE), 99, "Find Already Held"),
    ],
)
def test_a_change_of_access_is_user_access_management(
    event: Event, activity: int, name: str
) -> None:
    found = told(event)
    assert (found["class_uid"], found["activity_id"], found["activity_name"]) == (
        3005, activity, name)  # fmt: skip
    assert found["type_uid"] == 300500 + activity
    assert found["user"] == {"uid": "user:alice-1", "name": "alice",
                             "uid_alt": "alice@example.com", "email_addr": "alice@example.com"}  # fmt: skip
    assert found["privileges"] == ["read"]
    assert found["resources"][0]["uid"] == "projects/vault"
    assert found["resources"][0]["namespace"] == "gcp"


def test_only_what_was_done_counts_as_privileges_assigned() -> None:
    """A SIEM that counts assignments must not count the intent as well."""
    kinds = [k for k in EventKind if told(replace(FULL, kind=k))["type_uid"] == 300501]
    assert kinds == [EventKind.DONE]


def test_success_and_failure_are_told_apart() -> None:
    assert told(added(ALICE))["status_id"] == 1
    failed = told(added(ALICE, error="HTTP 403"))
    assert (failed["status_id"], failed["status_detail"]) == (2, "HTTP 403")
    assert failed["severity_id"] >= ocsf.MEDIUM


def test_a_review_closes_the_finding_of_its_emergency() -> None:
    about = {"path": "grants/breakglass/a.yaml", "commit": "c" * 40}
    taken = told(event(EventKind.BREAK_GLASS, 0, ALICE, **about))
    seen = told(event(EventKind.REVIEWED, 9, None, **about))
    assert taken["finding_info"]["uid"] == seen["finding_info"]["uid"]
    assert (taken["activity_id"], seen["activity_id"]) == (1, 3)
    assert (taken["is_alert"], seen["is_alert"]) == (True, False)


def test_the_decision_tells_its_rule_and_approvals() -> None:
    found = told(decided(ALICE))
    assert found["actor"]["authorizations"][0]["policy"] == {"name": "payments-read"}
    assert found["unmapped"]["approved_by"] == ["bob@example.com"]
    assert found["status"] == "granted"
    assert found["message"] == (
        "decided granted alice@example.com: gcp: read on projects/vault: Settlement fails"
    )


def test_an_event_can_be_found_again_in_the_ledger() -> None:
    entry = chained([added(ALICE), FULL], None)[1]
    found = json.loads(ocsf.line(entry))["metadata"]
    assert (found["uid"], found["sequence"], found["correlation_uid"]) == (entry.hash, 2, "run-1")
    assert json.loads(ocsf.line(entry))["time"] == int(FULL.at.timestamp() * 1000)


def test_json_lines_are_the_ledgers_own() -> None:
    entries = chained([FULL, added(ALICE)], None)
    assert [wire.decode(line.encode()) for line in lines(entries, Style.JSONL)] == list(entries)


def test_csv_has_a_row_for_each_entry_and_everything_in_it() -> None:
    entries = chained([FULL, bare(EventKind.RUN_ENDED)], None)
    rows = list(csv.DictReader(lines(entries, Style.CSV)))
    assert [row["number"] for row in rows] == ["1", "2"]
    assert rows[0] | {"at": "", "hash": ""} == {
        "number": "1", "at": "", "kind": "done", "run": "run-1", "subject": "alice@example.com",
        "system": "gcp", "entitlement": "project", "resource": "projects/vault", "role": "read",
        "principal": "user:alice-1", "name": "alice", "action": "add", "cause": "declared",
        "until": "2026-03-01T20:00:00Z", "native_expiry": "yes", "replaces": "write",
        "restores": "admin", "grants": f"{GRANT} grants/b.yaml", "path": GRANT, "commit": "c" * 40,
        "rule": "payments-read", "outcome": "granted", "approved_by": "bob@example.com",
        "pull": "17", "reason": 'Settlement, "fails"', "justification": "The batch must run",
        "ticket": "OPS-4711", "error": "", "handle": "row-1",
        "counts": "added=1", "before": "", "hash": "",
        "signed_by": "", "signature": "",
    }  # fmt: skip


@pytest.mark.parametrize("reason", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)"])
def test_a_reason_is_no_formula_in_a_spreadsheet(reason: str) -> None:
    [row] = csv.DictReader(lines(chained([replace(FULL, reason=reason)], None), Style.CSV))
    assert row["reason"] == f"'{reason}"


def test_a_forged_entry_steers_no_terminal_and_breaks_no_row() -> None:
    """Ours are cleaned before they are chained; an auditor may look at a copy that is not ours."""
    forged = wire.sealed(1, "", replace(FULL, reason="\x1b]0;owned\x07", path="\n=1+1"))
    row = export.row(forged)
    assert row.isprintable()
    assert "=1+1" in row
    assert ",=" not in row


def test_every_line_is_one_line() -> None:
    odd = replace(FULL, reason="two\nlines\u2028three", path="a\rb")
    entries: tuple[Entry, ...] = chained([odd], None)
    for style in Style:
        assert all(len(line.splitlines()) == 1 for line in lines(entries, style))
