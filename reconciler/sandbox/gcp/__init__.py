"""Google Cloud on loopback: allow policies over gRPC and REST, on one shared state. Checks no
credentials."""

from __future__ import annotations

from reconciler.sandbox.gcp.system import LocalGcp

__all__ = ["LocalGcp"]
