"""What users may do in the end in the local Bitbucket Cloud: by a permission of their own, a group,
the project or the workspace, whichever is highest. Answers no request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from werkzeug.wrappers import Request

from reconciler.sandbox.bitbucket import Holder, Place, Table
from reconciler.sandbox.rest import Refusal

LEVELS = ("read", "write", "admin")
# What a project's permission comes to on its repositories.
_ON_REPOSITORIES = {"create-repo": "write"}


Shown = Callable[[str], dict[str, str]]  # a user as Bitbucket shows it, by uuid


@dataclass
class Standing:
    """`groups` are slugs → uuids of members; `projects` repositories → keys; `owners` uuids of who
    owns the workspace."""

    table: Table
    groups: dict[str, set[str]]
    projects: dict[str, str]
    owners: set[str]
    public: set[str] = field(default_factory=set)

    def effective(self, repository: str) -> Mapping[str, str]:
        """uuid → the highest permission there, of everybody who has any."""
        highest = dict.fromkeys(sorted(self.owners), "admin")
        for uuid, role in self._ways(repository):
            if uuid not in highest or LEVELS.index(role) > LEVELS.index(highest[uuid]):
                highest[uuid] = role
        return highest

    def rows(self, repository: str, shown: Shown, uuid: str = "") -> list[dict[str, object]]:
        return [
            {
                "type": "repository_permission",
                "permission": role,
                "user": shown(who),
                "repository": {"type": "repository", "name": repository},
            }
            for who, role in self.effective(repository).items()
            if uuid in ("", who)
        ]

    def members(self, users: Iterable[str], shown: Shown, role: str) -> list[dict[str, object]]:
        roles = {uuid: "owner" if uuid in self.owners else "member" for uuid in users}
        return [
            {"type": "workspace_membership", "permission": has, "user": shown(uuid)}
            for uuid, has in roles.items()
            if role in ("", has)
        ]

    def repository(self, workspace: str, slug: str) -> dict[str, object]:
        return {
            "type": "repository",
            "slug": slug,
            "full_name": f"{workspace}/{slug}",
            "is_private": slug not in self.public,
            "project": {"type": "project", "key": self.projects[slug]},
        }

    def _ways(self, repository: str) -> Iterator[tuple[str, str]]:
        places = [Place("repository", repository)]
        if key := self.projects.get(repository):
            places.append(Place("project", key))
        for place in places:
            for holder, role in self.table.held(place):
                for uuid in self._members(holder):
                    yield uuid, _ON_REPOSITORIES.get(role, role)

    def _members(self, holder: Holder) -> set[str]:
        return {holder.name} if holder.section == "users" else self.groups[holder.name]


def filtered(request: Request, field: str) -> str:
    """The value of `q=field="value"`, the only form of the query language that is spoken here."""
    query = request.args.get("q", "")
    if not query:
        return ""
    name, _, value = query.partition("=")
    if name != field or value[:1] + value[-1:] != '""':
        raise Refusal(400, f"Invalid query: {query}")
    return value[1:-1]
