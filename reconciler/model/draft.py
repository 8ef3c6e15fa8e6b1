"""What the files of a working tree say that decides about grants, whether it is committed or not."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.documents import Bundle, DirectoryPage, Grant
from reconciler.model.policy import CatalogPage, PolicyPage
from reconciler.model.policy_test import PolicyTestPage


@dataclass(frozen=True, slots=True)
class Draft:
    """The valid files only, by path. `grants` are those that were asked for."""

    policies: tuple[PolicyPage, ...] = ()
    tests: tuple[PolicyTestPage, ...] = ()
    catalog: tuple[CatalogPage, ...] = ()
    directory: tuple[DirectoryPage, ...] = ()
    bundles: tuple[Bundle, ...] = ()
    grants: tuple[Grant, ...] = ()
