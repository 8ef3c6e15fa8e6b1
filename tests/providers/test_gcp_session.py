"""Credentials: Google's own chain, no questions over the network, and who we are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import ProviderError
from reconciler.providers.gcp import connect
from reconciler.providers.gcp.session import Policies
from tests.providers.gcp_build import no_pace, observed

POOL = "projects/123456789012/locations/global/workloadIdentityPools/ci/providers/forge"
ROBOT = "Access-Reconciler@acme-iam.iam.gserviceaccount.com"


def federated(home: Path, monkeypatch: pytest.MonkeyPatch, impersonates: str = ROBOT) -> None:
    """What `gcloud iam workload-identity-pools create-cred-config` writes; it holds no secret."""
    iam = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
    config = {
        "type": "external_account",
        "audience": f"//iam.googleapis.com/{POOL}",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": str(home / "token")},
    }
    if impersonates:
        config["service_account_impersonation_url"] = f"{iam}/{impersonates}:generateAccessToken"
    path = home / "federation.json"
    path.write_text(json.dumps(config))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))


def test_a_federated_robot_knows_itself_without_asking_anybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    federated(tmp_path, monkeypatch)  # sockets beyond loopback are blocked
    own = connect("gcp", {}).open_reader(no_pace).own()
    assert own == {"serviceAccount:access-reconciler@acme-iam.iam.gserviceaccount.com"}


def test_groups_are_asked_for_with_the_same_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    federated(tmp_path, monkeypatch)
    policies = Policies("gcp", "", no_pace)
    assert policies._rest_session().credentials.service_account_email == ROBOT
    assert policies._rest_session().credentials is policies._google_credentials()


def test_an_identity_without_a_service_account_says_nothing_of_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    federated(tmp_path, monkeypatch, impersonates="")
    assert connect("gcp", {}).open_reader(no_pace).own() == frozenset()


def test_a_local_endpoint_needs_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/not/there.json")
    system = connect("gcp", {"endpoint": "grpc://127.0.0.1:1"})
    assert system.open_reader(no_pace).own() == frozenset()


def test_missing_credentials_are_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    with pytest.raises(ProviderError) as failed:
        observed(connect("gcp", {}))
    assert failed.value.cause == (
        "Your default credentials were not found; "
        "sign in (gcloud auth application-default login), see docs/providers/gcp.md"
    )


@pytest.mark.parametrize(
    ("kind", "host"),
    [
        ("project", "cloudresourcemanager.googleapis.com:443"),
        ("folder", "cloudresourcemanager.googleapis.com:443"),
        ("organization", "cloudresourcemanager.googleapis.com:443"),
        ("service_account", "iam.googleapis.com:443"),
    ],
)
def test_without_an_endpoint_it_is_google(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, host: str
) -> None:
    federated(tmp_path, monkeypatch)
    assert Policies("gcp", "", no_pace)._client(kind).transport.host == host


def test_a_server_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for endpoint in ("grpc://127.0.0.1:1", "http://127.0.0.1:1"):
        system = replace(connect("gcp", {"endpoint": endpoint}), backoff=0.01)
        with pytest.raises(ProviderError, match="read the policy of projects/payments-prod"):
            observed(system)
