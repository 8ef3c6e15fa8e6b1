"""Files of catalog/ and reviews/ -> the model. Looks at one file, never at another."""

from __future__ import annotations

from typing import Any

from reconciler.errors import Problem
from reconciler.model import AfterReview, CatalogPage, Resource
from reconciler.repository.grammar import Grammar, wrong
from reconciler.repository.tree import Tree


def page(tree: Tree, grammar: Grammar) -> tuple[CatalogPage | None, list[Problem]]:
    checker = grammar.file("catalog")
    if not checker.accepts(tree.data):
        return None, wrong(checker, tree.data, tree, ())
    listed: list[dict[str, Any]] = tree.data["resources"]
    resources = tuple(
        Resource(
            grammar.now(fields["system"]),
            fields["resource"],
            fields.get("owner", "").lower(),
            tuple(sorted(fields.get("tags", {}).items())),
            fields.get("classification", ""),
            tree.position(("resources", i)),
        )
        for i, fields in enumerate(listed)
    )
    return CatalogPage(tree.path, resources), []


def review(tree: Tree, grammar: Grammar) -> tuple[AfterReview | None, list[Problem]]:
    checker = grammar.file("review")
    if not checker.accepts(tree.data):
        return None, wrong(checker, tree.data, tree, ())
    data: dict[str, Any] = tree.data
    justified, remarks = data["outcome"] == "justified", data["remarks"].strip()
    spot = tree.position()
    return AfterReview(tree.path, data["grant"], data["commit"], justified, remarks, spot), []
