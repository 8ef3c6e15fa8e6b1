"""A local GitHub, for the access repository itself. Never reached but over loopback."""

from reconciler.sandbox.github.local import LocalGithub

__all__ = ["LocalGithub"]
