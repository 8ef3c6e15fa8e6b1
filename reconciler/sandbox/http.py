"""Serves a WSGI application on loopback, with keep-alive, optional TLS, faults and a call log.

Never listens on anything but 127.0.0.1.
"""

from __future__ import annotations

import errno
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cheroot.ssl.builtin import BuiltinSSLAdapter
from cheroot.wsgi import Server

from reconciler.sandbox.faults import FaultKind, Faults

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
NameOf = Callable[[dict[str, Any]], str]

# cheroot closes the connection without a word on a broken pipe; anything else becomes a 500.
_HANG_UP = BrokenPipeError(errno.EPIPE, "sandbox: hung up on purpose")


@dataclass(frozen=True, slots=True)
class Certificate:
    """Paths of PEM files; `chain` is what a client must trust."""

    chain: Path
    key: Path


class HttpServer:
    """`url` is known after `start`. One thread accepts, ten serve."""

    def __init__(self, app: Wsgi, port: int = 0, certificate: Certificate | None = None) -> None:
        self._server = Server(
            ("127.0.0.1", port), app, numthreads=10, max=40, request_queue_size=128, timeout=30
        )
        self._server.shutdown_timeout = 1
        self._server.expiration_interval = 0.02  # how soon `stop` is noticed, in seconds
        self._scheme = "http"
        if certificate:
            adapter = BuiltinSSLAdapter(str(certificate.chain), str(certificate.key))
            adapter.context.minimum_version = ssl.TLSVersion.TLSv1_2
            self._server.ssl_adapter = adapter
            self._scheme = "https"

    def start(self) -> str:
        self._server.prepare()
        threading.Thread(target=self._server.serve, daemon=True).start()
        return self.url

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.bind_addr[1]}"

    def stop(self) -> None:
        self._server.stop()


def call_name(environ: dict[str, Any]) -> str:
    query = environ.get("QUERY_STRING", "")
    path = environ["PATH_INFO"] + (f"?{query}" if query else "")
    return f"{environ['REQUEST_METHOD']} {path}"


def with_faults(app: Wsgi, system: str, faults: Faults, name: NameOf = call_name) -> Wsgi:
    """`app`, logged and with the armed faults. `name` makes the call's name from the request.

    EMPTY is left to the application, which finds "sandbox.fault" in the environ.
    """

    def wrapped(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        fault = faults.take(system, name(environ))
        if fault is None:
            return app(environ, start)
        if fault.kind is FaultKind.STATUS:
            headers = [("Content-Type", "application/json"), ("Content-Length", "2")]
            if fault.retry_after is not None:
                headers.append(("Retry-After", str(fault.retry_after)))
            environ["wsgi.input"].read()
            start(f"{fault.status} Fault", headers)
            return [b"{}"]
        if fault.kind is FaultKind.DELAY:
            time.sleep(fault.seconds)
        environ["sandbox.fault"] = fault.kind
        if fault.kind in (FaultKind.HALF, FaultKind.DROP):
            return _cut(app, environ, start, keep=fault.kind is FaultKind.HALF)
        return app(environ, start)

    return wrapped


def _cut(
    app: Wsgi, environ: dict[str, Any], start: Callable[..., Any], *, keep: bool
) -> Iterable[bytes]:
    """Run the application, then send half of its answer (or nothing) and hang up."""
    answer: list[Any] = []
    body = b"".join(app(environ, lambda status, headers, *_: answer.extend((status, headers))))
    if not keep:
        raise _HANG_UP
    status, headers = answer
    headers = [(k, v) for k, v in headers if k.lower() != "content-length"]
    start(status, [*headers, ("Content-Length", str(len(body)))])
    return _half_of(body)


def _half_of(body: bytes) -> Iterable[bytes]:
    yield body[: len(body) // 2]
    raise _HANG_UP
