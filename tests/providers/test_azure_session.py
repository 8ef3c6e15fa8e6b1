"""How the SDK is held: credentials, retries, pace, and where tokens may go."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import ProviderError
from reconciler.providers.azure import connect, session
from reconciler.providers.azure.system import Azure
from reconciler.sandbox.azure import LocalAzure, seed
from reconciler.sandbox.faults import Fault, FaultKind, Faults
from tests.providers.azure_world import asked, local_azure, no_pace

LIST = "GET *roleAssignments[?]*"


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Azure, Faults]]:
    with local_azure(tmp_path, monkeypatch, LocalAzure(page_size=4)) as local:
        yield local


def rows(system: Azure) -> int:
    return len(system.open_reader(no_pace).observe(seed.SUB_PAYMENTS, []))


def test_a_throttled_call_waits_as_long_as_it_is_told(
    azure: tuple[Azure, Faults], monkeypatch: pytest.MonkeyPatch
) -> None:
    system, faults = azure
    waited: list[float] = []
    monkeypatch.setattr("azure.core.pipeline.transport.RequestsTransport.sleep", _note(waited))
    faults.arm(Fault("azure", LIST, FaultKind.STATUS, 429, retry_after=17, times=2))
    assert rows(system) == 3
    assert waited == [17, 17]


def test_a_wait_without_reason_is_refused(
    azure: tuple[Azure, Faults], monkeypatch: pytest.MonkeyPatch
) -> None:
    system, faults = azure
    waited: list[float] = []
    monkeypatch.setattr("azure.core.pipeline.transport.RequestsTransport.sleep", _note(waited))
    faults.arm(Fault("azure", LIST, FaultKind.STATUS, 429, retry_after=3600))
    with pytest.raises(ProviderError, match="HTTP 429"):
        rows(system)
    assert waited == []


def test_trying_again_has_an_end(
    azure: tuple[Azure, Faults], monkeypatch: pytest.MonkeyPatch
) -> None:
    system, faults = azure
    waited: list[float] = []
    monkeypatch.setattr("azure.core.pipeline.transport.RequestsTransport.sleep", _note(waited))
    faults.arm(Fault("azure", LIST, FaultKind.STATUS, 503, times=1000))
    with pytest.raises(ProviderError, match="HTTP 503"):
        rows(system)
    assert len(asked(faults)) == 6
    assert sum(waited) < 20


def _note(waited: list[float]) -> Any:
    return lambda self, seconds: waited.append(seconds)


def test_every_try_is_paced(azure: tuple[Azure, Faults]) -> None:
    system, faults = azure
    paced: list[int] = []
    faults.arm(Fault("azure", LIST, FaultKind.STATUS, 503))
    system.open_reader(lambda: paced.append(1)).observe(seed.SUB_PAYMENTS, [])
    assert len(paced) == len(asked(faults)) >= 4


def test_a_token_follows_no_link_to_another_host(
    azure: tuple[Azure, Faults], monkeypatch: pytest.MonkeyPatch
) -> None:
    system, faults = azure
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        address = f"127.0.0.1:{elsewhere.getsockname()[1]}"
        monkeypatch.setattr(
            "reconciler.sandbox.azure.arm.quote", lambda text: text
        )  # keeps the link readable
        _point_links_to(f"https://{address}", monkeypatch)
        with pytest.raises(
            ProviderError, match=f"the answer points to {address}, and tokens go to"
        ):
            rows(system)
        elsewhere.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody called
            elsewhere.accept()
    assert len(asked(faults)) == 1


def _point_links_to(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler.sandbox.azure.arm import Arm

    page = Arm._page
    monkeypatch.setattr(
        Arm, "_page", lambda self, asked, url, found: page(self, asked, address, found)
    )


def test_later_pages_keep_the_api_version_of_their_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The local tenant refuses the wrong one, as ARM may."""
    local = LocalAzure(page_size=2, pim=True)
    with local_azure(tmp_path, monkeypatch, local) as (system, faults):
        assert rows(system) == 3
        versions = {call.call.rpartition("api-version=")[2][:10] for call in faults.calls("azure")}
        assert versions == {"2022-04-01", "2020-10-01"}


def test_a_forbidden_list_says_what_arm_says(azure: tuple[Azure, Faults]) -> None:
    system, faults = azure
    faults.arm(Fault("azure", LIST, FaultKind.STATUS, 403))
    with pytest.raises(
        ProviderError,
        match=r"cannot list role assignments of /subscriptions/.*403.*; check who is signed in "
        r"\(az login\) and its roles, see docs/providers/azure\.md$",
    ):
        rows(system)


def test_without_credentials_the_error_says_so_once_and_what_to_do(
    azure: tuple[Azure, Faults], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("azure.identity").setLevel(logging.NOTSET)
    system, _ = azure
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "PATH"):
        monkeypatch.delenv(name)
    with pytest.raises(ProviderError) as failed:
        rows(system)
    assert failed.value.cause == (
        "ChainedTokenCredential failed to retrieve a token from the included credentials: "
        "AzureCliCredential: Azure CLI not found on path; "
        "sign in (az login), see docs/providers/azure.md"
    )
    assert caplog.records == []


def test_a_client_secret_in_the_environment_will_do(
    azure: tuple[Azure, Faults], monkeypatch: pytest.MonkeyPatch
) -> None:
    system, _ = azure
    monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE")
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "any")
    assert rows(system) == 3


def test_no_credential_looks_beyond_the_environment(azure: tuple[Azure, Faults]) -> None:
    system, _ = azure
    chain = session.Session("azure", system.settings, no_pace).credential.source
    names = [type(c).__name__ for c in chain.credentials]
    assert names == ["WorkloadIdentityCredential", "AzureCliCredential"]


def test_another_tenant_is_an_error(azure: tuple[Azure, Faults]) -> None:
    system, _ = azure
    settings = {
        "tenant": "11111111-1111-1111-1111-111111111111",
        "endpoint": system.settings.endpoint,
        "authority": system.settings.authority,
        "ca": system.settings.ca,
    }
    with pytest.raises(ProviderError, match="AADSTS90002"):
        rows(connect("azure", settings))


def test_a_certificate_that_is_not_there_is_an_error(azure: tuple[Azure, Faults]) -> None:
    system, _ = azure
    settings = {
        "tenant": seed.TENANT,
        "endpoint": system.settings.endpoint,
        "authority": system.settings.authority,
        "ca": "/nowhere/ca.pem",
    }
    with pytest.raises(ProviderError, match=r"/nowhere/ca\.pem"):
        rows(connect("azure", settings))


def test_a_federated_token_that_is_not_there_is_an_error(
    azure: tuple[Azure, Faults], monkeypatch: pytest.MonkeyPatch
) -> None:
    system, _ = azure
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", "/nowhere/token")
    with pytest.raises(ProviderError, match="/nowhere/token"):
        rows(system)


def test_a_server_that_we_do_not_trust_gets_no_token(
    azure: tuple[Azure, Faults], monkeypatch: pytest.MonkeyPatch
) -> None:
    system, faults = azure
    monkeypatch.setattr("azure.core.pipeline.transport.RequestsTransport.sleep", _note([]))
    settings = {
        "tenant": seed.TENANT,
        "endpoint": system.settings.endpoint,
        "authority": system.settings.authority,
    }
    with pytest.raises(ProviderError, match="CERTIFICATE_VERIFY_FAILED"):
        rows(connect("azure", settings))
    assert faults.calls() == ()
