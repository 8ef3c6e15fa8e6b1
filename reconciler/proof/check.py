"""The step `check`: a pull request is merged for trial, and judged as the run after its merge would
judge it. Reads git and the forge, and changes neither."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from reconciler.errors import InputError, Problem
from reconciler.model import ForgeKind, Grant, PullRequest, Unknown, Version
from reconciler.model.checked import Answer, Checked, Mistake, Refusal, Ruled
from reconciler.policy.laws import Laws
from reconciler.policy.roster import Roster
from reconciler.policy.words import moment
from reconciler.proof.authorise import Authorised, Forge, authorise
from reconciler.proof.check_access import after, before, overlaps
from reconciler.proof.check_pull import Answers, Forgetful, still_open
from reconciler.proof.check_rules import Rules
from reconciler.proof.diff import difference
from reconciler.proof.ground import GOVERNING
from reconciler.proof.mixed import governing, granting, mixed
from reconciler.repository.git import Git, at
from reconciler.repository.load import Loaded, load
from reconciler.repository.merge import merged_as
from reconciler.repository.paths import GRANTS, kind_of

_FEW = 3


@dataclass(frozen=True)
class Base:
    """The main line as it is. `without` as in `load`."""

    commit: str
    loaded: Loaded
    authorised: Authorised
    without: frozenset[str]
    answers: Answers
    forge: Forge


def base(
    root: Path, name: str, now: datetime, forge: Forge, cache: Path | None, *, ask: bool
) -> Base:
    """Without `ask` the forge is asked nothing, and what the main line says is taken as approved.
    Raises InputError where it has no valid configuration."""
    commit = at(root).commit(name)
    answers = Answers(forge.open)
    trust = forge.trust if ask else commit
    ours = Forge(answers.open, forge.memory, trust)
    without: frozenset[str] = frozenset()
    while True:
        loaded = load(root, now, commit, cache=cache, without=without)
        if loaded.configuration is None:
            raise InputError(f"reconciler.yaml at {name} has never been valid; mend it first")
        authorised = authorise(loaded, now, ours)
        if authorised.refused <= without:
            return Base(commit, loaded, authorised, without, answers, ours)
        without |= authorised.refused


def check(
    root: Path, main: Base, head: str, now: datetime, number: int = 0, cache: Path | None = None
) -> Checked:
    """`number` is that of the pull request, 0 to ask no forge about it. Raises InputError where it
    conflicts with the main line, and ForgeError where the forge does not show it."""
    with merged_as(root, main.commit, head, now) as (git, commit):
        loaded = load(root, now, commit, cache=cache, git=git, without=main.without)
        trial = _Trial(main, git, git.commit(head), commit, loaded, now, number)
        return trial.checked()


@dataclass(frozen=True)
class _Trial:
    main: Base
    git: Git
    head: str
    commit: str
    loaded: Loaded
    now: datetime
    number: int

    def checked(self) -> Checked:
        touched = self._touched()
        refusals = [*self._too_much(touched), *_mixing(touched)]
        drifted = self._drifted(touched)
        refusals += map(_drift, drifted)
        large = bool(list(self._too_much(touched)))
        pull = self._pull(() if large else touched)
        authorised = self._authorised(pull)
        unweighed = frozenset(touched if mixed(touched) else drifted)
        rules = Rules(authorised, self.main.answers, pull, unweighed)
        ruled = () if large else (*rules.others(), *rules.grants())
        old = before(self.main.authorised)
        new = after(self.loaded, authorised, self.main.authorised, self.commit)
        grants = [v for v in self.loaded.grants if v.commit == self.commit]
        return Checked(
            self.main.commit,
            self.head,
            self.now,
            self.number,
            pull.url if pull else "",
            touched,
            difference(old, new, self.now),
            ruled,
            tuple(refusals),
            tuple(sorted(self._mistakes())),
            tuple(_unjudged(touched)),
            (
                *self._idle(grants, {c.version for c in new}),
                *overlaps(grants, new, self.now),
                *(self._closing(authorised) if self.number else ()),
            ),
            (*self._notices(grants), *self._whole_files(touched)),
            self._unknown(authorised, ruled),
            self.main.authorised.changes.tip.laws.auto_merge,
        )

    def _touched(self) -> tuple[str, ...]:
        assert self.loaded.archive is not None  # the main line has a configuration
        return self.loaded.archive.touched([self.commit]).get(self.commit, ())

    def _too_much(self, touched: tuple[str, ...]) -> Iterator[Refusal]:
        configuration = self.main.loaded.configuration
        assert configuration is not None  # see `base`
        limits, grants = configuration.check_limits, sum(map(granting, touched))
        fix = "split the pull request: a line hides among so many"
        if len(touched) > limits.files:
            what = f"it changes {len(touched)} files, and `check.max_files` is {limits.files}"
            yield Refusal(what, fix)
        if grants > limits.grants:
            what = f"it changes {grants} grants, and `check.max_grants` is {limits.grants}"
            yield Refusal(what, fix)

    def _drifted(self, touched: Iterable[str]) -> tuple[str, ...]:
        """Files that the merge makes of both sides: what comes out stands in no reviewed commit."""
        paths = [path for path in touched if kind_of(path) is not None]
        if not paths:
            return ()
        merged, reviewed = (
            {e.path: e.blob for e in self.git.tree(commit) if e.path in set(paths)}
            for commit in (self.commit, self.head)
        )
        return tuple(path for path in paths if merged.get(path) != reviewed.get(path))

    def _pull(self, touched: Iterable[str]) -> PullRequest | None:
        """Nothing is asked where the pull request was not named."""
        answers = self.main.answers
        pull = None
        if self.number:
            kinds = (*GRANTS, *GOVERNING)
            paths = [path for path in touched if kind_of(path) in kinds]
            settings = self.main.authorised.changes.settings
            pull = still_open(answers, settings, self.number, self.head, paths)
        answers.expect(self.commit, pull)
        return pull

    def _authorised(self, pull: PullRequest | None) -> Authorised:
        memory = Forgetful(self.main.forge.memory, self.commit)
        return authorise(self.loaded, self.now, replace(self.main.forge, memory=memory))

    def _mistakes(self) -> Iterator[Mistake]:
        """What the change brings, and not what was wrong before it."""
        there = {*self.main.loaded.problems, *_lasting(self.main.loaded, self.now)}
        found: set[Problem] = {*self.loaded.problems, *_lasting(self.loaded, self.now)}
        yield from (Mistake(p.position, p.what, p.fix) for p in found - there)

    def _idle(self, grants: Iterable[Version[Grant]], giving: set[int]) -> Iterator[str]:
        for version in grants:
            window = version.content.window(version.merged)
            if window.end is not None and window.end <= self.now:
                yield f"{version.path} ended at {moment(window.end)}, before the merge"
            elif version.id not in giving:
                yield (
                    f"{version.path} gives nothing: nobody whom it names is active, or what it "
                    "names is empty"
                )

    def _closing(self, authorised: Authorised) -> Iterator[str]:
        """Files of reviews/ that close nothing: nobody would notice before the emergency is late."""
        waiting = {review.commit for review in self.main.authorised.reviews}
        after = {review.commit for review in authorised.reviews}
        for version in self.loaded.reviews:
            about = version.content
            if version.commit != self.commit or version.id in authorised.changes.refused:
                continue
            if about.commit not in waiting:
                yield (
                    f"{version.path} closes nothing: no emergency that commit {about.commit[:10]} "
                    "brought in waits for a review; `reconciler review` lists those that do"
                )
            elif about.commit in after:
                yield (
                    f"{version.path} does not close {about.grant}: it is another file, or nobody has "
                    "opened or approved this who may review it and had none of the access"
                )

    def _notices(self, grants: Iterable[Version[Grant]]) -> Iterator[str]:
        yield from self.main.authorised.notices
        if not self.number and self.main.authorised.changes.settings.kind is not ForgeKind.NONE:
            yield (
                "the forge was not asked: no approval is counted, and what the main line says is "
                "taken as approved"
            )
        if any(version.content.duration is not None for version in grants):
            yield "`duration` counts from the merge: ends are told as if it were merged now"

    def _whole_files(self, touched: Iterable[str]) -> Iterator[str]:
        """A diff against the main line hides what lies there unapproved; an approval does not."""
        touched = frozenset(touched)
        for one in self.main.authorised.unapproved:
            if one.path in touched and not one.subject:
                yield (
                    f"{one.path} has lines on the main line that nobody approved, since commit "
                    f"{one.commit[:10]}: whoever approves this approves the whole file, with them"
                )

    def _unknown(self, authorised: Authorised, ruled: Iterable[Ruled]) -> tuple[Unknown, ...]:
        found = {*self.main.authorised.unknown, *authorised.unknown}
        if not found and any(each.answer is Answer.UNKNOWN for each in ruled):
            found = {Unknown("forge", "the rules of the main line", "it could not be asked")}
        return tuple(sorted(found))


def _lasting(loaded: Loaded, now: datetime) -> tuple[Problem, ...]:
    """What is to be mended in the policies that a commit has, whether or not they count."""
    policies = [v.content for v in loaded.policies if v.gone is None]
    catalog = [v.content for v in loaded.catalog if v.gone is None]
    pages = tuple(v.content for v in loaded.directory if v.gone is None)
    return Laws(policies, catalog, Roster(pages)).problems(now)


def _mixing(touched: Iterable[str]) -> Iterator[Refusal]:
    if found := mixed(touched):
        more = f" and {len(found) - _FEW} more" if len(found) > _FEW else ""
        named = ", ".join(found[:_FEW]) + more
        yield Refusal(
            f"it changes grants together with {named}",
            f"take {named} out, into a pull request of its own",
        )


def _drift(path: str) -> Refusal:
    return Refusal(
        f"{path} was changed on the main line too, so that the merge makes a content that nobody "
        "has reviewed",
        "merge the main line into the branch, and have it approved then",
    )


def _unjudged(touched: Iterable[str]) -> Iterator[str]:
    """Workflows and code owners; the rest of what we do not read decides nothing."""
    for path in touched:
        if governing(path) and kind_of(path) not in GOVERNING:
            yield path
