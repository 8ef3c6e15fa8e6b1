"""A signed ledger: who can write to its store cannot make us believe things."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.ledger import chain, wire
from reconciler.ledger.base import Anchor, LedgerError, Unbelieved
from reconciler.ledger.digest import digest
from reconciler.ledger.folder import FolderStore
from reconciler.ledger.index import Index
from reconciler.ledger.ledger import Ledger
from reconciler.ledger.query import Question, entries
from reconciler.ledger.record import lost
from reconciler.ledger.signing import KEY, Keys, Made
from reconciler.model import Event, EventKind
from tests.ledger.build import NOON, Shelf, added, assignment, event, removed
from tests.ledger.signers import BOTH, NEXT, OURS, THEIRS, Kit, Pair, moved

BOB = assignment("bob")
HELD = event(EventKind.ALREADY_HELD, 1, assignment=assignment())
FORGED = [
    HELD,  # would keep what we gave past its end
    removed(1),  # would make it somebody else's, which came back
    added(1, BOB),  # would have somebody else's taken away
    lost(NOON, "run-2", "", 1000),  # would silence the anchor
]


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    kit = Kit(tmp_path)
    kit.append(added(0))
    return kit


def test_each_batch_ends_in_a_signature_that_holds(kit: Kit) -> None:
    kit.append(removed(5), added(6))
    kinds = [entry.event.kind.value for entry in kit.ledger().entries()]
    assert kinds == ["done", "signed", "done", "done", "signed"]
    assert kit.ledger().verify() == ()
    assert (kit.recall().error, kit.recall().digest.number) == ("", 5)
    last = [*kit.lines()][-1].event
    assert (last.signed_by, last.counts) == (OURS.public.fingerprint, (("batch", 2),))


@pytest.mark.parametrize("pair", [None, THEIRS], ids=["unsigned", "with another key"])
@pytest.mark.parametrize("forged", FORGED, ids=lambda e: f"{e.kind} {e.action}")
def test_what_an_intruder_appends_is_not_believed(
    kit: Kit, forged: Event, pair: Pair | None
) -> None:
    true = kit.recall().digest
    kit.intrude(forged, pair=pair)
    found = kit.recall()
    assert f"the newest entry {3 if pair is None else 4} " in found.error
    assert "no key of `signed_by`" in found.error
    assert found.digest.remembered.of == true.remembered.of
    assert (found.digest.told_lost, found.digest.remembered.began) == (0, None)


@pytest.mark.parametrize("pair", [None, THEIRS], ids=["unsigned", "with another key"])
def test_we_do_not_vouch_for_an_intruders_entries(kit: Kit, pair: Pair | None) -> None:
    """A signature vouches for all before it: one more of ours, and theirs would be believed."""
    kit.intrude(HELD, pair=pair)
    before = kit.files()
    with pytest.raises(Unbelieved, match="no key of `signed_by`"):
        kit.ledger().append([added(9)])
    assert kit.files() == before


def test_nor_when_they_come_between_our_reading_and_our_writing(kit: Kit) -> None:
    ours = kit.recall().ledger
    assert ours is not None
    kit.intrude(HELD)
    with pytest.raises(Unbelieved):
        ours.append([added(9)])
    assert len(kit.files()) == 2


def test_nor_when_they_come_between_two_batches_of_a_run(kit: Kit) -> None:
    ours = kit.ledger()
    ours.append([added(3)])
    kit.intrude(HELD)
    with pytest.raises(Unbelieved):
        ours.append([added(9)])
    assert len(kit.files()) == 3


class Raced:
    """A folder into which another writer puts a batch just before we put ours."""

    def __init__(self, kit: Kit, first: Callable[[], object]) -> None:
        self._store = FolderStore(kit.root / "ledger")
        self._first: list[Callable[[], object]] = [first]
        self.where, self.batches, self.last = "a folder", self._store.batches, self._store.last

    def put(self, number: int, data: bytes) -> None:
        while self._first:
            self._first.pop()()
        self._store.put(number, data)


def test_nor_when_they_win_the_race_for_a_number(kit: Kit) -> None:
    with pytest.raises(Unbelieved):
        Ledger(Raced(kit, lambda: kit.intrude(HELD)), BOTH).append([added(9)])
    assert len(kit.files()) == 2


def test_another_run_of_ours_that_wins_the_race_is_carried_on(kit: Kit) -> None:
    Ledger(Raced(kit, lambda: kit.append(removed(5))), BOTH).append([added(9)])
    assert [e.event.action for e in kit.ledger().entries()] == ["add", "", "remove", "", "add", ""]
    assert kit.ledger().verify() == ()


def test_a_signature_holds_nowhere_else(kit: Kit) -> None:
    """Taken along to an intruder's entry, or put at the end again with its whole batch."""
    signed = [*kit.lines()][-1]
    forged = chain.chained([HELD], signed)
    taken = [*forged, moved(signed, forged[-1])]
    FolderStore(kit.root / "ledger").put(2, chain.written(taken))
    assert "bears a signature" in kit.recall().error
    kit.cut(2)
    kit.append(removed(5))
    FolderStore(kit.root / "ledger").put(3, kit.files()[0].read_bytes())
    found = kit.recall()
    assert "the newest entry 2 bears a signature" in found.error
    assert found.digest.number == 4
    with pytest.raises(Unbelieved):
        kit.ledger().append([added(9)])


