"""Judges every grant that matters by the rules of the commit before it. A verdict that was given
once stands: it is remembered by content and commit, and losing the memory costs calls only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from reconciler.model import (
    Cause,
    Claim,
    Evidence,
    ForgeKind,
    ForgeSettings,
    Grant,
    Proof,
    SubjectKind,
    Version,
)
from reconciler.policy.judge import Judgement, Verdict, judge
from reconciler.proof.carried import Carried
from reconciler.proof.cases import Cases
from reconciler.proof.changes import Changes
from reconciler.proof.evidence import Dossier, Memory
from reconciler.proof.mixed import mixed
from reconciler.proof.past import Past
from reconciler.proof.rows import decode_granted, encode_granted
from reconciler.proof.wanted import name, want

Key = tuple[int, str, str, str]  # version, subject, entitlement, account


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one claim. `judgement` is None where nothing had to be judged (it came before
    proof was asked for) or nothing could be (the forge does not answer)."""

    claim: Claim
    proof: Proof
    judgement: Judgement | None = None


def key(claim: Claim) -> Key:
    return claim.version, claim.subject.id, claim.entitlement.key, claim.account


@dataclass
class Grants:
    """`versions` are those that the run loaded, `claims` theirs; `past` has all the others."""

    changes: Changes
    dossier: Dossier
    memory: Memory
    versions: Mapping[int, Version[Grant]]
    claims: Mapping[int, list[Claim]]
    past: Past
    _done: dict[int, tuple[Outcome, ...]] = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict)
    _fresh: dict[str, str] = field(default_factory=dict)
    _mixed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _prepared: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._carried = Carried(self.changes.archive)
        self.cases = Cases(self.changes, self.claims, self.past)

    def judge(self, ids: Iterable[int]) -> dict[int, tuple[Outcome, ...]]:
        """The outcomes of these versions, in the order in which they came in."""
        numbered = [(self._number(self.versions[id]), id) for id in ids]
        numbered.sort(key=lambda one: (one[0], self.versions[one[1]].path, one[1]))
        self.prepare(self.versions[id] for _, id in numbered)
        for _, id in numbered:
            self.outcomes(self.versions[id])
        return {id: self._done[id] for _, id in numbered}

    def prepare(self, versions: Iterable[Version[Grant]]) -> None:
        """Fetches at once what it takes to judge these."""
        fresh = [v for v in versions if v.id not in self._prepared]
        if not fresh:
            return
        self._prepared.update(v.id for v in fresh)
        due = [v for v in fresh if not self._trusts(v) and _proves(self.forge(v))]
        self._known.update(self.memory.read(self._space, [name(v) for v in due]))
        cold: dict[ForgeSettings, list[Version[Grant]]] = defaultdict(list)
        for version in due:
            if name(version) not in self._known:
                cold[self.forge(version)].append(version)
        for settings, some in cold.items():
            self.dossier.prefetch(settings, map(want, some))
            touched = self.changes.archive.touched({v.commit for v in some})
            self._mixed.update((commit, mixed(paths)) for commit, paths in touched.items())

    def keep(self) -> None:
        """Remembers what was granted."""
        self.memory.write(self._space, self._fresh)
        self._fresh = {}

    def outcomes(self, version: Version[Grant]) -> tuple[Outcome, ...]:
        found = self._done.get(version.id)
        if found is None:
            self.prepare([version])
            found = self._done[version.id] = tuple(self._outcomes(version))
            self.cases.judged.add(version.id)
            kept = [o.claim for o in found if o.proof is not Proof.REFUSED]
            if len(kept) < len(found):
                kept += self.carried(version)
            self.cases.hold(version, kept)
        return found

    def carried(self, version: Version[Grant]) -> Iterator[Claim]:
        """What a version that was refused still gives: what the one before it gave, where both
        say so, until the earlier of their ends (rule 23). An edit that nobody approved may take
        away, never add."""
        refused = [o.claim for o in self.outcomes(version) if o.proof is Proof.REFUSED]
        left = {key(c)[1:]: c for c in refused}
        id = version.previous
        while left and id >= 0:
            earlier = self.past.version(id)
            if earlier is None:
                id = self.past.before(id)
                continue
            there = {key(o.claim)[1:]: o for o in self.outcomes(earlier)}
            left = {k: c for k, c in left.items() if k in there}
            for k, claim in list(left.items()):
                outcome = there[k]
                said = outcome.claim.said or outcome.claim.window
                window = claim.window.clip(said)
                if outcome.proof is Proof.REFUSED:
                    left[k] = replace(claim, window=window)
                    continue
                del left[k]
                if not window.empty:
                    # Else an unapproved edit of every end would pass the guards as expiry.
                    sooner = claim.cause is Cause.EXPIRED and window.end != said.end
                    cause = Cause.UNAPPROVED if sooner else claim.cause
                    yield replace(claim, window=window, said=said, cause=cause, proof=outcome.proof)
            id = earlier.previous

    @property
    def _space(self) -> str:
        return f"grants:{self.changes.anchor}"

    def _number(self, version: Version[Grant]) -> int:
        return self.changes.number(version.commit)

    def forge(self, version: Version[Grant]) -> ForgeSettings:
        return self.changes.forge(self._number(version))

    def _trusts(self, version: Version[Grant]) -> bool:
        """Without a forge, a grant from before there were any policies stands as it is."""
        number = self._number(version)
        if not self.changes.trusts(number):
            return False
        return self.changes.root is not None or not self.cases.ground(version).policies

    def _basis(self, version: Version[Grant]) -> str:
        return self.changes.basis(self._number(version) - 1)

    def _outcomes(self, version: Version[Grant]) -> Iterator[Outcome]:
        claims = self.claims.get(version.id)
        if claims is None:
            claims = list(self.past.claims([version]))
        if self._trusts(version):
            yield from (Outcome(c, Proof.PROVED) for c in claims)
            return
        if self.changes.unsure:
            yield from (Outcome(c, Proof.WAITING) for c in claims)
            return
        row = self._known.get(name(version))
        remembered = decode_granted(row, self._basis(version)) if row is not None else {}
        fresh: list[Outcome] = []
        for claim in claims:
            if judgement := remembered.get(self._mark(claim, version)):
                yield Outcome(claim, Proof.PROVED, judgement)
            else:
                fresh.append(self._judged(claim, version, claims))
                yield fresh[-1]
        if fresh:
            self._remember(version, remembered, fresh)

    def _judged(self, claim: Claim, version: Version[Grant], same: list[Claim]) -> Outcome:
        evidence, settings = Evidence(version.commit), self.forge(version)
        if _proves(settings):
            found = self.dossier.of(settings, want(version))
            if found is None:
                return Outcome(claim, Proof.WAITING)
            evidence = self._carried.own(found, want(version))
        judgement = self._judgement(claim, version, same, evidence)
        granted = judgement.verdict is Verdict.GRANTED
        return Outcome(claim, Proof.PROVED if granted else Proof.REFUSED, judgement)

    def _judgement(
        self, claim: Claim, version: Version[Grant], same: list[Claim], evidence: Evidence
    ) -> Judgement:
        """The worst over everybody whom the claim serves: a group that is one principal in its
        system serves all its members."""
        ground = self.cases.ground(version)
        if found := self._mixed.get(version.commit):
            reason = f"commit {version.commit[:12]} changes {found[0]} together with grants"
            fix = "bring the grant in again, in a pull request that changes grants only"
            return Judgement(Verdict.REFUSED, "", (reason,), fix)
        worst: Judgement | None = None
        for facts in self.cases.people(claim, ground):
            case = self.cases.case(version, claim, ground, same, facts)
            judgement = judge(
                ground.laws,
                case,
                ground.laws.decide(case),
                evidence,
                version.origin,
                version.blob,
                ground.roster,
                self.changes.tip.roster,
                ground.grantees(version.content),
                self.forge(version),
            )
            if worst is None or _RANK[judgement.verdict] > _RANK[worst.verdict]:
                worst = judgement
        assert worst is not None
        return worst

    def _mark(self, claim: Claim, version: Version[Grant]) -> str:
        """What a verdict is about, beside the content and the commit: whoever came through a group
        or a bundle may not have been there when the grant came in."""
        facts = ""
        if claim.ref or claim.subject.kind is SubjectKind.GROUP:
            people = self.cases.people(claim, self.cases.ground(version))
            facts = repr(
                [(p.id, sorted(p.groups), p.attributes, p.manager, p.status) for p in people]
            )
        if any(rule.holds for page in self.cases.ground(version).policies for rule in page.rules):
            # What they hold beside may be known only later: a forge can be slow to tell.
            facts += repr([case.holds for case in self.cases.of(version, claim)])
        _, subject, entitlement, account = key(claim)
        text = "\0".join((subject, entitlement, account, claim.bundle, claim.ref, facts))
        return sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]

    def _remember(
        self, version: Version[Grant], known: dict[str, Judgement], fresh: list[Outcome]
    ) -> None:
        granted = {
            self._mark(o.claim, version): o.judgement
            for o in fresh
            if o.proof is Proof.PROVED and o.judgement is not None
        }
        if granted and _proves(self.forge(version)):
            self._fresh[name(version)] = encode_granted({**known, **granted}, self._basis(version))


_RANK = {Verdict.GRANTED: 0, Verdict.WAITING: 1, Verdict.REFUSED: 2}


def _proves(settings: ForgeSettings) -> bool:
    return settings.kind is not ForgeKind.NONE
