"""A company whose access repository lies on a local GitHub: files reach it by pull requests."""

from __future__ import annotations

from pathlib import Path

from reconciler.sandbox.home import Running
from reconciler.sandbox.process import Sandbox
from tests.e2e.company import Company


class Hosted(Company):
    """Files reach the main line by pull requests there, or by pushes past them."""

    def __init__(self, sandbox: Sandbox, running: Running, home: Path) -> None:
        super().__init__(sandbox, running, home)
        self.git("remote", "set-url", "origin", str(running.home / "github" / "github.git"))
        self.git("fetch", "-q", "origin")
        self.cache = home / "cache"
        self.unset = ""  # a variable that commands do not get
        self.trust = ""  # another RECONCILER_TRUST than the sandbox's

    def environment(self, at: float) -> dict[str, str]:
        found = super().environment(at)
        found.pop(self.unset, None)
        return {**found, "RECONCILER_TRUST": self.trust} if self.trust else found

    def _commit(self, login: str, files: dict[str, str | None]) -> None:
        self.stage(files)
        who = ("-c", f"user.name={login}", "-c", f"user.email={login}@example.com")
        self.git(*who, "commit", "-q", "-m", "request")

    def request(
        self, login: str, files: dict[str, str | None], *approvers: str, pusher: str = ""
    ) -> None:
        """A pull request, approved and merged by grace, who may do so past every protection. The
        commit is the login's, and so is the push, if nobody else is named."""
        branch = f"request-{len(self.git('rev-list', '--all').split())}"
        self.git("switch", "-q", "-c", branch)
        self._commit(login, files)
        self.git("push", "-q", "origin", branch)
        if pusher:
            self.sandbox.pulls({"do": "push", "login": pusher})
        opened = self._do(do="open", login=login, branch=branch, title="Please")
        for approver in approvers:
            self._do(do="approve", login=approver, number=opened)
        self._do(do="merge", login="grace", number=opened)
        self.follow()

    def _do(self, **asked: str) -> str:
        found = self.sandbox.pulls(asked)
        assert isinstance(found, list)
        return str(found[0]["number"])

    def push(self, login: str, files: dict[str, str | None]) -> None:
        self._commit(login, files)
        self.git("push", "-q", "origin", "main")

    def follow(self) -> None:
        self.git("switch", "-q", "main")
        self.git("fetch", "-q", "origin")
        self.git("reset", "-q", "--hard", "origin/main")

    def asked(self) -> int:
        return len(self.sandbox.calls("github"))
