"""What reconciler.yaml says about one Azure tenant. Holds no credentials, ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.errors import ItemError
from reconciler.providers.azure.scopes import GUID


@dataclass(frozen=True, slots=True)
class Settings:
    """`ca` is the path of a PEM file to trust instead of the usual authorities; "" for these."""

    tenant: str
    pim: bool = False
    subscriptions: tuple[tuple[str, str], ...] = ()
    endpoint: str = "https://management.azure.com"
    authority: str = ""
    graph: str = "https://graph.microsoft.com"
    ca: str = ""


def read_settings(fields: Mapping[str, Any]) -> Settings:
    """Raises ItemError for what the schema lets pass."""
    addresses = {
        key: fields[key].rstrip("/") for key in ("endpoint", "authority", "graph") if key in fields
    }
    for key, address in addresses.items():
        if not address.startswith("https://"):
            raise ItemError(key, f"{address!r} is not https", "write https://…: tokens go there")
    subscriptions = fields.get("subscriptions", {})
    for alias, guid in subscriptions.items():
        if not GUID.match(guid):
            raise ItemError(
                "subscriptions", f"{alias}: {guid!r} is no subscription id", "write its GUID"
            )
    return Settings(
        tenant=fields["tenant"].lower(),
        pim=fields.get("pim", False),
        subscriptions=tuple(sorted((alias, g.lower()) for alias, g in subscriptions.items())),
        ca=fields.get("ca", ""),
        **addresses,
    )
