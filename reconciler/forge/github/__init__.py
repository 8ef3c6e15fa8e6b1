"""The access repository on GitHub, or on a GitHub Enterprise Server."""

from __future__ import annotations

from reconciler.forge.base import Credentials, ForgeReader, ForgeWriter
from reconciler.forge.github.calls import open_calls
from reconciler.forge.github.reader import GithubReader
from reconciler.forge.github.writer import GithubWriter
from reconciler.forge.session import Patience
from reconciler.model import ForgeSettings


def open_reader(
    settings: ForgeSettings, credentials: Credentials, patience: Patience | None = None
) -> ForgeReader:
    return GithubReader(settings, open_calls(settings, credentials, patience))


def open_writer(
    settings: ForgeSettings, credentials: Credentials, patience: Patience | None = None
) -> ForgeWriter:
    return GithubWriter(settings, open_calls(settings, credentials, patience))
