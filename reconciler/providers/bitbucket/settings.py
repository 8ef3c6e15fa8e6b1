"""Settings and capabilities that both Bitbuckets have. Reads the environment only when asked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from reconciler.errors import ItemError, ProviderError
from reconciler.model import Capabilities

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_NOTE = (
    "Bitbucket keeps neither an end nor a mark with a permission: "
    "the reconciler takes it away in its first run after the end"
)


@dataclass(frozen=True, slots=True)
class Settings:
    """`token_env` and `username_env` name environment variables; no secret is kept here."""

    url: str
    token_env: str
    username_env: str
    ca: str


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one call may take: `tries` more after the first (`reconnects` where no answer came),
    backing off from `factor` seconds to `longest`, the longest `Retry-After` waited for too."""

    tries: int = 6
    reconnects: int = 3
    factor: float = 0.3
    longest: float = 30.0


def read_settings(fields: Mapping[str, Any], url: str, prefix: str) -> Settings:
    """`prefix` is what the usual names of the environment variables begin with."""
    return Settings(
        url=url,
        token_env=str(fields.get("token_env", f"{prefix}_TOKEN")),
        username_env=str(fields.get("username_env", f"{prefix}_USERNAME")),
        ca=str(fields.get("ca", "")),
    )


def checked_url(field: str, url: str) -> str:
    """`url` without its trailing slash. Raises ItemError for what is no place for a token."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username:
        raise ItemError(field, f"{url!r} is no URL of a server", "write https://host")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ItemError(field, f"{url!r} would send the token in the clear", "write https://")
    return url.rstrip("/")


def credentials(system: str, settings: Settings) -> dict[str, str]:
    """What the SDK signs in with: with a user name the secret is its password, otherwise it is a
    bearer token. Raises ProviderError when the environment has no secret."""
    token = os.environ.get(settings.token_env, "").strip()
    username = os.environ.get(settings.username_env, "").strip()
    if not token:
        raise ProviderError(
            system,
            "sign in",
            f"the environment variable {settings.token_env} is empty; put the token into it",
        )
    return {"username": username, "password": token} if username else {"token": token}


def slot_capabilities(roles: tuple[str, ...], role: str) -> Capabilities:
    """`roles` are the kind's, lowest first; the ones that end in "admin" can lock others out."""
    return Capabilities(
        native_expiry=False,
        marker=False,
        slot=roles,
        admin=role.endswith("admin"),
        note=_NOTE,
    )
