"""One Google Cloud connection and all that is known offline. Never imports Google's SDK itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.errors import ItemError
from reconciler.model import Capabilities, Entitlement
from reconciler.model.marking import UNOWNED, Marking
from reconciler.providers.base import Pace, Rate, Reader, Writer
from reconciler.providers.gcp import names
from reconciler.providers.gcp.conditions import conditionable

_CLOUD_IDENTITY = "https://cloudidentity.googleapis.com"

# Who may change the policy itself, and so must not all disappear. On a service account the
# project's administrators always remain.
_ADMIN_ROLES = frozenset(
    {
        "roles/owner",
        "roles/iam.securityAdmin",
        "roles/resourcemanager.folderAdmin",
        "roles/resourcemanager.folderIamAdmin",
        "roles/resourcemanager.organizationAdmin",
        "roles/resourcemanager.projectIamAdmin",
    }
)


@dataclass(frozen=True, slots=True)
class Settings:
    """`endpoint` "" is Google itself, and `groups_endpoint` "" where no groups can be asked for;
    `projects` are aliases for project ids."""

    endpoint: str = ""
    groups_endpoint: str = _CLOUD_IDENTITY
    projects: Mapping[str, str] = field(default_factory=dict)


def settings_of(fields: Mapping[str, Any]) -> Settings:
    """Raises ItemError for an alias that does not lead to a project id, an endpoint of no use."""
    endpoint = str(fields.get("endpoint", "")).rstrip("/")
    if endpoint and not endpoint.startswith(("grpc://", "http://")):
        raise ItemError(
            "endpoint",
            f"{endpoint!r} is neither grpc://host:port nor http://host:port",
            "leave it out to use Google itself",
        )
    projects = {
        alias: names.project_id(f"projects.{alias}", str(target), {})
        for alias, target in fields.get("projects", {}).items()
    }
    return Settings(endpoint, _groups_endpoint(fields, endpoint), projects)


def _groups_endpoint(fields: Mapping[str, Any], endpoint: str) -> str:
    """Our token goes to nobody but Google, so another place for groups needs another server."""
    groups = str(fields.get("groups_endpoint", "")).rstrip("/")
    if groups and not (endpoint and groups.startswith("http://")):
        raise ItemError(
            "groups_endpoint",
            f"{groups!r} is not http://host:port beside an endpoint that is not Google's",
            "leave it out to use Google itself",
        )
    if groups or not endpoint:
        return groups or _CLOUD_IDENTITY
    return endpoint if endpoint.startswith("http://") else ""


@dataclass(frozen=True, slots=True)
class GcpSystem:
    """`backoff` is what the waits between tries grow from, in seconds."""

    name: str
    settings: Settings = field(default_factory=Settings)
    backoff: float = 0.2
    marking: Marking = UNOWNED

    @property
    def rate(self) -> Rate:
        """IAM allows 600 writes (and 6,000 reads) a minute and project; Resource Manager names no
        number. The lower one holds for both."""
        return Rate(calls=600, seconds=60.0, concurrency=8)

    def item(self, fields: Mapping[str, Any]) -> tuple[Entitlement, str]:
        given = [kind for kind in names.PREFIXES if kind in fields]
        if len(given) != 1 or "role" not in fields:
            raise ItemError(
                "",
                f"keys {', '.join(sorted(fields))} do not make an item",
                "write role, and one of project, folder, organization, service_account",
            )
        [kind] = given
        aliases = self.settings.projects
        resource = names.resource_name(kind, str(fields[kind]), aliases)
        role = names.role_name(str(fields["role"]), resource, aliases)
        return Entitlement(self.name, kind, resource, role), ""

    def capabilities(self, entitlement: Entitlement, ending: bool) -> Capabilities:
        admin = entitlement.kind != "service_account" and entitlement.role in _ADMIN_ROLES
        if not conditionable(entitlement.role):
            note = f"{entitlement.role} is a basic role, and Google allows no condition on those"
            return Capabilities(native_expiry=False, marker=False, admin=admin, note=note)
        if not ending:
            note = "access without an end has no condition, and so no room for a marker"
            return Capabilities(native_expiry=True, marker=False, admin=admin, note=note)
        return Capabilities(native_expiry=True, marker=True, admin=admin)

    def scope(self, entitlement: Entitlement) -> str:
        return entitlement.resource

    def open_reader(self, pace: Pace) -> Reader:
        from reconciler.providers.gcp.groups import Groups
        from reconciler.providers.gcp.reader import GcpReader
        from reconciler.providers.gcp.session import Policies

        policies = Policies(self.name, self.settings.endpoint, pace, self.backoff)
        groups = Groups(self.name, policies, self.settings.groups_endpoint)
        return GcpReader(self.name, policies, groups, self.marking)

    def open_writer(self, pace: Pace) -> Writer:
        from reconciler.providers.gcp.session import Policies
        from reconciler.providers.gcp.writer import GcpWriter

        policies = Policies(self.name, self.settings.endpoint, pace, self.backoff)
        return GcpWriter(self.name, policies, self.marking)
