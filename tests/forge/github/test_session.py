"""One host, bounded patience, and no secret in a text: over real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any

import pytest

from reconciler.forge.base import ForgeError
from reconciler.forge.session import NoAnswer, Patience, Refused, Secret, Session, shaped
from reconciler.sandbox.http import HttpServer

TOKEN = "local-token"
Reply = tuple[str, list[tuple[str, str]], bytes]
Serve = Callable[..., Session]


class Script:
    """Answers in turn, the last one again and again; keeps what was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[dict[str, Any]] = []

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        environ["wsgi.input"].read()
        self.asked.append(environ)
        status, headers, body = self.replies[min(len(self.asked), len(self.replies)) - 1]
        start(status, [*headers, ("Content-Length", str(len(body)))])
        return [body]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[HttpServer] = []

    def served(script: Script, repeatable: tuple[str, ...] = ()) -> Session:
        server = HttpServer(script)
        servers.append(server)
        url = server.start()
        secret = Secret("Authorization", f"Bearer {TOKEN}", (TOKEN,))
        again = tuple(f"{url}{path}" for path in repeatable)
        patience = Patience(tries=2, factor=0.0, longest=5.0, timeout=5.0)
        return Session(url, secret, {}, {404: "look elsewhere"}, again, patience)

    yield served
    for server in servers:
        server.stop()


def said(status: str, body: bytes = b"{}", **headers: str) -> Reply:
    return status, [(name.replace("_", "-"), value) for name, value in headers.items()], body


def test_the_token_is_sent_and_a_cookie_is_not(serve: Serve) -> None:
    script = Script(said("200 OK", Set_Cookie="who=me; Path=/"))
    session = serve(script)
    for _ in range(2):
        session.get("look", "/")
    assert script.asked[1]["HTTP_AUTHORIZATION"] == f"Bearer {TOKEN}"
    assert "HTTP_COOKIE" not in script.asked[1]
    assert script.asked[0]["HTTP_USER_AGENT"].startswith("access-reconciler/")


def test_a_redirect_is_not_followed(serve: Serve) -> None:
    other = Script(said("200 OK"))
    there = serve(other).url
    with pytest.raises(Refused, match="not followed; write the final address"):
        serve(Script(said("301 Moved", Location=f"{there}/"))).get("look", "/")
    assert other.asked == []


def test_a_page_of_another_host_is_not_asked_for(serve: Serve) -> None:
    other = Script(said("200 OK"))
    there = serve(other).url
    session = serve(Script(said("200 OK", b"[]", Link=f'<{there}/2>; rel="next"')))
    with pytest.raises(ForgeError, match="the token stays here"):
        list(session.pages("look", "/"))
    assert other.asked == []


def test_no_text_shows_the_token_or_starts_a_line(serve: Serve) -> None:
    body = b'{"message": "wrong token local-token\\n::add-mask::x"}'
    with pytest.raises(Refused) as caught:
        serve(Script(said("404 Not Found", body))).get("look", "/")
    assert TOKEN not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("wrong token *** ::add-mask::x; look elsewhere")
    assert TOKEN not in repr(Secret("Authorization", TOKEN, (TOKEN,)))


def test_a_login_page_is_no_answer(serve: Serve) -> None:
    with pytest.raises(ForgeError, match="no JSON but text/html"):
        serve(Script(said("200 OK", b"<html>", Content_Type="text/html"))).get("look", "/")


def test_what_passes_is_asked_again_and_a_refusal_is_not(serve: Serve) -> None:
    script = Script(said("503 Busy"), said("200 OK", b'{"a": 1}'))
    assert serve(script).get("look", "/").body == {"a": 1}
    for status in ("403 Forbidden", "404 Not Found", "500 Oops"):
        script = Script(said(status))
        with pytest.raises(Refused):
            serve(script).get("look", "/")
        assert len(script.asked) == 1


def test_only_a_post_that_asks_is_sent_again(serve: Serve) -> None:
    script = Script(said("502 Oops"))
    session = serve(script, repeatable=("/graphql",))
    with pytest.raises(Refused):
        session.send("write", "POST", "/comments", {})
    assert len(script.asked) == 1
    with pytest.raises(Refused):
        session.send("ask", "POST", "/graphql", {})
    assert len(script.asked) == 4


@pytest.mark.parametrize(("seconds", "tries"), [(1, 3), (3000, 1)])
def test_the_hourly_limit_is_waited_for_if_it_is_not_long(
    serve: Serve, seconds: int, tries: int
) -> None:
    """By the forge's clock, not by ours: this one stands at 1970."""
    limit = said(
        "403 Forbidden",
        Date=formatdate(1000, usegmt=True),
        X_RateLimit_Remaining="0",
        X_RateLimit_Reset=str(1000 + seconds),
    )
    script = Script(limit)
    with pytest.raises(Refused, match=f"asks to wait {seconds} s"):
        serve(script).get("look", "/")
    assert len(script.asked) == tries


def test_a_wait_that_is_no_number_is_no_reason_to_wait(serve: Serve) -> None:
    script = Script(said("429 Slow", Retry_After="soon"))
    with pytest.raises(Refused, match="HTTP 429"):
        serve(script).get("look", "/")


def test_nobody_there_is_no_answer(serve: Serve) -> None:
    session = serve(Script(said("200 OK")))
    server = Session("http://127.0.0.1:9", session._secret, {}, {}, (), Patience(0, 0, 1, 1))
    with pytest.raises(NoAnswer, match=r"no whole answer came .*refused\); see that") as told:
        server.get("look", "/")
    assert "Max retries" not in str(told.value)


def test_an_answer_of_another_shape_is_an_error() -> None:
    what = r"not of the expected shape \(KeyError: 'x'\)"
    with pytest.raises(ForgeError, match=what), shaped("look"):
        raise KeyError("x")


@pytest.mark.parametrize(
    "body",
    [
        b'{"message": "No", "errors": [{"message": "that"}]}',
        b'{"message": "No", "errors": ["that"]}',
        b'{"error": {"message": "No", "detail": "that"}}',
        b'{"errors": [{"message": "No: that"}]}',
    ],
)
def test_a_refusal_says_what_the_forge_says(serve: Serve, body: bytes) -> None:
    with pytest.raises(Refused, match="HTTP 409; No: that"):
        serve(Script(said("409 Conflict", body))).get("look", "/")
