"""One Azure tenant as reconciler.yaml sets it up, and all that is known of it offline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.model import Capabilities, Entitlement
from reconciler.model.marking import UNOWNED, Marking
from reconciler.providers.azure.scopes import GUID, KIND, read_scope, root, subscription
from reconciler.providers.azure.settings import Settings, read_settings
from reconciler.providers.base import Pace, Rate, Reader, Writer

# ARM refills each bucket of a service principal by 25 reads and 10 writes a second (Microsoft Learn,
# request-limits-and-throttling). A run reads little, so the lower number is the one that counts.
_RATE = Rate(calls=10, seconds=1.0, concurrency=8)
_ADMINS = frozenset(
    {
        "owner",
        "user access administrator",
        "role based access control administrator",
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
    }
)
_LAG = 600  # ARM may answer lists from a cache of about ten minutes
_NO_END = "a role assignment has no end of its own without `pim: true`"


@dataclass(frozen=True, slots=True)
class Azure:
    """Implements System. `backoff` is what the waits between tries grow from, in seconds."""

    name: str
    settings: Settings
    backoff: float = 0.3
    marking: Marking = UNOWNED

    @property
    def rate(self) -> Rate:
        return _RATE

    def item(self, fields: Mapping[str, Any]) -> tuple[Entitlement, str]:
        aliases = dict(self.settings.subscriptions)
        if "scope" in fields:
            scope = read_scope(fields["scope"], aliases)
        else:
            within = (
                f"/subscriptions/{subscription(fields['subscription'], aliases, 'subscription')}"
            )
            group = fields.get("resource_group")
            scope = read_scope(f"{within}/resourceGroups/{group}" if group else within, {})
        role = fields["role"].strip()
        return Entitlement(self.name, KIND, scope, role.lower() if GUID.match(role) else role), ""

    def capabilities(self, entitlement: Entitlement, ending: bool) -> Capabilities:
        pim = self.settings.pim
        return Capabilities(
            native_expiry=pim,
            marker=True,
            admin=entitlement.role.lower() in _ADMINS,
            lag=_LAG,
            note=_NO_END if ending and not pim else "",
            sole=True,  # RoleAssignmentExists
        )

    def scope(self, entitlement: Entitlement) -> str:
        return root(entitlement.resource)

    def open_reader(self, pace: Pace) -> Reader:
        from reconciler.providers.azure.reader import AzureReader
        from reconciler.providers.azure.session import Session

        return AzureReader(Session(self.name, self.settings, pace, self.backoff), self.marking)

    def open_writer(self, pace: Pace) -> Writer:
        from reconciler.providers.azure.session import Session
        from reconciler.providers.azure.writer import AzureWriter

        session = Session(self.name, self.settings, pace, self.backoff)
        return AzureWriter(session, marking=self.marking)


def connect(name: str, settings: Mapping[str, Any], marking: Marking = UNOWNED) -> Azure:
    """Raises ItemError for settings that the schema lets pass."""
    return Azure(name, read_settings(settings), marking=marking)
