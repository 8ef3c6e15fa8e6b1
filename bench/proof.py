"""What it takes to know that 100,000 grants were approved: judged anew, and remembered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench import corpus
from bench.measure import Result, alone
from reconciler.forge.base import Finding, Want
from reconciler.model import (
    Account,
    Content,
    Evidence,
    ForgeSettings,
    Proof,
    PullRequest,
    Review,
    Word,
)
from reconciler.proof.authorise import Authorised, Forge, authorise
from reconciler.repository.load import load
from reconciler.repository.memory import Memory

GRANTS = 100_000
NOW = datetime.fromtimestamp(corpus.START, UTC) + timedelta(days=20)

_POLICY = """\
rules:
  - permit: everybody
    match: {paths: ["grants/**"]}
    max_duration: 400d
    approvals: [{count: 1, groups: [leads]}]
changes:
  - change: rules
    paths: ["policies/**", "directory/**", reconciler.yaml]
    approvals: [{count: 1, groups: [leads]}]
"""
_FORGE = "forge: {provider: github, repository: acme/access}\n"


class Approved:
    """Says of everything that person1 asked for it and person0 approved it: what a forge costs is
    its calls, and those are counted in tests."""

    def evidence(self, wanted: Sequence[Want]) -> Iterator[tuple[Want, Evidence]]:
        for want in wanted:
            content = Content("h" * 40, want.path, want.blob)
            review = Review(Account("1000"), Word.APPROVED, NOW - timedelta(days=21), "h" * 40)
            pull = PullRequest(
                1,
                "https://example.com/pull/1",
                "main",
                "h" * 40,
                Account("1001"),
                NOW - timedelta(days=20),
                writers=(Account("1001"),),
                reviews=(review,),
                contents=(content,),
            )
            yield want, Evidence(want.commit, (pull,))

    def pull(self, number: int, paths: Sequence[str]) -> PullRequest:
        raise NotImplementedError

    def open_pull(self, branch: str) -> PullRequest | None:
        raise NotImplementedError

    def protection(self) -> tuple[Finding, ...]:
        raise NotImplementedError

    def ledger_protection(self, branch: str, signed: bool) -> tuple[Finding, ...]:
        raise NotImplementedError


def repository(home: Path, more: str = "") -> Path:
    """The rules first, then a commit with all the grants. `more` of reconciler.yaml."""
    root = home / (f"recorded-{GRANTS}" if more else f"proved-{GRANTS}")
    if (root / ".git" / "ready").exists():
        return root
    corpus.git(home, "init", "-q", "-b", "main", str(root))
    everything = dict(corpus.files(GRANTS))
    first = {path: everything.pop(path) for path in ("reconciler.yaml", "directory/people.yaml")}
    first["reconciler.yaml"] += _FORGE + more
    people = first["directory/people.yaml"].splitlines()
    for i in range(2):
        people[i + 1] = people[i + 1].replace("}", f', accounts: {{forge: "{1000 + i}"}}}}')
    people += ["groups:", "  - {id: leads, members: [person0@example.com]}"]
    first["directory/people.yaml"] = "\n".join(people) + "\n"
    first["policies/main.yaml"] = _POLICY
    for files, when in ((first, corpus.START), (everything, corpus.START + 86_400)):
        for path, text in files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        corpus.git(root, "add", "-A")
        corpus.git(root, "commit", "-q", "-m", "Files", when=when)
    (root / ".git" / "ready").touch()
    return root


def run(home: Path) -> Iterator[Result]:
    root = repository(home)
    cache = home / "cache"
    loaded = load(root, NOW, cache=cache)

    def asked(settings: ForgeSettings) -> Approved:
        return Approved()

    def proved(memory: Memory) -> Authorised:
        found = authorise(loaded, NOW, Forge(asked, memory))
        held = sum(c.proof is Proof.PROVED for c in found.claims)
        assert held > 1.9 * GRANTS, (held, found.unapproved[:1])
        return found

    nothing = Memory(None, root)
    yield alone("judge 100,000 grants, nothing remembered", lambda: proved(nothing), 30.0, 1)
    memory = Memory(cache, root)
    proved(memory)
    yield alone("know of 100,000 grants that they were judged", lambda: proved(memory), 8.0, 3)
