"""What entries are shipped to, on loopback: a collector like Splunk's, and a syslog server with TLS.
Each can be told to misbehave for a number of deliveries."""

from __future__ import annotations

import json
import re
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from reconciler.sandbox.azure.certificate import make_certificate

TOKEN = "hec-" + "0" * 8


class Collector:
    """`answers` are used up first: a status, "drop" (takes it, and hangs up) or "redirect". With
    `slow` an acknowledgement comes only when it was asked for that often."""

    def __init__(
        self, acknowledges: bool = False, slow: int = 1, secured_in: Path | None = None
    ) -> None:
        self.answers: list[int | str] = []
        self.events: list[dict[str, Any]] = []
        self.requests = 0
        self.acknowledges, self.slow, self.asked = acknowledges, slow, 0
        self.channels: set[str] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.answer(self)

            def log_message(self, *words: Any) -> None:
                pass

        self.ca = Path()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        if secured_in:
            self.ca, context = secured(secured_in)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.url = self.url.replace("http:", "https:")

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"])).decode()
        self.requests += 1
        if request.headers["Authorization"] != f"Splunk {TOKEN}":
            say(
                request,
                403,
                {"text": f"Invalid token {request.headers['Authorization']}", "code": 4},
            )
        elif request.path == "/services/collector/ack":
            self.asked += 1
            ready = self.asked >= self.slow
            say(request, 200, {"acks": {str(n): ready for n in json.loads(body)["acks"]}})
        elif request.path != "/services/collector/event":
            say(request, 404, {"text": "The requested URL was not found", "code": 404})
        else:
            self.take(request, body)

    def take(self, request: BaseHTTPRequestHandler, body: str) -> None:
        how = self.answers.pop(0) if self.answers else 200
        if how in (200, "drop"):
            self.events += [json.loads(line) for line in body.splitlines()]
            self.channels.add(request.headers["X-Splunk-Request-Channel"])
        if how == "drop":
            request.connection.shutdown(socket.SHUT_RDWR)
        elif how == "redirect":
            request.send_response(302)
            request.send_header("Location", f"{self.url}/elsewhere")
            request.send_header("Content-Length", "0")
            request.end_headers()
        elif how == 200:
            ack = {"ackId": self.requests} if self.acknowledges else {}
            say(request, 200, {"text": "Success", "code": 0, **ack})
        else:
            say(request, int(how), {"text": "Server is busy", "code": 9})


def say(request: BaseHTTPRequestHandler, status: int, body: dict[str, Any]) -> None:
    data = json.dumps(body).encode()
    request.send_response(status)
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    request.wfile.write(data)


@contextmanager
def collecting(**how: Any) -> Iterator[Collector]:
    collector = Collector(**how)
    thread = threading.Thread(target=collector.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield collector
    finally:
        collector.server.shutdown()
        thread.join()
        collector.server.server_close()


@dataclass
class Syslog:
    """`ways` are used up first: "reset" hangs up with half of it unread, "silent" reads and says
    nothing, "abrupt" reads all and ends the connection without TLS's own word."""

    port: int
    ca: Path
    ways: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    connections: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def serve(self, listening: socket.socket, context: ssl.SSLContext) -> None:
        while not self.stop.is_set():
            try:
                plain, _ = listening.accept()
            except TimeoutError:
                continue
            self.connections += 1
            plain.settimeout(10)
            with suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
                self.take(connection, self.ways.pop(0) if self.ways else "")

    def take(self, connection: ssl.SSLSocket, way: str) -> None:
        if way == "reset":
            connection.recv(10)
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return
        data = b""
        while more := connection.recv(65536):
            data += more
        if way == "silent":
            self.stop.wait(1)
            return
        self.messages += counted(data)
        if way != "abrupt":
            connection.unwrap().close()


def counted(data: bytes) -> list[str]:
    """The messages of a stream with octet counting."""
    found = []
    while data:
        match = re.match(rb"([1-9][0-9]*) ", data)
        assert match, data[:40]
        start, length = match.end(), int(match[1])
        found.append(data[start : start + length].decode())
        assert len(data) >= start + length
        data = data[start + length :]
    return found


def secured(home: Path) -> tuple[Path, ssl.SSLContext]:
    """What a client must trust, and what a server shows."""
    made = make_certificate(home)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.chain, made.key)
    return made.chain, context


@contextmanager
def listening(home: Path) -> Iterator[Syslog]:
    ca, context = secured(home)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        syslog = Syslog(server.getsockname()[1], ca)
        thread = threading.Thread(target=syslog.serve, args=(server, context))
        thread.start()
        try:
            yield syslog
        finally:
            syslog.stop.set()
            thread.join()
