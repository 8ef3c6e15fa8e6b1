"""Splunk's HTTP event collector as a target. Follows no redirect, and never shows its token.

A batch is one request. Where the token has indexer acknowledgement, it is taken when the indexers say
so; else when the collector answers 200.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
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
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"{self.url!r} is no address; write https://splunk.example.com:8088")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise InputError(f"{self.url}: the token would travel without TLS; write https://")

    def deliver(self, entries: Sequence[Entry]) -> None:
        channel = str(uuid4())
        with self._session(channel) as session:
            body = "".join(self._event(entry) for entry in entries)
            answer = self._send(session, "/services/collector/event", body)
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
            answer = session.post(
                f"{self.url}{path}",
                data=body.encode(),
                timeout=self.patience.timeout,
                allow_redirects=False,
                verify=self.ca or None,  # said here, or REQUESTS_CA_BUNDLE would win
            )
        except requests.RequestException as e:
            raise ShipError(self._clean(f"{self.url}: no answer came ({e})")) from None
        said = _said(answer)
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


def _said(answer: requests.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