def test_nothing_of_a_signed_entry_can_be_changed(kit: Kit) -> None:
    signed = [*kit.lines()][-1]
    assert BOTH.made(signed, 1) is Made.RIGHT
    changes: list[dict[str, Any]] = [
        {"run": "run-2"},
        {"reason": "x"},
        {"assignment": BOB},
        {"at": NOON.replace(hour=1)},
    ]
    for change in changes:
        again = wire.sealed(signed.number, signed.before, replace(signed.event, **change))
        assert BOTH.made(again, 1) is Made.FORGED
    assert BOTH.made(wire.sealed(9, signed.before, signed.event), 1) is Made.FORGED
    assert BOTH.made(wire.sealed(2, "0" * 64, signed.event), 1) is Made.FORGED


def test_a_history_that_was_written_anew_is_not_believed(kit: Kit) -> None:
    kit.append(removed(5))
    kit.cut(1)
    kit.intrude(HELD)
    assert "signed by no key" in kit.recall().error
    assert kit.recall().digest.remembered.of == {}


def test_an_older_end_that_was_signed_is_for_the_anchor_to_see(kit: Kit) -> None:
    kit.anchor.write(kit.append(removed(5)))
    kit.cut(2)
    found = kit.recall()
    assert (found.error, found.lost) == ("", "entry 4 was there once, and the newest now is 2")
    [flaw] = kit.ledger().verify(kit.anchor.read())
    assert flaw.sort is chain.Break.TRUNCATED


def test_what_a_run_has_read_is_still_there_when_it_writes(kit: Kit) -> None:
    """Else its entries would stand where those were that it went by, and pass the anchor."""
    kit.append(removed(5))
    ours = kit.recall().ledger
    assert ours is not None
    kit.cut(2)
    with pytest.raises(Unbelieved, match="entry 4 was there, and is gone"):
        ours.append([added(6), added(7), added(8)])
    kit.append(added(6))
    with pytest.raises(Unbelieved, match="entry 4 is not the one that was there"):
        ours.append([added(7)])


def test_the_newest_signature_is_by_a_key_that_is_listed(kit: Kit) -> None:
    assert kit.listing(OURS, NEXT).recall().error == ""
    rotated = kit.listing(NEXT)
    assert f"signed with {OURS.public.fingerprint}, which is no key" in rotated.recall().error
    kit.listing(OURS, NEXT).append(removed(5), pair=NEXT)
    assert rotated.recall().digest.number == 4
    assert rotated.ledger(NEXT).verify() == ()


