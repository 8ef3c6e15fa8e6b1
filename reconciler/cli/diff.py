"""`reconciler diff`: who gained and lost what between two moments. Asks git, the forge and the ledger,
and no system."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from reconciler.cli import clock, ledgers, options, people
from reconciler.cli.session import FAILED, WRONG_INPUT, proved
from reconciler.engine.observe import Progress
from reconciler.errors import InputError
from reconciler.ledger.base import LedgerError
from reconciler.ledger.query import Question
from reconciler.ledger.query_held import between as done_between
from reconciler.model import Entitlement
from reconciler.planning.between import Recorded, Turn, Turned, between, spells
from reconciler.planning.status import within
from reconciler.policy import globs
from reconciler.proof.authorise import Authorised
from reconciler.render import gained as render
from reconciler.repository import Loaded
from reconciler.repository.git import at as git_at
from reconciler.repository.words import printable


@click.command(
    "diff",
    epilog="\b\nExample: reconciler diff --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z",
)
@options.repository
@click.option("--from", "earlier", metavar="A", required=True, help="A time, or a commit.")
@click.option("--to", "later", metavar="B", help="A time, or a commit; now if left out.")
@options.about
@click.option("--kept", is_flag=True, help="Also what was held at both moments.")
@options.output("text", "json")
@options.colour
def command(
    repo: Path,
    earlier: str,
    later: str | None,
    only: tuple[str, ...],
    subject: str | None,
    resource: str | None,
    grant: str | None,
    kept: bool,
    style: str,
    no_color: bool,
) -> int:
    """Tell who gained and lost what between two moments: what git declared and its proof approved
    and, where there is a ledger, what was really done. With --kept that is everybody who had it at
    any time between them.

    A commit of the main line stands for the moment at which it came in.
    """
    now = clock.now()
    first = _Moment.of(earlier, repo)
    last = _Moment("", now) if later is None else _Moment.of(later, repo)
    with options.progress(plain=no_color) as progress:
        loaded, found = _loaded(repo, now, (first, last), subject or "", progress)
    a, b = first.settled(loaded), last.settled(loaded)
    if b < a:
        raise InputError(
            f"--to {later or 'now'} is before --from {earlier}; write them the other way"
        )
    asked = _Asked(
        _who(subject, loaded, found),
        people.systems(only, loaded),
        globs.text([resource]) if resource else None,
        people.file(grant, repo) if grant else "",
        kept,
    )
    if asked.grant:
        people.tell_grant(asked.grant, repo, found)
    declared = _declared(found, a, b, asked)
    done, error, untold = _done(repo, loaded, min(a, now), min(b, now), asked)
    notices = (*found.notices, *untold)
    told = render.Told(a, b, declared, done, error, found.unknown, notices)
    if style == "json":
        click.echo(render.document(told))
    else:
        render.text(told, options.console(plain=no_color))
    return _code(loaded, found, error)


def _who(subject: str | None, loaded: Loaded, found: Authorised) -> str:
    if not subject:
        return ""
    people.tell_group(subject, loaded)
    return people.resolved(subject, people.known(loaded, found))


@dataclass(frozen=True)
class _Asked:
    """What is wanted; what is left out asks nothing."""

    who: str
    systems: frozenset[str]
    resource: Callable[[str], bool] | None
    grant: str
    kept: bool

    def __call__(self, turn: Turn, of: Entitlement, grants: tuple[str, ...]) -> bool:
        return (
            (self.kept or turn is not Turn.KEPT)
            and (not self.systems or of.system in self.systems)
            and (self.resource is None or self.resource(of.resource))
            and (not self.grant or within(self.grant, grants))
        )


def _code(loaded: Loaded, found: Authorised, error: str) -> int:
    if found.unknown or error:
        return FAILED
    return WRONG_INPUT if (*loaded.problems, *found.problems) else 0


@dataclass(frozen=True)
class _Moment:
    """`commit` is the id of the commit that stands for it, "" for a time."""

    said: str
    at: datetime
    commit: str = ""

    @classmethod
    def of(cls, said: str, repo: Path) -> _Moment:
        try:
            found = datetime.fromisoformat(said)
            found.astimezone(UTC)  # it may be off the calendar there
        except (ValueError, OverflowError):
            git = git_at(repo)
            try:
                commit = git.commit(said)
            except InputError as e:
                raise InputError(f"{e}, or a time like 2026-12-01T18:00:00Z") from None
            seconds = git.says("show", "-s", "--format=%ct", commit) or "0"
            return cls(said, datetime.fromtimestamp(int(seconds), UTC), commit)
        if found.tzinfo is None:
            raise InputError(f"{said!r} has no UTC offset; write 2026-12-01T18:00:00Z, or a commit")
        return cls(said, found)

    def settled(self, loaded: Loaded) -> datetime:
        """When a commit counts as made."""
        if not self.commit:
            return self.at
        assert loaded.archive is not None  # there is a configuration
        number = loaded.archive.number(self.commit)
        if number is None:
            raise InputError(
                f"commit {printable(self.said)!r} is not on this main line: it is of a branch, or "
                "came in by a merge; write the commit that merged it, or a time"
            )
        return loaded.archive.line.date(number)


def _loaded(
    repo: Path, now: datetime, moments: tuple[_Moment, ...], about: str, progress: Progress
) -> tuple[Loaded, Authorised]:
    """With all that was declared since the first of the moments."""
    since = min((*(m.at for m in moments), now))
    while True:
        loaded, found = proved(repo, now, progress, horizon=since, about=about)
        first = min(m.settled(loaded) for m in moments)
        if first >= since:
            return loaded, found
        since = first  # a commit whose clock was wrong


def _declared(found: Authorised, a: datetime, b: datetime, asked: _Asked) -> tuple[Turned, ...]:
    claims = (claim for claim in found.claims if asked.who in ("", claim.subject.id))
    turned = between(spells(claims), a, b)
    return tuple(t for t in turned if asked(t.turn, t.spell.entitlement, t.spell.grants))


def _done(
    repo: Path, loaded: Loaded, a: datetime, b: datetime, asked: _Asked
) -> tuple[tuple[tuple[Turn, Recorded], ...] | None, str, tuple[str, ...]]:
    """None without a ledger, or where it cannot be read: then why. And what it cannot know."""
    try:
        ledger = ledgers.opened(loaded, repo)
        if ledger is None:
            return None, "", ()
        about, former = Question(person=asked.who), ledgers.former(loaded)
        with ledgers.index(ledger, repo) as index:
            found = done_between(index, a, b, about, former)
            untold = tuple(ledgers.untold(index, ledger, loaded, repo, (a, b)))
    except LedgerError as e:
        return None, str(e), ()
    turned = (
        (Turn.GAINED, found.gained),
        (Turn.LOST, found.lost),
        (Turn.PASSED, found.passed),
        (Turn.KEPT, found.kept),
    )
    rows = ((turn, one) for turn, held in turned for one in held)
    wanted = ((t, h) for t, h in rows if asked(t, h.assignment.entitlement, h.grants))
    return tuple((turn, ledgers.recorded(one)) for turn, one in wanted), "", untold
