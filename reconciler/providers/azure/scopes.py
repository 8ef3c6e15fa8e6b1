"""Where a role is held: one spelling for each scope. Pure.

ARM takes every scope in any case, and answers in the case in which somebody once wrote it. Ours is
all lower case but for the keywords, so that equal text means the same scope.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from reconciler.errors import ItemError

KIND = "role_assignment"  # of every entitlement, with PIM and without
GUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", re.IGNORECASE)
# What Azure's naming rules allow, and nothing that would end the path of the request's address.
_SEGMENT = re.compile(r"^(?!\.{1,2}$)[^/?#%\\\s\x00-\x1f]+(?: [^/?#%\\\s\x00-\x1f]+)*$")
_KEYWORDS = {
    "resourcegroups": "resourceGroups",
    "microsoft.management": "Microsoft.Management",
    "managementgroups": "managementGroups",
}
_SHAPES = (
    "/subscriptions/{id}, /subscriptions/{id}/resourceGroups/{name}, that and "
    "/providers/{namespace}/{type}/{name}, or "
    "/providers/Microsoft.Management/managementGroups/{name}"
)


def spelled(scope: str) -> str:
    """The one spelling of a scope that ARM gave us."""
    parts = scope.strip("/").lower().split("/")
    return "/" + "/".join(
        # Keywords stand at even places; a resource group may well be called "managementgroups".
        _KEYWORDS.get(part, part) if place % 2 == 0 or place == 1 else part
        for place, part in enumerate(parts)
    )


def read_scope(scope: str, subscriptions: Mapping[str, str]) -> str:
    """The one spelling of a scope that a person wrote. Raises ItemError."""
    parts = scope.rstrip("/").split("/")
    lower = [part.lower() for part in parts]
    if parts[0] or len(parts) < 3 or not all(map(_SEGMENT.match, parts[1:])):
        raise ItemError("scope", f"{scope!r} is no scope of Azure", f"write {_SHAPES}")
    if lower[1] == "subscriptions" and _below_subscription(lower[3:]):
        lower[2] = subscription(parts[2], subscriptions, "scope")
    elif lower[1:4] != ["providers", "microsoft.management", "managementgroups"] or len(lower) != 5:
        raise ItemError("scope", f"{scope!r} is no scope of Azure", f"write {_SHAPES}")
    return spelled("/".join(lower))


def subscription(name: str, subscriptions: Mapping[str, str], field: str) -> str:
    """The id of a subscription given by id or by its alias in reconciler.yaml."""
    if GUID.match(name):
        return name.lower()
    for alias, guid in subscriptions.items():
        if alias.lower() == name.lower():
            return guid.lower()
    known = ", ".join(sorted(subscriptions)) or "none yet"
    raise ItemError(
        field,
        f"{name!r} is neither the id of a subscription nor an alias",
        f"write the id, or an alias of `subscriptions:` in reconciler.yaml ({known})",
    )


def root(scope: str) -> str:
    """The subscription or management group whose one list covers `scope`."""
    parts = scope.split("/")
    return "/".join(parts[:3] if parts[1] == "subscriptions" else parts[:5])


def is_management_group(scope: str) -> bool:
    return scope.startswith("/providers/Microsoft.Management/managementGroups/")


def _below_subscription(rest: list[str]) -> bool:
    """Nothing, a resource group, or either of them and a resource: namespace, then type and name
    once or more."""
    if rest[:1] == ["resourcegroups"]:
        if len(rest) < 2:
            return False
        rest = rest[2:]
    return not rest or (rest[0] == "providers" and len(rest) >= 4 and len(rest) % 2 == 0)
