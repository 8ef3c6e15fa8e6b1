"""The pull requests of a local Bitbucket Data Center: REST API 1.0, as its documentation says (no
machine-readable description of it is published where packages are).

Never keeps anything but in memory, beside the git repository.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from reconciler.sandbox.bare import Commit
from reconciler.sandbox.bitbucket_dc import paged
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.pulls.book import Book, Member, Pull, Strategy
from reconciler.sandbox.pulls.dc_shapes import Shapes
from reconciler.sandbox.rest import Answer, Refusal, Server, as_json

REPOSITORY = "ACC/access"
_PATH = "/rest/api/<any('1.0', latest):version>/projects/<project>/repos/<slug>"
_PERMISSIONS = (
    "/rest/branch-permissions/<any('2.0', latest):version>/projects/<project>/repos/<slug>"
)
_STRATEGIES = {
    "no-ff": Strategy.MERGE_COMMIT,
    "squash": Strategy.SQUASH,
    "ff-only": Strategy.FAST_FORWARD,
}
_NAME = "com.atlassian.bitbucket."


@dataclass
class LocalDcPulls:
    """`restrictions` are rows of branch-permissions, None where the token may not ask; `settings`
    what settings/pull-requests answers; `hooks` the keys of the merge checks that are enabled."""

    book: Book
    page_most: int = 1000
    strategy: str = "no-ff"
    restrictions: list[dict[str, Any]] | None = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    hooks: tuple[str, ...] = ()
    name: str = "bitbucket-dc"
    repository: str = REPOSITORY

    def __post_init__(self) -> None:
        self._words = Shapes(self.book, self.repository)
        self._server = Server(_rules(), self._answers(), _error, self._before)

    def start(self, faults: Faults, port: int = 0) -> str:
        """The server's address, as a person would write it."""
        return self._server.start(self.name, faults, port)

    def stop(self) -> None:
        self._server.stop()

    def _answers(self) -> Mapping[str, Answer]:
        answers: dict[str, Answer] = {
            "properties": lambda request, **_: as_json({"version": "8.19.4"}),
            "commit": self._commit,
            "links": self._links,
            "pulls": self._pulls,
            "pull": self._pull,
            "activities": self._activities,
            "commits": self._commits,
            "comments": self._comments,
            "comment": self._comment,
            "ask": self._ask,
            "participant": self._participant,
            "merge": self._merge,
            "raw": self._raw,
            "settings": lambda request, **_: as_json(self.settings),
            "hooks": self._hooks,
            "restrictions": self._restrictions,
            "status": self._status,
        }
        return {name: self._signed(answer) for name, answer in answers.items()}

    def _signed(self, answer: Answer) -> Answer:
        def signed(request: Request, **values: Any) -> Response:
            response = answer(request, **values)
            response.headers["X-AUSERNAME"] = self._me(request).login
            return response

        return signed

    def _before(self, request: Request) -> None:
        self._me(request)
        where = request.path.split("/projects/")
        parts = where[1].split("/") if len(where) > 1 else []
        if len(parts) > 2 and f"{parts[0]}/{parts[2]}".lower() != self.repository.lower():
            raise Refusal(
                404,
                f"Repository {parts[0]}/{parts[2]} does not exist.",
                f"{_NAME}repository.NoSuchRepositoryException",
            )

    def _me(self, request: Request) -> Member:
        sent = request.authorization
        member = self.book.owner((sent.token or sent.password or "") if sent else "")
        if member is None:
            raise Refusal(
                401,
                "Authentication failed. Please check your credentials and try again.",
                f"{_NAME}auth.IncorrectPasswordAuthenticationException",
            )
        return member

    def _commit(self, request: Request, commit: str, **_: str) -> Response:
        return as_json(self._words.commit(self._known(commit)))

    def _links(self, request: Request, commit: str, **_: str) -> Response:
        sha = self._known(commit).hash
        pulls = [p for p in self.book.pulls.values() if sha == p.merged or sha in p.seen]
        return self._page(request, [self._words.pull(pull) for pull in pulls])

    def _pulls(self, request: Request, **_: str) -> Response:
        if request.method == "POST":
            return self._open(request)
        state, at = request.args.get("state", "OPEN"), request.args.get("at", "")
        outgoing = request.args.get("direction", "INCOMING") == "OUTGOING"
        pulls = [
            pull
            for pull in self.book.pulls.values()
            if state in ("ALL", "MERGED" if pull.merged else "OPEN")
            and at in ("", f"refs/heads/{pull.branch if outgoing else pull.into}")
        ]
        return self._page(request, [self._words.pull(pull) for pull in pulls])

    def _open(self, request: Request) -> Response:
        body, me = _body(request), self._me(request)
        branch = str(body["fromRef"]["id"]).removeprefix("refs/heads/")
        into = str(body["toRef"]["id"]).removeprefix("refs/heads/")
        if not self.book.bare.tip(branch):
            what = f"Branch {branch} does not exist"
            raise Refusal(404, what, f"{_NAME}repository.NoSuchBranchException")
        for pull in self.book.pulls.values():
            if (pull.branch, pull.into, pull.merged) == (branch, into, ""):
                raise Refusal(
                    409,
                    "Only one pull request may be open for a given source and target branch",
                    f"{_NAME}pull.DuplicatePullRequestException",
                )
        names = [row["user"]["name"] for row in body.get("reviewers", [])]
        wrong = [name for name in names if name not in self.book.members or name == me.login]
        if wrong:
            raise _Reviewers(wrong)
        made = self.book.open_pull(
            me.login, branch, body["title"], into, body.get("description", ""), names
        )
        return as_json(self._words.pull(made), 201)

    def _pull(self, request: Request, id: int, **_: str) -> Response:
        return as_json(self._words.pull(self._one(id)))

    def _activities(self, request: Request, id: int, **_: str) -> Response:
        return self._page(request, list(self._words.activities(self._one(id))))

    def _commits(self, request: Request, id: int, **_: str) -> Response:
        commits = self.book.commits(self._one(id))
        return self._page(request, [self._words.commit(commit) for commit in commits])

    def _comments(self, request: Request, id: int, **_: str) -> Response:
        said = self.book.comment(
            self._me(request).login, self._one(id).number, _body(request)["text"]
        )
        return as_json(self._words.comment(said), 201)

    def _comment(self, request: Request, id: int, comment: int, **_: str) -> Response:
        body = _body(request)
        said = next((c for c in self._one(id).comments if c.number == comment), None)
        if said is None:
            raise Refusal(404, "No such comment", f"{_NAME}comment.NoSuchCommentException")
        if said.who is not self._me(request):
            raise Refusal(401, "You may not edit this comment", f"{_NAME}AuthorisationException")
        if body.get("version") != said.version:
            raise Refusal(409, "It was changed", f"{_NAME}comment.CommentOutOfDateException")
        said.text, said.version = body["text"], said.version + 1
        return as_json(self._words.comment(said))

    def _ask(self, request: Request, id: int, **_: str) -> Response:
        pull, name = self._one(id), _body(request)["user"]["name"]
        if name not in self.book.members or name == pull.author.login:
            raise Refusal(
                409, "Not possible", f"{_NAME}pull.InvalidPullRequestParticipantException"
            )
        pull.reviewers.append(self.book.members[name])
        return as_json(self._words.participant(pull, name))

    def _participant(self, request: Request, id: int, who: str, **_: str) -> Response:
        pull, me = self._one(id), self._me(request)
        said: Mapping[str, Callable[[str, int], None]] = {
            "APPROVED": self.book.approve,
            "NEEDS_WORK": self.book.request_changes,
            "UNAPPROVED": self.book.unapprove,
        }
        said[_body(request)["status"]](me.login, pull.number)
        return as_json(self._words.participant(pull, me.login))

    def _merge(self, request: Request, id: int, **_: str) -> Response:
        pull = self._one(id)
        if request.args.get("version", "-1") != str(pull.version):
            raise Refusal(
                409,
                "You are attempting to modify a pull request based on out-of-date information.",
                f"{_NAME}pull.PullRequestOutOfDateException",
            )
        self.book.merge(self._me(request).login, id, _STRATEGIES[self.strategy])
        return as_json(self._words.pull(pull))

    def _raw(self, request: Request, path: str, **_: str) -> Response:
        commit = self._known(request.args.get("at", ""))
        content = self.book.bare.read(commit.hash, path)
        if content is None:
            what = f"The path '{path}' does not exist at revision '{commit.hash}'"
            raise Refusal(404, what, f"{_NAME}content.NoSuchPathException")
        return Response(content, mimetype="application/octet-stream")

    def _hooks(self, request: Request, **_: str) -> Response:
        rows = [{"details": {"key": key}, "enabled": True} for key in self.hooks]
        return self._page(request, rows)

    def _restrictions(self, request: Request, **_: str) -> Response:
        if self.restrictions is None:
            raise Refusal(401, "You are not permitted", f"{_NAME}AuthorisationException")
        return self._page(request, self.restrictions)

    def _status(self, request: Request, commit: str, **_: str) -> Response:
        body = _body(request)
        if not body.get("url") or body.get("state") not in ("SUCCESSFUL", "INPROGRESS", "FAILED"):
            raise Refusal(400, "url and state are required")
        self.book.statuses[commit, str(body["key"])] = body
        return Response(status=204)

    def _one(self, id: int) -> Pull:
        if id not in self.book.pulls:
            what = f"No pull request exists with ID {id}"
            raise Refusal(404, what, f"{_NAME}pull.NoSuchPullRequestException")
        return self.book.pulls[id]

    def _known(self, commit: str) -> Commit:
        sha = self.book.bare.full(commit) if re.fullmatch("[0-9a-f]{7,40}", commit) else ""
        if not sha:
            what = f"Commit '{commit}' does not exist in repository"
            raise Refusal(404, what, f"{_NAME}commit.NoSuchCommitException")
        return self.book.bare.facts(sha)

    def _page(self, request: Request, rows: list[dict[str, Any]]) -> Response:
        return paged(request, rows, self.page_most)


