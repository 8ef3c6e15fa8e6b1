"""One grant file: what it means, and one precise error for each mistake in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.model import BundleRef, Grant, Item, Position, SubjectRef
from reconciler.repository.paths import Kind
from tests.repository.build import GRANT, changed, parsed, problems

END = "expires: 2026-12-01T18:00:00Z"


def document(text: str, kind: Kind = Kind.GRANT) -> Grant:
    found = parsed(text, kind)
    assert not found.problems, found.problems
    assert isinstance(found.document, Grant)
    return found.document


def test_a_grant_says_who_what_when_and_why() -> None:
    grant = document(GRANT)
    assert grant.subjects == (SubjectRef("alice@example.com"),)
    assert grant.starts == datetime(2026, 12, 1, 9, tzinfo=UTC)
    assert grant.expires == datetime(2026, 12, 1, 18, tzinfo=UTC)
    assert grant.duration is None
    assert (grant.reason, grant.ticket) == ("Settlement batch fails since Tuesday", "OPS-4711")
    gcp, azure = grant.access
    assert isinstance(gcp, Item)
    assert isinstance(azure, Item)
    assert gcp.entitlement.resource == "projects/payments-prod"  # the alias is resolved
    assert (gcp.position, azure.position) == (
        Position("grants/a.yaml", 3, 5),
        Position("grants/a.yaml", 6, 5),
    )


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("30m", timedelta(minutes=30)),
        ("8h", timedelta(hours=8)),
        ("7d", timedelta(days=7)),
        ("1d12h", timedelta(hours=36)),
        ("1d2h3m", timedelta(days=1, hours=2, minutes=3)),
    ],
)
def test_a_duration_is_days_hours_and_minutes(text: str, length: timedelta) -> None:
    assert document(changed(END, f"duration: {text}")).duration == length


@pytest.mark.parametrize(
    ("text", "hour"),
    [("2026-12-01T18:00:00+02:00", 16), ("2026-12-01T18:00:00-05:30", 23), (END[9:], 18)],
)
def test_times_are_kept_in_utc(text: str, hour: int) -> None:
    expires = document(changed(END, f"expires: {text}")).expires
    assert expires is not None
    assert (expires.hour, expires.tzinfo) == (hour, UTC)


def test_people_are_one_whatever_the_case_of_their_address() -> None:
    text = changed("alice@example.com", "Alice@Example.COM")
    assert document(text).subjects == (SubjectRef("alice@example.com"),)


def test_a_group_and_a_bundle_are_named() -> None:
    text = changed("subject: alice@example.com", "group: payments-oncall")
    grant = document(changed("access:", "access:\n  - bundle: payments-oncall", text))
    assert grant.subjects == (SubjectRef("payments-oncall", group=True),)
    assert grant.access[0] == BundleRef("payments-oncall")


def test_standing_access_has_no_end() -> None:
    grant = document(changed(f"{END}\n", ""), Kind.STANDING)
    assert (grant.expires, grant.duration) == (None, None)


def only(text: str, kind: Kind = Kind.GRANT) -> str:
    found = problems(text, kind)
    assert len(found) == 1, "\n".join(map(str, found))
    return str(found[0]).removeprefix("grants/a.yaml:")


MISTAKES = [
    ("a time without an offset", END, "expires: 2026-12-01T18:00:00",
     "9:10: `expires` is `2026-12-01T18:00:00`, which has no UTC offset; "
     "write it like `2026-12-01T18:00:00Z`"),
    ("a date", END, "expires: 2026-12-01",
     "9:10: `expires` is `2026-12-01`, which has no UTC offset; "
     "write it like `2026-12-01T18:00:00Z`"),
    ("a fraction of a second", END, "expires: 2026-12-01T18:00:00.5Z",
     "9:10: `expires` is `2026-12-01T18:00:00.5Z`, which has a fraction of a second; "
     "write it like `2026-12-01T18:00:00Z`"),
    ("a day that does not exist", END, "expires: 2026-02-30T18:00:00Z",
     "9:10: `expires` is `2026-02-30T18:00:00Z`: day is out of range for month; "
     "write a time that exists"),
    ("a time outside the calendar", END, "expires: 9999-12-31T23:59:59-12:00",
     "9:10: `expires` is `9999-12-31T23:59:59-12:00`: it is beyond what a calendar here "
     "can hold; write a year before 9000"),
    ("a start that nobody will see", "starts: 2026-12-01T09:00:00Z", "starts: 9000-01-01T00:00:00Z",
     "10:9: `starts` is `9000-01-01T00:00:00Z`: it is beyond what a calendar here can hold; "
     "write a year before 9000"),
    ("a time before all calendars", "starts: 2026-12-01T09", "starts: 0001-01-01T00:00:00+12:00 #",
     "10:9: `starts` is `0001-01-01T00:00:00+12:00`: it is outside the calendar; "
     "write a time that exists"),
    ("an end before the start", END, "expires: 2026-12-01T09:00:00Z",
     "9:10: `expires` is `2026-12-01T09:00:00Z`, not after `starts`; write a later time"),
    ("no end", f"{END}\n", "",
     "1:1: a grant without an end; add `expires: 2026-12-01T18:00:00Z` or `duration: 8h`, "
     "or move the file to standing/"),
    ("two ends", END, f"{END}\nduration: 8h",
     "10:1: `expires` and `duration` cannot both be set; keep one of them"),
    ("a slip in a key", END, "expire: 2026-12-01T18:00:00Z",
     "9:1: unknown key `expire`; did you mean `expires`?"),
    ("no time at all", END, "duration: 0h",
     "9:11: `duration` is `0h`: it is no time at all; write a length such as `8h`"),
    ("a duration in words", END, "duration: 8 hours",
     "9:11: `duration` is `8 hours`, which is no length of time; write it like `8h`"),
    ("no duration", END, "duration:",
     "9:10: `duration` is empty; write it like `8h`"),
    ("a short duration", END, "duration: 8",
     "9:11: `duration` is `8`, which is no length of time; write it like `8h`"),
    ("a duration without end", END, "duration: 999999999d",
     "9:11: `duration` is `999999999d`, which is longer than anything here can last; "
     "write it like `8h`"),
    ("a duration of years", END, "duration: 9999d",
     "9:11: `duration` is `9999d`: it is longer than 3660 days; write a length such as `8h`"),
    ("a Cyrillic letter", "alice@", "\u0430lice@",
     "1:10: `subject` is `\u0430lice@example.com`, with a letter that is not ASCII: "
     "U+0430 CYRILLIC SMALL LETTER A; write it like `alice@example.com`"),
    ("a Cyrillic domain", "@example", "@ex\u0430mple",
     "1:10: `subject` is `alice@ex\u0430mple.com`, with a letter that is not ASCII: "
     "U+0430 CYRILLIC SMALL LETTER A; write it like `alice@example.com`"),
    ("a list as the subject", "alice@example.com", "[alice@example.com]",
     "1:10: `subject` is a list; write text"),
    ("no subject", "subject: alice@example.com\n", "",
     "1:1: one of `subject` or `subjects` or `group` is missing; add `subject` or `subjects` or "
     "`group`, as in `subject: alice@example.com`"),
    ("two subjects", "access:", "group: auditors\naccess:",
     "2:1: `subject` and `group` cannot both be set; keep one of them"),
    ("one person twice", "subject: alice@example.com", "subjects: [a@example.com, A@example.com]",
     "1:27: `subjects` names `A@example.com` twice; remove one of them"),
    ("an empty list of subjects", "subject: alice@example.com", "subjects: []",
     "1:11: `subjects` has 0 entries; write at least 1"),
    ("a key of the item", "    role: roles/cloudsql", "    rolle: roles/cloudsql",
     "5:5: unknown key `rolle`; did you mean `role`?"),
    ("a key that no form has", "    role: Reader", "    role: Reader\n    expires: never",
     "9:5: unknown key `expires`; write one of `subscription`, `resource_group` or `role`"),
    ("a missing key of the item", "    role: roles/cloudsql.viewer\n", "",
     "3:5: `role` is missing; add `role: roles/cloudsql.viewer`"),
    ("a slip in `system`", "system: gcp", "sytem: gcp",
     "3:5: `system` is missing; `sytem`: did you mean `system`?"),
    ("an unknown system", "system: gcp", "system: gpc",
     "3:13: there is no system `gpc` in reconciler.yaml; did you mean `gcp`?"),
    ("an empty role", "role: Reader", "role:",
     "8:10: `access[1].role` is empty; write at least 1 character"),
    ("an odd slug", "access:",
     "access:\n  - {system: bitbucket-dc, project: PAY, repository: a b, permission: read}",
     "3:54: `access[0].repository` is `a b`, which is no repository; write it like `payments-api`"),
    ("another vendor's product", "system: gcp", "system: bitbucket",
     "3:13: there is no system `bitbucket` in reconciler.yaml; "
     "add it under `systems:` in reconciler.yaml"),
    ("a key beside a bundle", "access:", "access:\n  - {bundle: b, role: x}",
     "3:17: `role` beside `bundle`; write the bundle as an entry of its own: `- bundle: NAME`"),
    ("an item that is text", "access:", "access:\n  - payments-oncall",
     "3:5: `access[0]` is `payments-oncall`; write a mapping (`key: value` lines)"),
    ("the same access twice", "access:",
     "access:\n  - {system: gcp, project: payments-prod, role: roles/cloudsql.viewer}",
     "4:5: the same access as on line 3; remove one of them"),
    ("a line break in the ticket", "OPS-4711", "|\n  OPS-4711",
     "12:9: `ticket` is `OPS-4711\\u000a`, which is no ticket; write it like `OPS-4711`"),
    ("a short reason", "Settlement batch fails since Tuesday", "urgent",
     "11:9: `reason` is `urgent`: 6 characters; write at least 10 characters"),
    ("no access", "access:", "acces:",
     "2:1: unknown key `acces`; did you mean `access`?"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "old", "new", "said"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_one_error_that_says_what_to_write(
    what: str, old: str, new: str, said: str
) -> None:
    assert only(changed(old, new)) == said


def test_an_end_in_standing_is_named_as_such() -> None:
    assert only(GRANT, Kind.STANDING) == (
        "9:1: `expires` in standing/, where access has no end; "
        "remove it, or move the file to grants/"
    )


@pytest.mark.parametrize("text", ["- a\n", "just text\n", "5\n"])
def test_a_file_that_is_no_mapping_is_one_error(text: str) -> None:
    assert "write a mapping" in only(text)


def test_every_mistake_of_a_file_is_told_at_once() -> None:
    text = changed(END, "expires: tomorrow")
    text = changed("system: gcp", "system: gpc", text)
    text = changed("role: Reader", "rolle: Reader", text)
    text = changed("ticket: OPS-4711", "ticket: ''\nnote: x", text)
    assert [p.position.line for p in problems(text)] == [3, 8, 9, 12, 13]


def test_validity_does_not_depend_on_the_date() -> None:
    """Rule 16: a grant whose end is long past is as valid as it was."""
    assert document(
        changed(f"{END}\nstarts: 2026-12-01T09:00:00Z", "expires: 1999-01-01T00:00:00Z")
    )


def test_a_bundle_holds_no_bundle() -> None:
    text = "description: On-call for payments\naccess:\n  - bundle: other\n"
    [problem] = problems(text, Kind.BUNDLE)
    assert problem.what == "`system` is missing"
