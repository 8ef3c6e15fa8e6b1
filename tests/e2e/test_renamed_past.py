"""What the ledger tells of a system that is called otherwise now, through the command."""

from __future__ import annotations

from tests.e2e.company import Company, grant
from tests.e2e.test_renamed import recorded as recorded
from tests.e2e.test_renamed import renamed
from tests.e2e.test_scenarios import ALICE, GCP, WRITE, G


def held(company: Company, at: float) -> set[tuple[str, str]]:
    told = company.run("status", "--at", company.time(at), "--format", "json", at=12)
    return {(line["system"], line["role"]) for line in told.json["access"]}


def done(company: Company, a: float, b: float) -> set[tuple[str, str]]:
    window = ("--from", company.time(a), "--to", company.time(b))
    told = company.run("diff", *window, "--kept", "--format", "json", at=12)
    return {(line["turn"], line["system"]) for line in told.json["done"]}


def test_what_was_given_before_a_rename_and_taken_after_it_is_over(recorded: Company) -> None:
    """Else she would hold it for ever, by the ledger, and nobody would be told that she lost it."""
    recorded.merge({G: grant(ALICE, WRITE, GCP)})
    recorded.converge()
    renamed(recorded, 1, told=True)
    recorded.merge({G: grant(ALICE, WRITE, GCP, end="duration: 10h")}, at=1)  # moves the end
    recorded.converge(at=1)
    both = {("bitbucket-main", "write"), ("gcp-main", "roles/cloudsql.viewer")}
    assert held(recorded, 0.5) == held(recorded, 2) == both
    recorded.converge(at=11.5)
    assert held(recorded, 11.6) == set()
    names = {name for name, _ in both}
    assert done(recorded, 0.5, 2) == {("kept", name) for name in names}
    assert done(recorded, 0.5, 11.6) == {("lost", name) for name in names}
    assert done(recorded, -0.2, 11.6) == {("came and went", name) for name in names}
