"""`was:`: a system's former names mean the system, in every file and every version of it."""

from __future__ import annotations

import pytest

from reconciler.model import Bundle, CatalogPage, DirectoryPage, Grant, PolicyPage
from reconciler.model.people import accounts_in
from reconciler.repository import load
from reconciler.repository.grammar import Grammar
from reconciler.repository.parse import Document, parse, parse_configuration
from reconciler.repository.paths import Kind
from reconciler.repository.schemas import installed
from tests.repository.build import BUNDLE, CATALOG, CONFIGURATION, DIRECTORY, GRANT, Repository
from tests.repository.build import POLICY as RULES
from tests.repository.versions import NOW

RENAMED = CONFIGURATION.replace(
    "  gcp: {provider: gcp,", "  gcp-main: {provider: gcp, was: [gcp, google],"
)


def grammar(text: str = RENAMED) -> Grammar:
    found, grammar, problems = parse_configuration(text.encode(), installed())
    assert found is not None, problems
    return grammar


def read(kind: Kind, path: str, text: str) -> Document:
    found = parse(kind, path, text.encode(), grammar())
    assert found.document is not None, found.problems
    return found.document


def problems(text: str) -> list[str]:
    _, _, found = parse_configuration(text.encode(), installed())
    return [str(p).removeprefix("reconciler.yaml:") for p in found]


@pytest.mark.parametrize("name", ["gcp", "google", "gcp-main"])
def test_items_of_grants_and_bundles_are_of_the_system_that_was_called_so(name: str) -> None:
    grant = read(Kind.GRANT, "grants/a.yaml", GRANT.replace("system: gcp", f"system: {name}"))
    bundle = read(Kind.BUNDLE, "bundles/b.yaml", BUNDLE.replace("system: gcp", f"system: {name}"))
    assert isinstance(grant, Grant)
    assert isinstance(bundle, Bundle)
    for found in (grant.access[0], bundle.access[0]):
        assert str(found).startswith("Item(entitlement=Entitlement(system='gcp-main'")


def test_accounts_of_people_are_known_under_the_name_now() -> None:
    page = read(Kind.DIRECTORY, "directory/people.yaml", DIRECTORY)
    assert isinstance(page, DirectoryPage)
    [deployer] = page.services
    assert accounts_in(deployer.accounts, "gcp-main") == (
        "deployer@payments-prod.iam.gserviceaccount.com",
    )
    both = "people: [{id: a@example.com, accounts: {gcp: x, google: [y, x], gcp-main: z}}]\n"
    page = read(Kind.DIRECTORY, "directory/people.yaml", both)
    assert isinstance(page, DirectoryPage)
    assert dict(page.people[0].accounts) == {"gcp-main": ("x", "y", "z")}


def test_rules_and_the_catalog_speak_of_the_name_now() -> None:
    rules = read(Kind.POLICY, "policies/a.yaml", RULES)
    catalog = read(Kind.CATALOG, "catalog/a.yaml", CATALOG)
    assert isinstance(rules, PolicyPage)
    assert isinstance(catalog, CatalogPage)
    assert rules.rules[1].holds[0].systems == ("gcp-main",)
    assert rules.rules[2].match.systems == ("gcp-main", "azure*")
    assert catalog.resources[0].system == "gcp-main"


def test_a_rules_pattern_that_fitted_the_former_name_fits_the_name_now() -> None:
    for glob, systems in (
        ("goo*", ("goo*", "gcp-main")),
        ("GC?", ("GC?", "gcp-main")),
        ("azure", ("azure",)),
        ("a*", ("a*",)),
    ):
        text = f"rules: [{{forbid: x, match: {{systems: ['{glob}']}}, reason: Never do so}}]\n"
        page = read(Kind.POLICY, "policies/a.yaml", text)
        assert isinstance(page, PolicyPage)
        assert page.rules[0].match.systems == systems


def test_every_version_of_a_grant_is_of_the_system_now_and_validate_takes_it(
    repo: Repository,
) -> None:
    repo.commit(1, ("grants/a.yaml", GRANT))
    repo.commit(2, ("grants/a.yaml", GRANT.replace("cloudsql.viewer", "viewer")))
    before = load(repo.root, NOW, cache=repo.root / ".git" / "cache")
    repo.commit(3, ("reconciler.yaml", RENAMED))
    found = load(repo.root, NOW, cache=repo.root / ".git" / "cache")
    assert found.problems == ()
    for loaded, name in ((before, "gcp"), (found, "gcp-main")):
        systems = {
            str(item).partition("system='")[2].partition("'")[0]
            for v in loaded.grants
            for item in v.content.access
        }
        assert systems == {name, "azure"}


def test_a_rename_that_is_told_afterwards_is_read_past_what_was_kept(repo: Repository) -> None:
    folder = repo.root / ".git" / "cache"
    repo.commit(1, ("grants/a.yaml", GRANT))
    repo.commit(2, ("reconciler.yaml", RENAMED.replace("was: [gcp, google],", "")))
    assert {p.rule for p in load(repo.root, NOW, cache=folder).problems} == {"unknown-system"}
    repo.commit(3, ("reconciler.yaml", RENAMED))
    assert load(repo.root, NOW, cache=folder).problems == ()


@pytest.mark.parametrize(
    ("was", "said"),
    [
        ("[azure]", "which is another system's name now"),
        ("[gcp-main]", "`was` of `gcp-main` has its own name"),
        ("[forge]", "which no system can be called"),
        ("[old, old]", ""),
        ("[]", ""),
        ("gcp", ""),
        ("[Gcp]", ""),
    ],
)
def test_a_name_that_cannot_have_been_before_is_a_mistake_at_its_place(was: str, said: str) -> None:
    [problem, *_] = problems(RENAMED.replace("[gcp, google]", was))
    assert problem.startswith("2:")
    assert said in problem


def test_a_former_name_leads_to_one_system() -> None:
    [problem] = problems(RENAMED.replace("azure: {", "azure: {was: [google], "))
    assert problem == (
        "3:17: `was` of `azure` has `google`, and so has `gcp-main`; "
        "a name leads to one system: remove it at the other one"
    )


def test_the_first_name_is_in_the_marks() -> None:
    found, _, _ = parse_configuration(("owner: acme\n" + RENAMED).encode(), installed())
    assert found is not None
    marks = {s.system.name: getattr(s.system, "marking", None) for s in found.systems}
    assert str(marks["gcp-main"]) == "Marking(owner='acme', was=(), system='gcp')"
    assert str(marks["azure"]) == "Marking(owner='acme', was=(), system='')"


def test_a_retired_system_is_no_system_of_now() -> None:
    assert problems(RENAMED + "retired: [aws]\n") == []
    for name in ("azure", "gcp", "gcp-main"):
        [problem] = problems(RENAMED + f"retired: [{name}]\n")
        assert problem.startswith(f"5:11: `retired` has `{name}`")
