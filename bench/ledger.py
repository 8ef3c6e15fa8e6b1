"""A ledger of a million entries: put into its index, and asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from bench.measure import Result, alone, paired, timed
from reconciler.ledger import wire
from reconciler.ledger.index import Index
from reconciler.ledger.query import Question, entries
from reconciler.ledger.query_held import held_at
from reconciler.model import Assignment, Entitlement, Entry, Event, EventKind, Principal

ENTRIES, PEOPLE, PROJECTS, A_RUN = 1_000_000, 5_000, 20_000, 200
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = (EventKind.DECIDED, EventKind.INTENDED, EventKind.DONE, EventKind.INTENDED, EventKind.DONE)


def events(count: int = ENTRIES, name: str = "u") -> Iterator[Event]:
    """Lives of grants, of five events each: decided, given, taken away."""
    for i in range(count):
        grant, step = divmod(i, len(STEPS))
        person, project = grant * 7919 % PEOPLE, grant * 104_729 % PROJECTS
        place = Entitlement("gcp", "project", f"projects/p{project}", "roles/viewer")
        path = f"grants/team{person % 90}/g{grant}.yaml"
        known = {"path": path, "commit": f"{grant:040x}", "rule": "team-read", "outcome": "granted",
                 "approved_by": (f"{name}{person // 10}@example.com",), "pull": str(grant)}  # fmt: skip
        change = {"action": "add" if step < 3 else "remove", "grants": (path,),
                  "cause": "declared" if step < 3 else "expired"}  # fmt: skip
        at = BEGAN + timedelta(seconds=i * 30)
        yield Event(
            STEPS[step],
            at,
            f"run-{i // A_RUN}",
            f"{name}{person}@example.com",
            Assignment(place, Principal(f"user:{person:032x}", f"u{person}")),
            until=at + timedelta(hours=8),
            **(change if step else known),
        )


def sealed(many: Iterable[Event], after: Entry | None = None) -> Iterator[Entry]:
    """Chained; they need no cleaning."""
    for event in many:
        after = (
            wire.sealed(after.number + 1, after.hash, event) if after else wire.sealed(1, "", event)
        )
        yield after


class Lines:
    """A verified ledger, in memory: what reading one costs is measured elsewhere."""

    def __init__(self, kept: tuple[Entry, ...]) -> None:
        self.kept = kept

    def entries(self, after: int = 0) -> Iterator[Entry]:
        return iter(self.kept[after:])


def beside_reading(some: Lines) -> Result:
    written = [wire.encode(entry) for entry in some.kept]

    def read() -> None:
        for line in written:
            assert wire.true_hash(line) == wire.decode(line).hash

    def index() -> None:
        Index(None, some).follow()

    return paired(f"index {len(written):,} entries", index, read, "to read them verified", 3.0, 3)


def _answers(index: Index, about: Question) -> list[Entry]:
    return list(entries(index, about))


def run(home: Path) -> Iterator[Result]:
    lines = Lines(tuple(sealed(events())))
    yield beside_reading(Lines(lines.kept[: ENTRIES // 10]))
    file = home / "ledger.sqlite"
    file.unlink(missing_ok=True)
    index = Index(file, lines)
    yield Result("index 1,000,000 entries", timed(index.follow), 120.0)
    yield Result("its file (GB, not s)", file.stat().st_size / 1e9, 1.0)
    lines.kept += tuple(sealed(events(A_RUN), lines.kept[-1]))
    yield Result("follow 200 new entries", timed(index.follow), 0.5)
    index.close()
    person = Question(person="u42@example.com")

    def asked() -> int:
        opened = Index(file, lines)
        opened.follow()
        return len(list(entries(opened, person)))

    assert asked() >= 200
    yield alone("open, follow, and ask by person", asked, 1.0)
    index, late = Index(file, lines), BEGAN + timedelta(seconds=ENTRIES * 15)
    for what, about, limit in (
        ("by resource", Question(resource="projects/p42"), 1.0),
        ("by a glob of files and a day", Question(grant="grants/team4/*", since=late), 1.0),
        ("by cause, of a week", Question(cause="expired", before=BEGAN + timedelta(7)), 1.0),
    ):
        yield alone(what, partial(_answers, index, about), limit)
    yield alone("what one person held in the middle", lambda: held_at(index, late, person), 1.0)
    yield alone("what everybody held in the middle", lambda: held_at(index, late), 5.0, 1)
