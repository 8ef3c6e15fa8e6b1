"""The GraphQL documents that are sent to GitHub. What varies goes in as variables, never as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PULLS = 3  # of one commit; there is hardly ever a second one
# First pages are small: GitHub charges a query by the pages that it could have (50 commits with
# these sizes cost 42 of the 1,000 points that a workflow's token has in an hour).
REVIEWS = 50
COMMITS = 25
EVENTS = 50
AUTHORS = 10
MORE = 100  # rows in a further page

_PAGE = "pageInfo { hasNextPage endCursor } totalCount"
_FRAGMENTS = f"""
fragment Who on Actor {{
  __typename login ... on User {{ databaseId }} ... on Bot {{ databaseId }}
}}
fragment Git on GitActor {{ name email user {{ ...Who }} }}
fragment PullFacts on PullRequest {{
  number url title state createdAt merged mergedAt
  baseRefName baseRepository {{ nameWithOwner }} headRefName headRefOid isCrossRepository
  mergeCommit {{ oid }}
  author {{ ...Who }} mergedBy {{ ...Who }}
}}
fragment CommitFacts on PullRequestCommit {{
  commit {{
    oid committer {{ ...Git }} signature {{ isValid }}
    authors(first: {AUTHORS}) {{ nodes {{ ...Git }} {_PAGE} }}
  }}
}}
fragment ReviewFacts on PullRequestReview {{ id state submittedAt author {{ ...Who }} }}
fragment EventFacts on PullRequestTimelineItems {{
  __typename
  ... on HeadRefForcePushedEvent {{ createdAt actor {{ ...Who }} }}
  ... on BaseRefChangedEvent {{ createdAt }}
  ... on AutomaticBaseChangeSucceededEvent {{ createdAt }}
  ... on ReviewDismissedEvent {{ createdAt previousReviewState review {{ id }} }}
}}
"""
_EVENT_TYPES = (
    "itemTypes: [HEAD_REF_FORCE_PUSHED_EVENT, REVIEW_DISMISSED_EVENT, BASE_REF_CHANGED_EVENT, "
    "AUTOMATIC_BASE_CHANGE_SUCCEEDED_EVENT]"
)
_REPOSITORY = "repository(owner: $owner, name: $name, followRenames: false)"
_USED = {  # fragments, each with those that it needs
    "Who": (), "Git": ("Who",), "PullFacts": ("Who",), "CommitFacts": ("Git",),
    "ReviewFacts": ("Who",), "EventFacts": ("Who",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Paths:
    """Files that a document asks for; each has the variable `p` and the field `f` with its number.
    Two commits may ask for different ones of them."""

    all: tuple[str, ...]

    @property
    def variables(self) -> dict[str, object]:
        return {f"p{i}": path for i, path in enumerate(self.all)}

    @property
    def declared(self) -> str:
        return "".join(f", $p{i}: String!" for i in range(len(self.all)))

    def field(self, path: str) -> str:
        return f"f{self.all.index(path)}"

    def fields(self, paths: Iterable[str]) -> str:
        numbers = sorted(self.all.index(path) for path in paths)
        return " ".join(f"f{i}: file(path: $p{i}) {{ oid }}" for i in numbers)


def evidence(commits: Sequence[tuple[str, tuple[str, ...]]], paths: Paths) -> str:
    """Every commit's pull requests: `c0`, `c1`, ... with the variables `o0`, `o1`, ..."""
    declared = "".join(f", $o{i}: GitObjectID!" for i in range(len(commits)))
    asked = "\n".join(
        f"c{i}: object(oid: $o{i}) {{ oid ... on Commit {{ {_pulls(wanted, paths)} }} }}"
        for i, (_, wanted) in enumerate(commits)
    )
    return _document(declared + paths.declared, f"{_REPOSITORY} {{ nameWithOwner {asked} }}")


def more_pulls(wanted: Sequence[str], paths: Paths) -> str:
    """Further pull requests of the commit $oid, after $after."""
    inside = f"object(oid: $oid) {{ oid ... on Commit {{ {_pulls(wanted, paths, True)} }} }}"
    declared = f", $oid: GitObjectID!, $after: String!{paths.declared}"
    return _document(declared, f"{_REPOSITORY} {{ {inside} }}")


