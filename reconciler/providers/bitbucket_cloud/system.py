"""What is known of a workspace without asking it: spellings, roles and limits. No SDK, no IO."""

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
from reconciler.providers.bitbucket_cloud.kinds import PROJECT, REPOSITORY, ROLES


def connect(name: str, settings: Mapping[str, Any], _: Marking = UNOWNED) -> CloudSystem:
    """A permission in Bitbucket has no room for a mark."""
    endpoint = str(settings.get("endpoint", "https://api.bitbucket.org"))
    return CloudSystem(
        name,
        str(settings["workspace"]).lower(),
        read_settings(settings, checked_url("endpoint", endpoint), "BITBUCKET"),
    )


@dataclass(frozen=True, slots=True)
class CloudSystem:
    name: str
    workspace: str
    settings: Settings
    patience: Patience = field(default_factory=Patience)

    @property
    def rate(self) -> Rate:
        """1,000 calls in any hour, of one user: a burst is welcome, a thousand and one are not.

        Source: support.atlassian.com, "API request limits". What several runs in one hour use
        together is not seen here; docs/providers/bitbucket.md has the sum.
        """
        return Rate(calls=1000, seconds=3600, concurrency=4)

    def item(self, fields: Mapping[str, Any]) -> tuple[Entitlement, str]:
        role = str(fields["permission"])
        if PROJECT in fields:
            kind, resource = PROJECT, str(fields[PROJECT]).upper()
        else:
            kind, resource = REPOSITORY, self._slug(str(fields[REPOSITORY]))
        if role not in ROLES[kind]:
            raise ItemError(
                "permission",
                f"{role!r} is no permission on a {kind}",
                f"write one of {', '.join(ROLES[kind])}",
            )
        return Entitlement(self.name, kind, resource, role), ""

    def _slug(self, repository: str) -> str:
        workspace, slash, slug = repository.lower().rpartition("/")
        if slash and workspace != self.workspace:
            raise ItemError(
                REPOSITORY,
                f"{repository!r} is not in the workspace {self.workspace!r}",
                "write the repository's slug alone, or add a system for the other workspace",
            )
        return slug

    def capabilities(self, entitlement: Entitlement, ending: bool) -> Capabilities:
        return slot_capabilities(ROLES[entitlement.kind], entitlement.role)

    def scope(self, entitlement: Entitlement) -> str:
        return f"{entitlement.kind} {entitlement.resource}"

    def open_reader(self, pace: Pace) -> Reader:
        from reconciler.providers.bitbucket_cloud.reader import CloudReader
        from reconciler.providers.bitbucket_cloud.rest import open_rest

        rest = open_rest(self.name, self.workspace, self.settings, pace, self.patience)
        return CloudReader(self.name, rest)

    def open_writer(self, pace: Pace) -> Writer:
        from reconciler.providers.bitbucket.slot import SlotWriter
        from reconciler.providers.bitbucket_cloud.rest import open_rest

        rest = open_rest(self.name, self.workspace, self.settings, pace, self.patience)
        return SlotWriter(self.name, rest)
