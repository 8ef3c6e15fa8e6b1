"""A forge's git over HTTP on loopback: real git behind it, and nobody is served without a token."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

READS, WRITES = "read-" + "0" * 8, "write-" + "0" * 8


@dataclass
class Remote:
    """`tokens` says who may push (GitHub: `contents: write`); the others who are there may read."""

    bare: Path
    port: int
    tokens: Mapping[str, bool] = field(default_factory=lambda: {READS: False, WRITES: True})
    pushed_by: list[str] = field(default_factory=list)

    @property
    def server(self) -> str:
        """As GITHUB_SERVER_URL says it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.server}/{self.bare.name}"

    def git(self, *words: str) -> str:
        command = ["git", "-C", str(self.bare), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def clone(self, folder: Path) -> None:
        """As the checkout step leaves it: the whole history, and no token in its settings."""
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["git", "clone", "-q", str(self.bare), str(folder)], check=True)
        set_url = ["git", "-C", str(folder), "remote", "set-url", "origin", self.url]
        subprocess.run(set_url, check=True)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        token = _token(request.headers.get("Authorization", ""))
        pushes = "git-receive-pack" in request.path
        if token not in self.tokens:
            _say(request, 401, {"WWW-Authenticate": 'Basic realm="git"'})
        elif pushes and not self.tokens[token]:
            _say(request, 403, {})
        else:
            if pushes and request.command == "POST":
                self.pushed_by.append(token)
            self._served(request)

    def _served(self, request: BaseHTTPRequestHandler) -> None:
        _, _, path, query, _ = urlsplit(request.path)  # a proxy is asked for whole addresses
        length = request.headers.get("Content-Length", "0")
        env = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.bare.parent),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "somebody",  # so that git lets push at all
            "REQUEST_METHOD": request.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": length,
            "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        }
        sent = request.rfile.read(int(length))
        command = ["git", "http-backend"]
        done = subprocess.run(command, input=sent, env=env, capture_output=True, check=True)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in head.decode().split("\r\n")]
        headers = {name: value for name, _, value in lines}
        _say(request, int(headers.pop("Status", "200")[:3]), headers, body)


def _token(header: str) -> str:
    """Of `basic x-access-token:TOKEN`, as actions/checkout says it too."""
    kind, _, said = header.partition(" ")
    name, _, token = base64.b64decode(said).decode().partition(":")
    return token if (kind, name) == ("basic", "x-access-token") else ""


def _say(
    request: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: bytes = b""
) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


@contextmanager
def serving(bare: Path) -> Iterator[Remote]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            remote.answer(self)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        remote = Remote(bare, server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield remote
        finally:
            server.shutdown()
            thread.join()
