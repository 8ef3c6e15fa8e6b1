"""Whatever a session sends as a secret is in no error, though a server or a proxy says it back bare."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import google.oauth2.credentials
import pytest

from reconciler.errors import ProviderError
from reconciler.providers import azure, bitbucket_cloud, bitbucket_dc
from reconciler.providers.aws.session import Clients, explained
from reconciler.providers.aws.settings import Patience, Settings
from reconciler.providers.base import System
from reconciler.providers.gcp.session import Policies
from reconciler.providers.gcp.session import explained as explained_by_google
from reconciler.sandbox.azure import seed
from reconciler.sandbox.azure.certificate import make_certificate
from reconciler.sandbox.http import HttpServer
from tests.providers.bitbucket_build import no_pace

SECRET = "qu1et" + "/Mouse" * 4  # no looks tell that this is one
SHORT = "mou" + "se1"


class Echo:
    """Says back what came as a secret, without the word before it, in the `form` of each vendor;
    to whoever signs in to Azure it gives `SECRET`."""

    def __init__(self) -> None:
        self.status = "403 Forbidden"
        self.kind = "application/json"
        self.form = "{}"
        self.refusal = ""  # of who signs in

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterator[bytes]:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        _, _, carried = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        carried = environ.get("HTTP_X_AMZ_SECURITY_TOKEN", carried)
        path, status = environ["PATH_INFO"], self.status
        body = self.form.replace("{}", carried)
        if path.endswith(("/openid-configuration", "/token")):
            status, body = "200 OK", json.dumps(_login(environ["HTTP_HOST"]))
        if path.endswith("/token") and self.refusal:
            refusal = {"error": "invalid_client", "error_description": self.refusal}
            status, body = "401 Unauthorized", json.dumps(refusal)
        start(status, [("Content-Type", self.kind.replace("{}", carried))])
        yield body.encode()


def _login(host: str) -> dict[str, Any]:
    root = f"https://{host}/{seed.TENANT}"
    addresses = {
        name: f"{root}/oauth2/v2.0/{name.partition('_')[0]}"
        for name in ("token_endpoint", "authorization_endpoint", "device_authorization_endpoint")
    }
    token = {"token_type": "Bearer", "expires_in": 3600, "access_token": SECRET}
    return {"issuer": f"{root}/v2.0", **addresses, **token}


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def url(echo: Echo) -> Iterator[str]:
    server = HttpServer(echo)
    yield server.start()
    server.stop()


def bitbucket(url: str, kind: str, scope: str) -> str:
    """What a look at this scope fails with."""
    system: System = bitbucket_dc.connect("b", {"url": url})
    if kind == "cloud":
        system = bitbucket_cloud.connect("b", {"workspace": "acme", "endpoint": url})
    with pytest.raises(ProviderError) as failed:
        system.open_reader(no_pace).observe(scope, ())
    assert failed.value.cause in str(failed.value)
    return str(failed.value)


KINDS = [("cloud", "repository web"), ("dc", "project PAY")]
FORMS = [
    ("403 Forbidden", '{"error": {"message": "no: {}"}}'),
    ("403 Forbidden", '{"errors": [{"message": "no: {}"}]}'),
    ("{} Nothing", "{}"),
    ("200 OK", '{"values": [{"permission": "{}", "user": {"uuid": "{1}"}}], "size": 1, '
               '"isLastPage": true, "user": {"name": "ann"}}'),
    ("200 OK", '{"values": [{}], "next": "https://else.example.com/{}", "isLastPage": "{}"}'),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "scope"), KINDS)
@pytest.mark.parametrize(("status", "form"), FORMS)
@pytest.mark.parametrize("secret", [SECRET, SHORT])
@pytest.mark.parametrize("username", ["", "bob@example.com"])
def test_a_token_of_bitbucket_that_is_said_back_is_not_said_on(
    echo: Echo, url: str, monkeypatch: pytest.MonkeyPatch, kind: str, scope: str,
    status: str, form: str, secret: str, username: str,
) -> None:  # fmt: skip
    prefix = {"cloud": "BITBUCKET", "dc": "BITBUCKET_DC"}[kind]
    monkeypatch.setenv(f"{prefix}_TOKEN", secret)
    monkeypatch.setenv(f"{prefix}_USERNAME", username)
    echo.status, echo.form = status.replace("{}", "404"), form
    echo.kind = "text/html; {}" if form == "{}" else echo.kind
    said = bitbucket(url, kind, scope)
    for part in (
        secret,
        quote(secret, safe=""),
        b64encode(f"{username}:{secret}".encode()).decode(),
    ):
        assert part not in said


def test_a_token_that_fits_into_no_header_is_not_said(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BITBUCKET_TOKEN", f"{SECRET}\n{SECRET[::-1]}")
    monkeypatch.delenv("BITBUCKET_USERNAME", raising=False)
    said = bitbucket(url, "cloud", "repository web")
    assert "InvalidHeader" in said
    assert SECRET[::-1] not in said


def test_what_azure_was_sent_and_says_back_is_not_said_on(
    echo: Echo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path / "tls")
    server = HttpServer(echo, certificate=certificate)
    address = server.start()
    monkeypatch.setenv("AZURE_CLIENT_ID", seed.object_id("app:" + seed.RECONCILER))
    monkeypatch.setenv("AZURE_TENANT_ID", seed.TENANT)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", SECRET[::-1])
    monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE", raising=False)
    places = dict.fromkeys(("endpoint", "authority", "graph"), address)
    ca = str(certificate.chain)
    system = azure.connect("azure", {"tenant": seed.TENANT, "ca": ca, **places})
    echo.form = '{"error": {"code": "No", "message": "not with {}"}}'
    try:
        with pytest.raises(ProviderError, match=r"not with \*\*\*") as failed:
            system.open_reader(no_pace).observe(seed.SUB_PAYMENTS, [])
        assert SECRET not in str(failed.value)
        echo.refusal = f"AADSTS7000215: {SECRET[::-1] * 30}"  # long enough to be cut somewhere
        with pytest.raises(ProviderError, match="AADSTS7000215") as failed:
            system.open_reader(no_pace).observe(seed.SUB_PAYMENTS, [])
        assert SECRET[::-1][:3] not in str(failed.value)
    finally:
        server.stop()


def test_what_aws_was_sent_and_says_back_is_not_said_on(
    echo: Echo, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS itself does: of a signature that does not match it says the headers that it signed."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_SESSION_TOKEN", SECRET)
    echo.kind = "application/x-amz-json-1.1"
    echo.form = '{"__type": "SignatureDoesNotMatch", "message": "x-amz-security-token:{}"}'
    clients = Clients(Settings("eu-west-1", endpoint=url), "r", no_pace, Patience(tries=1))
    with pytest.raises(ProviderError, match="security-token") as failed, explained("aws", "list"):
        clients.sso_admin.list_instances()
    assert SECRET not in str(failed.value)


def test_what_aws_gave_for_a_member_account_is_not_said(
    echo: Echo, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    echo.status, echo.kind = "200 OK", "text/xml"
    echo.form = (
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>k</AccessKeyId>"
        f"<SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>{SECRET[::-1]}</SessionToken>"
        "<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>"
        "</AssumeRoleResponse>"
    )
    clients = Clients(Settings("eu-west-1", endpoint=url), "r", no_pace, Patience(tries=1))
    with pytest.raises(KeyError):  # the answer is that of another call
        clients.iam("111122223333").get_user(UserName="x")
    text = str(ProviderError("aws", "look", f"{SECRET} {SECRET[::-1]}"))
    assert SECRET not in text
    assert SECRET[::-1] not in text


def test_what_google_was_sent_and_says_back_is_not_said_on(
    echo: Echo, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    echo.form = '{"error": {"code": 403, "message": "not with {}"}}'
    policies = Policies("gcp", "", no_pace)
    policies._credentials = google.oauth2.credentials.Credentials(SECRET)  # type: ignore[no-untyped-call]
    with (
        pytest.raises(ProviderError, match=r"not with \*\*\*") as failed,
        explained_by_google("gcp", "list the members of group x"),
    ):
        policies.patiently(lambda: policies.fetch(f"{url}/v1/groups:lookup", {}))
    assert SECRET not in str(failed.value)


@pytest.mark.parametrize("said", [
    "eyJhbGciOiJub25l" + "." + "eyJvaWQiOiIxIn0" + ".c2ln",
    "eyJhbGciOiJub25l" + "." + "eyJv",  # cut
    "ya29" + "." + "a0AfH6SMBx",
    "Signature=" + "0f" * 32,
])  # fmt: skip
def test_what_is_renewed_on_the_way_is_told_by_its_looks(said: str) -> None:
    assert said.removeprefix("Signature=") not in str(ProviderError("x", "look", f"no: {said}"))
