"""A parsed file as one line of text and back: for the cache, and for the way between processes.

A row holds no path, so that equal contents share one wherever they lie. Text only: what reads a
row back can build nothing but documents of the model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from reconciler.errors import Problem
from reconciler.model import (
    AfterReview,
    Bundle,
    BundleRef,
    CatalogPage,
    DirectoryPage,
    Entitlement,
    Grant,
    Group,
    Item,
    Person,
    PolicyPage,
    PolicyTestPage,
    Position,
    Service,
    Status,
    SubjectRef,
)
from reconciler.repository.parse import Document, Parsed
from reconciler.repository.paths import BREAK_GLASS, Kind
from reconciler.repository.plain import plain, reader

_SEP = "\x1f"  # no control character gets past the strict loader
_INNER = "\x1e"  # within an entitlement; before a subject: it is a group
_WIDTH = 4  # fields of one access item: entitlement, account or bundle, line, column
_HEAD = 9  # fields of a grant before its subjects
_PAGES: dict[str, type[PolicyPage | PolicyTestPage | CatalogPage | AfterReview]]
_PAGES = {"R": PolicyPage, "T": PolicyTestPage, "C": CatalogPage, "A": AfterReview}
_LETTERS = {page: letter for letter, page in _PAGES.items()}
_BY_KIND = {
    Kind.BUNDLE: "B",
    Kind.DIRECTORY: "D",
    Kind.POLICY: "R",
    Kind.POLICY_TEST: "T",
    Kind.CATALOG: "C",
    Kind.REVIEW: "A",
}

Entitlements = dict[str, Entitlement]


class Stale(ValueError):
    """A row that this version did not write, or that came to harm."""


def encode(parsed: Parsed) -> str:
    match parsed.document:
        case Grant() as grant:
            return _SEP.join(_grant(grant))
        case Bundle() as bundle:
            spot = bundle.position
            fields = ["B", str(spot.line), str(spot.column), *_items(bundle.access)]
            return _SEP.join(fields)
        case DirectoryPage() as page:
            return "D" + json.dumps(_page(page), ensure_ascii=False)
        case None:
            pass
        case page:
            letter = _LETTERS[type(page)]
            rest = plain(replace(page, path=""))  # a row holds no path
            return letter + json.dumps(rest, ensure_ascii=False)
    problems = [
        [p.position.line, p.position.column, p.what, p.fix, p.rule] for p in parsed.problems
    ]
    return "P" + json.dumps(problems, ensure_ascii=False)


def decode(path: str, row: str, seen: Entitlements) -> Parsed:
    """Raises Stale. `seen` shares equal entitlements between rows: there are far fewer of them
    than items."""
    found = document(path, row, seen)
    return Parsed(found) if found is not None else Parsed(None, problems(path, row))


def document(path: str, row: str, seen: Entitlements) -> Document | None:
    """None where the row holds problems. Raises Stale."""
    try:
        kind = row[0]
        if kind == "G":
            return _to_grant(path, row.split(_SEP), seen)
        if kind == "P":
            return None
        if kind == "B":
            return _to_bundle(path, row.split(_SEP), seen)
        if kind == "D":
            return _to_page(json.loads(row[1:]))
        if (page := _PAGES.get(kind)) is not None:
            found: Document = replace(reader(page)(json.loads(row[1:]), path), path=path)
            return found
    except (IndexError, KeyError, TypeError, ValueError, OverflowError) as e:
        raise Stale(str(e)) from None
    raise Stale("an unknown sort of row")


def problems(path: str, row: str) -> tuple[Problem, ...]:
    """At least one. Raises Stale."""
    try:
        found = tuple(Problem(Position(path, r[0], r[1]), *r[2:]) for r in json.loads(row[1:]))
    except (IndexError, TypeError, ValueError) as e:
        raise Stale(str(e)) from None
    if not found:
        raise Stale("a row that says nothing")
    return found


def letters(kind: Kind) -> tuple[str, str]:
    """What a row starts with that a file of this kind was parsed to: valid, or not."""
    return _BY_KIND.get(kind, "G"), "P"


def _grant(grant: Grant) -> list[str]:
    spot = grant.position
    return [
        "G",
        str(spot.line),
        str(spot.column),
        grant.reason,
        _epoch(grant.starts),
        _epoch(grant.expires),
        str(int(grant.duration.total_seconds())) if grant.duration is not None else "",
        grant.ticket,
        str(len(grant.subjects)),
        *((_INNER if ref.group else "") + ref.id for ref in grant.subjects),
        *_items(grant.access),
    ]


def _items(access: Sequence[Item | BundleRef]) -> list[str]:
    found: list[str] = []
    for one in access:
        spot = one.position
        if isinstance(one, BundleRef):
            found += ("", one.name, str(spot.line), str(spot.column))
        else:
            e = one.entitlement
            whole = _INNER.join((e.system, e.kind, e.resource, e.role))
            found += (whole, one.account, str(spot.line), str(spot.column))
    return found


def _to_grant(path: str, f: list[str], seen: Entitlements) -> Grant:
    end = _HEAD + int(f[8])
    subjects = tuple(
        [
            SubjectRef(text[1:], True) if text[0] == _INNER else SubjectRef(text)
            for text in f[_HEAD:end]
        ]
    )
    return Grant(
        path,
        subjects,
        tuple(_to_items(path, f[end:], seen)),
        f[3],
        datetime.fromtimestamp(int(f[4]), UTC) if f[4] else None,
        datetime.fromtimestamp(int(f[5]), UTC) if f[5] else None,
        timedelta(seconds=int(f[6])) if f[6] else None,
        f[7],
        path.startswith(BREAK_GLASS),  # its own kind, and so a space of its own
        position=Position(path, int(f[1]), int(f[2])),
    )


def _to_bundle(path: str, f: list[str], seen: Entitlements) -> Bundle:
    stem = path.rpartition("/")[2].removesuffix(".yaml")
    items = tuple(i for i in _to_items(path, f[3:], seen) if isinstance(i, Item))
    return Bundle(stem, items, Position(path, int(f[1]), int(f[2])))


def _to_items(path: str, f: list[str], seen: Entitlements) -> list[Item | BundleRef]:
    if not f:
        raise Stale("a row without access")
    found: list[Item | BundleRef] = []
    each = [iter(f)] * _WIDTH
    for whole, account, line, column in zip(*each, strict=True):
        spot = Position(path, int(line), int(column))
        if not whole:
            found.append(BundleRef(account, spot))
            continue
        entitlement = seen.get(whole)
        if entitlement is None:
            system, kind, resource, role = whole.split(_INNER)
            entitlement = seen[whole] = Entitlement(system, kind, resource, role)
        found.append(Item(entitlement, account, spot))
    return found


def _epoch(time: datetime | None) -> str:
    return str(int(time.timestamp())) if time is not None else ""


def _page(page: DirectoryPage) -> list[Any]:
    return [
        [
            [p.id, p.name, p.status, p.manager, p.groups, p.accounts, p.attributes]
            for p in page.people
        ],
        [[g.id, g.members, g.accounts] for g in page.groups],
        [[s.id, s.accounts, s.attributes] for s in page.services],
    ]


def _to_page(rows: list[Any]) -> DirectoryPage:
    people, groups, services = rows
    return DirectoryPage(
        tuple(
            Person(
                *(id, name, Status(status), manager, tuple(inside), _accounts(accounts)),
                tuple(map(tuple, attributes)),
            )
            for id, name, status, manager, inside, accounts, attributes in people
        ),
        tuple(Group(id, tuple(members), _accounts(accounts)) for id, members, accounts in groups),
        tuple(
            Service(id, _accounts(accounts), tuple(map(tuple, attributes)))
            for id, accounts, attributes in services
        ),
    )


def _accounts(rows: list[Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((system, tuple(names)) for system, names in rows)


class Mentions(NamedTuple):
    """The names of other files that a grant uses."""

    subjects: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    bundles: tuple[str, ...] = ()


def for_others(row: str, whom: frozenset[str]) -> bool:
    """Whether it is a grant, and for none of these ids. Raises Stale."""
    said = mentions(row)
    return said is not None and whom.isdisjoint((*said.subjects, *said.groups))


@lru_cache(maxsize=100_000)
def _alone(subject: str) -> Mentions:
    """Of one subject, and of no bundle."""
    if subject[0] == _INNER:
        return Mentions(groups=(subject[1:],))
    return Mentions((subject,))


def mentions(row: str) -> Mentions | None:
    """Read straight from the row, for a hundred thousand of them; None where it is no grant.
    Raises Stale."""
    if row[:1] != "G":
        return None
    f = row.split(_SEP)
    try:
        if f[8] == "1" and "" not in f[_HEAD + 1 :: _WIDTH]:
            return _alone(f[_HEAD])  # of a hundred thousand nearly all
        end = _HEAD + int(f[8])
        subjects = f[_HEAD:end]
        named = f[end::_WIDTH]
        bundles = [f[i + 1] for i in range(end, len(f), _WIDTH) if not f[i]] if "" in named else ()
        if subjects[0][0] == _INNER:
            return Mentions((), (subjects[0][1:],), tuple(bundles))
        return Mentions(tuple(subjects), (), tuple(bundles))
    except (IndexError, ValueError) as e:
        raise Stale(str(e)) from None
