"""The sandbox as a whole, on the quickest local system: what it serves does not matter here."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests
import yaml

from reconciler.errors import InputError, ReconcilerError
from reconciler.sandbox import background, systems
from reconciler.sandbox.access_repository import moved
from reconciler.sandbox.control import Control
from reconciler.sandbox.faults import Fault, FaultKind
from reconciler.sandbox.home import Running, find, is_held
from reconciler.sandbox.local import GROUPS, PEOPLE
from reconciler.sandbox.process import Sandbox

ONE = ("bitbucket",)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with Sandbox(tmp_path / "home", ONE) as running:
        yield running


def endpoint(running: Running, system: str = "bitbucket") -> str:
    return next(address for name, _, address in running.endpoints if name == system)


def call(running: Running, path: str = "/2.0/user") -> requests.Response:
    login = (running.env["BITBUCKET_USERNAME"], running.env["BITBUCKET_TOKEN"])
    return requests.get(endpoint(running) + path, auth=login, timeout=5)


def write(running: Running, login: str, role: str) -> None:
    path = f"/2.0/repositories/acme/ledger/permissions-config/users/{login}"
    requests.put(
        endpoint(running) + path,
        json={"permission": role},
        auth=(running.env["BITBUCKET_USERNAME"], running.env["BITBUCKET_TOKEN"]),
        timeout=5,
    ).raise_for_status()


def test_state_survives_between_commands_and_is_visible(running: Running) -> None:
    write(running, systems.account("bitbucket", "carol"), "write")
    seen = find(running.home).control.rows()
    assert ("ledger", "write", "carol") in {(r.resource, r.role, r.principal) for r in seen}


def test_reset_puts_back_the_seed_at_the_same_address(running: Running) -> None:
    seeded = running.control.rows()
    write(running, systems.account("bitbucket", "carol"), "write")
    running.control.arm(Fault("bitbucket", "*", FaultKind.STATUS))
    assert running.control.rows() != seeded
    running.control.reset()
    assert running.control.rows() == seeded
    assert running.control.calls() == ()
    assert call(running).ok


def test_an_armed_fault_hits_the_next_call_and_is_in_the_list_of_calls(running: Running) -> None:
    running.control.arm(
        Fault("bitbucket", "GET *", FaultKind.STATUS, status=429, retry_after=1, skip=1)
    )
    answers = [call(running) for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 429, 200]
    assert answers[1].headers["Retry-After"] == "1"
    assert [c.fault for c in running.control.calls("bitbucket")] == ["", "status", ""]


def test_nobody_without_the_token_controls_the_sandbox(running: Running) -> None:
    for path in ("/", "/rows", "/calls"):
        assert requests.get(running.control.url + path, timeout=5).status_code == 401
    answer = requests.post(running.control.url + "/reset", timeout=5)
    assert answer.status_code == 401
    with pytest.raises(InputError, match="wrong token"):
        replace(running.control, token="guess").rows()


def test_the_files_that_hold_credentials_are_for_their_owner_alone(running: Running) -> None:
    for file in (running.home / "sandbox.json", running.env_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(running.home.stat().st_mode) == 0o700


def test_a_fault_of_a_system_that_is_not_served_is_refused(running: Running) -> None:
    with pytest.raises(InputError, match="'azure' is not served here; write one of bitbucket"):
        running.control.arm(Fault("azure", "*", FaultKind.STATUS))
    with pytest.raises(InputError, match="'azure' is not served here"):
        running.control.calls("azure")


def test_what_is_no_fault_is_refused(running: Running) -> None:
    answer = requests.post(
        running.control.url + "/faults",
        headers={"Authorization": f"Bearer {running.control.token}"},
        json={"system": "bitbucket", "match": "*", "kind": "explode"},
        timeout=5,
    )
    assert answer.status_code == 400
    assert "explode" in answer.json()["error"]


def test_the_env_file_gives_a_shell_throw_away_credentials_and_takes_real_ones_away(
    running: Running,
) -> None:
    show = f"{sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'"
    before = {
        "AWS_SESSION_TOKEN": "real",
        "AZURE_CLIENT_SECRET": "real",
        "PLAIN": "kept",
        "RECONCILER_FORGE_TOKEN": "real",
        "RECONCILER_TRUST": "real",  # of another access repository: nothing here is on its line
    }
    said = subprocess.run(
        ["bash", "-c", f"source {running.env_file} && {show}"],
        env=before,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    after = json.loads(said)
    assert "real" not in after.values()
    assert after["PLAIN"] == "kept"
    inherited = running.environment(before)
    assert running.env.items() <= inherited.items() <= after.items()
    assert "real" not in inherited.values()


def test_the_access_repository_points_at_the_local_systems_and_enforces(running: Running) -> None:
    said = yaml.safe_load((running.access / "reconciler.yaml").read_text())
    assert said["systems"]["bitbucket"]["endpoint"] == endpoint(running)
    assert {system["mode"] for system in said["systems"].values()} == {"enforce"}
    git = ["git", "-C", str(running.access)]
    assert subprocess.run([*git, "status", "--short"], capture_output=True).stdout == b""
    assert (
        subprocess.run([*git, "rev-list", "--count", "HEAD"], capture_output=True).stdout == b"1\n"
    )


def test_the_access_repository_knows_the_accounts_that_nobody_can_look_up(running: Running) -> None:
    said = yaml.safe_load((running.access / "directory" / "people.yaml").read_text())
    accounts = {person["id"]: person["accounts"]["bitbucket"] for person in said["people"]}
    assert set(accounts) == {person.email for person in PEOPLE}
    assert {group["id"]: len(group["members"]) for group in said["groups"]} == {
        group: len(members) for group, members in GROUPS.items()
    }
    write(running, accounts["dave@example.com"], "read")
    assert "dave" in {row.principal for row in running.control.rows()}


def test_the_access_repository_is_valid(running: Running) -> None:
    command = [sys.executable, "-m", "reconciler", "validate"]
    done = subprocess.run(command, cwd=running.access, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Sandbox(tmp_path_factory.mktemp("whole")) as running:
        yield running


def test_every_local_system_is_served_seeded_and_in_the_configuration(whole: Running) -> None:
    names = set(systems.LOCAL_SYSTEMS)
    assert {row.system for row in whole.control.rows()} == names
    assert {name for name, _, _ in whole.endpoints} == names
    said = yaml.safe_load((whole.access / "reconciler.yaml").read_text())
    assert set(said["systems"]) == names


def test_reset_brings_every_local_system_back_where_it_was(whole: Running) -> None:
    before = set(whole.control.rows())
    whole.control.reset()
    assert {(r.system, r.resource, r.role) for r in whole.control.rows()} == {
        (r.system, r.resource, r.role) for r in before
    }


SERVICE = """\
subject: deployer
access:
  - {system: aws, account: payments, role: deploy, statements: [STATEMENT]}
  - {system: gcp, project: payments-prod, role: roles/cloudsql.viewer}
  - {system: azure, subscription: payments, role: Reader}
  - {system: bitbucket, repository: payments-api, permission: read}
  - {system: bitbucket-dc, project: PAY, repository: payments-api, permission: read}
