"""`reconciler explain`: why somebody has, had, or has not some access, and what comes next. Reads only,
and only where that person has something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from reconciler.cli import clock, ledgers, options, people
from reconciler.cli.session import FAILED, Session
from reconciler.engine.connections import Connections
from reconciler.engine.identify import canonical
from reconciler.engine.indirect import indirect
from reconciler.engine.observe import Progress
from reconciler.engine.situation import Situation, look
from reconciler.errors import ProviderError, UnknownPrincipal
from reconciler.ledger.base import LedgerError
from reconciler.ledger.query import Question, entries
from reconciler.model import (
    Assignment,
    Claim,
    Entitlement,
    Event,
    Item,
    Plan,
    SubjectKind,
    SubjectRef,
    Unknown,
)
from reconciler.planning.answer import Facts, Holds, Told
from reconciler.planning.basis import Named, named
from reconciler.planning.explain import explain
from reconciler.planning.guards import RELEASABLE
from reconciler.planning.status import status
from reconciler.planning.timeline import Span
from reconciler.proof.basis import bases
from reconciler.render import explained as render
from reconciler.render.explained_json import document
from reconciler.repository.words import printable


@click.command(
    "explain",
    epilog="\b\nExample:\n  reconciler explain alice@example.com \\\n    "
    "'system=gcp,project=payments-prod,role=roles/viewer'",
)
@click.argument("person", metavar="PERSON")
@click.argument("entitlements", nargs=-1, metavar="[ENTITLEMENT]...")
@options.repository
@options.output("text", "json")
@options.colour
def command(
    person: str, entitlements: tuple[str, ...], repo: Path, style: str, no_color: bool
) -> int:
    """Tell why PERSON (or a group or service) has, had, or has not access: the grant, the pull
    request, the approvals and the rule, what the system shows, and what comes next. Of a group, who
    is in it, and what each member has of what it was granted.

    ENTITLEMENT is an item as `request --access` takes it, or a glob over what this command prints,
    like 'gcp: * on projects/payments-*'. Without one, all that is known of PERSON is told.
    """
    with options.progress(plain=no_color) as progress:
        session = Session.open(repo, (), clock.now(), progress, about=person)
        ids = people.known(session.loaded, session.authorised)
        events = _Ledger(session, repo)
        who = _who(person, ids, events)
        wanted = people.Wanted(entitlements, session.loaded)
        asked = _Asked(session, who, wanted)
        facts = asked.facts(events.of(who, *sorted(asked.inside)), progress)
    told = Told(who, explain(facts, wanted), facts.plan, _members(session, who), wanted.all)
    found = told.answers
    if style == "json":
        click.echo(document(told))
    else:
        render.text(told, options.console(plain=no_color))
    open_ = any(answer.holds is Holds.UNKNOWN for answer in found)
    return FAILED if open_ or facts.plan.unknown or facts.ways_unread else 0


def _who(person: str, ids: frozenset[str], ledger: _Ledger) -> str:
    """Of whom git says nothing any more the ledger may know."""
    known = {id.casefold() for id in ids}
    if person and person.casefold() not in known and ledger.of(person):
        return person
    return people.resolved(person, ids)


def _members(session: Session, who: str) -> tuple[Span[str], ...] | None:
    """None of somebody who is no group."""
    pages = session.authorised.grants.past.pages
    if not any(group.id == who for page in pages for group in page.content.groups):
        return None
    return session.people.members(who)


class _Ledger:
    """What was written down of somebody. Without a ledger, nothing."""

    def __init__(self, session: Session, root: Path) -> None:
        self._ledger, self._root = session.recall.ledger, root

    def of(self, *who: str) -> tuple[Event, ...]:
        if self._ledger is None:
            return ()
        try:
            with ledgers.index(self._ledger, self._root) as index:
                return tuple(e.event for one in who for e in entries(index, Question(person=one)))
        except LedgerError as e:
            click.echo(f"note: the ledger tells nothing: {printable(str(e))}", err=True)
            return ()


class _Asked:
    """One person's part of everything. Of a group, also all that its members hold in the same
    systems: without it, what else gives them the same would be left out."""

    def __init__(self, session: Session, who: str, wanted: people.Wanted) -> None:
        self._session, self._who, self._wanted = session, who, wanted
        found = session.authorised
        roster = found.changes.tip.roster
        self._groups = roster.groups_of(who)
        claims = (*found.claims, *(outcome.claim for outcome in found.outcomes))
        through = {claim.subject.id for claim in claims if claim.ref == who}
        self.inside = frozenset(through | roster.members(who))

    def _about(self, claim: Claim) -> bool:
        subject = claim.subject
        theirs = subject.kind is SubjectKind.GROUP and subject.id in self._groups
        return self._who in (subject.id, claim.ref) or theirs

    def _mine(self, claim: Claim) -> bool:
        return self._about(claim) or claim.subject.id in self.inside

    def facts(self, events: tuple[Event, ...], progress: Progress) -> Facts:
        session, wanted = self._session, self._wanted
        mine = tuple(c for c in session.authorised.claims if self._mine(c))
        found = bases(session.authorised, self._mine)
        asked_for = [c.entitlement for c in mine if self._about(c) and wanted.may(c.entitlement)]
        systems = {e.system for e in (*asked_for, *(i.entitlement for i in wanted.items))}
        narrow = _narrow(
            session, tuple(c for c in mine if c.entitlement.system in systems), systems
        )
        asked, failed = _named(narrow, self._who, wanted)
        situation = _looked(narrow, [of.entitlement for of, _ in asked], progress)
        principals = {(of.entitlement.system, of.principal.id) for of, _ in situation.pairs}
        principals |= {(of.entitlement.system, of.principal.id) for of, _ in asked}
        situation = narrow.remembering(situation.of(principals))
        plan = narrow.plan(situation, RELEASABLE)  # they count what everybody loses
        plan = _about(plan, {b.claim.grant for b in found}, {self._who, *self.inside}, failed)
        told = named(found, situation.pairs)
        lines = status(situation.says, plan, narrow.connections.can, told)
        meant = tuple(of for of, _ in asked if of.principal.id)
        rows = situation.reading.rows
        about = self._concerns(told, meant)
        every = (*(of for of, _ in told), *(row.assignment for row in rows), *meant)
        ways = indirect(tuple(filter(about, every)), narrow.connections, progress)
        return Facts(
            self._who,
            plan,
            told,
            lines,
            rows,
            narrow.modes,
            _scope(narrow.connections),
            meant,
            session.memory.of,
            events,
            ways.rows,
            ways.unread,
            about,
            {of.key: subject for of, subject in asked},
        )

    def _concerns(
        self, told: tuple[Named, ...], asked: tuple[Assignment, ...]
    ) -> Callable[[Assignment], bool]:
        """Whether the answer is about it: of a group not all that its members hold."""
        if not self.inside:
            return lambda _: True
        theirs = [of for of, basis in told if self._about(basis.claim)]
        keys = {of.key for of in (*theirs, *asked)}
        own = {of.principal for of, basis in told if basis.claim.subject.id == self._who}
        return lambda of: of.key in keys or of.principal in own


def _narrow(session: Session, claims: tuple[Claim, ...], systems: set[str]) -> Session:
    """As if there were nothing else."""
    here = [one for name, one in session.connections.systems.items() if name in systems]
    return replace(
        session,
        connections=Connections(here),
        authorised=replace(session.authorised, claims=claims),
    )


def _named(
    session: Session, who: str, wanted: people.Wanted
) -> tuple[tuple[tuple[Assignment, str], ...], tuple[Unknown, ...]]:
    """The items that were asked for, as their systems spell them, with who this is there."""
    connections, found, failed = session.connections, [], []
    spelled = canonical((i.entitlement for i in wanted.items), connections)
    for item in wanted.items:
        entitlement = spelled[item.entitlement]
        if isinstance(entitlement, ProviderError):
            e = item.entitlement
            failed.append(Unknown(e.system, f"{e.role} on {e.resource}", entitlement.cause))
            continue
        wanted.also([entitlement])
        for of in _principals(session, who, item, entitlement):
            if isinstance(of, Unknown):
                failed.append(of)
            else:
                found.append(of)
    return tuple(found), tuple(failed)


def _principals(
    session: Session, who: str, item: Item, entitlement: Entitlement
) -> list[tuple[Assignment, str] | Unknown]:
    refs = [SubjectRef(who, group) for group in (False, True)]
    subjects = {
        span.value
        for ref in refs
        for span in session.people.subjects(ref, entitlement.system)
        if span.window.contains(session.now)
    }
    answers = session.connections.each(
        subjects,
        lambda _: entitlement.system,
        lambda subject: session.connections.reader(entitlement.system).principal(
            subject, entitlement, item.account
        ),
    )
    found: list[tuple[Assignment, str] | Unknown] = []
    for subject, answer in answers:
        if not isinstance(answer, ProviderError):
            found.append((Assignment(entitlement, answer), subject.id))
        elif not isinstance(answer, UnknownPrincipal):
            found.append(Unknown(entitlement.system, who, answer.cause))
    return found


def _looked(session: Session, also: list[Entitlement], progress: Progress) -> Situation:
    memory = session.memory
    return look(
        session.authorised.claims,
        session.connections,
        session.now,
        session.loaded.horizon,
        progress,
        replace(memory, unfinished=()),  # what a run died over is for the next run
        also=also,
        near=True,
    )


def _about(plan: Plan, paths: set[str], who: set[str], failed: tuple[Unknown, ...]) -> Plan:
    """What of everybody's plan concerns this person, or these."""
    return replace(
        plan,
        unknown=tuple(sorted({*plan.unknown, *failed})),
        unapproved=tuple(u for u in plan.unapproved if u.path in paths),
        reviews=tuple(r for r in plan.reviews if who & set(r.subjects)),
    )


def _scope(connections: Connections) -> Callable[[Entitlement], str]:
    """Of a system that was not asked, none."""
    return lambda e: connections.scope(e) if e.system in connections.systems else ""