def pull(paths: Paths) -> str:
    """The pull request $number."""
    inside = f"pullRequest(number: $number) {{ {_pull(paths.all, paths)} }}"
    return _document(f", $number: Int!{paths.declared}", f"{_REPOSITORY} {{ {inside} }}")


def open_pulls() -> str:
    """The open ones from $branch to $base, forks' among them."""
    inside = (
        "pullRequests(states: [OPEN], headRefName: $branch, baseRefName: $base, first: 20) "
        f"{{ nodes {{ number isCrossRepository }} {_PAGE} }}"
    )
    return _document(", $branch: String!, $base: String!", f"{_REPOSITORY} {{ {inside} }}")


def more_reviews(paths: Paths) -> str:
    inside = _reviews(MORE, paths.all, paths, ", after: $after")
    return _more(inside, paths.declared)


def more_commits() -> str:
    return _more(_commits(MORE, ", after: $after"))


def more_events() -> str:
    return _more(_events(MORE, ", after: $after"))


def more_authors() -> str:
    """Further authors of the commit $oid."""
    authors = f"authors(first: {MORE}, after: $after) {{ nodes {{ ...Git }} {_PAGE} }}"
    inside = f"object(oid: $oid) {{ ... on Commit {{ {authors} }} }}"
    return _document(", $oid: GitObjectID!, $after: String!", f"{_REPOSITORY} {{ {inside} }}")


def contents(paths: Paths) -> str:
    """The files of the commit $oid."""
    inside = f"object(oid: $oid) {{ ... on Commit {{ oid {paths.fields(paths.all)} }} }}"
    return _document(f", $oid: GitObjectID!{paths.declared}", f"{_REPOSITORY} {{ {inside} }}")


VIEWER = "query { viewer { databaseId } }"
MERGE_METHOD = (
    f"query($owner: String!, $name: String!) {{ {_REPOSITORY} {{ viewerDefaultMergeMethod }} }}"
)


def _more(inside: str, declared: str = "") -> str:
    declared = f", $number: Int!, $after: String!{declared}"
    asked = f"{_REPOSITORY} {{ pullRequest(number: $number) {{ {inside} }} }}"
    return _document(declared, asked)


def _pulls(wanted: Iterable[str], paths: Paths, later: bool = False) -> str:
    after = ", after: $after" if later else ""
    inside = f"nodes {{ {_pull(wanted, paths)} }} {_PAGE}"
    return f"associatedPullRequests(first: {PULLS}{after}) {{ {inside} }}"


def _pull(wanted: Iterable[str], paths: Paths) -> str:
    wanted = tuple(wanted)
    head = f"head: commits(last: 1) {{ nodes {{ commit {{ oid {paths.fields(wanted)} }} }} }}"
    parts = (_reviews(REVIEWS, wanted, paths), _commits(COMMITS), head, _events(EVENTS))
    return " ".join(("...PullFacts", *parts))


def _reviews(first: int, wanted: Iterable[str], paths: Paths, after: str = "") -> str:
    commit = f"commit {{ oid {paths.fields(wanted)} }}"
    return f"reviews(first: {first}{after}) {{ nodes {{ ...ReviewFacts {commit} }} {_PAGE} }}"


def _commits(first: int, after: str = "") -> str:
    return f"commits(first: {first}{after}) {{ nodes {{ ...CommitFacts }} {_PAGE} }}"


def _events(first: int, after: str = "") -> str:
    arguments = f"first: {first}{after}, {_EVENT_TYPES}"
    return f"timelineItems({arguments}) {{ nodes {{ ...EventFacts }} {_PAGE} }}"


def _document(declared: str, asked: str) -> str:
    """With the fragments that it uses: GitHub refuses one that is not used."""
    used: set[str] = set()
    todo = [name for name in _USED if f"...{name}" in asked]
    while todo:
        name = todo.pop()
        used.add(name)
        todo += _USED[name]
    each = [f"fragment {text}" for text in _FRAGMENTS.split("fragment ")[1:]]
    fragments = "".join(text for text in each if text.split()[1] in used)
    return f"query($owner: String!, $name: String!{declared}) {{ {asked} }}\n{fragments}"
