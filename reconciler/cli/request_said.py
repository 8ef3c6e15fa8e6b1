"""What the command line of `reconciler request` says, and the delivery that all its ways share.
Judges nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import click

from reconciler.asking.grant_file import Wish
from reconciler.asking.letter import Letter
from reconciler.asking.places import BRANCHES, numbered
from reconciler.asking.reviewers import reviewers
from reconciler.asking.weighing import Answer, Approval
from reconciler.cli import request_questions as questions
from reconciler.cli import request_words as words
from reconciler.cli.request_desk import Desk
from reconciler.errors import InputError, ReconcilerError
from reconciler.model import SubjectRef
from reconciler.policy.words import moment
from reconciler.repository.times import length


@dataclass(frozen=True, slots=True)
class Said:
    """ "" and None for what it does not say. `access` are items as JSON."""

    subject: str = ""
    group: str = ""
    access: tuple[str, ...] = ()
    duration: str = ""
    expires: datetime | None = None
    starts: datetime | None = None
    reason: str = ""
    ticket: str = ""
    path: str = ""
    break_glass: bool = False
    yes: bool = False
    style: str = "text"

    @property
    def open_ended(self) -> bool:
        """Whether nobody has said yet for how long."""
        return not self.duration and self.expires is None

    @property
    def length(self) -> timedelta | None:
        return length(self.duration) if self.duration else None

    @property
    def ref(self) -> SubjectRef:
        return SubjectRef(self.group, group=True) if self.group else SubjectRef(self.subject)

    @property
    def wish(self) -> Wish:
        return Wish(
            self.subject,
            self.group,
            self.access,
            self.duration,
            moment(self.expires) if self.expires else "",
            moment(self.starts) if self.starts else "",
            self.reason,
            self.ticket,
            self.break_glass,
        )

    def check(self, now: datetime) -> None:
        """Raises InputError for what cannot be said together."""
        if self.duration and self.expires:
            raise InputError("--duration and --expires are both given; write one of them")
        if self.subject and self.group:
            raise InputError("--for and --group are both given; write one of them")
        if self.expires is not None and self.expires <= now:
            raise InputError(f"--expires {moment(self.expires)} is in the past; write a later time")


@dataclass(frozen=True, slots=True)
class Parcel:
    """One file as it is to be (`content` None: gone) and as it is on the main line (`before` None:
    not there), and the words that go with it. The branch is called by `name`."""

    path: str
    name: str
    content: bytes | None
    before: bytes | None
    letter: Letter
    answer: Answer | None = None
    approvals: Sequence[Approval] = ()


def deliver(desk: Desk, said: Said, parcel: Parcel) -> int:
    """A pull request where one can be opened, else the file in the work tree."""
    opens = "Open the pull request?"
    ends = "Write it into the work tree?" if desk.unopened else opens
    if not questions.agreed(ends, silent=said.yes):
        raise click.Abort
    kind, roster = desk.settings.kind, desk.laws.roster
    logins, nameless = reviewers(parcel.approvals, roster, kind)
    taken = desk.branches
    branch = BRANCHES + numbered(parcel.name, lambda name: f"{BRANCHES}{name}" in taken)
    done, unopened = words.Done(parcel.path, branch), desk.unopened
    if not unopened:
        try:
            desk.pushed(branch, parcel.path, parcel.content, parcel.letter)
        except ReconcilerError as e:
            if desk.must_open:
                raise
            unopened = str(e)
        else:
            url, asked = desk.opened(branch, parcel.letter, logins), logins
            done = replace(done, url=url, reviewers=asked)
            words.ask_yourself(nameless)
    if unopened:
        desk.left(parcel.path, parcel.content, parcel.before)
        words.by_hand(done, unopened, parcel.letter.title)
    words.result(done, parcel.answer, parcel.approvals, said.style)
    return 0
