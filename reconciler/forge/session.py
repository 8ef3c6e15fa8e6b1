"""HTTP to one forge: patient within bounds, and faithful to one host. Never follows a redirect,
never keeps a cookie, and never lets a secret into the text of an error."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import InvalidHeader, MaxRetryError, ResponseError
from urllib3.util import Retry

from reconciler import __version__
from reconciler.forge.base import ForgeError

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_PASSING = (429, 502, 503, 504)
_LIMITS = (403, 429)  # with a time to wait: nothing was done, so anything may be sent again
_REPEATABLE = ("GET", "PUT", "DELETE")
_MOST_SAID = 300  # characters of what a forge says in an error


class Refused(ForgeError):
    """The answer was no, with `status`."""

    def __init__(self, action: str, cause: str, status: int) -> None:
        super().__init__(action, cause)
        self.status = status


class NoAnswer(ForgeError):
    """No whole answer came: whether a write was done is not known."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one call may take: `tries` more after the first, backing off from `factor` seconds
    to `longest`, which is also the longest wait that a forge may ask for."""

    tries: int = 4
    factor: float = 0.5
    longest: float = 60.0
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class Secret(AuthBase):
    """What goes into `header`. `parts` are what no text may show: the token, and its encoding."""

    header: str
    value: str
    parts: tuple[str, ...]

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers[self.header] = self.value
        return request

    def __repr__(self) -> str:
        return "Secret(***)"


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is parsed JSON, None where there was none. `next` is the next page's address."""

    status: int
    body: Any
    next: str


