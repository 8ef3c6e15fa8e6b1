"""Calls through the SDK's root object, and what a person is told when one fails.

Never uses the SDK's own pager, retries or error texts: its pager takes a broken page for an empty
list and sends the token to any host that a page names, and its retries may sleep for 30 minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.exceptions import SSLError, TooManyRedirects

from reconciler.errors import ProviderError
from reconciler.providers.base import Pace
from reconciler.providers.bitbucket.session import open_session
from reconciler.providers.bitbucket.settings import Patience, Settings, credentials

_SDK_OPTIONS: Mapping[str, Any] = {
    "timeout": 30,
    "backoff_and_retry": False,
    "retry_with_header": False,
}


class Refused(ProviderError):
    """The answer was no. `reason` is the name of Data Center's exception, or "error" for an answer
    in Bitbucket Cloud's own form; "" when it may come from anything on the way there."""

    def __init__(self, system: str, action: str, cause: str, status: int, reason: str) -> None:
        super().__init__(system, action, cause)
        self.status = status
        self.reason = reason


class NoAnswer(ProviderError):
    """No whole answer came: whether a write was done is not known."""


def open_calls(
    system: str,
    settings: Settings,
    sdk: Callable[..., Any],
    hints: Mapping[int, str],
    pace: Pace,
    patience: Patience,
) -> Calls:
    """`sdk` makes the root object; `hints` may name the variables, as {token} and {username}.

    Raises ProviderError when the environment has no token. Nothing is called yet.
    """
    who = credentials(system, settings)
    session = open_session(pace, settings.ca, patience)
    root = sdk(settings.url, session=session, **who, **_SDK_OPTIONS)
    names = {"token": settings.token_env, "username": settings.username_env}
    return Calls(system, root, {status: hint.format(**names) for status, hint in hints.items()})


class Calls:
    """`hints` tell for a status what to do about it."""

    def __init__(self, system: str, root: Any, hints: Mapping[int, str]) -> None:
        self.system = system
        self.signed_in = ""  # as Data Center names us in a header of each answer
        self._root = root
        self._hints = hints

    def get(
        self, action: str, path: str, params: Mapping[str, Any] | None = None
    ) -> requests.Response:
        return self._ask(
            action,
            lambda: self._root.get(path, params=dict(params or {}) or None, advanced_mode=True),
        )

    def get_next(self, action: str, url: str) -> requests.Response:
        """Follow a page's own link, if it leads to where the first page came from."""
        if _origin(url) != _origin(self._root.url):
            raise ProviderError(
                self.system,
                action,
                f"the next page is said to be at {url}, which is not {self._root.url}: "
                "the token stays here; check `endpoint` in reconciler.yaml",
            )
        return self.get_url(action, url)

    def get_url(self, action: str, url: str) -> requests.Response:
        """`url` is made by us, of the configured server."""
        return self._ask(action, lambda: self._root.get(url, absolute=True, advanced_mode=True))

    def put(
        self,
        action: str,
        path: str,
        data: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        hints: Mapping[int, str] | None = None,
    ) -> None:
        body = dict(data) if data else None
        query = dict(params) if params else None
        self._ask(
            action,
            lambda: self._root.put(path, data=body, params=query, advanced_mode=True),
            hints or {},
        )

    def delete(self, action: str, path: str, params: Mapping[str, str] | None = None) -> None:
        query = dict(params) if params else None
        self._ask(action, lambda: self._root.delete(path, params=query, advanced_mode=True))

    def _ask(
        self,
        action: str,
        call: Callable[[], requests.Response],
        hints: Mapping[int, str] | None = None,
    ) -> requests.Response:
        try:
            response = call()
        except requests.RequestException as e:
            raise NoAnswer(self.system, action, _worded(e)) from e
        self.signed_in = response.headers.get("X-AUSERNAME", "") or self.signed_in
        if response.status_code >= 300:
            hint = {**self._hints, **(hints or {})}.get(response.status_code, "")
            reason, words = _said(response)
            cause = _refusal(response, words, hint)
            raise Refused(self.system, action, cause, response.status_code, reason)
        return response


def object_in(system: str, action: str, response: requests.Response) -> dict[str, Any]:
    """The answer's JSON object. A login page of a proxy comes with status 200 too."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        kind = response.headers.get("Content-Type", "no content type")
        raise ProviderError(
            system,
            action,
            f"the answer is no JSON object but {kind}, as a proxy's login page would be; "
            "check `endpoint` and the way to it",
        )
    return body


def objects_in(system: str, action: str, response: requests.Response) -> list[dict[str, Any]]:
    """The answer's JSON objects, where an old call gives a bare list of them."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, list) or not all(isinstance(row, dict) for row in body):
        raise ProviderError(system, action, "the answer is no JSON list of objects")
    return body


@contextmanager
def needing(right: str) -> Iterator[None]:
    """Whoever is refused is told which right it takes."""
    try:
        yield
    except Refused as e:
        if e.status not in (401, 403):
            raise
        cause = f"{e.cause}; it takes {right}"
        raise Refused(e.system, e.action, cause, e.status, e.reason) from e


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port


def _worded(error: requests.RequestException) -> str:
    if isinstance(error, TooManyRedirects):
        return "it answered with a redirect, which is not followed; write the final `endpoint`"
    if isinstance(error, SSLError):
        return f"its certificate is not trusted ({error}); name its issuer with `ca`"
    return f"no whole answer came ({type(error).__name__}: {error})"


def _refusal(response: requests.Response, said: str, hint: str) -> str:
    words = [f"HTTP {response.status_code}", said]
    if response.status_code == 429:
        wait = response.headers.get("Retry-After")
        words.append(f"asked to wait {wait} s" if wait else "still throttled after several tries")
    words.append(hint)
    return "; ".join(w for w in words if w)


def _said(response: requests.Response) -> tuple[str, str]:
    """Reason and words: Cloud has one `error`, Data Center a list of `errors`."""
    try:
        body: object = response.json()
    except ValueError:
        body = None
    match body:
        case {"error": {"message": str(message), **rest}}:
            detail = rest.get("detail")
            return "error", f"{message}: {detail}" if detail else message
        case {"errors": [{"message": str(message), **rest}, *_]}:
            return str(rest.get("exceptionName") or "").rpartition(".")[2], message
    return "", str(response.reason or "")
