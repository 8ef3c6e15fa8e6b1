"""Several access repositories on one system: each keeps to what it gave, for every kind that can
carry a mark; and an owner that is changed keeps what it gave under the former one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from reconciler.errors import ProviderError
from reconciler.model import Action, Assignment, Cause, Change, Entitlement, Observed, Principal
from reconciler.model.marking import UNOWNED, UNTOLD, Mark, Marking
from reconciler.providers.aws.iam import marked, policy_name
from reconciler.providers.azure import marks
from reconciler.providers.azure.fresh import check_same
from reconciler.providers.azure.rows import Row, mark_of
from reconciler.providers.gcp import conditions
from reconciler.providers.gcp.observed import observed
from reconciler.providers.gcp.policy import Row as GcpRow
from tests.providers.rig import Rig
from tests.providers.test_contract import KINDS, opened_rig

MARKED = [
    (w, kind) for w, kind in KINDS if (w, kind) == ("aws", "inline_policy") or w in ("gcp", "azure")
]
ACME, OTHER = Marking("acme"), Marking("other-team")
SINCE = Marking("acme", ("",))  # `owner: acme` was switched on
LONGEST = Marking("a" + "-b" * 11 + "c")
OF = Assignment(Entitlement("sys", "kind", "where", "what"), Principal("user:alice"))


@pytest.fixture(params=MARKED, ids=lambda p: "-".join(p))
def rig(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Rig]:
    world, kind = request.param
    with opened_rig(world, kind, tmp_path, monkeypatch) as rig:
        if not rig.can(rig.world.item).marker:
            pytest.skip("has no room for a mark")
        yield rig


def of(rig: Rig, marking: Marking) -> Rig:
    """The same local system, as another access repository sees it."""
    system: Any = rig.world.system
    return Rig(replace(rig.world, system=replace(system, marking=marking)))


def rows(rig: Rig) -> list[Observed]:
    """Those that a mark of this program is on."""
    found = rig.look([rig.claim(rig.world.item)])[0].reading.rows
    return [row for row in found if row.marker is not None or row.owner is not None]


def test_rule_13_what_another_owner_gave_is_named_and_survives_and_ours_ends(rig: Rig) -> None:
    alice, bob, *_ = rig.world.subjects
    item, ours, theirs = rig.world.item, of(rig, ACME), of(rig, OTHER)
    theirs.converge([theirs.claim(item, bob)])
    claims = [ours.claim(item, alice)]
    run = ours.converge(claims)
    assert run.told == [f"add {alice.id}"]
    [foreign] = [f for f in run.plan.foreign if f.observed.owner is not None]
    assert foreign.note in (
        "not ours: access-reconciler of other-team",
        "not ours: access-reconciler of another owner",
    )
    assert ours.plan(claims).changes == ()
    ours.converge(claims, at=7)
    assert ours.converge(claims, at=9).told == [f"remove {alice.id}"]
    assert bob.id in rig.holders()
    assert alice.id not in rig.holders()


def test_two_owners_that_give_the_same_access_take_away_only_their_own(rig: Rig) -> None:
    alice = rig.world.subjects[0]
    item, ours, theirs = rig.world.item, of(rig, ACME), of(rig, OTHER)
    later, sooner = [theirs.claim(item, end=8)], [ours.claim(item, end=4)]
    theirs.converge(later)
    run = ours.converge(sooner)
    if rig.can(item).sole:
        assert [a.note.split(" of ")[0] for a in run.plan.already_held] == [
            "not ours: access-reconciler"
        ]
    assert ours.plan(sooner).changes == theirs.plan(later).changes == ()
    ours.converge(sooner, at=5)
    assert alice.id in rig.holders()
    assert ours.plan(sooner, at=5).changes == theirs.plan(later, at=5).changes == ()
    theirs.converge(later, at=9)
    assert alice.id not in rig.holders()


def test_what_another_owner_took_away_is_given_where_ours_still_stands(rig: Rig) -> None:
    item, ours, theirs = rig.world.item, of(rig, ACME), of(rig, OTHER)
    sooner, later = [theirs.claim(item, end=4)], [ours.claim(item, end=8)]
    theirs.converge(sooner)
    ours.converge(later)
    theirs.converge(sooner, at=5)
    ours.converge(later, at=5)
    assert rig.world.subjects[0].id in rig.holders()
    assert ours.plan(later, at=5).changes == ()
    ours.converge(later, at=9)
    assert rig.world.subjects[0].id not in rig.holders()


@pytest.mark.parametrize(("before", "after"), [(UNOWNED, ACME), (ACME, UNOWNED)])
def test_a_mark_without_an_owner_and_one_with_are_not_taken_for_each_other(
    rig: Rig, before: Marking, after: Marking
) -> None:
    old = of(rig, before)
    old.converge([old.claim(rig.world.item)])
    [row] = rows(of(rig, after))
    assert row.marker is None
    assert row.controller in (
        ("access-reconciler without an owner",)
        if after == ACME
        else ("access-reconciler of acme", "access-reconciler of another owner")
    )


def test_what_was_given_before_the_owner_was_named_stays_ours_and_ends(rig: Rig) -> None:
    old, new = of(rig, UNOWNED), of(rig, SINCE)
    claims = [old.claim(rig.world.item)]
    old.converge(claims)
    quiet = new.plan(claims)
    strays = [f for f in quiet.foreign if f.observed.owner is not None]
    assert (quiet.changes, strays, quiet.already_held) == ((), [], ())
    assert [k.count for k in quiet.kept] == [1]
    new.converge(claims, at=9)
    assert rig.world.subjects[0].id not in rig.holders()


def test_the_end_of_what_was_given_under_the_former_owner_still_moves(rig: Rig) -> None:
    old, new = of(rig, UNOWNED), of(rig, SINCE)
    old.converge([old.claim(rig.world.item, end=4)])
    for end in (8, 2):
        claims = [new.claim(rig.world.item, end=end)]
        new.converge(claims)
        assert new.plan(claims).changes == ()
    new.converge(claims, at=3)
    assert rig.world.subjects[0].id not in rig.holders()


def test_the_former_owners_mark_alone_makes_nothing_ours(rig: Rig) -> None:
    """Another repository may have had no owner, too."""
    alice, bob, *_ = rig.world.subjects
    item, theirs, ours = rig.world.item, of(rig, UNOWNED), of(rig, SINCE)
    theirs.converge([theirs.claim(item, bob)])
    ours.converge([ours.claim(item, alice)])
    ours.converge([ours.claim(item, alice)], at=9)
    assert bob.id in rig.holders()


def test_what_another_owner_gives_between_plan_and_apply_is_not_taken_over(rig: Rig) -> None:
    item, ours, theirs = rig.world.item, of(rig, ACME), of(rig, OTHER)
    claims = [ours.claim(item)]
    changes = ours.plan(claims).changes
    theirs.converge([theirs.claim(item)])
    errors = ours.carry_out(changes)
    if rig.can(item).sole:
        [error] = errors
        assert "already held by another assignment" in error
    else:
        assert errors == []
    gave = [row for row in rows(ours) if row.marker is not None]
    assert len(gave) == (0 if rig.can(item).sole else 1)


def test_a_row_of_azure_is_ours_by_its_request_whoever_it_was_described_by() -> None:
    id, name = OF.id, marks.request_name(uuid4(), "acme")
    row = Row("/x/y", "/x", "role", "role", "oid", "User", "", "", None)
    for said in ("", f"jit:other-team:{id} without end", f"jit:{id} without end"):
        assert mark_of(replace(row, description=said, request=name), id, SINCE).marker == id
    theirs = replace(row, description=f"jit:other-team:{id} without end")
    assert mark_of(theirs, id, SINCE).owner == "other-team"
    formerly = replace(theirs, request=marks.request_name(uuid4()))
    assert mark_of(formerly, id, SINCE) == Mark(owner="")
    ours = replace(row, description=f"jit:acme:{id} without end")
    assert mark_of(ours, id, SINCE) == Mark(marker=id)
    taken = replace(ours, request=marks.request_name(uuid4(), "other-team"))
    assert mark_of(taken, id, SINCE).owner == UNTOLD
    assert mark_of(row, id, SINCE) == Mark()
    for owner, mark in (("acme", Mark(marker=id)), ("", Mark(owner=""))):
        name = marks.assignment_name(row.scope, row.oid, row.role, owner)
        assert mark_of(replace(row, id=f"/x/{name}"), id, SINCE) == mark


def test_a_former_mark_that_is_gone_at_the_write_is_a_row_that_moved() -> None:
    seen = Observed(OF, owner="")
    change = Change(Action.REMOVE, Cause.EXPIRED, OF, live=seen)
    check_same(change, seen)
    with pytest.raises(ProviderError, match="changed since the plan"):
        check_same(change, replace(seen, owner=None))


def test_a_deleted_principals_binding_with_a_former_mark_is_still_ours_to_end() -> None:
    who, end = (
        "deleted:user:alice@example.com?uid=1",
        'request.time < timestamp("2026-12-01T18:00:00Z")',
    )
    row = GcpRow("roles/viewer", who, f"jit:{OF.id}", "", end)
    assert observed("gcp", "projects/p", row, SINCE).inherited
    assert observed("gcp", "projects/p", row).marker == OF.id
    bare = replace(row, title="")
    assert observed("gcp", "projects/p", bare, SINCE).controller == "a deleted principal"


def test_the_longest_mark_fits_and_is_read_again_everywhere() -> None:
    assert len(LONGEST.owner) == 24
    name = policy_name(OF, LONGEST)
    assert len(name) <= 128
    assert marked(name, LONGEST) == Mark(marker=OF.id)
    title = conditions.title(OF, LONGEST)
    assert len(title) <= 100
    assert conditions.read(title, "true", LONGEST).mark == Mark(marker=OF.id)
    text = marks.description(LONGEST.text(OF), None, ())
    assert marks.read(text) == (LONGEST.owner, OF.id)
    for other in (UNOWNED, ACME):
        said = marked(name, other)
        assert (said.marker, said.owner) == (None, LONGEST.owner)
        assert conditions.read(title, "true", other).mark == said


def test_a_requests_name_tells_the_owners_that_are_known_apart() -> None:
    known = ("acme", "")
    names = [marks.request_name(uuid4(), "acme") for _ in range(100)]
    assert len(set(names)) == 100
    assert {UUID(name).version for name in names} == {8}
    assert {marks.owner_of_request(name, known) for name in names} == {"acme"}
    assert {marks.owner_of_request(name, ("other", "")) for name in names} == {UNTOLD}
    assert marks.owner_of_request(marks.request_name(uuid4()), known) == ""
    assert marks.owner_of_request(str(uuid4()), known) is None


def test_a_systems_first_name_is_the_one_in_its_marks() -> None:
    renamed = replace(OF, entitlement=replace(OF.entitlement, system="sys-main"))
    assert Marking("acme", system="sys").text(renamed) == f"acme:{OF.id}"
