"""Bitbucket Cloud: explicit permissions of users and groups on repositories and projects."""

from reconciler.providers.bitbucket_cloud.system import CloudSystem, connect

__all__ = ["CloudSystem", "connect"]
