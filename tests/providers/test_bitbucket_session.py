"""What speaks for us to Bitbucket, and whom we believe to be Bitbucket, is what reconciler.yaml says:
nothing of the user's own environment takes its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from reconciler.providers.bitbucket.session import open_session
from reconciler.providers.bitbucket.settings import Patience
from reconciler.sandbox.azure.certificate import make_certificate
from reconciler.sandbox.http import Certificate, HttpServer

ONCE = Patience(tries=0, reconnects=0)


def _echo(environ: dict[str, Any], start: Any) -> list[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    return [str(environ.get("HTTP_AUTHORIZATION", "")).encode()]


@pytest.fixture
def made(tmp_path: Path) -> Certificate:
    return make_certificate(tmp_path / "right")


@pytest.fixture
def url(made: Certificate) -> Iterator[str]:
    server = HttpServer(_echo, certificate=made)
    yield server.start()
    server.stop()


@pytest.mark.parametrize("said", [{}, {"verify": True}], ids=["the session", "an SDK"])
def test_the_bundle_that_is_named_wins_over_that_of_the_environment(
    url: str, made: Certificate, said: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_certificate(tmp_path / "other")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other.chain))
    session = open_session(lambda: None, str(made.chain), ONCE)
    assert session.get(url, timeout=10, **said).status_code == 200
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(made.chain))
    session = open_session(lambda: None, str(other.chain), ONCE)
    with pytest.raises(requests.exceptions.SSLError):
        session.get(url, timeout=10, **said)


def test_a_password_of_the_users_own_does_not_take_the_tokens_place(
    url: str, made: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    session = open_session(lambda: None, str(made.chain), ONCE)
    session.headers["Authorization"] = "Bearer ours"
    assert session.get(url, timeout=10).text == "Bearer ours"
