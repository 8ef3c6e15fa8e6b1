"""What contains what: projects, folders, organizations and the projects of service accounts, in
Google's own messages. Serves nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.sandbox.gcp import refusals
from reconciler.sandbox.gcp.refusals import Code, Refused

_ACCOUNT = "/serviceAccounts/"


@dataclass(frozen=True, slots=True)
class Named:
    """All requests that look something up by its name have it as their first field, and so the
    bytes of one are those of another."""

    name: str

    @staticmethod
    def FromString(raw: bytes) -> Named:
        from google.cloud.resourcemanager_v3 import GetProjectRequest

        return Named(GetProjectRequest.deserialize(raw).name)


class Hierarchy:
    """`parents`: resource → the folder or organization that it is in, "" for none. `accounts` are
    the addresses of the service accounts that exist."""

    def __init__(self, parents: Mapping[str, str], accounts: tuple[str, ...]) -> None:
        self.parents = dict(parents)
        self._accounts = accounts

    def get(self, name: str) -> Any:
        """The protobuf message. Google's packages take half a second to import: only when asked."""
        if _ACCOUNT in name:
            return self._account(name)
        if name not in self.parents:
            raise Refused(Code.PERMISSION_DENIED, refusals.NO_PERMISSION)
        from google.cloud import resourcemanager_v3 as v3

        kind, _, id = name.partition("/")
        parent = self.parents[name]
        if kind == "projects":
            number = f"projects/{310_000_000_000 + list(self.parents).index(name)}"
            return v3.Project.pb(v3.Project(name=number, parent=parent, project_id=id, state=1))
        if kind == "folders":
            return v3.Folder.pb(v3.Folder(name=name, parent=parent, state=1))
        return v3.Organization.pb(v3.Organization(name=name, state=1))

    def _account(self, name: str) -> Any:
        from google.cloud import iam_admin_v1 as v1

        head, _, email = name.partition(_ACCOUNT)
        project = email.rpartition("@")[2].partition(".")[0]
        if email not in self._accounts or head not in ("projects/-", f"projects/{project}"):
            raise refusals.no_such_resource(name, "get")
        full = f"projects/{project}{_ACCOUNT}{email}"
        return v1.ServiceAccount.pb(
            v1.ServiceAccount(name=full, project_id=project, email=email, unique_id="1")
        )
