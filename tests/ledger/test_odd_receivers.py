"""What answers in place of a SIEM: nothing is taken for sent, nothing is waited for without end, and no
secret is told."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from reconciler.errors import InputError
from reconciler.ledger.ship import ShipError, ship
from reconciler.ledger.ship_hec import Collector, Patience
from reconciler.ledger.ship_syslog import SyslogServer
from tests.cli.test_audit import Desk
from tests.cli.test_audit import desk as desk
from tests.ledger.receivers_ship import TOKEN, collecting
from tests.ledger.test_ship import ledger

Answer = Callable[[socket.socket, threading.Event], None]
IMPATIENT = Patience(tries=0, factor=0.01, timeout=0.5, acknowledged=0.5)


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """The address of a server that reads a request and does this."""
    over = threading.Event()

    def serve(server: socket.socket) -> None:
        with suppress(OSError), server.accept()[0] as connection:
            connection.settimeout(5)
            while b"sequence" not in connection.recv(65536):
                pass
            answer(connection, over)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        over.set()
        thread.join()


def saying(body: bytes, head: bytes = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n") -> Answer:
    return lambda connection, _: connection.sendall(head + body)


def endless(part: bytes, pause: float) -> Answer:
    def answer(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while not over.wait(pause):
            connection.sendall(part)

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        saying(b"<html><title>Sign in</title></html>"),
        saying(b""),
        saying(b"[]"),
        saying(b'{"text": "Success"}'),
        saying(b'{"text": "Incorrect index", "code": 7}'),
        saying(b"[" * 50_000),
        saying(b'{"code":0}', b"HTTP/1.1 204 No Content\r\n\r\n"),
        saying(b'{"code":', b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"),
        endless(b" " * 65536, 0.0001),
        endless(b" ", 0.05),
    ],
    ids=["a page", "nothing", "a list", "no code", "a code", "deep", "204", "half", "huge", "slow"],
)
def test_only_a_collector_that_says_so_has_taken_anything(tmp_path: Path, answer: Answer) -> None:
    """A proxy that asks to sign in answers 200 as well, and the entries would be nowhere."""
    began = time.monotonic()
    with answering(answer) as url, pytest.raises(ShipError):
        ship(ledger(1), Collector(url, TOKEN, "ci", patience=IMPATIENT), tmp_path / "position")
    assert time.monotonic() - began < 20  # and not for ever
    assert not (tmp_path / "position").exists()


def dripping(before: bytes) -> Answer:
    """Never so slow that a socket gives up."""

    def answer(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(before)
        while not over.wait(0.05):
            connection.sendall(b"x")

    return answer


@pytest.mark.parametrize(
    "before",
    [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 503 Busy\r\n\r\n"],
    ids=["in its headers", "before it is asked again"],
)
def test_who_answers_without_end_is_not_waited_for(tmp_path: Path, before: bytes) -> None:
    """The job that ships takes access away as well, and the next one waits for it."""
    patient = Patience(tries=3, factor=0.01, timeout=5)
    with answering(dripping(before)) as url:
        target = Collector(url, TOKEN, "ci", patience=patient)
        with pytest.raises(ShipError, match="within 1 s"):
            ship(ledger(1), target, tmp_path / "position", longest=1)
    assert not (tmp_path / "position").exists()


@pytest.mark.parametrize(
    "url",
    [
        "https://[::1",
        "https://splunk.example.com:99999",
        "https://splunk.example.com:x",
        "https://user:hunter2-hunter2@splunk.example.com",
        "https://splunk.example.com/?token=hunter2-hunter2",
    ],
)
def test_an_address_that_leads_nowhere_or_holds_a_secret_is_wrong_input(url: str) -> None:
    with pytest.raises(InputError, match="write https://") as told:
        Collector(url, TOKEN, "ci")
    assert "hunter2" not in str(told.value)


def test_certificates_that_are_not_there_are_said(tmp_path: Path) -> None:
    there = Collector("https://127.0.0.1:1", TOKEN, "ci", ca="absent.pem", patience=IMPATIENT)
    with pytest.raises(ShipError, match=r"absent\.pem"):
        ship(ledger(1), there, tmp_path / "position")


@pytest.mark.parametrize("host", ["é" * 80, ".example.com", "a" * 300])
def test_a_name_that_no_server_has_is_said(tmp_path: Path, host: str) -> None:
    with pytest.raises(ShipError, match="not known to have arrived"):
        ship(ledger(1), SyslogServer(host, 6514, "ci", timeout=1), tmp_path / "position")


def test_a_token_with_a_line_break_is_the_token(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it comes out of a file."""
    monkeypatch.setenv("RECONCILER_HEC_TOKEN", f"{TOKEN}\n")
    with collecting() as hec:
        assert desk.run("ship", hec.url, "--to", "hec").code == 0
        assert len(hec.events) == 5


@pytest.mark.parametrize("strange", ["é", "\n", "\x07"])
def test_a_token_that_no_header_can_hold_is_not_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, strange: str
) -> None:
    monkeypatch.setenv("RECONCILER_HEC_TOKEN", f"{TOKEN}{strange}more")
    done = desk.run("ship", "http://127.0.0.1:1", "--to", "hec")
    assert (done.code, "RECONCILER_HEC_TOKEN has characters" in done.err) == (2, True)
    assert TOKEN not in done.err


@pytest.mark.parametrize("port", ["0", "65536", "9" * 5000])
def test_a_port_that_is_none_is_wrong_input(desk: Desk, port: str) -> None:
    done = desk.run("ship", f"127.0.0.1:{port}", "--to", "syslog")
    assert (done.code, "write logs.example.com:6514" in done.err) == (2, True)
