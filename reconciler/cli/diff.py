"""`reconciler diff`: who gained and lost what between two moments. Asks git, the forge and the ledger,
and no system."""

from __future__ import annotations

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
from reconciler.planning.between import Recorded, Turn, between, spells
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
@click.option("--subject", metavar="ID", help="Only this person, group or service.")
@options.output("text", "json")
@options.colour
def command(
    repo: Path, earlier: str, later: str | None, subject: str | None, style: str, no_color: bool
) -> int:
    """Tell who gained and lost what between two moments: what git declared and its proof approved
    and, where there is a ledger, what was really done.

    A commit of the main line stands for the moment at which it came in.
    """
    now = clock.now()
    first, last = _Moment.of(earlier, repo, now), _Moment.of(later or "", repo, now)
    with options.progress(plain=no_color) as progress:
        loaded, found = _loaded(repo, now, (first, last), subject or "", progress)
    a, b = first.settled(loaded), last.settled(loaded)
    if b < a:
        raise InputError(
            f"--to {later or 'now'} is before --from {earlier}; write them the other way"
        )
    who = people.resolved(subject, people.known(loaded, found)) if subject else ""
    claims = (claim for claim in found.claims if who in ("", claim.subject.id))
    declared = between(spells(claims), a, b)
    done, error = _done(repo, loaded, min(a, now), min(b, now), who)
    told = render.Told(a, b, declared, done, error, found.unknown, found.notices)
    if style == "json":
        click.echo(render.document(told))
    else:
        render.text(told, options.console(plain=no_color))
    return _code(loaded, found, error)


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
    def of(cls, said: str, repo: Path, now: datetime) -> _Moment:
        try:
            found = datetime.fromisoformat(said) if said else now
        except ValueError:
            git = git_at(repo)
            commit = git.commit(said)
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


def _done(
    repo: Path, loaded: Loaded, a: datetime, b: datetime, who: str
) -> tuple[tuple[tuple[Turn, Recorded], ...] | None, str]:
    """None without a ledger, or where it cannot be read: then why."""
    try:
        ledger = ledgers.opened(loaded, repo)
        if ledger is None:
            return None, ""
        with ledgers.index(ledger, repo) as index:
            found = done_between(index, a, b, Question(person=who))
    except LedgerError as e:
        return None, str(e)
    turned = ((Turn.GAINED, found.gained), (Turn.LOST, found.lost), (Turn.PASSED, found.passed))
    return tuple((turn, ledgers.recorded(one)) for turn, rows in turned for one in rows), ""
