"""What was loaded of a repository, told in the hours of its commits."""

from __future__ import annotations

from datetime import datetime

from reconciler.model import Grant, Version
from reconciler.repository import Loaded, load
from tests.repository.build import Repository, grant, hours

NOW = hours(1000)
READ, WRITE = grant("roles/viewer"), grant("roles/editor")
BROKEN = READ.replace("subject:", "subjekt:")


def loaded(repo: Repository, now: datetime = NOW, since: float = -1, **options: object) -> Loaded:
    return load(repo.root, now, horizon=hours(since), **options)  # type: ignore[arg-type]


def history(found: Loaded) -> list[tuple[str, str, float, float | None]]:
    """(path, role, merged, gone) of every version, in hours."""
    return [
        (v.path, role(v), clock(v.merged), clock(v.gone) if v.gone else None) for v in found.grants
    ]


def role(version: Version[Grant]) -> str:
    return version.content.access[0].entitlement.role.removeprefix("roles/")  # type: ignore[union-attr]


def clock(time: datetime) -> float:
    return (time - hours(0)).total_seconds() / 3600