def test_without_the_private_half_all_is_believed_and_nothing_written(kit: Kit) -> None:
    for private, said in (
        ("", f"no key here to sign with; set {KEY}"),
        (THEIRS.private, f"{THEIRS.public.fingerprint}, which `signed_by` does not list"),
        ("hello", "no private key in OpenSSH's form"),
        (OURS.private[:99], "no private key in OpenSSH's form"),
        (OURS.line, "no private key in OpenSSH's form"),
    ):
        ledger = kit.ledger(Pair(OURS.line, private))
        assert len([*ledger.entries()]) == 2
        with pytest.raises(LedgerError, match=re.escape(said)) as told:
            ledger.append([added(9)])
        assert not private or private not in str(told.value)
    assert len(kit.files()) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [(("-t", "ed25519", "-N", "secret-1"), "passphrase"), (("-t", "ecdsa", "-N", ""), "Ed25519")],
)
def test_a_key_of_another_sort_is_told(
    kit: Kit, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    subprocess.run(["ssh-keygen", "-q", *options, "-f", tmp_path / "key"], check=True)
    private = (tmp_path / "key").read_text()
    with pytest.raises(LedgerError, match=said):
        kit.ledger(Pair(OURS.line, private)).append([added(9)])


@pytest.mark.parametrize("change", [str.strip, lambda text: text.replace("\n", "\r\n")])
def test_a_key_may_come_through_a_form_of_a_browser(kit: Kit, change: Callable[[str], str]) -> None:
    kit.ledger(Pair(OURS.line, change(OURS.private))).append([added(9)])
    assert kit.recall().digest.number == 4


def test_what_a_key_vouches_for_is_remembered_when_the_end_is_spoiled(kit: Kit) -> None:
    """Whoever can write there could otherwise have us forget what was there before us, and take
    it away: on a machine without a cache any unsigned line would do."""
    kit.append(event(EventKind.ALREADY_HELD, 3, assignment=BOB))
    for spoil in (lambda: kit.intrude(removed(9, BOB)), lambda: kit.files()[-1].write_text("{}\n")):
        kit.files()[-1].chmod(0o600)
        spoil()
        found = kit.listing(OURS).recall()
        assert found.error
        assert found.digest.remembered.of[BOB.key].already_held == NOON.replace(minute=3)
        assert found.digest.remembered.of[BOB.key].removed is None
        assert found.digest.remembered.began is None


def test_what_is_kept_between_runs_has_no_unsigned_end(kit: Kit) -> None:
    kit.intrude(*(added(i, BOB) for i in range(2, 600)))
    assert kit.recall().error
    kit.cut(2)
    assert kit.recall().digest.remembered.of == digest(kit.ledger().entries()).remembered.of


def test_nothing_unsigned_is_handed_out_or_put_into_the_index(kit: Kit, tmp_path: Path) -> None:
    ledger, file = kit.ledger(), tmp_path / "ledger.sqlite"
    index = Index(file, ledger)
    assert index.follow() == 2
    kit.intrude(added(9, BOB))
    handed = []
    with pytest.raises(Unbelieved):
        handed += list(ledger.entries())
    with pytest.raises(Unbelieved):
        handed += list(ledger.entries(after=1))
    assert handed == []
    with pytest.raises(Unbelieved):
        index.follow()
    assert [e.number for e in entries(index, Question(system="*"))] == [1]


def test_what_is_added_while_it_is_read_is_not_handed_out(kit: Kit) -> None:
    class Grown(Shelf):
        """One more batch comes in as soon as somebody has looked at its end."""

        def last(self) -> int:
            return 1

    kit.intrude(added(9, BOB))
    grown = Ledger(Grown([*FolderStore(kit.root / "ledger").batches()]), BOTH)
    assert [entry.number for entry in grown.entries()] == [1, 2]


def test_what_is_changed_while_it_is_read_is_told(kit: Kit) -> None:
    class Cut(Shelf):
        """Without its end, for whoever reads all of it after having looked at that."""

        def batches(self, after: int = 0) -> Iterator[tuple[int, bytes]]:
            yield from ((n, data) for n, data in super().batches(after) if after or n == 1)

    kit.append(removed(5))
    with pytest.raises(Unbelieved, match="it was changed while it was read"):
        list(Ledger(Cut([*FolderStore(kit.root / "ledger").batches()]), BOTH).entries())


def test_a_private_key_alone_signs_nothing(kit: Kit, tmp_path: Path) -> None:
    ledger = Ledger(FolderStore(tmp_path / "other"), Keys((), OURS.private))
    assert [e.event.kind for e in ledger.append([added(0)])] == [EventKind.DONE]


def test_an_empty_ledger_has_nothing_to_vouch_for(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    assert (kit.recall().error, kit.ledger().head()) == ("", None)
    assert [*kit.ledger().entries()] == []
    kit.append(added(0))
    assert kit.recall().digest.number == 2


def test_a_forged_loss_does_not_silence_the_anchor(kit: Kit) -> None:
    kit.anchor.write(kit.append(removed(5)))
    kit.cut(2)
    kit.intrude(lost(NOON, "run-2", "", 1000))
    found = kit.recall()
    assert (found.digest.told_lost, bool(found.error)) == (0, True)
    kit.cut(2)
    assert kit.recall().lost


def test_the_anchor_is_of_a_signature(kit: Kit) -> None:
    head = kit.append(removed(5))
    assert head == Anchor(4, [*kit.lines()][-1].hash)


def test_where_nothing_is_signed_no_cryptography_is_loaded() -> None:
    probe = "import sys, reconciler.ledger.memory; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
