"""The HTTP session below the SDK: paced, patient with throttling, bounded in time. Never follows a
redirect and never keeps a cookie, so the token is all that speaks for us."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InvalidHeader, MaxRetryError, ResponseError
from urllib3.util import Retry

from reconciler.providers.base import Pace
from reconciler.providers.bitbucket.settings import Patience
from reconciler.unsaid import hide_header

# All of these may be sent twice: PUT and DELETE of a permission have the same effect again.
_METHODS = ("GET", "PUT", "DELETE")
_PASSING = (429, 502, 503, 504)


class _PacedRetry(Retry):
    """A retry is a call too: it waits its turn like the first one.

    Bitbucket Cloud may ask for an hour (its limit is hourly). Waiting so long would hold up all
    other systems, and asking sooner is rude: such an answer is final, and the next run tries.
    """

    def __init__(self, *args: Any, pace: Pace, longest: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pace = pace
        self._longest = longest

    def new(self, **kwargs: Any) -> _PacedRetry:
        return super().new(pace=self._pace, longest=self._longest, **kwargs)

    def increment(self, *args: Any, **kwargs: Any) -> _PacedRetry:
        response = kwargs.get("response")
        if response is not None and (self._asked(response) or 0) > self._longest:
            raise MaxRetryError(kwargs["_pool"], "", ResponseError("asked to wait too long"))
        return super().increment(*args, **kwargs)

    def get_retry_after(self, response: Any) -> float | None:
        return self._asked(response)

    def sleep(self, response: Any = None) -> None:
        super().sleep(response)
        self._pace()

    def _asked(self, response: Any) -> float | None:
        try:
            return super().get_retry_after(response)
        except InvalidHeader:
            return None  # "Retry-After: soon": back off as if it were not there


class _PacedAdapter(HTTPAdapter):
    def __init__(self, pace: Pace, ca: str, patience: Patience) -> None:
        self._pace = pace
        self._ca = ca
        super().__init__(
            max_retries=_PacedRetry(
                total=patience.tries,
                connect=patience.reconnects,
                read=patience.reconnects,
                status_forcelist=_PASSING,
                allowed_methods=_METHODS,
                backoff_factor=patience.factor,
                backoff_max=patience.longest,
                raise_on_status=False,  # the last answer says more than "too many retries"
                pace=pace,
                longest=patience.longest,
            ),
        )

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        hide_header(request.headers.get("Authorization"))
        self._pace()
        if self._ca:  # said last: REQUESTS_CA_BUNDLE wins over a session, and so do some SDKs
            kwargs["verify"] = self._ca
        return super().send(request, *args, **kwargs)


def open_session(pace: Pace, ca: str, patience: Patience) -> requests.Session:
    """`ca` is a PEM bundle to trust instead of the system's own."""
    session = requests.Session()
    adapter = _PacedAdapter(pace, ca, patience)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.verify = ca or True
    session.auth = _as_it_is  # or a password of ~/.netrc for that host would replace the token
    # A redirect turns a PUT into a GET, and may lead to another host: whoever sends one is wrong.
    session.max_redirects = 0
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
