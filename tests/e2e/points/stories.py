"""What happens to a company, step by step, and what is live in the end. Only data.

An access is a line of text: system, resource, role, who. Hours count from the start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.e2e.company import grant, standing

Text = str | None | Callable[[str], str]  # the file, None: deleted, or what becomes of it


@dataclass(frozen=True)
class Merge:
    """A pull request."""

    at: float
    files: Mapping[str, Text]


@dataclass(frozen=True)
class Begin:
    """From here on reconciler.yaml has a ledger."""

    at: float


@dataclass(frozen=True)
class Give:
    """By hand, and git knows nothing of it."""

    access: str


@dataclass(frozen=True)
class Take:
    """By hand, or by the system itself."""

    access: str


@dataclass(frozen=True)
class Run:
    """`apply`. It may die between what it intends and what became of it: `made` or `not-made`."""

    at: float
    dies: str = ""


@dataclass(frozen=True)
class Move:
    """To another machine, which has no cache."""


Step = Merge | Begin | Give | Take | Run | Move


@dataclass(frozen=True)
class Cost:
    """What only the ledger knows. Where the entry that says so is gone, the access may be gone from
    the hour `end` on, or not have come back then.

    `told` begins the line that the entry is (see `lines`): kind, action, access. `since` is the hour
    of the first run after which it hangs on the ledger.
    """

    access: str
    told: tuple[str, ...]
    since: float
    end: float


@dataclass(frozen=True)
class Scenario:
    name: str
    steps: tuple[Step, ...]
    gained: frozenset[str]  # in the end, beside what was there at the start
    costs: tuple[Cost, ...] = ()
    systems: tuple[str, ...] = ("bitbucket", "gcp")  # that take part

    @property
    def runs(self) -> tuple[int, ...]:
        """Where in `steps`."""
        return tuple(i for i, step in enumerate(self.steps) if isinstance(step, Run))

    @property
    def points(self) -> tuple[int, ...]:
        """The runs after which there is a ledger, by their place in `runs`."""
        begin = next(i for i, step in enumerate(self.steps) if isinstance(step, Begin))
        return tuple(n for n, i in enumerate(self.runs) if i > begin)


def bitbucket(repository: str, role: str) -> str:
    return f"system: bitbucket, repository: {repository}, permission: {role}"


def email(login: str) -> str:
    return f"{login}@example.com"


def given(login: str, hours: int, *items: str) -> str:
    return grant(email(login), *items, end=f"duration: {hours}h")


AWS = "system: aws, account: data, permission_set: ReadOnlyAccess"
GCP = "system: gcp, project: payments-dev, role: roles/cloudsql.viewer"
CLOUDSQL = "gcp projects/payments-dev roles/cloudsql.viewer"
DATA = "aws 444455556666 ReadOnlyAccess"

# Never declared by anybody: beside every scenario, in the same places.
STRANGERS = (
    Give("bitbucket payments-api write frank"),
    Give("bitbucket ledger admin grace"),
    Give("bitbucket web admin grace"),
    Give(f"{DATA} frank"),
    Give(f"{CLOUDSQL} frank"),
)
BEGIN = (*STRANGERS, Begin(-1), Run(-0.5))

HELD = Scenario(
    "held-before",
    (
        *BEGIN,
        Give("bitbucket payments-api write alice"),
        Give("bitbucket payments-api read bob"),
        Give(f"{DATA} carol"),
        Give(f"{CLOUDSQL} carol"),
        Merge(
            0,
            {
                "grants/held.yaml": given("alice", 2, bitbucket("payments-api", "write")),
                "grants/replaces.yaml": given("bob", 2, bitbucket("payments-api", "write")),
                "grants/clouds.yaml": given("carol", 2, AWS, GCP),
                "grants/short.yaml": given("dave", 1, bitbucket("web", "read")),
                "grants/one.yaml": given("erin", 1, bitbucket("ledger", "read")),
                "grants/two.yaml": given("erin", 3, bitbucket("ledger", "read")),
            },
        ),
        Run(0),
        Move(),
        Run(1.1),
        Give("bitbucket web read dave"),
        Run(1.5),
        Run(2.5),
        Run(4),
    ),
    frozenset(
        {
            "bitbucket payments-api write alice",
            "bitbucket payments-api read bob",
            f"{DATA} carol",
            f"{CLOUDSQL} carol",
            "bitbucket web read dave",
        }
    ),
    (
        Cost(
            "bitbucket payments-api write alice",
            ("already-held  bitbucket payments-api write alice",),
            since=-0.5,
            end=2,
        ),
        Cost(f"{DATA} carol", (f"already-held  {DATA} carol",), since=-0.5, end=2),
        Cost(
            "bitbucket payments-api read bob",
            ("done add bitbucket payments-api write bob over read",),
            since=0,
            end=2,
        ),
        Cost(
            "bitbucket web read dave",
            ("done remove bitbucket web read dave",),
            since=1.1,
            end=1.5,
        ),
    ),
    systems=("aws", "bitbucket", "gcp"),
)

KIT = f"description: What on-call needs\naccess:\n  - {{{bitbucket('ledger', 'read')}}}\n"


def dave_left(people: str) -> str:
    return people.replace("  name: Dave\n", "  name: Dave\n  status: left\n")


EDITS = Scenario(
    "edited",
    (
        *BEGIN,
        Merge(
            0,
            {
                "grants/edited.yaml": given("alice", 3, bitbucket("ledger", "admin")),
                "grants/withdrawn.yaml": given("bob", 8, bitbucket("web", "write"), GCP),
                "grants/left.yaml": given("dave", 8, bitbucket("payments-api", "read"), GCP),
                "bundles/kit.yaml": f"{KIT}  - {{{GCP}}}\n",
                "grants/kit.yaml": given("carol", 2, "bundle: kit"),
                "standing/erin.yaml": standing(email("erin"), bitbucket("web", "read")),
            },
        ),
        Run(0),
        Merge(
            1,
            {
                "grants/edited.yaml": given("alice", 3, bitbucket("ledger", "read")),
                "grants/withdrawn.yaml": None,
                "bundles/kit.yaml": KIT,
                "grants/over.yaml": given("erin", 2, bitbucket("web", "write")),
            },
        ),
        Run(1),
        Merge(2, {"directory/people.yaml": dave_left}),
        Run(2.2),
        Run(3.5),
        Run(5),
    ),
    frozenset({"bitbucket web read erin"}),
)


def crashing(name: str, dies: str) -> Scenario:
    return Scenario(
        name,
        (
            *BEGIN,
            Give("bitbucket web read carol"),
            Merge(
                0,
                {
                    "grants/a.yaml": given("alice", 2, bitbucket("payments-api", "write")),
                    "grants/b.yaml": given("bob", 2, GCP),
                    "grants/c.yaml": given("carol", 2, bitbucket("web", "write")),
                },
            ),
            Run(0, dies),
            Run(0.5),
            Merge(1, {"grants/d.yaml": given("dave", 3, bitbucket("web", "read"))}),
            Run(1, dies),
            Run(1.5),
            Run(2.5, dies),
            Run(5),
        ),
        frozenset({"bitbucket web read carol"}),
        (
            Cost(
                "bitbucket web read carol",
                (
                    "intended add bitbucket web write carol over read",
                    "done add bitbucket web write carol over read",
                    "found add bitbucket web write carol over read",
                ),
                since=0,
                end=2,
            ),
        ),
    )


ADOPTED = Scenario(
    "before-the-ledger",
    (
        *STRANGERS,
        Merge(
            -2,
            {
                "grants/a.yaml": given("alice", 5, bitbucket("payments-api", "write"), AWS),
                "grants/b.yaml": given("bob", 3, bitbucket("web", "read"), GCP),
                "standing/c.yaml": standing(email("carol"), bitbucket("ledger", "read")),
            },
        ),
        Run(-2),
        Begin(-1),
        Run(-1),
        Run(0),
        Run(1.5),
        Merge(2, {"standing/c.yaml": None}),
        Run(2),
        Run(4),
    ),
    frozenset(),
    systems=("aws", "bitbucket", "gcp"),
)

GONE = Scenario(
    "gone-without-us",
    (
        *BEGIN,
        Merge(
            0,
            {
                "grants/a.yaml": given("alice", 2, bitbucket("payments-api", "write")),
                "grants/b.yaml": given("bob", 1, GCP),
                "grants/c.yaml": given("carol", 2, AWS),
                "grants/d.yaml": given("dave", 3, bitbucket("web", "write")),
            },
        ),
        Run(0),
        Take(f"{CLOUDSQL} bob"),  # the system ended it, to the minute
        Take("bitbucket web write dave"),
        Run(1.2),  # gives it again: git still says so
        Give(f"{CLOUDSQL} bob"),
        Take("bitbucket payments-api write alice"),
        Run(2.7),
        Give("bitbucket payments-api write alice"),
        Run(3.5),
    ),
    frozenset({"bitbucket payments-api write alice", f"{CLOUDSQL} bob"}),
    (
        Cost(
            "bitbucket payments-api write alice",
            ("found remove bitbucket payments-api write alice",),
            since=1.2,  # what was not known to be given is not known to be gone
            end=3.5,
        ),
    ),
    systems=("aws", "bitbucket", "gcp"),
)

SCENARIOS = (
    HELD,
    EDITS,
    crashing("died-when-made", "made"),
    crashing("died-before", "not-made"),
    ADOPTED,
    GONE,
)