class _Reviewers(Refusal):
    """The refusal of a pull request says which reviewers it is about."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            409, "Invalid reviewers", f"{_NAME}pull.InvalidPullRequestReviewersException", names
        )


def _rules() -> Iterable[Rule]:
    yield Rule("/rest/api/<version>/application-properties", endpoint="properties")
    for path, endpoint, *methods in (
        ("commits/<commit>", "commit", "GET"),
        ("commits/<commit>/pull-requests", "links", "GET"),
        ("pull-requests", "pulls", "GET", "POST"),
        ("pull-requests/<int:id>", "pull", "GET"),
        ("pull-requests/<int:id>/activities", "activities", "GET"),
        ("pull-requests/<int:id>/commits", "commits", "GET"),
        ("pull-requests/<int:id>/comments", "comments", "POST"),
        ("pull-requests/<int:id>/comments/<int:comment>", "comment", "PUT"),
        ("pull-requests/<int:id>/participants", "ask", "POST"),
        ("pull-requests/<int:id>/participants/<who>", "participant", "PUT"),
        ("pull-requests/<int:id>/merge", "merge", "POST"),
        ("raw/<path:path>", "raw", "GET"),
        ("settings/pull-requests", "settings", "GET"),
        ("settings/hooks", "hooks", "GET"),
    ):
        yield Rule(f"{_PATH}/{path}", endpoint=endpoint, methods=methods)
    yield Rule(f"{_PERMISSIONS}/restrictions", endpoint="restrictions", methods=["GET"])
    status = "/rest/build-status/<any('1.0', latest):version>/commits/<commit>"
    yield Rule(status, endpoint="status", methods=["POST"])


def _body(request: Request) -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Refusal(400, "A JSON object is required")
    return body


def _error(refusal: Refusal) -> Response:
    error: dict[str, Any] = {"context": None, "message": refusal.message}
    error["exceptionName"] = refusal.name or None
    if isinstance(refusal, _Reviewers) and isinstance(refusal.detail, list):
        wrong = [{"context": name, "message": "not possible"} for name in refusal.detail]
        error |= {"reviewerErrors": wrong, "validReviewers": []}
    return as_json({"errors": [error]}, refusal.status)
