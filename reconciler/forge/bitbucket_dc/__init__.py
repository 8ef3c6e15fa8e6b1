"""Bitbucket Data Center as a forge: its pull requests, over REST API 1.0. Opens connections and
reads nothing by itself."""

from __future__ import annotations

from reconciler.forge.base import Credentials, ForgeError, ForgeReader, ForgeWriter
from reconciler.forge.bitbucket.rest import Rest, open_rest
from reconciler.forge.bitbucket_dc.reader import Reader
from reconciler.forge.bitbucket_dc.writer import Writer
from reconciler.model import ForgeSettings

_HINTS = {
    401: "check the token, and what its account may do; docs/approvals.md names it",
    403: "the token's account lacks a permission; docs/approvals.md names it",
    404: "check `repository` (PROJECT/name) and `url` under `forge:`, and that the token's account "
    "may see it",
}


def open_reader(settings: ForgeSettings, credentials: Credentials) -> ForgeReader:
    """`settings.url` is the server's address, as in a browser. Raises ForgeError without one, or
    without a token."""
    return Reader(_rest(settings, credentials), settings)


def open_writer(settings: ForgeSettings, credentials: Credentials) -> ForgeWriter:
    return Writer(_rest(settings, credentials), settings)


def _rest(settings: ForgeSettings, credentials: Credentials) -> Rest:
    if not settings.url:
        raise ForgeError("sign in", "there is no address; write the server's as `url` in `forge:`")
    return open_rest(settings.url, credentials, _HINTS)
