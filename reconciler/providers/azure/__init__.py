"""Azure: role assignments, with or without Privileged Identity Management.

Imports no SDK: `open_reader` and `open_writer` do.
"""

from __future__ import annotations

from reconciler.providers.azure.system import connect

__all__ = ["connect"]
