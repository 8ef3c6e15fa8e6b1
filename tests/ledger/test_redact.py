"""No secret enters the ledger, whatever field it comes with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.ledger import chain, wire
from reconciler.ledger.redact import REDACTED, clean, name
from reconciler.model import Assignment, Entitlement, Event, Principal
from tests.ledger.build import event

# Put together here, so that nobody takes this file for a leak.
LONG = "Zm9vYmFy" + "c2VjcmV0" + "1234567890"
JWT = ".".join(("ey" + "JhbGciOiJIUzI1NiJ9", "ey" + "JzdWIiOiIxMjM0In0", "s1gn4tur3" * 3))
CERTAIN = {
    "an AWS key": "AKI" + "A" + "IOSFODNN7EXAMPLE",
    "a temporary AWS key": "ASI" + "A" + "IOSFODNN7EXAMPLE",
    "a web token": JWT,
    "a GitHub token": "gh" + "p_" + LONG + LONG,
    "a newer GitHub token": "github" + "_pat_" + LONG,
    "a Google token": "ya" + "29." + LONG,
    "a Slack token": "xox" + "b-" + LONG,
    "an Atlassian token": "AT" + "ATT3xFf" + LONG,
    "a private key": "-----BEGIN RSA PRIV" + "ATE KEY-----\n" + LONG + "\n-----END RSA PRIV"
    "ATE KEY-----",
    "a private key without its end": "-----BEGIN PRIV" + "ATE KEY-----\n" + LONG,
    "a password in an address": "https://deployer:" + LONG + "@git.example.com/access.git",
    "a password with an @ in an address": "https://deployer:p@" + LONG + "@git.example.com/",
    "a hook of Slack": "https://hooks.slack" + ".com/services/T00000000/B00000000/" + LONG,
    "a hook of Teams": "https://acme.webhook.office" + ".com/webhookb2/1111@2222/" + LONG,
    "a secret of an Azure application": "aB3" + "8Q~" + LONG + LONG,
    "a token of an AWS session": "IQoJb3" + "JpZ2lu" + LONG,
    "a refresh token of Google": "1/" + "/0" + LONG,
    "a token of Vault": "hv" + "s." + LONG,
    "a token of npm": "np" + "m_" + LONG[:18] * 2,
    "a token of PyPI": "py" + "pi-AgEI" + LONG,
    "the body of an OpenSSH key": "b3BlbnNzaC1r" + "ZXktdjE" + LONG,
}
ANNOUNCED = {
    "a bearer token": "Authorization: Bear" + "er " + LONG,
    "a bearer token alone": "the header was Bear" + "er " + LONG,
    "basic authentication": "authorization: Bas" + "ic " + LONG + "==",
    "a password": "pass" + "word=" + LONG,
    "a short password": "pass" + "word = hunter2",
    "a password in JSON": '{"pass' + 'word": "' + LONG + '"}',
    "a client secret": "client_" + "secret=" + LONG + "&grant_type=client_credentials",
    "a secret key": "aws_secret_access_" + "key = " + LONG,
    "a token in a sentence": "the tok" + "en is " + LONG,
    "a signed address": "https://acme.example.com/x?se=2026&si" + "g=" + LONG,
    "an API key": "x-api-" + "key: " + LONG,
    "a password, in short": "pw" + ": " + LONG,
    "a password in German": "Pass" + "wort: " + LONG,
    "a secret in JSON in JSON": '{\\"client_' + 'secret\\": \\"' + LONG + '\\"}',
}  # fmt: skip


@pytest.mark.parametrize("what", CERTAIN)
@pytest.mark.parametrize(
    "field", [*wire.NAMES, *wire.SENTENCES, *wire.LISTS, "counts", "assignment"]
)
def test_a_secret_is_taken_out_of_every_field(what: str, field: str) -> None:
    written = chain.written(chain.chained([with_secret(field, CERTAIN[what])], None)).decode()
    assert REDACTED in written
    for secret in (LONG, "IOSFODNN7EXAMPLE", JWT.rpartition(".")[2]):
        assert secret not in written


def with_secret(field: str, secret: str) -> Event:
    value: Any = secret
    if field in wire.LISTS:
        value = ("grants/a.yaml", secret)
    elif field == "counts":
        value = ((secret, 1),)
    elif field == "assignment":
        value = Assignment(Entitlement(secret, secret, secret, secret), Principal(secret, secret))
    return replace(event(), **{field: value})


@pytest.mark.parametrize("what", ANNOUNCED)
@pytest.mark.parametrize("field", wire.SENTENCES)
def test_a_secret_behind_a_word_is_taken_out_of_sentences(what: str, field: str) -> None:
    written = chain.written(chain.chained([with_secret(field, ANNOUNCED[what])], None)).decode()
    assert REDACTED in written
    assert LONG not in written
    assert "hunter2" not in written


@pytest.mark.parametrize(
    "text",
    [
        "Settlement batch fails since Tuesday",
        "password reset for the payments team, see OPS-4711",
        "the token has expired",
        "basic authentication is switched off",
        "403: the caller has no secretmanager.versions.access on payments",
        "https://git.example.com/acme/access/pull/12",
        "sha256 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "alice@example.com asked bob@example.com",
        "",
    ],
)
def test_an_ordinary_sentence_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:payments-password-4fT1",
        "projects/payments/secrets/api-token",
        "grants/token=a/alice.yaml",
        "user:{0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f}",
    ],
)
def test_a_name_is_not_taken_for_a_secret(text: str) -> None:
    """What is remembered of an assignment is found by its names."""
    assert name(text) == text


@given(st.text())
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    for cleaning in (clean, name):
        assert cleaning(cleaning(text)) == cleaning(text)


@given(
    st.lists(
        st.sampled_from(
            [*CERTAIN.values(), *ANNOUNCED.values(), "\n", "\x1b[31m", " ", "token", "a=b"]
        )
    )
)
def test_cleaning_twice_is_cleaning_once_among_secrets(parts: list[str]) -> None:
    text = "".join(parts)
    for cleaning in (clean, name):
        assert cleaning(cleaning(text)) == cleaning(text)


@pytest.mark.parametrize("one", CERTAIN.values(), ids=CERTAIN)
@pytest.mark.parametrize("other", CERTAIN.values(), ids=CERTAIN)
def test_of_two_secrets_without_a_space_neither_stays(one: str, other: str) -> None:
    assert name(name(one + other)) == name(one + other)


def test_nothing_steers_the_terminal_of_who_reads_it() -> None:
    assert (
        clean("\x1b[31mred\x1b[0m\r\nnext\tone\u202e\ud800")
        == "\ufffd[31mred\ufffd[0m next one\ufffd\ufffd"
    )
    assert name("a\nb\x00") == "a\ufffdb\ufffd"


def test_a_long_text_costs_no_more_than_its_length() -> None:
    """Quadratic patterns would take minutes."""
    for part in ("secret= ", "token ", "a://", "-----BEGIN PRIVATE KEY", "eyJaaaaaaaaa.", " ", "="):
        clean("secret=" + part * (500_000 // len(part)))