duration: 1h
reason: Trying the reconciler out
""".replace(
    "STATEMENT", '{Effect: Allow, Action: "s3:GetObject", Resource: "arn:aws:s3:::payments/*"}'
)


def test_every_example_and_every_account_is_understood_by_the_local_systems(whole: Running) -> None:
    grants = whole.access / "grants"
    (grants / "break-glass").mkdir()
    for example in sorted((Path(__file__).parents[2] / "examples" / "grants").glob("*.yaml")):
        folder = grants / ("break-glass" if "break_glass:" in example.read_text() else "")
        (folder / example.name).write_text(example.read_text())
    (grants / "service.yaml").write_text(SERVICE)
    git = ["git", "-C", str(whole.access), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "Every example"], check=True)
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", "plan", "--format", "json"],
        cwd=whole.access,
        env=whole.environment(os.environ),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["unknown"] == []
    assert {change["system"] for change in plan["changes"]} == set(systems.LOCAL_SYSTEMS)


def test_one_home_holds_one_sandbox(running: Running) -> None:
    with pytest.raises(InputError, match=r"running in .* already"), Sandbox(running.home, ONE):
        pass
    with pytest.raises(InputError, match=r"running in .* already"):
        background.start(running.home, ONE)
    assert call(running).ok


def test_a_home_without_a_sandbox_says_how_to_start_one(tmp_path: Path) -> None:
    with Sandbox(tmp_path, ONE):
        find(tmp_path)
    with pytest.raises(ReconcilerError, match="start one with `reconciler sandbox start`"):
        find(tmp_path)


def test_a_second_start_keeps_grants_and_learns_the_new_addresses(tmp_path: Path) -> None:
    with Sandbox(tmp_path, ONE) as before:
        (before.access / "grants" / "mine.yaml").write_text("reason: kept\n")
    with Sandbox(tmp_path, ONE) as after:
        assert endpoint(after) != endpoint(before)
        assert (after.access / "grants" / "mine.yaml").read_text() == "reason: kept\n"
        said = yaml.safe_load((after.access / "reconciler.yaml").read_text())
        assert said["systems"]["bitbucket"]["endpoint"] == endpoint(after)


def test_a_second_start_changes_only_the_addresses_that_a_person_left_in_place(
    tmp_path: Path,
) -> None:
    def edited(text: str) -> str:
        return "# mine\n" + text.replace("mode: enforce", "mode: report  # to look first")

    with Sandbox(tmp_path, ONE) as before:
        configuration = before.access / "reconciler.yaml"
        first = edited(configuration.read_text())
        configuration.write_text(first)
    for _ in range(2):
        with Sandbox(tmp_path, ONE) as after:
            assert endpoint(after) != endpoint(before)
            assert configuration.read_text() == first.replace(endpoint(before), endpoint(after))
            git = ["git", "-C", str(after.access)]
            committed = subprocess.run(
                [*git, "show", "HEAD:reconciler.yaml"], capture_output=True, text=True, check=True
            ).stdout
            assert edited(committed) == configuration.read_text()  # the edit is not committed


def test_a_system_that_was_not_served_for_once_is_still_told_where_itmoved(
    tmp_path: Path,
) -> None:
    with Sandbox(tmp_path, ("bitbucket", "bitbucket-dc")) as both:
        configuration = both.access / "reconciler.yaml"
        configuration.write_text(configuration.read_text() + "# mine\n")
    with Sandbox(tmp_path, ONE):
        pass
    with Sandbox(tmp_path, ("bitbucket", "bitbucket-dc")) as again:
        text = configuration.read_text()
        for name in again.systems:
            assert endpoint(again, name) in text
            assert endpoint(both, name) not in text


def test_an_address_is_not_taken_for_the_beginning_of_a_longer_one() -> None:
    moves = {"http://127.0.0.1:841": "http://127.0.0.1:842", "http://127.0.0.1:842": "there"}
    text = "a: http://127.0.0.1:841\nb: http://127.0.0.1:8410\nc: http://127.0.0.1:842/x\n"
    assert moved(text, moves) == "a: http://127.0.0.1:842\nb: http://127.0.0.1:8410\nc: there/x\n"


def test_a_local_address_that_a_person_wrote_is_kept_and_refused(tmp_path: Path) -> None:
    with Sandbox(tmp_path, ONE) as before:
        configuration = before.access / "reconciler.yaml"
        text = configuration.read_text().replace(endpoint(before), "http://127.0.0.1:9")
        configuration.write_text(text)
    with (
        pytest.raises(InputError, match=r"says http://127.0.0.1:9 .* start with the --port it had"),
        Sandbox(tmp_path, ONE),
    ):
        pass
    assert configuration.read_text() == text
    assert not is_held(tmp_path)


def test_without_git_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(InputError, match="git is not installed; install it, or put it on the PATH"),
        Sandbox(tmp_path / "home", ONE),
    ):
        pass
    assert not is_held(tmp_path / "home")


def test_with_a_port_every_address_stays_the_same(tmp_path: Path) -> None:
    port = room_for_two()
    with Sandbox(tmp_path, ONE, port) as first:
        assert first.control.url == f"http://127.0.0.1:{port}"
        assert endpoint(first) == f"http://127.0.0.1:{port + 10}"


def room_for_two() -> int:
    """A port that is free, and the tenth after it; below those that outgoing calls are given."""
    for port in range(20000 + os.getpid() % 5000, 32000, 20):
        with contextlib.suppress(OSError):
            for wanted in (port, port + 10):
                with socket.create_server(("127.0.0.1", wanted)):
                    pass
            return port
    raise AssertionError("no room")


def test_a_start_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "a", ONE) as other:
        taken = int(endpoint(other).rsplit(":", 1)[1])
        with (
            pytest.raises(InputError, match=f"port {taken} cannot be had"),
            Sandbox(tmp_path / "b", ONE, taken - 10),
        ):
            pass
    assert not is_held(tmp_path / "b")
    assert not (tmp_path / "b" / "sandbox.json").exists()


def test_a_background_sandbox_answers_when_start_returns_and_is_gone_when_stop_does(
    tmp_path: Path,
) -> None:
    running = background.start(tmp_path, ONE)
    try:
        assert running.pid != os.getpid()
        assert call(running).ok
        assert background.stop(tmp_path) == running.pid
    finally:
        if is_held(tmp_path):
            os.kill(running.pid, signal.SIGKILL)
    assert not is_held(tmp_path)
    with pytest.raises(ReconcilerError):
        running.control.rows()


def test_stop_never_ends_a_process_that_does_not_prove_to_be_the_sandbox(tmp_path: Path) -> None:
    with background.child(tmp_path, ONE) as running, subprocess.Popen(["sleep", "60"]) as bystander:
        file = running.home / "sandbox.json"
        said = json.loads(file.read_text())
        file.write_text(json.dumps({**said, "pid": bystander.pid}))
        try:
            with pytest.raises(ReconcilerError, match="nothing was stopped"):
                background.stop(running.home)
            assert bystander.poll() is None
            assert call(running).ok
        finally:
            bystander.kill()


def test_a_crashed_sandbox_is_not_taken_for_a_running_one(tmp_path: Path) -> None:
    running = background.start(tmp_path, ONE)
    os.kill(running.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while is_held(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert (tmp_path / "sandbox.json").exists()  # nobody tidied up
    with pytest.raises(ReconcilerError, match="no sandbox is running"):
        background.stop(tmp_path)
    with Sandbox(tmp_path, ONE) as again:
        assert call(again).ok


def test_a_child_ends_with_the_block_that_needs_it(tmp_path: Path) -> None:
    with background.child(tmp_path, ONE) as running:
        assert call(running).ok
        assert running.access.is_dir()
    assert not is_held(tmp_path)


def test_a_child_ends_when_its_parent_dies(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from reconciler.sandbox import background\n"
        "with background.child(Path(sys.argv[1]), ('bitbucket',)): os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=60)
    deadline = time.monotonic() + 10
    while is_held(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    if is_held(tmp_path):
        background.stop(tmp_path)
        pytest.fail("it outlived its parent")


def test_a_child_that_cannot_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="there is no local system 'gcloud'; write one of aws"),
        background.child(tmp_path, ("gcloud",)),
    ):
        pass


def test_a_missing_extra_says_what_to_install() -> None:
    with (
        pytest.raises(InputError, match=r"'moto'.*pip install 'access-reconciler\[sandbox\]'"),
        systems.needs_extra(),
    ):
        raise ModuleNotFoundError("No module named 'moto'", name="moto.server")
    with pytest.raises(ModuleNotFoundError), systems.needs_extra():
        raise ModuleNotFoundError("No module named 'reconciler.x'", name="reconciler.x")


def test_an_endpoint_that_nobody_serves_is_an_error_in_words() -> None:
    with pytest.raises(ReconcilerError, match=r"does not answer at http://127.0.0.1:9"):
        Control("http://127.0.0.1:9", "token").rows()