class Session:
    """`url` is what relative paths are put behind. `hints` tell for a status what to do about it.
    `repeatable` are addresses whose POST only asks, and may be sent twice (GraphQL).

    Raises ForgeError where the token would travel without TLS.
    """

    def __init__(
        self,
        url: str,
        secret: Secret,
        headers: Mapping[str, str],
        hints: Mapping[int, str],
        repeatable: Collection[str] = (),
        patience: Patience | None = None,
    ) -> None:
        patience = patience or Patience()
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            cause = f"{url} is not https; write an https address as `url` under `forge:`"
            raise ForgeError("sign in", cause)
        self.url = url.rstrip("/")
        self._secret = secret
        self._hints = hints
        self._timeout = (min(10.0, patience.timeout), patience.timeout)
        self._session = requests.Session()
        self._session.auth = secret
        self._session.headers.update({"User-Agent": f"access-reconciler/{__version__}", **headers})
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = HTTPAdapter(max_retries=_retry(patience, _REPEATABLE))
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        for address in repeatable:
            again = HTTPAdapter(max_retries=_retry(patience, (*_REPEATABLE, "POST")))
            self._session.mount(address, again)

    def get(self, action: str, path: str, params: Mapping[str, str] | None = None) -> Answer:
        return self.send(action, "GET", path, params=params)

    def send(
        self,
        action: str,
        method: str,
        path: str,
        body: object = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        """`path` may be a whole address (a page's link), if it leads to the same host.

        Raises Refused, or NoAnswer, or another ForgeError for an answer that is no JSON.
        """
        response = self._sent(action, method, self._address(action, path), body, params)
        if response.status_code >= 300:
            raise Refused(action, self._refusal(response), response.status_code)
        return Answer(response.status_code, self._json(action, response), _next(response))

    def pages(
        self, action: str, path: str, params: Mapping[str, str] | None = None
    ) -> Iterator[Answer]:
        """Every page, by the links in the header."""
        answer = self.send(action, "GET", path, params=params)
        yield answer
        while answer.next:
            answer = self.send(action, "GET", answer.next)
            yield answer

    def _address(self, action: str, path: str) -> str:
        if path.startswith("/"):
            return self.url + path
        if _origin(path) != _origin(self.url):
            what = f"it leads on to {path}, which is not {self.url}: the token stays here"
            raise ForgeError(action, self.clean(f"{what}; check `url` under `forge:`"))
        return path

    def _sent(
        self, action: str, method: str, url: str, body: object, params: Mapping[str, str] | None
    ) -> requests.Response:
        try:
            return self._session.request(
                method,
                url,
                json=body,
                params=dict(params or {}),
                timeout=self._timeout,
                allow_redirects=False,
            )
        except requests.RequestException as e:
            raise NoAnswer(action, self.clean(unanswered(e))) from None

    def _json(self, action: str, response: requests.Response) -> Any:
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            kind = response.headers.get("Content-Type", "no content type")
            what = f"the answer is no JSON but {kind}, as a proxy's login page would be"
            raise ForgeError(action, self.clean(f"{what}; check `url` under `forge:`")) from None

    def _refusal(self, response: requests.Response) -> str:
        status = response.status_code
        words = [f"HTTP {status}", self.clean(_said(response))]
        wait = _wait(response.headers)
        if status in _LIMITS and wait is not None:
            words.append(f"the rate limit is used up, and it asks to wait {wait:.0f} s")
        elif 300 <= status < 400:
            where = self.clean(response.headers.get("Location", "nowhere"))
            words.append(f"it points to {where}, which is not followed; write the final address")
        else:
            words.append(self._hints.get(status, ""))
        return "; ".join(word for word in words if word)

    def clean(self, text: str) -> str:
        """One line (a CI log reads commands at the start of lines), short, without secrets."""
        for part in self._secret.parts:
            text = text.replace(part, "***") if part else text
        return " ".join(text.split())[:_MOST_SAID]


@contextmanager
def shaped(action: str) -> Iterator[None]:
    """Around the reading of an answer: what is not there, or is something else, is a ForgeError."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as e:
        what = f"the answer is not of the expected shape ({type(e).__name__}: {e})"
        raise ForgeError(action, " ".join(what.split())[:_MOST_SAID]) from e


class _Patient(Retry):
    """A wait that is too long to hold up everything else makes the answer final: the next run
    tries again."""

    def __init__(self, *args: Any, longest: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._longest = longest

    def new(self, **kwargs: Any) -> _Patient:
        return super().new(longest=self._longest, **kwargs)

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        if status_code in _LIMITS:  # `increment` sees the answer, and knows a limit from a no
            return bool(self.total)
        return super().is_retry(method, status_code, has_retry_after)

    def increment(self, *args: Any, **kwargs: Any) -> _Patient:
        response = kwargs.get("response")
        if response is not None:
            wait = _wait(response.headers)
            if (wait or 0) > self._longest or (response.status == 403 and wait is None):
                raise MaxRetryError(kwargs["_pool"], "", ResponseError("final"))
        return super().increment(*args, **kwargs)

    def get_retry_after(self, response: Any) -> float | None:
        return _wait(response.headers)


def _retry(patience: Patience, methods: Collection[str]) -> _Patient:
    return _Patient(
        total=patience.tries,
        status_forcelist=_PASSING,
        allowed_methods=methods,
        backoff_factor=patience.factor,
        backoff_max=patience.longest,
        raise_on_status=False,  # the last answer says more than "too many retries"
        longest=patience.longest,
    )


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that the forge asks to wait: Retry-After, or GitHub's time at which an hour's limit
    begins anew, counted by the forge's own clock."""
    try:
        if asked := headers.get("Retry-After"):
            return Retry().parse_retry_after(asked)
        if headers.get("X-RateLimit-Remaining") == "0":
            sent = parsedate_to_datetime(headers["Date"]).timestamp()
            return max(0.0, float(headers["X-RateLimit-Reset"]) - sent)
    except (InvalidHeader, KeyError, ValueError, TypeError):
        pass
    return None


def _next(response: requests.Response) -> str:
    return str(response.links.get("next", {}).get("url", ""))


def unanswered(error: requests.RequestException) -> str:
    """Why, in the words of the last attempt: what is around them is the client's own affair."""
    around = error.args[0] if error.args else None
    last = getattr(around, "reason", None) or around or error
    return f"no whole answer came ({type(error).__name__}: {last}); see that its address can be reached"


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port


def _said(response: requests.Response) -> str:
    """GitHub has a `message` (and `errors`), Bitbucket Cloud an `error`, Data Center `errors`."""
    try:
        body: object = response.json()
    except ValueError:
        body = None
    match body:
        case {"message": str(message), "errors": [{"message": str(detail)} | str(detail), *_]}:
            return f"{message}: {detail}"
        case {"message": str(message)}:
            return message
        case {"error": {"message": str(message), **rest}}:
            more = rest.get("detail")
            return f"{message}: {more}" if isinstance(more, str) else message
        case {"errors": [{"message": str(message)}, *_]}:
            return message
    return str(response.reason or "")
