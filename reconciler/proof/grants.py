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
    Window,
)
from reconciler.policy.case import Case, SubjectFacts
from reconciler.policy.judge import Judgement, Verdict, judge
from reconciler.proof.carried import Carried
from reconciler.proof.changes import Changes
from reconciler.proof.evidence import Dossier, Memory
from reconciler.proof.ground import Ground
from reconciler.proof.holdings import Holdings
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
    holdings: Holdings = field(default_factory=Holdings)
    _done: dict[int, tuple[Outcome, ...]] = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict)
    _fresh: dict[str, str] = field(default_factory=dict)
    _mixed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _counted: set[int] = field(default_factory=set)
    _prepared: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._carried = Carried(self.changes.archive)

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
            kept = [o.claim for o in found if o.proof is not Proof.REFUSED]
            if len(kept) < len(found):
                kept += self.carried(version)
            self.holdings.add(self._number(version), version, kept)
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

    def cases(
        self,
        version: Version[Grant],
        claim: Claim,
        ground: Ground | None = None,
        same: list[Claim] | None = None,
    ) -> Iterator[Case]:
        """What the rules are asked: those of the commit before, or those of `ground`. `same` are
        all claims of the version, where it is not one of those that were loaded."""
        by = ground or self._ground(version)
        same = self.claims.get(version.id, []) if same is None else same
        return (self._case(claim, version, same, p, by) for p in self._people(claim, by))

    @property
    def _space(self) -> str:
        return f"grants:{self.changes.anchor}"

    def _number(self, version: Version[Grant]) -> int:
        number = self.changes.archive.number(version.commit)
        assert number is not None, version.commit  # it was read from this line
        return number

    def forge(self, version: Version[Grant]) -> ForgeSettings:
        return self.changes.forge(self._number(version))

    def _trusts(self, version: Version[Grant]) -> bool:
        """Without a forge, a grant from before there were any policies stands as it is."""
        number = self._number(version)
        if not self.changes.trusts(number):
            return False
        return self.changes.root is not None or not self._ground(version).policies

    def _ground(self, version: Version[Grant]) -> Ground:
        return self.changes.ground(self._number(version) - 1)

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
        ground = self._ground(version)
        if found := self._mixed.get(version.commit):
            reason = f"commit {version.commit[:12]} changes {found[0]} together with grants"
            fix = "bring the grant in again, in a pull request that changes grants only"
            return Judgement(Verdict.REFUSED, "", (reason,), fix)
        worst: Judgement | None = None
        for facts in self._people(claim, ground):
            case = self._case(claim, version, same, facts, ground)
            judgement = judge(
                ground.laws,
                case,
                ground.laws.decide(case),
                evidence,
                version.origin,
                version.blob,
                ground.roster,
                self.changes.tip.roster,
                self.grantees(version, ground),
                self.forge(version),
            )
            if worst is None or _RANK[judgement.verdict] > _RANK[worst.verdict]:
                worst = judgement
        assert worst is not None
        return worst

    def _people(self, claim: Claim, ground: Ground) -> list[SubjectFacts]:
        """Who asks, by the directory of the commit before. Members of a group are judged by what
        the directory says of them now: they may have come after the grant."""
        subject = claim.subject
        if subject.kind is SubjectKind.GROUP:
            laws = self.changes.tip.laws
            members = [
                laws.subject(id) for id in sorted(self.changes.tip.roster.members(subject.id))
            ]
            return members or [
                SubjectFacts(subject.id, "group", frozenset({subject.id}), (), "", "active")
            ]
        laws = self.changes.tip.laws if claim.ref else ground.laws
        return [laws.subject(subject.id)]

    def _case(
        self,
        claim: Claim,
        version: Version[Grant],
        same: list[Claim],
        facts: SubjectFacts,
        ground: Ground,
    ) -> Case:
        grant, laws = version.content, ground.laws
        holds = chain = None
        if any(rule.holds for page in ground.policies for rule in page.rules):
            holds = self.holdings.beside((facts.id, *facts.groups), claim, version, same)
        if any(rule.max_total for page in ground.policies for rule in page.rules):
            self._look_further_back(version, ground)
            chain = self.holdings.chain(claim, version)
        return Case(
            version.origin,
            grant.reason,
            grant.ticket,
            claim.said or Window(version.merged),
            version.merged,
            version.origin.startswith("standing/"),
            grant.break_glass,
            claim.entitlement,
            claim.account,
            claim.bundle,
            facts,
            laws.resource(claim.entitlement),
            holds or (),
            chain,
        )

    def _look_further_back(self, version: Version[Grant], ground: Ground) -> None:
        """A chain of extensions may reach back over versions that this run has no need of. They are
        long over and not judged again: they only make a chain longer, never access wider."""
        for earlier in self.past.earlier(version, ground):
            if earlier.id not in self._done and earlier.id not in self._counted:
                self._counted.add(earlier.id)
                self.holdings.add(self._number(earlier), earlier, self.past.claims([earlier]))

    def grantees(self, version: Version[Grant], ground: Ground) -> frozenset[str]:
        """Who would gain when it came in. Whoever comes to a group later gains by their own claim."""
        found: set[str] = set()
        for ref in version.content.subjects:
            found.add(ref.id)
            if ref.group:
                found |= ground.roster.members(ref.id)
        return frozenset(found)

    def _mark(self, claim: Claim, version: Version[Grant]) -> str:
        """What a verdict is about, beside the content and the commit: whoever came through a group
        or a bundle may not have been there when the grant came in."""
        facts = ""
        if claim.ref or claim.subject.kind is SubjectKind.GROUP:
            people = self._people(claim, self._ground(version))
            facts = repr(
                [(p.id, sorted(p.groups), p.attributes, p.manager, p.status) for p in people]
            )
        if any(rule.holds for page in self._ground(version).policies for rule in page.rules):
            # What they hold beside may be known only later: a forge can be slow to tell.
            facts += repr([case.holds for case in self.cases(version, claim)])
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
