"""Google Cloud: allow-policy bindings on projects, folders, organizations, service accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.model.marking import UNOWNED, Marking
from reconciler.providers.gcp.system import GcpSystem, settings_of

__all__ = ["connect"]


def connect(name: str, settings: Mapping[str, Any], marking: Marking = UNOWNED) -> GcpSystem:
    return GcpSystem(name, settings_of(settings), marking=marking)
