"""The list of providers. A new one is a package here, a line in this dict and a schema fragment."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

from reconciler.model.marking import UNOWNED, Marking
from reconciler.providers.base import Connect, System

# Named, not imported: each package's `connect` is pure, its SDK waits for `open_reader`.
PROVIDERS = {
    "aws": "reconciler.providers.aws",
    "gcp": "reconciler.providers.gcp",
    "azure": "reconciler.providers.azure",
    "bitbucket": "reconciler.providers.bitbucket_cloud",
    "bitbucket-dc": "reconciler.providers.bitbucket_dc",
}


def connect(
    provider: str, name: str, settings: Mapping[str, Any], marking: Marking = UNOWNED
) -> System:
    """Raises KeyError for a provider that is not in the dict, ItemError for wrong settings."""
    return cast(Connect, import_module(PROVIDERS[provider]).connect)(name, settings, marking)
