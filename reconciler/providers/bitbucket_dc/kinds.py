"""Where a Data Center holds permissions, and which: our names and the vendor's."""

from __future__ import annotations

from collections.abc import Mapping

PROJECT = "project"
REPOSITORY = "repository"
GLOBAL = "global"

# Lowest first: each includes the ones before it.
ROLES: Mapping[str, Mapping[str, str]] = {
    PROJECT: {
        "read": "PROJECT_READ",
        "write": "PROJECT_WRITE",
        "create-repo": "REPO_CREATE",
        "admin": "PROJECT_ADMIN",
    },
    REPOSITORY: {"read": "REPO_READ", "write": "REPO_WRITE", "admin": "REPO_ADMIN"},
    GLOBAL: {
        "licensed-user": "LICENSED_USER",
        "project-create": "PROJECT_CREATE",
        "admin": "ADMIN",
        "sys-admin": "SYS_ADMIN",
    },
}
