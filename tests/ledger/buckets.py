"""Local stand-ins for object storage, as far as the ledger uses it: Google Cloud Storage and Azure
Blob Storage in small, and moto's Amazon S3. Over real sockets; each refuses who brings no token.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from reconciler.sandbox.http import HttpServer

Start = Callable[[str, list[tuple[str, str]]], Any]
TOKEN = "local"
WHEN = "Tue, 01 Dec 2026 12:00:00 GMT"
PAGE = 7  # so that every list takes several


@dataclass
class Objects:
    """What is in a bucket, and what was asked. `fail` answers that many writes with an error after
    they were stored."""

    held: dict[str, tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    fail: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def create(self, name: str, data: bytes, metadata: dict[str, str]) -> int:
        """The status: 412 where there is one already."""
        with self.lock:
            if name in self.held:
                return 412
            self.held[name] = (data, metadata)
            if self.fail:
                self.fail -= 1
                return 503
            return 201

    def page(self, prefix: str, delimiter: str, after: str) -> tuple[list[str], list[str], str]:
        """(objects, folders, where to go on)."""
        names = sorted(n for n in self.held if n.startswith(prefix) and n > after)
        found: dict[str, bool] = {}
        for name in names:
            inside, slash, _ = name[len(prefix) :].partition("/")
            folder = prefix + inside + "/" if delimiter and slash else ""
            found[folder or name] = bool(folder)
            if len(found) > PAGE:
                found.popitem()
                break
            last = name
        more = bool(names) and last != names[-1]
        objects = [n for n, is_folder in found.items() if not is_folder]
        return objects, [n for n, is_folder in found.items() if is_folder], last if more else ""


def gcs(objects: Objects, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    """The XML API of Google Cloud Storage."""
    method, name, query = request(objects, environ)
    if environ["PATH_INFO"] == "/token":
        return answer(start, 200, token(), "application/json")
    if environ.get("HTTP_AUTHORIZATION") != f"Bearer {TOKEN}":
        return answer(start, 401)
    if method == "PUT":
        if environ.get("HTTP_X_GOOG_IF_GENERATION_MATCH") != "0":
            return answer(start, 400, b"an unconditional write")
        return stored(objects, environ, start, name, "x-goog-meta-")
    if name:
        return content(objects, start, name, "x-goog-meta-")
    return answer(start, 200, listed(objects, query), "application/xml")


def azure(objects: Objects, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    """Azure Blob Storage, and the managed identity's endpoint beside it."""
    method, name, query = request(objects, environ)
    if environ["PATH_INFO"] == "/identity":
        return answer(start, 200, token(), "application/json")
    if environ.get("HTTP_AUTHORIZATION") != f"Bearer {TOKEN}":
        return answer(start, 401)
    if method == "PUT":
        if environ.get("HTTP_IF_NONE_MATCH") != "*":
            return answer(start, 400, b"an unconditional write")
        return stored(objects, environ, start, name, "x-ms-meta-")
    if name:
        return content(objects, start, name, "x-ms-meta-")
    found = objects.page(
        query.get("prefix", ""), query.get("delimiter", ""), query.get("marker", "")
    )
    names, folders, more = found
    blobs = "".join(
        f"<Blob><Name>{escape(n)}</Name><Properties><Last-Modified>{WHEN}</Last-Modified>"
        f"<Etag>1</Etag><Content-Length>{len(objects.held[n][0])}</Content-Length>"
        "<Content-Type>text/plain</Content-Type></Properties></Blob>"
        for n in names
    )
    prefixes = "".join(f"<BlobPrefix><Name>{escape(f)}</Name></BlobPrefix>" for f in folders)
    body = f"<EnumerationResults><Blobs>{blobs}{prefixes}</Blobs><NextMarker>{escape(more)}"
    return answer(
        start, 200, f"{body}</NextMarker></EnumerationResults>".encode(), "application/xml"
    )


def listed(objects: Objects, query: dict[str, str]) -> bytes:
    after = query.get("continuation-token") or query.get("start-after", "")
    names, folders, more = objects.page(query.get("prefix", ""), query.get("delimiter", ""), after)
    contents = "".join(
        f"<Contents><Key>{escape(n)}</Key><LastModified>2026-12-01T12:00:00.000Z</LastModified>"
        f'<ETag>"1"</ETag><Size>{len(objects.held[n][0])}</Size></Contents>'
        for n in names
    )
    prefixes = "".join(
        f"<CommonPrefixes><Prefix>{escape(f)}</Prefix></CommonPrefixes>" for f in folders
    )
    token = f"<NextContinuationToken>{escape(more)}</NextContinuationToken>" if more else ""
    return f"<ListBucketResult>{contents}{prefixes}{token}</ListBucketResult>".encode()


