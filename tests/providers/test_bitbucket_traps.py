"""What goes wrong between us and a Bitbucket: each trap of the SDK and of the wire, with a test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import ProviderError
from reconciler.model import Observed
from reconciler.providers.base import Reader
from reconciler.providers.bitbucket.settings import Patience
from reconciler.providers.bitbucket_cloud import connect
from reconciler.providers.bitbucket_cloud.rest import open_rest
from reconciler.providers.bitbucket_cloud.system import CloudSystem
from reconciler.providers.bitbucket_dc import connect as connect_dc
from reconciler.sandbox.faults import FaultKind, Faults
from tests.providers.bitbucket_build import Scripted, break_calls, calls_of, fail, no_pace, scripted
from tests.providers.bitbucket_cloud_world import local_cloud

USERS = "/2.0/repositories/acme/web/permissions-config/users"
GROUPS = "/2.0/repositories/acme/web/permissions-config/groups"
DC_USERS = "/rest/api/1.0/projects/PAY/permissions/users"
DC_GROUPS = "/rest/api/1.0/projects/PAY/permissions/groups"
NOBODY = {"pagelen": 100, "values": []}
ROW = {"user": {"uuid": "{A}", "display_name": "Ann"}, "permission": "read"}
DC_ROW = {"user": {"name": "ann"}, "permission": "PROJECT_READ"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    monkeypatch.setenv("BITBUCKET_TOKEN", "local-secret")
    monkeypatch.setenv("BITBUCKET_DC_TOKEN", "local-secret")
    for name in ("BITBUCKET_USERNAME", "BITBUCKET_DC_USERNAME"):
        monkeypatch.delenv(name, raising=False)
    with scripted() as server:
        for path in (USERS, GROUPS):
            server.says(path, NOBODY)
        for path in (DC_USERS, DC_GROUPS):
            server.says(path, {"size": 0, "isLastPage": True, "values": []})
        yield server


def read(server: Scripted) -> tuple[Observed, ...]:
    system = connect("bitbucket", {"workspace": "acme", "endpoint": server.url})
    return system.open_reader(no_pace).observe("repository web", ())


def read_dc(server: Scripted) -> tuple[Observed, ...]:
    system = connect_dc("bitbucket-dc", {"url": server.url})
    return system.open_reader(no_pace).observe("project PAY", ())


def test_an_empty_page_that_leads_on_is_an_error_not_an_empty_list(server: Scripted) -> None:
    server.says(GROUPS, {**NOBODY, "next": f"{server.url}/2.0/more"})
    server.says("/2.0/more", NOBODY)
    with pytest.raises(ProviderError, match="a page of 0 rows leads to"):
        read(server)


@pytest.mark.parametrize("body", [{"pagelen": 10}, {"values": None}, {"values": ["x"]}])
def test_an_answer_without_its_list_is_an_error_not_an_empty_list(
    server: Scripted, body: object
) -> None:
    server.says(USERS, body)
    with pytest.raises(ProviderError, match="without its list of values"):
        read(server)
    server.says(DC_USERS, body)
    with pytest.raises(ProviderError, match="without its list of values"):
        read_dc(server)


@pytest.mark.parametrize("body", ["<html>Sign in</html>", "[]", "null", ""])
def test_a_login_page_with_status_200_is_an_error(server: Scripted, body: str) -> None:
    for path in (USERS, DC_USERS):
        server.says(path, body, kind="text/html")
    with pytest.raises(ProviderError, match=r"no JSON object but text/html.*login page"):
        read(server)
    with pytest.raises(ProviderError, match="no JSON object"):
        read_dc(server)


def test_the_token_never_follows_a_page_to_another_host(server: Scripted) -> None:
    with scripted() as thief:
        thief.says("/2.0/more", NOBODY)
        server.says(USERS, {"values": [ROW], "next": f"{thief.url}/2.0/more"})
        with pytest.raises(ProviderError, match="the token stays here"):
            read(server)
        assert thief.requests == []
    assert server.requests[0][1] == "Bearer local-secret"


def test_a_page_on_the_same_host_by_another_name_is_another_host(server: Scripted) -> None:
    other = server.url.replace("127.0.0.1", "localhost")
    server.says(USERS, {"values": [ROW], "next": f"{other}/2.0/more"})
    with pytest.raises(ProviderError, match="localhost"):
        read(server)


def test_pages_that_go_in_a_circle_are_an_error(server: Scripted) -> None:
    server.says(USERS, {"values": [ROW], "next": f"{server.url}{USERS}"})
    with pytest.raises(ProviderError, match="leads to"):
        read(server)
    assert len(server.requests) < 5


def test_a_redirect_is_not_followed(server: Scripted) -> None:
    with scripted() as other:
        server.moves(USERS, f"{other.url}/x")
        with pytest.raises(ProviderError, match="redirect, which is not followed"):
            read(server)
        assert other.requests == []


def test_no_cookie_is_kept(server: Scripted) -> None:
    read(server)
    assert [cookie for _, _, cookie in server.requests] == ["", ""]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"user": {"uuid": "{a}"}, "permission": "owner"}, "'owner' is no permission"),
        ({"user": {"nickname": "ann"}, "permission": "read"}, "without its user's uuid"),
        ({"user": {"uuid": "{a}"}}, "None is no permission"),
        ({"permission": "read"}, "without its user's uuid"),
    ],
)
def test_a_row_that_we_do_not_understand_makes_the_whole_scope_unknown(
    server: Scripted, row: object, says: str
) -> None:
    server.says(USERS, {"values": [ROW, row]})
    with pytest.raises(ProviderError, match=says):
        read(server)


def test_a_row_of_none_means_that_nothing_is_held(server: Scripted) -> None:
    server.says(USERS, {"values": [ROW, {"user": {"uuid": "{b}"}, "permission": "none"}]})
    assert [row.assignment.principal.id for row in read(server)] == ["user:{a}"]


def test_a_principal_that_moved_between_pages_is_an_error(server: Scripted) -> None:
    server.says(USERS, {"values": [ROW], "next": f"{server.url}/2.0/more"})
    server.says("/2.0/more", {"values": [{**ROW, "permission": "admin"}]})
    with pytest.raises(ProviderError, match="twice, as read and admin"):
        read(server)


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ({"size": 1, "values": [DC_ROW]}, "starts at None"),
        ({"size": 1, "isLastPage": False, "values": [DC_ROW], "nextPageStart": 0}, "starts at 0"),
        ({"size": 1, "isLastPage": False, "values": [DC_ROW]}, "starts at None"),
        ({"size": 2, "isLastPage": True, "values": [DC_ROW]}, "a page of 2 came with 1 rows"),
        (
            {"size": 1, "isLastPage": True, "values": [{**DC_ROW, "permission": "REPO_READ"}]},
            "'REPO_READ' is no permission",
        ),
        ({"size": 1, "isLastPage": True, "values": [{"permission": "PROJECT_READ"}]}, "its name"),
    ],
)
def test_a_page_of_data_center_that_does_not_add_up_is_an_error(
    server: Scripted, page: object, says: str
) -> None:
    server.says(DC_USERS, page)
    with pytest.raises(ProviderError, match=says):
        read_dc(server)


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Faults, Reader]]:
    with local_cloud(tmp_path, monkeypatch) as (_, faults, system):
        yield faults, system.open_reader(no_pace)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_passing_failure_without_retry_after_is_tried_again(
    cloud: tuple[Faults, Reader], status: int
) -> None:
    faults, reader = cloud
    fail(faults, "bitbucket", f"GET {USERS}", status, times=2)
    calls = calls_of(faults, lambda: reader.observe("repository web", ()))
    assert calls == [f"GET {USERS}"] * 3 + [f"GET {GROUPS}"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_a_lasting_failure_is_told_at_once(cloud: tuple[Faults, Reader], status: int) -> None:
    faults, reader = cloud
    fail(faults, "bitbucket", f"GET {USERS}", status)
    with pytest.raises(ProviderError, match=f"HTTP {status}"):
        reader.observe("repository web", ())


def test_a_wait_of_an_hour_is_not_waited_for(cloud: tuple[Faults, Reader]) -> None:
    faults, reader = cloud
    fail(faults, "bitbucket", f"GET {USERS}", 429, retry_after=3600, times=10)
    began = time.monotonic()
    with pytest.raises(ProviderError, match=r"HTTP 429.*asked to wait 3600 s"):
        reader.observe("repository web", ())
    assert time.monotonic() - began < 60
    assert len(faults.calls()) == 1


def test_a_short_wait_is_held_as_asked(cloud: tuple[Faults, Reader]) -> None:
    faults, reader = cloud
    fail(faults, "bitbucket", f"GET {USERS}", 429, retry_after=1)
    began = time.monotonic()
    reader.observe("repository web", ())
    assert time.monotonic() - began >= 1


def test_tries_end_with_an_error_that_has_the_last_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with local_cloud(tmp_path, monkeypatch) as (_, faults, system):
        paced: list[int] = []
        hasty = Patience(tries=2, factor=0.01)
        assert isinstance(system, CloudSystem)
        settings = system.settings
        rest = open_rest("bitbucket", "acme", settings, lambda: paced.append(1), hasty)
        fail(faults, "bitbucket", f"GET {USERS}", 429, times=100)
        with pytest.raises(ProviderError, match=r"HTTP 429.*still throttled after several tries"):
            rest.holders("repository", "web")
        assert len(faults.calls()) == 3
        assert len(paced) == 3  # a retry waits its turn too


def test_a_dropped_connection_is_tried_again_and_not_for_ever(
    cloud: tuple[Faults, Reader],
) -> None:
    faults, reader = cloud
    break_calls(faults, "bitbucket", f"GET {USERS}", FaultKind.DROP, times=1)
    assert len(reader.observe("repository web", ())) == 1
    break_calls(faults, "bitbucket", f"GET {USERS}", FaultKind.DROP, times=100)
    began = time.monotonic()
    with pytest.raises(ProviderError, match="no whole answer came"):
        reader.observe("repository web", ())
    assert time.monotonic() - began < 60


def test_half_an_answer_is_an_error(cloud: tuple[Faults, Reader]) -> None:
    faults, reader = cloud
    break_calls(faults, "bitbucket", f"GET {GROUPS}", FaultKind.HALF, times=100)
    with pytest.raises(ProviderError, match="no whole answer came"):
        reader.observe("repository web", ())


def test_a_principal_of_data_center_with_two_roles_is_an_error(server: Scripted) -> None:
    rows = [DC_ROW, {**DC_ROW, "permission": "PROJECT_ADMIN"}]
    server.says(DC_USERS, {"size": 2, "isLastPage": True, "values": rows})
    with pytest.raises(ProviderError, match="twice, as read and admin"):
        read_dc(server)


def test_a_short_page_of_data_center_is_not_the_last_one(server: Scripted) -> None:
    server.says(DC_USERS, {"size": 0, "isLastPage": False, "nextPageStart": 7, "values": []})
    with pytest.raises(ProviderError, match="the page after row 7 starts at 7"):
        read_dc(server)  # it was asked for; this server has nothing else to say
    assert [path for path, _, _ in server.requests] == [DC_USERS, DC_USERS]
