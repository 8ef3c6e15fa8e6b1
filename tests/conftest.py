"""Nothing here reaches a real cloud: sockets stay on loopback and no SDK goes looking elsewhere."""

from __future__ import annotations

import gc

import pytest
from hypothesis import settings

from reconciler import unsaid

# Two cores and many neighbours: a slow example is no failure.
settings.register_profile("ours", deadline=None)
settings.load_profile("ours")
# A suite's process holds millions of objects: looking through them for cycles took a seventh of it.
gc.set_threshold(100_000, 50, 100)


@pytest.fixture(autouse=True)
def _no_real_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AZURE_CLIENT_ID", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    unsaid.forget()
