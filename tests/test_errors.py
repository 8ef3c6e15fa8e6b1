"""What a system says goes into reports and the ledger: it may not carry our own credentials."""

from __future__ import annotations

from base64 import b64encode

import pytest

from reconciler.errors import ProviderError

WORD = "s3cr" + "t/" + "Zz9" * 6
LETTERS = "abcdefgh" * 4
PAIR = b64encode(f"bob:{WORD}".encode()).decode()


@pytest.mark.parametrize("said", [
    f"HTTP 401; Bearer {WORD}: Bearer {WORD}; check the token",
    f"bearer {LETTERS}",
    f"Authorization: Basic {PAIR}",
    f"{{'Authorization': 'Basic {PAIR}'}}",
    f'"splunk": "{WORD}"',
    f"text/html; x=Bearer {WORD}",
    f"https://bob:{WORD.replace('/', '')}@git.example.com/x cannot be reached",
])  # fmt: skip
def test_what_speaks_for_us_is_not_said_again(said: str) -> None:
    error = ProviderError("aws", "list", said)
    for text in (str(error), error.cause, repr(error)):
        assert "***" in text
        for part in (WORD, LETTERS, PAIR, PAIR[8:], WORD.replace("/", "")):
            assert part not in text


@pytest.mark.parametrize("said", [
    "Basic authentication is not supported; use a bearer token",
    "HTTP 401; check BITBUCKET_TOKEN, and that its user is an admin there",
    "https://api.example.com/v1/users?q=alice@example.com answered 404",
    "alice@example.com is nobody there",
])  # fmt: skip
def test_words_about_signing_in_stay_as_they_are(said: str) -> None:
    assert ProviderError("aws", "list", said).cause == said


@pytest.mark.parametrize(
    "said", ["bearer " * 100_000, "bearer" + " " * 500_000, "://" + "a" * 500_000]
)
def test_a_long_answer_is_looked_through_once(said: str) -> None:
    """By powers of its length it would take hours."""
    assert ProviderError("aws", "list", said).cause == said
