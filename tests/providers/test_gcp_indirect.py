"""Other ways to a Google Cloud resource: groups in groups, folders above, ends and conditions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.iam.v1 import policy_pb2

from reconciler.errors import ItemError, ProviderError
from reconciler.model import Assignment, Observed, Principal, Subject
from reconciler.providers.base import Reader, System
from reconciler.providers.gcp import connect
from reconciler.sandbox.faults import Fault, FaultKind, Faults
from reconciler.sandbox.gcp import LocalGcp
from tests.providers.bitbucket_build import scripted
from tests.providers.gcp_build import ALICE, add, carried_out, held, no_pace, observed
from tests.providers.gcp_world import SUBJECTS, local_gcp

PROJECT, FOLDER, ORGANIZATION = "projects/payments-prod", "folders/1001", "organizations/2001"
ROLE = "roles/cloudsql.viewer"
SOON = "2026-12-01T18:00:00Z"
END = datetime(2026, 12, 1, 18, tzinfo=UTC)
LATER = datetime(2027, 1, 1, tzinfo=UTC)
GRACE = replace(ALICE, id="grace@example.com")


class World:
    def __init__(self, local: LocalGcp, faults: Faults, system: System) -> None:
        self.local, self.faults, self.system = local, faults, system

    def bind(self, member: str, resource: str = PROJECT, title: str = "", only: str = "") -> None:
        def edit(policy: policy_pb2.Policy) -> None:
            binding = policy.bindings.add(role=ROLE, members=[member])
            if only:
                binding.condition.title, binding.condition.expression = title, only

        self.local.policies.change(resource, edit)

    def bound(self, member: str) -> None:
        """What Google takes on other resources, and our local one refuses on these."""
        self.local.policies._policies[PROJECT].bindings.add(role=ROLE, members=[member])

    def group(self, name: str, *members: str, until: str = "") -> None:
        for member in members:
            self.local.directory.add(f"{name}@example.com", member, until)

    def ways(
        self, subject: Subject = ALICE, reader: Reader | None = None, **item: str
    ) -> tuple[Observed, ...]:
        reader = reader or self.system.open_reader(no_pace)
        of = held(self.system, subject, **item)
        return reader.indirect(of.principal, of.entitlement)

    def told(self, subject: Subject = ALICE, **item: str) -> list[str]:
        """What is told of `ROLE`; the seeded organisation gives others besides."""
        rows = self.ways(subject, None, **item)
        return [row.via for row in rows if row.assignment.entitlement.role == ROLE]

    @contextmanager
    def groups_say(self, page: object) -> Iterator[None]:
        """Every group is answered so, as no honest server would."""
        with scripted() as server:
            server.says("/v1/groups:lookup", {"name": "groups/7"})
            server.says("/v1/groups/7/memberships", page)
            endpoint = self.system.settings.endpoint  # type: ignore[attr-defined]
            self.system = connect("gcp", {"endpoint": endpoint, "groups_endpoint": server.url})
            yield

    def fail(self, call: str, **more: int) -> None:
        self.faults.arm(Fault("gcp", call, FaultKind.STATUS, **{"status": 403, **more}))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with local_gcp(tmp_path, monkeypatch) as (local, faults, system):
        local.directory.add("all@example.com", "zoe@example.com")
        yield World(local, faults, system)


def test_a_row_is_told_as_it_stands_there(world: World) -> None:
    world.bind("group:Payments-OnCall@example.com", FOLDER)
    [row] = [r for r in world.ways() if r.assignment.entitlement.role == ROLE]
    there = replace(held(world.system).entitlement, kind="folder", resource=FOLDER)
    assert row.assignment == Assignment(there, Principal("group:payments-oncall@example.com"))
    assert row.via == "inherited from folders/1001, group payments-oncall@example.com"


def test_what_every_level_above_gives_is_told(world: World) -> None:
    for resource in (PROJECT, FOLDER, ORGANIZATION):
        world.bind("user:alice@example.com", resource)
    assert world.told() == ["inherited from folders/1001", "inherited from organizations/2001"]


def test_a_folder_in_a_folder_is_gone_through(world: World) -> None:
    world.local.hierarchy.parents[PROJECT] = "folders/1002"
    world.local.hierarchy.parents["folders/1002"] = FOLDER
    world.bind("user:alice@example.com", FOLDER)
    assert world.told() == ["inherited from folders/1001"]


def test_a_folder_that_is_said_to_be_in_itself_ends_the_way(world: World) -> None:
    world.local.hierarchy.parents[FOLDER] = FOLDER
    world.bind("user:alice@example.com", FOLDER)
    assert world.told() == ["inherited from folders/1001"]


def test_a_project_of_no_organization_inherits_nothing(world: World) -> None:
    world.local.hierarchy.parents[PROJECT] = ""
    world.bind("user:alice@example.com", FOLDER)
    assert world.told() == []


def test_a_service_account_inherits_from_the_project_that_it_is_in(world: World) -> None:
    world.bind("user:alice@example.com")
    account = "deployer@payments-prod.iam.gserviceaccount.com"
    assert world.told(service_account=account, role=ROLE) == [
        "inherited from projects/payments-prod"
    ]


def test_a_group_in_a_group_in_a_group_is_gone_through(world: World) -> None:
    world.bind("group:all@example.com")
    world.group("all", "bob@example.com", "engineering@example.com")
    world.group("engineering", "Payments-OnCall@example.com", "all@example.com")  # a circle, too
    assert world.told() == [
        "group all@example.com through engineering@example.com through payments-oncall@example.com"
    ]
    assert world.told(replace(ALICE, id="carol@example.com")) == []


def test_the_nearest_way_through_a_group_is_told(world: World) -> None:
    world.bind("group:all@example.com")
    world.group("all", "payments-oncall@example.com", "alice@example.com")
    assert world.told() == ["group all@example.com"]


@pytest.mark.parametrize("page", [1, 2, 3])
def test_all_pages_of_a_group_are_read(world: World, page: int) -> None:
    world.local.directory.page_most = page
    world.bind("group:all@example.com")
    world.group("all", *(f"user{n}@example.com" for n in range(3)), "alice@example.com")
    assert world.told() == ["group all@example.com"]
    lists = [c for c in world.faults.calls("gcp") if "/memberships?" in c.call]
    assert len(lists) == -(-5 // page) + 2  # two more groups are bound, of one member each


def test_a_membership_that_ends_is_told_with_its_end(world: World) -> None:
    world.bind("group:all@example.com")
    world.group("all", "alice@example.com", until=SOON)
    [row] = [r for r in world.ways() if r.via == "group all@example.com"]
    assert row.until == END


def test_of_two_ways_through_a_group_the_longer_one_counts(world: World) -> None:
    world.bind("group:all@example.com")
    world.group("all", "alice@example.com", until=SOON)
    world.group("all", "inner@example.com", until="2027-01-01T00:00:00Z")
    world.group("inner", "alice@example.com")
    [row] = [r for r in world.ways() if "all@example.com" in r.via]
    assert (row.via, row.until) == ("group all@example.com through inner@example.com", LATER)


def test_a_way_that_ends_sooner_does_not_hide_the_longer_one(world: World) -> None:
    world.bind("group:all@example.com")
    world.group("all", "inner@example.com")
    world.group("all", "alice@example.com", until="2027-01-01T00:00:00Z")
    world.group("inner", "alice@example.com", until=SOON)
    [row] = [r for r in world.ways() if "all@example.com" in r.via]
    assert (row.via, row.until) == ("group all@example.com", LATER)


def test_a_longer_way_round_that_lasts_longer_counts(world: World) -> None:
    world.bind("group:all@example.com")
    world.group("all", "inner@example.com", until=SOON)
    world.group("all", "between@example.com")
    world.group("between", "inner@example.com")
    world.group("inner", "alice@example.com")
    [row] = [r for r in world.ways() if "all@example.com" in r.via]
    assert row.via.endswith(" through between@example.com through inner@example.com")
    assert row.until is None


def test_a_group_is_not_listed_for_somebody_who_is_found_for_good(world: World) -> None:
    world.bind("group:all@example.com")
    world.group("all", "inner@example.com", "alice@example.com")
    world.group("inner", "bob@example.com")
    assert world.told() == ["group all@example.com"]
    assert not any("inner" in call.call for call in world.faults.calls("gcp"))


def test_of_the_ends_of_membership_and_binding_the_first_counts(world: World) -> None:
    world.bind(
        "group:all@example.com", only='request.time < timestamp("2027-01-01T00:00:00Z")', title="x"
    )
    world.group("all", "alice@example.com", until=SOON)
    assert [r.until for r in world.ways() if "all@example.com" in r.via] == [END]


def test_what_ended_is_told_with_its_end(world: World) -> None:
    past = 'request.time < timestamp("2024-01-01T00:00:00Z")'
    world.bind("user:alice@example.com", FOLDER, "for a while", past)
    [row] = [r for r in world.ways() if r.via == "inherited from folders/1001"]
    assert (row.until, row.controller) == (datetime(2024, 1, 1, tzinfo=UTC), None)


def test_a_condition_that_is_more_than_an_end_is_said(world: World) -> None:
    world.bind("group:payments-oncall@example.com", FOLDER, "from home", "request.time > x")
    [row] = [r for r in world.ways() if "condition" in r.via]
    assert (row.until, row.unsure) == (None, True)
    assert row.via == (
        "inherited from folders/1001, group payments-oncall@example.com, "
        "under the condition from home"
    )


def test_our_title_over_another_condition_does_not_pass_for_something_that_is_over(
    world: World,
) -> None:
    title = f"jit:{'a' * 26}"
    world.bind("user:alice@example.com", FOLDER, title, 'resource.name == "x"')
    [row] = [r for r in world.ways() if "condition" in r.via]
    assert (row.until, row.marker) == (None, "a" * 26)


def test_what_we_gave_above_is_told_with_our_mark(world: World) -> None:
    above = held(world.system, folder="1001", role=ROLE)
    assert carried_out(world.system, add(above, END)) == [None]
    [row] = [r for r in world.ways() if r.via == "inherited from folders/1001"]
    assert (row.marker, row.until) == (above.id, END)


def test_a_domain_is_everybody_with_an_address_in_it(world: World) -> None:
    world.bind("domain:example.com")
    assert world.told() == ["domain example.com"]
    assert world.told(replace(ALICE, id="alice@sub.example.com")) == []
    assert world.told(SUBJECTS[3]) == []  # a group


def test_everybody_is_everybody(world: World) -> None:
    world.bound("allAuthenticatedUsers")
    world.bound("allUsers")
    said = ["everybody who is signed in to Google", "everybody on the internet"]
    assert world.told() == said
    assert world.told(SUBJECTS[4]) == said


def test_a_set_of_a_pool_may_hold_those_of_the_pool(world: World) -> None:
    pool = "//iam.googleapis.com/locations/global/workforcePools/staff"
    one = replace(ALICE, accounts=(f"principal:{pool}/subject/alice",))
    world.bind(f"principalSet:{pool}/group/oncall")
    world.bind(f"principalSet:{pool}/*")
    world.bind(f"principalSet:{pool}s/*")
    assert world.told(one) == [
        f"principalSet:{pool}/*",
        f"principalSet:{pool}/group/oncall, if it is in there",
    ]
    assert not any("groups" in c.call for c in world.faults.calls("gcp"))  # it can be in none
    assert world.told() == []


def test_all_service_accounts_of_a_project_may_be_meant(world: World) -> None:
    every = "principalSet://cloudresourcemanager.googleapis.com/projects/7/type/ServiceAccount"
    world.bind(every)
    assert world.told(SUBJECTS[4]) == [f"{every}, if it is in there"]
    assert world.told() == []


def test_a_service_account_and_a_group_can_be_members_too(world: World) -> None:
    world.bind("group:all@example.com")
    world.group("all", *(s.accounts[0] for s in SUBJECTS[3:]))
    assert [world.told(s) for s in SUBJECTS[3:]] == [["group all@example.com"]] * 2


def test_a_deleted_group_is_no_way(world: World) -> None:
    world.bind("group:payments-oncall@example.com")
    world.local.policies.delete_account("payments-oncall@example.com", "77")
    assert world.told() == []


def test_the_same_is_asked_once_in_a_run(world: World) -> None:
    """Four calls for the levels' policies and parents, two for each bound group: its name, and each
    500 members. The next person on the same project costs only groups that were not asked yet."""
    reader = world.system.open_reader(no_pace)
    world.ways(ALICE, reader)
    calls = [c.call for c in world.faults.calls("gcp")]
    assert [c for c in calls if c.startswith("RPC")] == [
        "RPC Projects/GetIamPolicy",
        "RPC Projects/GetProject",
        "RPC Folders/GetIamPolicy",
        "RPC Folders/GetFolder",
        "RPC Organizations/GetIamPolicy",
    ]
    assert len(calls) == 5 + 2 * 2  # auditors and platform-admins, both bound twice and more
    world.faults.clear()
    world.ways(GRACE, reader)
    assert world.faults.calls("gcp") == ()


@pytest.mark.parametrize(
    ("call", "right"),
    [
        ("RPC Projects/GetProject", r"resourcemanager\.projects\.get there"),
        ("RPC Folders/GetFolder", r"resourcemanager\.folders\.get there"),
        ("RPC Folders/GetIamPolicy", r"resourcemanager\.folders\.getIamPolicy there"),
        ("RPC Organizations/GetIamPolicy", r"resourcemanager\.organizations\.getIamPolicy"),
    ],
)
def test_a_right_that_is_missing_is_named(world: World, call: str, right: str) -> None:
    world.fail(call)
    with pytest.raises(ProviderError, match=f"it takes .*{right}"):
        world.ways()


@pytest.mark.parametrize("call", ["GET /v1/groups:lookup*", "GET /v1/groups/*/memberships*"])
def test_the_right_to_see_groups_is_named_where_it_is_not_known_who_is_in_one(
    world: World, call: str
) -> None:
    world.fail(call, times=100)
    unsure = [row.via for row in world.ways() if row.unsure]
    assert unsure
    assert all("it takes the administrator role Groups Reader" in via for via in unsure)


def test_the_right_to_see_a_service_account_is_named(world: World) -> None:
    world.fail("RPC IAM/GetServiceAccount")
    account = "deployer@payments-prod.iam.gserviceaccount.com"
    with pytest.raises(ProviderError, match=r"it takes iam\.serviceAccounts\.get there"):
        world.told(service_account=account, role=ROLE)


def test_a_group_of_strangers_is_a_way_that_may_be_and_keeps_no_other_from_being_told(
    world: World,
) -> None:
    world.bind("group:payments-oncall@example.com")
    world.bound("allUsers")
    del world.local.directory.groups["payments-oncall@example.com"]
    [stranger] = [row for row in world.ways() if row.unsure]
    [everybody] = [row for row in world.ways() if row.via.startswith("everybody")]
    assert (everybody.via, everybody.unsure) == ("everybody on the internet", False)
    assert stranger.via.startswith("group payments-oncall@example.com, if it is in there: list the")
    assert "another company can be read only there" in stranger.via
    assert stranger.unsure


def test_of_a_group_with_a_group_in_it_that_cannot_be_read_it_is_not_known(world: World) -> None:
    world.bind("group:all@example.com")
    world.group("all", "auditors@example.com")
    assert world.ways(GRACE)
    del world.local.directory.groups["auditors@example.com"]
    world.local.directory._accounts.kinds["auditors@example.com"] = "group"
    [row] = [row for row in world.ways(GRACE) if "group all@example.com" in row.via]
    assert row.unsure
    assert "list the members of group auditors@example.com" in row.via


@pytest.mark.parametrize("kind", [FaultKind.HALF, FaultKind.EMPTY])
def test_an_answer_that_is_not_all_there_is_an_error(world: World, kind: FaultKind) -> None:
    for call in ("RPC Projects/GetProject", "RPC Folders/GetFolder", "RPC Folders/GetIamPolicy"):
        world.faults.arm(Fault("gcp", call, kind))
        with pytest.raises(ProviderError, match="not all there"):
            world.ways()


def test_half_a_page_of_members_is_an_error(world: World) -> None:
    world.faults.arm(Fault("gcp", "GET /v1/groups/*", FaultKind.HALF, times=9))
    with pytest.raises(ProviderError, match="list the members of group"):
        world.ways()


KEY = {"preferredMemberKey": {"id": "alice@example.com"}}
MEMBER = [{"name": "MEMBER"}]


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ([], "no JSON object"),
        ("<html>sign in</html>", "no JSON object"),
        ({"memberships": [{**KEY, "roles": MEMBER}]}, "without its key, its type or its roles"),
        ({"memberships": [{"type": "USER", "roles": MEMBER}]}, "without its key"),
        ({"memberships": [{**KEY, "type": "USER"}]}, "without its key, its type or its roles"),
        ({"memberships": [{**KEY, "type": "USER", "roles": [{}]}]}, "without its name"),
        ({"memberships": [], "nextPageToken": "2"}, "leads to '2', which was there before"),
        (
            {
                "memberships": [
                    {
                        **KEY,
                        "type": "USER",
                        "roles": [{"name": "MEMBER", "expiryDetail": {"expireTime": "soon"}}],
                    }
                ]
            },
            "ends at 'soon'",
        ),
    ],
)
def test_a_page_that_cannot_be_believed_is_an_error(world: World, page: object, says: str) -> None:
    with world.groups_say(page), pytest.raises(ProviderError, match=says):
        world.ways()


def test_whoever_is_of_another_directory_is_nobody_that_a_policy_names(world: World) -> None:
    mapped = {
        "preferredMemberKey": {"id": "alice@example.com", "namespace": "identitysources/7"},
        "type": "USER",
        "roles": MEMBER,
    }
    with world.groups_say({"memberships": [mapped]}):
        assert not any("group" in row.via for row in world.ways())


def test_an_owner_who_is_a_member_for_a_while_stays(world: World) -> None:
    roles = [{"name": "MEMBER", "expiryDetail": {"expireTime": SOON}}, {"name": "OWNER"}]
    owner = {**KEY, "type": "USER", "roles": roles}
    with world.groups_say({"memberships": [owner]}):
        rows = [row for row in world.ways() if "group" in row.via]
        assert {row.until for row in rows} == {None}


def test_a_redirect_is_not_followed_the_token_stays_where_it_belongs(world: World) -> None:
    with scripted() as server:
        server.moves("/v1/groups:lookup", f"{server.url}/elsewhere")
        endpoint = world.system.settings.endpoint  # type: ignore[attr-defined]
        world.system = connect("gcp", {"endpoint": endpoint, "groups_endpoint": server.url})
        with pytest.raises(ProviderError, match="redirects"):
            world.ways()
        assert {path for path, _, _ in server.requests} == {"/v1/groups:lookup"}


def test_a_busy_directory_is_waited_for(world: World) -> None:
    world.fail("GET /v1/groups*", status=503, times=2)
    world.fail("RPC Projects/GetProject", status=503)
    world.fail("RPC Folders/GetIamPolicy", status=429)
    assert world.ways(GRACE)


def test_every_call_is_paced(world: World) -> None:
    paced: list[int] = []
    world.ways(ALICE, world.system.open_reader(lambda: paced.append(1)))
    assert len(paced) == len(world.faults.calls("gcp"))


def test_over_rest_the_same_is_told(world: World) -> None:
    world.bind("group:payments-oncall@example.com", FOLDER)
    by_rpc = world.ways()
    world.system = connect("gcp", {"endpoint": world.local.rest_url})
    assert world.ways() == by_rpc


def test_where_groups_cannot_be_asked_for_it_says_so(world: World) -> None:
    endpoint = world.system.settings.endpoint  # type: ignore[attr-defined]
    world.system = connect("gcp", {"endpoint": endpoint})
    with pytest.raises(ProviderError, match="write groups_endpoint beside endpoint"):
        world.ways()
    assert observed(world.system)  # a plan needs none of it


@pytest.mark.parametrize(
    "settings",
    [
        {"groups_endpoint": "http://127.0.0.1:1"},
        {"endpoint": "grpc://127.0.0.1:1", "groups_endpoint": "https://groups.example.com"},
    ],
)
def test_groups_are_asked_of_google_unless_all_is_elsewhere(settings: dict[str, str]) -> None:
    with pytest.raises(ItemError, match="groups_endpoint"):
        connect("gcp", settings)
    assert connect("gcp", {}).settings.groups_endpoint == "https://cloudidentity.googleapis.com"
