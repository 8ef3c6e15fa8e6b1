"""Entries arrive, all of them and in order, whatever happens on the way."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from reconciler.errors import InputError
from reconciler.ledger import ocsf, wire
from reconciler.ledger.export import Style
from reconciler.ledger.ship import ShipError, ship
from reconciler.ledger.ship_file import FileTarget
from reconciler.ledger.ship_hec import Collector, Patience
from reconciler.ledger.ship_syslog import SyslogServer, frame
from reconciler.model import Entry, EventKind
from tests.ledger.lines_index import Lines, added, event, of, removed
from tests.ledger.receivers_ship import TOKEN, collecting, listening

QUICK = Patience(tries=2, factor=0.01, timeout=5, acknowledged=1)


def ledger(count: int = 3) -> Lines:
    lines = Lines()
    lines.write(*(added(of(f"u{i}", "Rôle"), i) for i in range(count)))
    return lines


@pytest.fixture
def position(tmp_path: Path) -> Path:
    return tmp_path / "state" / "position.json"


class Fragile:
    """Takes `most` deliveries, then dies."""

    def __init__(self, most: int = 99) -> None:
        self.taken: list[int] = []
        self.most = most

    def deliver(self, entries: Sequence[Entry]) -> None:
        if self.most == 0:
            raise ShipError("gone")
        self.most -= 1
        self.taken += [entry.number for entry in entries]


def test_each_entry_is_sent_once_and_then_only_what_is_new(position: Path) -> None:
    lines, target = ledger(), Fragile()
    assert ship(lines, target, position) == 3
    assert ship(lines, target, position) == 0
    lines.write(removed(of(), 8))
    assert ship(lines, target, position) == 1
    assert target.taken == [1, 2, 3, 4]


def test_what_was_not_taken_is_sent_again(position: Path) -> None:
    lines, target = ledger(500), Fragile(most=1)
    with pytest.raises(ShipError):
        ship(lines, target, position)
    assert len(target.taken) == 200
    target.most = 99
    assert ship(lines, target, position) == 300
    assert target.taken == list(range(1, 501))


def test_a_ledger_that_is_another_one_is_not_sent(position: Path) -> None:
    lines = ledger()
    ship(lines, Fragile(), position)
    for other in (ledger(2), Lines()):
        with pytest.raises(ShipError, match="entry 3 was sent, and the ledger has another one"):
            ship(other, Fragile(), position)
    lines.rewritten([added(of("mallory"), i) for i in range(5)])
    with pytest.raises(ShipError, match="audit verify"):
        ship(lines, Fragile(), position)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"number": "x", "hash": ""}', '{"number": 1}'])
def test_a_position_that_says_nothing_is_an_error(position: Path, text: str) -> None:
    """Not the beginning: then a broken disk would send everything again, each time."""
    position.parent.mkdir()
    position.write_text(text)
    target = Fragile()
    with pytest.raises(ShipError, match="does not say what was sent"):
        ship(ledger(), target, position)
    assert target.taken == []


def test_where_no_position_can_be_kept_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ShipError, match="does not say what was sent"):
        ship(ledger(), Fragile(), tmp_path / "file" / "position.json")


def test_a_file_gets_a_line_for_each_entry(tmp_path: Path, position: Path) -> None:
    lines, path = ledger(), tmp_path / "out.jsonl"
    ship(lines, FileTarget(path, Style.JSONL), position)
    assert [wire.decode(line) for line in path.read_bytes().splitlines()] == list(lines.kept)
    ship(lines, FileTarget(tmp_path / "out.ocsf", Style.OCSF), tmp_path / "other")
    assert (tmp_path / "out.ocsf").read_text().splitlines() == list(map(ocsf.line, lines.kept))


def test_half_a_line_of_one_who_died_spoils_no_other(tmp_path: Path, position: Path) -> None:
    lines, path = ledger(), tmp_path / "out.jsonl"
    path.write_bytes(wire.encode(lines.kept[0])[:40])
    ship(lines, FileTarget(path, Style.JSONL), position)
    assert [wire.decode(line) for line in path.read_bytes().splitlines()[1:]] == list(lines.kept)


def test_a_file_that_cannot_be_written_moves_no_position(tmp_path: Path, position: Path) -> None:
    with pytest.raises(ShipError, match="cannot write"):
        ship(ledger(), FileTarget(tmp_path, Style.JSONL), position)
    assert not position.exists()


def test_the_collector_gets_every_event_in_its_envelope(position: Path) -> None:
    lines = ledger()
    with collecting() as hec:
        target = Collector(hec.url, TOKEN, "ci-1", index="audit", patience=QUICK)
        assert ship(lines, target, position) == 3
    assert [json.dumps(e["event"], separators=(",", ":")) for e in hec.events] == [
        ocsf.line(entry) for entry in lines.kept
    ]
    first = hec.events[0]
    assert (first["host"], first["index"], first["sourcetype"]) == (
        "ci-1", "audit", "access-reconciler:ocsf")  # fmt: skip
    assert float(first["time"]) == lines.kept[0].event.at.timestamp()
    assert hec.channels - {None}


@pytest.mark.parametrize("trouble", [[503], [429, 503], ["drop"]])
def test_a_collector_in_trouble_is_asked_again(position: Path, trouble: list[int | str]) -> None:
    with collecting() as hec:
        hec.answers = trouble
        assert ship(ledger(), Collector(hec.url, TOKEN, "ci", patience=QUICK), position) == 3
        assert {e["event"]["metadata"]["sequence"] for e in hec.events} == {1, 2, 3}


def test_a_collector_that_stays_in_trouble_loses_nothing(position: Path) -> None:
    with collecting() as hec:
        target = Collector(hec.url, TOKEN, "ci", patience=QUICK)
        hec.answers = [503] * 3
        with pytest.raises(ShipError, match="HTTP 503, Server is busy"):
            ship(ledger(), target, position)
        assert ship(ledger(), target, position) == 3
        assert [e["event"]["metadata"]["sequence"] for e in hec.events] == [1, 2, 3]


def test_what_comes_twice_bears_the_same_hash(position: Path) -> None:
    with collecting() as hec:
        hec.answers = ["drop"]
        ship(ledger(1), Collector(hec.url, TOKEN, "ci", patience=QUICK), position)
        assert len(hec.events) == 2
        assert len({e["event"]["metadata"]["uid"] for e in hec.events}) == 1


def test_the_token_is_in_no_error(position: Path) -> None:
    with collecting() as hec, pytest.raises(ShipError, match="HTTP 403") as found:
        ship(ledger(), Collector(hec.url, f"{TOKEN}-old", "ci", patience=QUICK), position)
    assert f"{TOKEN}-old" not in str(found.value)
    assert f"{TOKEN}-old" not in repr(Collector(hec.url, f"{TOKEN}-old", "ci"))


def test_a_collector_that_leads_elsewhere_is_not_followed(position: Path) -> None:
    with collecting() as hec:
        hec.answers = ["redirect"]
        with pytest.raises(ShipError, match="HTTP 302"):
            ship(ledger(), Collector(hec.url, TOKEN, "ci", patience=QUICK), position)
        assert hec.requests == 1


@pytest.mark.parametrize("url", ["http://splunk.example.com:8088", "splunk.example.com", "ftp://a"])
def test_a_token_never_travels_without_tls(url: str) -> None:
    with pytest.raises(InputError, match="write https://"):
        Collector(url, TOKEN, "ci")


def test_a_collector_that_nobody_vouches_for_gets_nothing(tmp_path: Path, position: Path) -> None:
    impatient = Patience(tries=0, timeout=5)
    with collecting(secured_in=tmp_path) as hec:
        with pytest.raises(ShipError, match="no answer came"):
            ship(ledger(), Collector(hec.url, TOKEN, "ci", patience=impatient), position)
        assert hec.requests == 0
        trusting = Collector(hec.url, TOKEN, "ci", ca=str(hec.ca), patience=impatient)
        assert ship(ledger(), trusting, position) == 3


def test_with_acknowledgement_the_indexers_have_the_last_word(position: Path) -> None:
    with collecting(acknowledges=True, slow=3) as hec:
        assert ship(ledger(), Collector(hec.url, TOKEN, "ci", patience=QUICK), position) == 3
        assert hec.asked == 3


def test_without_the_indexers_word_nothing_is_taken(position: Path) -> None:
    with collecting(acknowledges=True, slow=999) as hec:
        impatient = Patience(tries=0, factor=0.01, acknowledged=0.05)
        with pytest.raises(ShipError, match="no indexer acknowledged"):
            ship(ledger(), Collector(hec.url, TOKEN, "ci", patience=impatient), position)
    assert not position.exists()


def test_where_nobody_listens_it_is_said(position: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ShipError, match="no answer came"):
        ship(ledger(), Collector(f"http://127.0.0.1:{port}", TOKEN, "ci", patience=QUICK), position)
    with pytest.raises(ShipError, match="not known to have arrived"):
        ship(ledger(), SyslogServer("127.0.0.1", port, "ci"), position)
    assert not position.exists()


_SYSLOG = re.compile(
    r'<(\d+)>1 (\S+) (\S+) access-reconciler - (\S+) \[origin software="access-reconciler" '
    r'swVersion="[^"]+"\]\[meta sequenceId="(\d+)"\] (.*)'
)


def test_syslog_gets_every_event_as_rfc_5424_says(tmp_path: Path, position: Path) -> None:
    lines = ledger()
    lines.write(event(EventKind.LEDGER_LOST, 9))
    with listening(tmp_path) as server:
        target = SyslogServer("127.0.0.1", server.port, "ci 1", ca=str(server.ca))
        assert ship(lines, target, position) == 4
    found = [_SYSLOG.fullmatch(message) for message in server.messages]
    assert [match[6] for match in found if match] == [ocsf.line(entry) for entry in lines.kept]
    first, last = found[0], found[-1]
    assert first
    assert last
    assert first.groups()[:5] == ("110", "2026-03-01T12:00:00Z", "ci1", "done", "1")
    assert (last[1], last[4], last[5]) == (str(13 * 8 + 2), "ledger-lost", "4")


def test_the_length_before_a_message_counts_octets(tmp_path: Path) -> None:
    [entry] = ledger(1).kept
    framed = frame(entry, "ci", Style.JSONL)
    length, message = framed.split(b" ", 1)
    assert int(length) == len(message) > len(message.decode())
    assert message.endswith(wire.encode(entry))


@pytest.mark.parametrize("way", ["reset", "silent"])
def test_what_syslog_did_not_take_is_sent_again(tmp_path: Path, position: Path, way: str) -> None:
    with listening(tmp_path) as server:
        server.ways = [way]
        target = SyslogServer("127.0.0.1", server.port, "ci", ca=str(server.ca), timeout=0.5)
        with pytest.raises(ShipError, match="it is sent again"):
            ship(ledger(), target, position)
        assert not position.exists()
        server.stop.clear()
        patient = SyslogServer("127.0.0.1", server.port, "ci", ca=str(server.ca), timeout=10)
        assert ship(ledger(), patient, position) == 3
    assert len(server.messages) == 3


def test_a_syslog_server_that_ends_without_a_word_has_read_everything(
    tmp_path: Path, position: Path
) -> None:
    with listening(tmp_path) as server:
        server.ways = ["abrupt"]
        assert ship(ledger(), syslog(server.port, server.ca), position) == 3
    assert len(server.messages) == 3


def syslog(port: int, ca: Path | str, host: str = "127.0.0.1") -> SyslogServer:
    return SyslogServer(host, port, "ci", ca=str(ca), timeout=5)


def test_a_syslog_server_that_nobody_vouches_for_gets_nothing(
    tmp_path: Path, position: Path
) -> None:
    with listening(tmp_path) as server:
        for target in (
            SyslogServer("127.0.0.1", server.port, "ci"),
            syslog(server.port, server.ca, "localhost"),  # another name than the certificate's
        ):
            with pytest.raises(ShipError, match="certificate is not trusted"):
                ship(ledger(), target, position)
    assert server.messages == []
    assert not position.exists()


def test_a_file_of_certificates_that_is_none_is_named(tmp_path: Path, position: Path) -> None:
    for ca in (tmp_path / "absent.pem", tmp_path / "empty.pem"):
        (tmp_path / "empty.pem").write_text("")
        with pytest.raises(ShipError, match=re.escape(os.fspath(ca))):
            ship(ledger(), syslog(1, ca), position)
