"""What one does on the local GitHub: push, open, review, merge. Its commits are real commits of a
bare git repository; what was pushed to it past the pull requests is noticed from the refs. Speaks
no HTTP."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from reconciler.sandbox.bare import Bare, Files, GitRefused, Ident
from reconciler.sandbox.github.activity import Log
from reconciler.sandbox.github.merging import merged
from reconciler.sandbox.github.state import (
    GITHUB,
    WEB_FLOW,
    BaseChange,
    Comment,
    Dismissal,
    ForcePush,
    Pull,
    Review,
    Settings,
    Status,
    User,
    invalid,
)
from reconciler.sandbox.local import PEOPLE
from reconciler.sandbox.rest import Refusal

BOT = "reconciler"  # whose token the reconciler is given
ACTIONS = "github-actions"
QUEUE = "github-merge-queue"
MAIN = "main"
_FIRST_ID = 1001


def _now() -> datetime:
    return datetime.now(UTC)


class Hub:
    """One repository. `clock` may be replaced; GitHub tells times in whole seconds."""

    def __init__(self, clock: Callable[[], datetime] = _now) -> None:
        self.lock = threading.RLock()
        self.settings = Settings()
        self.users: dict[str, User] = {}
        self.pulls: dict[int, Pull] = {}
        self.comments: list[Comment] = []
        self.statuses: list[Status] = []
        self.signed: set[str] = set()
        self.bare: Bare
        self.log: Log
        self._clock = clock
        self._count = 0
        for person in PEOPLE:
            self.add_user(person.login, person.email)
        self.add_user(BOT, f"{BOT}@example.com")
        self.add_user(WEB_FLOW, GITHUB.email)
        for name in (ACTIONS, QUEUE):
            self.add_user(name, f"{name}[bot]@example.com", kind="Bot")

    def create(self, path: Path) -> None:
        """A new repository with one commit, and nothing in it but a README."""
        self.bare = Bare(path, MAIN)
        who = self.users["grace"].ident
        self.bare.add(MAIN, {"README.md": "# Access\n"}, "Begin", who, who, self.now())
        self.log = Log(self.bare)

    def seed(self, path: Path, work_tree: Path) -> None:
        """A copy of an existing git repository's branches. Its history needs no pull requests."""
        self.bare = Bare(path, MAIN)
        self.bare.run("fetch", "--quiet", str(work_tree.resolve()), "+refs/heads/*:refs/heads/*")
        self.log = Log(self.bare)

    def now(self) -> datetime:
        return self._clock().replace(microsecond=0)

    def add_user(self, login: str, email: str = "", kind: str = "User") -> User:
        user = User(_FIRST_ID + len(self.users), login, email or f"{login}@example.com", kind)
        self.users[login] = user
        return user

    def delete_user(self, login: str) -> None:
        self.users[login].alive = False

    def rename_user(self, login: str, name: str) -> None:
        """The id stays, and the old login is free for somebody else."""
        user = self.users.pop(login)
        user.login = name
        self.users[name] = user

    def user_of(self, email: str) -> User | None:
        known = (u for u in self.users.values() if u.alive and u.kind == "User")
        return next((u for u in known if u.email.casefold() == email.casefold()), None)

    def commit(
        self,
        login: str,
        branch: str,
        files: Files,
        message: str = "Change",
        onto: str = "",
        author: Ident | None = None,
        committer: Ident | None = None,
        signed: bool = False,
    ) -> str:
        """Commit and push in one: onto the branch's tip (main's, for a new branch), or by force
        onto another commit. None deletes a file. `author` and `committer` may be anybody: git
        does not care."""
        with self.lock:
            who = self.users[login].ident
            by = author or who, committer or who
            oid = self.bare.add(branch, files, message, *by, self.now(), onto)
            if signed:
                self.signed.add(oid)
            self.notice(login)
            return oid

    def push(self, login: str, work_tree: Path, refspec: str, force: bool = False) -> None:
        """Git's own push from a work tree. Raises GitRefused with git's words."""
        with self.lock:
            command = ["git", "-C", str(work_tree), "push", "--quiet", *["--force"] * force]
            command += [str(self.bare.path), refspec]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise GitRefused(done.stderr.strip())
            self.notice(login)

    def point(self, login: str, branch: str, oid: str) -> None:
        """Push a commit that is there already, by force where need be."""
        with self.lock:
            self.bare.move(branch, oid)
            self.notice(login)

    def notice(self, login: str = "", merge: str = "") -> None:
        """Look at the refs: what was pushed since, by `login` where that is known. What came into
        the folder past us had no sign-in: it is taken for the committer's."""
        with self.lock:
            tips = self.bare.branches()
            known = self.users.get(login)
            self.log.note(tips, lambda oid: known or self._committer(oid), self.now, merge)
            for pull in self.pulls.values():
                if pull.state == "OPEN":
                    self._noticed(pull, tips, self.users.get(login, pull.author))

    def _committer(self, oid: str) -> User | None:
        facts = self.bare.facts(oid)
        return self.user_of((facts.author if facts.committer == GITHUB else facts.committer).email)

    def _noticed(self, pull: Pull, tips: Mapping[str, str], pusher: User) -> None:
        tip = tips.get(pull.branch, "")
        if not tip:
            pull.state = "CLOSED"
            return
        forward = self.bare.is_within(pull.head, tip)
        if tip != pull.head:
            if not forward:
                pull.events.append(ForcePush(pusher, self.now()))
            pull.head = tip
            if self.settings.dismiss_stale:
                for review in pull.reviews:
                    if review.state == "APPROVED":
                        self._dismiss(pull, review)
        if not self.bare.is_within(tip, tips.get(pull.base, "")):
            pull.commits = self.bare.commits(tips.get(pull.base, ""), tip)
        elif forward:  # somebody pushed it to the base himself
            pull.introduced = frozenset((*pull.commits, tip))
            self._close(pull, pusher, tip)
        else:  # nothing is left in it
            pull.state = "CLOSED"

    def open_pull(
        self, login: str, branch: str, title: str, base: str = MAIN, body: str = ""
    ) -> int:
        with self.lock:
            self.notice()
            head = self.bare.tip(branch)
            commits = self.bare.commits(self.bare.tip(base), head) if head else ()
            same = (p for p in self.pulls.values() if (p.branch, p.base) == (branch, base))
            if any(p.state == "OPEN" for p in same):
                raise invalid(f"A pull request already exists for acme:{branch}.")
            if not commits:
                raise invalid(f"No commits between {base} and {branch}")
            pull = Pull(
                self.count(), title, body, self.users[login], base, branch, head, self.now()
            )
            pull.commits = commits
            self.pulls[pull.number] = pull
            return pull.number

    def retarget(self, login: str, number: int, base: str, automatic: bool = False) -> None:
        """Its author, or whoever may write, has it merged elsewhere. The reviews stay."""
        with self.lock:
            pull, actor = self.pull(number), self.users[login]
            pull.events.append(BaseChange(actor, self.now(), pull.base, base, automatic))
            pull.base = base
            pull.commits = self.bare.commits(self.bare.tip(base), pull.head)
            self.notice(login)

    def pull(self, number: int) -> Pull:
        if number not in self.pulls:
            raise Refusal(404, "Not Found")
        return self.pulls[number]

    def review(self, login: str, number: int, state: str, commit: str = "") -> int:
        """`state` is APPROVED, CHANGES_REQUESTED or COMMENTED."""
        with self.lock:
            self.notice()
            pull, author = self.pull(number), self.users[login]
            if author is pull.author and state != "COMMENTED":
                verb = "approve" if state == "APPROVED" else "request changes on"
                what = f"Can not {verb} your own pull request"
                raise Refusal(422, "Unprocessable Entity", detail=what)
            review = Review(self.count(), author, state, commit or pull.head, self.now())
            pull.reviews.append(review)
            return review.id

    def dismiss(self, number: int, review_id: int) -> None:
        with self.lock:
            pull = self.pull(number)
            review = next((r for r in pull.reviews if r.id == review_id), None)
            if review is None:
                raise Refusal(404, "Not Found")
            if review.state not in ("APPROVED", "CHANGES_REQUESTED"):
                raise invalid("Can not dismiss a comment review")
            self._dismiss(pull, review)

    def _dismiss(self, pull: Pull, review: Review) -> None:
        pull.events.append(Dismissal(review, review.state, self.now()))
        review.state = "DISMISSED"

    def merge(
        self, login: str, number: int, method: str = "merge", head: str = "", admin: bool = False
    ) -> str:
        """`admin` merges past the protection. Returns the last commit that it made on the base."""
        with self.lock:
            self.notice()
            pull = self.pull(number)
            if head and head != pull.head:
                raise Refusal(409, "Head branch was modified. Review and try the merge again.")
            if pull.state != "OPEN":
                raise Refusal(405, "Pull Request is not mergeable")
            good = {r.author.id for r in pull.reviews if r.state == "APPROVED"}
            if len(good) < self.settings.required_approvals and not admin:
                raise Refusal(405, "At least 1 approving review is required by reviewers")
            made = merged(self.bare, pull, self.users[login], method, self.now())
            if method != "rebase":
                self.signed.add(made[-1])
            pull.introduced = frozenset(made + (pull.commits if method == "merge" else ()))
            self._close(pull, self.users[login], made[-1])
            self.bare.move(pull.base, made[-1])
            self.notice(login, "merge_queue_merge" if login == QUEUE else "pr_merge")
            return made[-1]

    def queue(self, numbers: Sequence[int], method: str = "squash") -> tuple[str, ...]:
        """A merge queue's group: several pull requests in one push, by the queue's own bot."""
        with self.lock:
            return tuple(self.merge(QUEUE, number, method) for number in numbers)

    def _close(self, pull: Pull, by: User, commit: str) -> None:
        pull.state, pull.merged_by, pull.merged_at = "MERGED", by, self.now()
        pull.merge_commit = commit

    def associated(self, oid: str) -> list[Pull]:
        """As GitHub says: for a commit of the default branch, the merged pull requests that brought
        it in; for another, the open and merged ones that have it."""
        self.notice()
        if self.bare.is_within(oid, self.bare.tip(MAIN)):
            return [p for p in self.pulls.values() if p.state == "MERGED" and oid in p.introduced]
        return [p for p in self.pulls.values() if p.state != "CLOSED" and oid in p.commits]

    def comment(self, login: str, number: int, body: str) -> Comment:
        with self.lock:
            self.pull(number)
            now = self.now()
            comment = Comment(self.count(), number, self.users[login], body, now, now)
            self.comments.append(comment)
            return comment

    def status(self, login: str, commit: str, state: str, context: str, description: str) -> Status:
        with self.lock:
            if self.bare.kind(commit) != "commit":
                raise invalid(f"No commit found for SHA: {commit}")
            who = self.users[login]
            status = Status(self.count(), commit, state, context, description, who, self.now())
            self.statuses.append(status)
            return status

    def ask(self, number: int, logins: Sequence[str]) -> Pull:
        """Request reviews: all of them, or none when one cannot be asked."""
        with self.lock:
            pull = self.pull(number)
            for login in logins:
                user = self.users.get(login)
                if user is pull.author:
                    what = "Review cannot be requested from pull request author."
                    raise Refusal(422, what)
                if user is None or not user.alive or user.kind != "User":
                    what = "Reviews may only be requested from collaborators."
                    raise Refusal(422, what)
            pull.asked += [login for login in logins if login not in pull.asked]
            return pull

    def count(self) -> int:
        self._count += 1
        return self._count
