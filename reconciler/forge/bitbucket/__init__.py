"""Bitbucket Cloud as a forge: its pull requests, over REST API 2.0. Opens connections and reads
nothing by itself."""

from __future__ import annotations

from reconciler.forge.base import Credentials, ForgeReader, ForgeWriter
from reconciler.forge.bitbucket.reader import Reader
from reconciler.forge.bitbucket.rest import open_rest
from reconciler.forge.bitbucket.writer import Writer
from reconciler.model import ForgeSettings

_URL = "https://api.bitbucket.org"
_HINTS = {
    401: "check the token, and that the user name is the e-mail address of the token's account",
    403: "the token lacks a scope, or its account a permission; docs/approvals.md names them",
    404: "check `repository` under `forge:`, and that the token's account may see it",
}


def open_reader(settings: ForgeSettings, credentials: Credentials) -> ForgeReader:
    """`settings.url` is the API's server, without the version. Raises ForgeError without a token."""
    return Reader(open_rest(settings.url or _URL, credentials, _HINTS), settings)


def open_writer(settings: ForgeSettings, credentials: Credentials) -> ForgeWriter:
    return Writer(open_rest(settings.url or _URL, credentials, _HINTS), settings)
