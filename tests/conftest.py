"""Nothing here reaches a real cloud: sockets stay on loopback and no SDK goes looking elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import settings

from reconciler import unsaid

# Two cores and many neighbours: a slow example is no failure.
settings.register_profile("ours", deadline=None)
settings.load_profile("ours")


@pytest.fixture(autouse=True)
def _no_real_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AZURE_CLIENT_ID", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    unsaid.forget()
