"""What is known of a Data Center without asking it: spellings, roles and limits. No SDK, no IO."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.errors import ItemError
from reconciler.model import Capabilities, Entitlement
from reconciler.model.marking import UNOWNED, Marking
from reconciler.providers.base import Pace, Rate, Reader, Writer
from reconciler.providers.bitbucket.settings import (
    Patience,
    Settings,
    checked_url,
    read_settings,
    slot_capabilities,
)
from reconciler.providers.bitbucket_dc.kinds import GLOBAL, PROJECT, REPOSITORY, ROLES


def connect(name: str, settings: Mapping[str, Any], _: Marking = UNOWNED) -> DataCenterSystem:
    """A permission in Bitbucket has no room for a mark."""
    field = "endpoint" if "endpoint" in settings else "url"
    url = checked_url(field, str(settings[field]))
    return DataCenterSystem(name, read_settings(settings, url, "BITBUCKET_DC"))


@dataclass(frozen=True, slots=True)
class DataCenterSystem:
    name: str
    settings: Settings
    patience: Patience = field(default_factory=Patience)

    @property
    def rate(self) -> Rate:
        """60 tokens that refill at 5 a second, for each user on each node: the defaults of rate
        limiting, which an administrator switches on. 60 in any 12 seconds always fits into that.

        Source: confluence.atlassian.com, "Improving instance stability with rate limiting".
        """
        return Rate(calls=60, seconds=12, concurrency=4)

    def item(self, fields: Mapping[str, Any]) -> tuple[Entitlement, str]:
        kind, resource = _place(fields)
        given = str(fields["permission"])
        for role, vendors in ROLES[kind].items():
            if given in (role, vendors):
                return Entitlement(self.name, kind, resource, role), ""
        where = "the whole instance" if kind == GLOBAL else f"a {kind}"
        raise ItemError(
            "permission",
            f"{given!r} is no permission on {where}",
            f"write one of {', '.join(ROLES[kind])}",
        )

    def capabilities(self, entitlement: Entitlement, ending: bool) -> Capabilities:
        return slot_capabilities(tuple(ROLES[entitlement.kind]), entitlement.role)

    def scope(self, entitlement: Entitlement) -> str:
        return f"{entitlement.kind} {entitlement.resource}"

    def open_reader(self, pace: Pace) -> Reader:
        from reconciler.providers.bitbucket_dc.reader import DataCenterReader
        from reconciler.providers.bitbucket_dc.rest import open_rest

        return DataCenterReader(self.name, open_rest(self.name, self.settings, pace, self.patience))

    def open_writer(self, pace: Pace) -> Writer:
        from reconciler.providers.bitbucket.slot import SlotWriter
        from reconciler.providers.bitbucket_dc.rest import open_rest

        return SlotWriter(self.name, open_rest(self.name, self.settings, pace, self.patience))


def _place(fields: Mapping[str, Any]) -> tuple[str, str]:
    """Kind and resource. Keys and slugs are case-insensitive: keys are shown in upper case."""
    if PROJECT in fields:
        key = str(fields[PROJECT]).upper()
        if REPOSITORY in fields:
            return REPOSITORY, f"{key}/{str(fields[REPOSITORY]).lower()}"
        return PROJECT, key
    if fields.get(GLOBAL) is not True:
        raise ItemError(GLOBAL, f"{fields.get(GLOBAL)!r} means nothing", "write global: true")
    return GLOBAL, "instance"
