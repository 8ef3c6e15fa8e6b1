"""AWS: Identity Center assignments and groups, IAM inline policies and groups. Imports no SDK."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.model.marking import UNOWNED, Marking
from reconciler.providers.aws.settings import read_settings
from reconciler.providers.aws.system import AwsSystem


def connect(name: str, settings: Mapping[str, Any], marking: Marking = UNOWNED) -> AwsSystem:
    return AwsSystem(name, read_settings(settings), marking)


__all__ = ["AwsSystem", "connect"]