def request(objects: Objects, environ: dict[str, Any]) -> tuple[str, str, dict[str, str]]:
    method, path = environ["REQUEST_METHOD"], unquote(environ["PATH_INFO"])
    objects.calls.append(f"{method} {path}")
    query = {k: v[0] for k, v in parse_qs(environ.get("QUERY_STRING", "")).items()}
    return method, path.strip("/").partition("/")[2], query


def stored(
    objects: Objects, environ: dict[str, Any], start: Start, name: str, prefix: str
) -> Iterable[bytes]:
    data = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    mark = f"HTTP_{prefix.upper().replace('-', '_')}"
    metadata = {k[len(mark) :].lower(): v for k, v in environ.items() if k.startswith(mark)}
    return answer(start, objects.create(name, data, metadata))


def content(objects: Objects, start: Start, name: str, prefix: str) -> Iterable[bytes]:
    if name not in objects.held:
        return answer(start, 404)
    data, metadata = objects.held[name]
    return answer(start, 200, data, "text/plain", {prefix + k: v for k, v in metadata.items()})


def token() -> bytes:
    return json.dumps(
        {"access_token": TOKEN, "expires_in": 3600, "expires_on": "4102444800", "token_type": "Bearer",
         "resource": "storage"}
    ).encode()  # fmt: skip


def answer(
    start: Start,
    status: int,
    body: bytes = b"",
    sort: str = "text/plain",
    extra: dict[str, str] | None = None,
) -> Iterable[bytes]:
    headers = {
        "Content-Length": str(len(body)),
        "Content-Type": sort,
        "ETag": '"1"',
        "Last-Modified": WHEN,
    }
    start(f"{status} It", [*headers.items(), *(extra or {}).items()])
    return [body]


@dataclass(frozen=True)
class Bucket:
    """What reconciler.yaml and the environment of a run say of it."""

    settings: dict[str, str]
    env: dict[str, str]
    objects: Objects


@contextmanager
def google(home: Path) -> Iterator[Bucket]:
    objects = Objects()
    with served(lambda e, s: gcs(objects, e, s)) as url:
        key = home / "key.json"
        key.write_text(json.dumps(service_account(f"{url}/token")))
        yield Bucket(
            {"store": "bucket", "url": "gs://acme-audit/access", "endpoint": url},
            {"GOOGLE_APPLICATION_CREDENTIALS": str(key)},
            objects,
        )


@contextmanager
def microsoft(home: Path) -> Iterator[Bucket]:
    objects = Objects()
    with served(lambda e, s: azure(objects, e, s)) as url:
        yield Bucket(
            {"store": "bucket", "url": "az://acmeaudit/ledger/access", "endpoint": url},
            {"IDENTITY_ENDPOINT": f"{url}/identity", "IDENTITY_HEADER": "local"},
            objects,
        )


@contextmanager
def amazon(home: Path) -> Iterator[Bucket]:
    """moto's S3. It looks and then writes: here one request at a time, as S3 itself promises."""
    from moto.core.base_backend import BackendDict
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from moto.s3.models import s3_backends

    BackendDict.reset()
    s3_backends["123456789012"]["aws"].create_bucket("acme-audit", "us-east-1")
    app = DomainDispatcherApplication(create_backend_app)
    objects = Objects()

    def one_at_a_time(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        with objects.lock:
            objects.calls.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
            return list(app(environ, start))

    with served(one_at_a_time) as url:
        yield Bucket(
            {"store": "bucket", "url": "s3://acme-audit/access", "endpoint": url},
            {
                "AWS_ACCESS_KEY_ID": "sandbox",
                "AWS_SECRET_ACCESS_KEY": "sandbox",
                "AWS_DEFAULT_REGION": "us-east-1",
            },
            objects,
        )


@contextmanager
def served(app: Callable[[dict[str, Any], Start], Iterable[bytes]]) -> Iterator[str]:
    server = HttpServer(app)
    try:
        yield server.start()
    finally:
        server.stop()


def service_account(token_uri: str) -> dict[str, str]:
    """A key made on the spot, that opens nothing."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {
        "type": "service_account",
        "client_email": "ledger@acme.example.com",
        "private_key": pem,
        "token_uri": token_uri,
        "project_id": "acme",
    }


CLOUDS = {"s3": amazon, "gcs": google, "azure": microsoft}
