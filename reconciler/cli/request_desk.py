"""Where a request is made: the clone, its main line, the rules that count there, and the forge if
it can be asked. Decides nothing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import click

from reconciler.asking.clone import REMOTE, Clone
from reconciler.asking.letter import Letter
from reconciler.asking.places import BRANCHES
from reconciler.cli import forges
from reconciler.cli.session import proved
from reconciler.engine.observe import Progress
from reconciler.errors import InputError, Problem, ReconcilerError
from reconciler.forge.base import Draft, ForgeError
from reconciler.model import ForgeKind, ForgeSettings, Grant, SubjectRef
from reconciler.policy.laws import Laws
from reconciler.proof.authorise import Authorised
from reconciler.repository import check
from reconciler.repository.configuration import FILE
from reconciler.repository.git import at
from reconciler.repository.git_answers import REGULAR
from reconciler.repository.load import Loaded
from reconciler.repository.parse import parse, parse_configuration
from reconciler.repository.paths import kind_of
from reconciler.repository.schemas import installed

_REFERRED = (FILE, "directory", "bundles")  # what a grant refers to


@dataclass(frozen=True)
class Desk:
    """`tip` is the main line's last commit. `unopened` says why no pull request will be opened
    from here, "" where one will; `must_open`: then it is an error."""

    clone: Clone
    tip: str
    loaded: Loaded
    authorised: Authorised
    now: datetime
    unopened: str
    must_open: bool

    @classmethod
    def open(cls, root: Path, now: datetime, opens: bool | None, progress: Progress) -> Desk:
        """`opens` True: a pull request or an error; None: if it can be done."""
        clone = Clone(at(root))
        settings = _settings(clone)
        unopened = "as you asked" if opens is False else _unable(clone, settings)
        if not unopened:
            try:
                clone.fetch(settings.branch)
            except ReconcilerError as e:
                unopened = str(e)
        if unopened and opens:
            raise InputError(f"no pull request can be opened: {unopened}; write --no-open")
        tip = clone.tip(settings.branch)
        loaded, authorised = proved(root, now, progress, tip)
        silent = next((unknown.error for unknown in authorised.unknown), "")
        if silent and opens:
            raise ReconcilerError(f"the forge cannot be asked: {silent}")
        if authorised.changes.unsure:
            note = (
                f"the forge cannot be asked ({silent}), so the rules are taken as they stand in git"
            )
            click.echo(f"note: {note}", err=True)
            loaded, authorised = proved(root, now, progress, tip, trust=tip)
        unopened = unopened or silent
        return cls(clone, tip, loaded, authorised, now, unopened, bool(opens))

    @property
    def settings(self) -> ForgeSettings:
        assert self.loaded.configuration is not None  # see `proved`
        return self.loaded.configuration.forge

    @property
    def laws(self) -> Laws:
        return self.authorised.changes.tip.laws

    @property
    def author(self) -> str:
        """The id of the person whose clone this is, "" where the directory does not know them."""
        person = self.laws.roster.person(self.clone.email())
        return person.id if person else ""

    def knows(self, subject: SubjectRef) -> bool:
        roster, id = self.laws.roster, subject.id
        if subject.group:
            return roster.group(id) is not None
        return roster.person(id) is not None or roster.service(id) is not None

    def known(self, answer: str) -> str:
        """Raises BadParameter, so that a question is asked again."""
        subject = answer.strip().lower()
        if not self.knows(SubjectRef(subject)):
            raise click.BadParameter(
                f"nobody in directory/ is {subject!r}; write an id that is there"
            )
        return subject

    def nobody(self) -> str:
        """Why it is not known for whom, and what to write."""
        email = self.clone.email()
        who = (
            f"git's user.email, {email}, is nobody of directory/"
            if email
            else "git has no user.email"
        )
        return f"--for is missing, and {who}; write --for, or leave out --yes to be asked"

    def content(self, path: str) -> bytes:
        found = self.clone.git.blob(self.tip, path)
        if found is None:
            raise InputError(
                f"there is no file {path} on the main line ({self.tip[:12]}); write the path of a "
                "grant that is there"
            )
        return found

    def grant(self, path: str, content: bytes) -> Grant:
        """Raises InputError with every mistake."""
        kind = kind_of(path)
        assert kind is not None
        assert self.loaded.archive is not None
        found = parse(kind, path, content, self.loaded.archive.reading.grammar)
        if not isinstance(found.document, Grant):
            raise InputError("\n".join(map(str, found.problems)))
        return found.document

    @cached_property
    def files(self) -> frozenset[str]:
        """Every path of a grant that the main line or the work tree has, in lower case."""
        git = self.clone.git
        listed = [*git.tree(self.tip, "grants"), *git.index("grants")]
        return frozenset(p.lower() for p in (*(e.path for e in listed), *git.untracked("grants")))

    @cached_property
    def branches(self) -> frozenset[str]:
        """The names of branches of requests that are taken."""
        return self.clone.branches(BRANCHES, remote=not self.unopened)

    def end(self, path: str) -> datetime | None:
        """Until when the grant that stands there holds."""
        standing = (v for v in self.loaded.grants if v.path == path and v.gone is None)
        return next((v.content.window(v.merged).end for v in standing), None)

    def schema(self, path: str) -> str:
        """Where an editor finds the format of the file, as seen from it; "" for nowhere."""
        kind = kind_of(path)
        where = f".schemas/{kind}.schema.json"
        there = kind is not None and self.clone.git.tree(self.tip, where)
        return "../" * path.count("/") + where if there else ""

    def valid(self, path: str, content: bytes, *, placed: bool = True) -> None:
        """Raises InputError with what `reconciler validate` would say of the file. Not `placed`:
        it has no path yet that anybody knows."""
        git = self.clone.git
        with tempfile.TemporaryDirectory(prefix="access-reconciler-") as folder:
            root = Path(folder)
            entries = [e for e in git.tree(self.tip, *_REFERRED) if e.mode in REGULAR]
            texts = dict(git.blobs({entry.blob for entry in entries}))
            for name, data in (*((e.path, texts[e.blob]) for e in entries), (path, content)):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(data)
            _refuse(check(root, (path,)).problems, placed)

    def left(self, path: str, content: bytes | None, before: bytes | None) -> None:
        """In the work tree, where nobody opens a pull request. A file that would be invalid there
        is not left behind."""
        self.clone.leave(path, content, before)
        if content is not None:
            try:
                _refuse(check(self.clone.root, (path,)).problems, True)
            except InputError:
                self.clone.leave(path, before, content)
                raise

    def pushed(self, branch: str, path: str, content: bytes | None, letter: Letter) -> None:
        signed = self.settings.signed
        commit = self.clone.commit(self.tip, path, content, f"{letter.title}\n", signed=signed)
        self.clone.push(commit, branch)

    def opened(self, branch: str, letter: Letter, reviewers: tuple[str, ...]) -> str:
        """The address of the pull request."""
        draft = Draft(branch, letter.title, letter.body, reviewers)
        try:
            return forges.writer(self.settings, os.environ).open(draft).url
        except ForgeError as e:
            raise ReconcilerError(
                f"{e}; the branch {branch} is pushed: open the pull request there by hand"
            ) from e


def _settings(clone: Clone) -> ForgeSettings:
    """By what is checked out: only to know which branch to look at."""
    data = clone.git.blob(clone.git.commit("HEAD"), FILE)
    found = parse_configuration(data, installed())[0] if data is not None else None
    return found.forge if found else ForgeSettings()


def _unable(clone: Clone, settings: ForgeSettings) -> str:
    if settings.kind is ForgeKind.NONE:
        return f"{FILE} names no `forge:`"
    if not clone.has_origin():
        return f"this clone has no remote `{REMOTE}`"
    try:
        forges.credentials(settings, os.environ)
    except ForgeError as e:
        return e.cause
    return ""


def _refuse(problems: Iterable[Problem], placed: bool) -> None:
    said = [str(p) if placed else f"{p.what}; {p.fix}" for p in problems]
    if said:
        raise InputError("\n".join(said))
