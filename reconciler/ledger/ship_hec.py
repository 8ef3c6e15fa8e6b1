"""Splunk's HTTP event collector as a target. Follows no redirect, and never shows its token.

A batch is one request. Where the token has indexer acknowledgement, it is taken when the indexers say
so; else when the collector answers 200 and the code 0, which no proxy or sign-in page before it does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit
from uuid import uuid4

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from reconciler import __version__
from reconciler.errors import InputError
from reconciler.ledger.export import Style, text
from reconciler.ledger.index_rows import micros
from reconciler.ledger.ship import ShipError
from reconciler.model import Entry

_PASSING = (408, 429, 500, 502, 503, 504)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_MOST_SAID = 200
_MOST_READ = 100_000  # bytes of an answer
_HINTS = {
    401: "check the token",
    403: "the token is wrong, disabled, or may not write to that index",
    404: "write the collector's address, as in https://splunk.example.com:8088",
}


@dataclass(frozen=True, slots=True)
class Patience:
    """`tries` more after the first, backing off from `factor` seconds; `acknowledged` is how long
    the indexers may take."""

    tries: int = 5
    factor: float = 0.5
    timeout: float = 30.0
    acknowledged: float = 60.0


@dataclass(frozen=True, slots=True)
class Collector:
    """`url` is the collector's, without a path. `ca` is a file of certificates to trust instead of
    the usual ones."""

    url: str
    token: str = field(repr=False)
    host: str
    style: Style = Style.OCSF
    index: str = ""
    ca: str = ""
    patience: Patience = field(default_factory=Patience)

    def __post_init__(self) -> None:
        parts = _parts(self.url)
        if parts is None or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
            raise InputError(
                "this is no address of a collector; write https://splunk.example.com:8088"
            )
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise InputError(f"{self.url}: the token would travel without TLS; write https://")

    def deliver(self, entries: Sequence[Entry]) -> None:
        channel = str(uuid4())
        with self._session(channel) as session:
            body = "".join(self._event(entry) for entry in entries)
            answer = self._send(session, "/services/collector/event", body)
            if "code" not in answer:
                what = "HTTP 200, and it is not a collector that says so: nobody knows who took it"
                raise ShipError(f"{self.url}: {what}")
            if "ackId" in answer:
                self._wait(session, answer["ackId"])

    def _event(self, entry: Entry) -> str:
        """The envelope around the line as it is exported."""
        said = text(entry, self.style)
        at = micros(entry.event.at)
        envelope = {
            "time": f"{at // 1_000_000}.{at % 1_000_000:06d}",
            "host": self.host,
            "source": "access-reconciler",
            "sourcetype": f"access-reconciler:{self.style.value}",
            **({"index": self.index} if self.index else {}),
        }
        return f'{json.dumps(envelope)[:-1]}, "event": {said}}}\n'

    def _wait(self, session: requests.Session, number: Any) -> None:
        """Until the indexers have it on their disks."""
        end = time.monotonic() + self.patience.acknowledged
        pause = min(0.2, self.patience.factor)
        while True:
            answer = self._send(session, "/services/collector/ack", json.dumps({"acks": [number]}))
            acks = answer.get("acks")
            if isinstance(acks, dict) and acks.get(str(number)) is True:
                return
            if time.monotonic() + pause > end:
                seconds = self.patience.acknowledged
                raise ShipError(f"{self.url}: no indexer acknowledged within {seconds:.0f} s")
            time.sleep(pause)
            pause = min(pause * 2, 5.0)

    def _send(self, session: requests.Session, path: str, body: str) -> dict[str, Any]:
        try:
            with session.post(
                f"{self.url}{path}",
                data=body.encode(),
                timeout=self.patience.timeout,
                allow_redirects=False,
                stream=True,
                verify=self.ca or None,  # said here, or REQUESTS_CA_BUNDLE would win
            ) as answer:
                said = _said(answer, time.monotonic() + self.patience.timeout)
        except (OSError, ValueError) as e:
            raise ShipError(self._clean(f"{self.url}: no answer came ({e})")) from None
        if answer.status_code != 200 or said.get("code", 0) != 0:
            words = str(said.get("text", answer.reason))
            hint = _HINTS.get(answer.status_code, "")
            what = f"{self.url}: HTTP {answer.status_code}, {words}" + (f"; {hint}" if hint else "")
            raise ShipError(self._clean(what))
        return said

    def _session(self, channel: str) -> requests.Session:
        session = requests.Session()
        session.headers.update(
            {
                "User-Agent": f"access-reconciler/{__version__}",
                "Content-Type": "application/json",
                "X-Splunk-Request-Channel": channel,
            }
        )
        session.auth = self._sign
        retry = Retry(
            total=self.patience.tries,
            status_forcelist=_PASSING,
            allowed_methods=None,  # a POST too: what comes twice bears the same hash
            backoff_factor=self.patience.factor,
            raise_on_status=False,
            respect_retry_after_header=False,  # it may ask for hours; the next run tries again
        )
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        return session

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Splunk {self.token}"
        return request

    def _clean(self, text: str) -> str:
        return " ".join(text.replace(self.token, "***").split())[:_MOST_SAID]


def _parts(url: str) -> SplitResult | None:
    """None for what leads nowhere, or holds a password."""
    try:
        parts = urlsplit(url)
        right = parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return None
    return parts if right else None


def _said(answer: requests.Response, end: float) -> dict[str, Any]:
    """Nothing where it goes on and on."""
    data = bytearray()
    for part in answer.iter_content(1):  # a larger one would be waited for
        data += part
        if len(data) > _MOST_READ or time.monotonic() > end:
            return {}
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
