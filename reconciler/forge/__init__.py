"""Where the access repository is hosted: pull requests, reviews, comments. Decides nothing."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from reconciler.forge.base import Credentials, ForgeReader, ForgeWriter
from reconciler.model import ForgeKind, ForgeSettings

# Each module has `open_reader` and `open_writer`. A new forge is a package and a line here.
FORGES = {
    ForgeKind.GITHUB: "reconciler.forge.github",
    ForgeKind.BITBUCKET: "reconciler.forge.bitbucket",
    ForgeKind.BITBUCKET_DC: "reconciler.forge.bitbucket_dc",
}


def open_reader(settings: ForgeSettings, credentials: Credentials) -> ForgeReader:
    module = import_module(FORGES[settings.kind])
    return cast(ForgeReader, module.open_reader(settings, credentials))


def open_writer(settings: ForgeSettings, credentials: Credentials) -> ForgeWriter:
    """Only what was asked to write on the forge may call this."""
    module = import_module(FORGES[settings.kind])
    return cast(ForgeWriter, module.open_writer(settings, credentials))
