"""Pull requests of a local Bitbucket, over a real bare git repository. Never decides who may merge:
what the vendor's settings would stop is what the reconciler must see through."""

from reconciler.sandbox.pulls.book import Book
from reconciler.sandbox.pulls.cloud import LocalCloudPulls
from reconciler.sandbox.pulls.dc import LocalDcPulls

__all__ = ["Book", "LocalCloudPulls", "LocalDcPulls"]
