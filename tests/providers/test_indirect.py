"""Ways to access that are no row of one's own: told for whoever asks, and never planned for."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from reconciler.errors import ProviderError
from reconciler.model import Observed, Subject
from reconciler.sandbox.faults import Fault, FaultKind
from tests.providers.rig import Rig
from tests.providers.test_contract import KINDS, opened_rig
from tests.providers.world import Way


@pytest.fixture(params=KINDS, ids=lambda p: "-".join(p))
def rig(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Rig]:
    world, kind = request.param
    with opened_rig(world, kind, tmp_path, monkeypatch) as rig:
        yield rig


def told(rig: Rig, subject: Subject) -> tuple[Observed, ...]:
    reader = rig.world.system.open_reader(lambda: None)
    entitlement, account = rig.world.system.item(rig.world.item)
    entitlement = reader.canonical(entitlement)
    return reader.indirect(reader.principal(subject, entitlement, account), entitlement)


def fitting(way: Way, rows: tuple[Observed, ...]) -> list[Observed]:
    return [
        row
        for row in rows
        if fnmatchcase(row.via, way.via) and row.assignment.entitlement.role == way.role
    ]


def fitting_any(way: Way, rows: tuple[Observed, ...]) -> list[Observed]:
    """Whatever it says beside."""
    return [
        row
        for row in rows
        if fnmatchcase(row.via, f"{way.via}*") and row.assignment.entitlement.role == way.role
    ]


def test_every_other_way_is_told_with_what_it_goes_through(rig: Rig) -> None:
    alice, bob = rig.world.subjects[:2]
    for way in rig.world.ways:
        before = told(rig, alice)
        way.give(alice)
        found = told(rig, alice)
        assert fitting(way, found), (way.via, found)
        assert len(found) > len(before)
    assert not any(fitting(way, told(rig, bob)) for way in rig.world.ways)


def test_a_row_of_ones_own_is_no_other_way(rig: Rig) -> None:
    alice = rig.world.subjects[0]
    before = told(rig, alice)
    rig.converge([rig.claim(rig.world.item)])
    assert told(rig, alice) == before


def test_another_way_is_neither_planned_for_nor_taken_for_the_declared_row(rig: Rig) -> None:
    alice = rig.world.subjects[0]
    for way in rig.world.ways:
        way.give(alice)
    rig.converge([rig.claim(rig.world.item)])
    assert rig.plan([rig.claim(rig.world.item)]).changes == ()
    rig.converge([rig.claim(rig.world.item)], at=9)
    assert rig.plan([rig.claim(rig.world.item)], at=9).changes == ()
    found = told(rig, alice)
    assert all(fitting(way, found) for way in rig.world.ways)


def test_rule_5_other_ways_that_cannot_be_read_are_an_error_or_told_as_not_known(
    rig: Rig,
) -> None:
    alice = rig.world.subjects[0]
    for way in rig.world.ways:
        way.give(alice)
        fault = Fault(rig.world.system.name, way.call, FaultKind.STATUS, times=1000, status=403)
        rig.world.faults.arm(fault)
        try:
            found = fitting_any(way, told(rig, alice))
        except ProviderError:
            pass
        else:  # never a shorter list: it says what it does not know
            assert [row.unsure for row in found] == [True]
        rig.world.faults.clear()
        assert fitting(way, told(rig, alice))


def test_there_is_another_way_to_every_kind_or_the_vendor_knows_none(rig: Rig) -> None:
    assert rig.world.ways or rig.world.extra["no_other_way"]
