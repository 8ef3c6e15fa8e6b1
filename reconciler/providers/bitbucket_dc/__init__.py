"""Bitbucket Data Center: permissions of users and groups on projects, repositories and the whole."""

from reconciler.providers.bitbucket_dc.system import DataCenterSystem, connect

__all__ = ["DataCenterSystem", "connect"]
