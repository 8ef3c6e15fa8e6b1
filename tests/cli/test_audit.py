"""`reconciler audit` as it is run: on a ledger in its repository, and on a copy of one."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.cli import main
from reconciler.cli.forges import memory
from reconciler.cli.ledgers import Known
from reconciler.ledger import wire
from reconciler.ledger.folder import FolderStore
from reconciler.ledger.ledger import Ledger
from reconciler.ledger.memory import recall
from reconciler.model import Event, EventKind
from reconciler.model.ledger_settings import LedgerSettings, LedgerStore
from reconciler.repository.git import Git
from tests.ledger.lines_index import GRANT, added, decided, event, of, removed
from tests.ledger.receivers_ship import TOKEN, collecting, listening

YAML = """\
systems:
  gcp: {provider: gcp}
ledger: {store: folder, path: ledger}
"""
STORY = (
    event(EventKind.RUN_STARTED, 0, action="apply"),
    decided(of()),
    added(of()),
    added(of("bob", "roles/viewer", "projects/web"), 1, grants=("grants/web/bob.yaml",)),
    removed(of(), 8),
)


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


class Desk:
    """A repository with a ledger, and the command run in this process."""

    def __init__(
        self, home: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.repo = home / "access"
        self.repo.mkdir()
        self._patch, self._capsys = patch, capsys
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        patch.chdir(self.repo)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit(YAML)

    def git(self, *words: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(("git", *identity, *words), cwd=self.repo, check=True)

    def commit(self, yaml: str) -> None:
        (self.repo / "reconciler.yaml").write_text(yaml)
        self.git("add", "reconciler.yaml")
        self.git("commit", "--quiet", "-m", "Settings")

    def write(self, *events: Event) -> None:
        Ledger(FolderStore(self.repo / "ledger")).append(events)

    def batch(self, number: int) -> Path:
        [path] = (self.repo / "ledger").rglob(f"*{number:09d}.jsonl")
        return path

    def looked(self) -> None:
        """As every run does, whose systems are of no account here."""
        first = Git(self.repo).says("rev-list", "--max-parents=0", "--first-parent", "HEAD")
        settings = LedgerSettings(LedgerStore.FOLDER, path="ledger")
        recall(settings, Path(), Known(memory(self.repo, os.environ), first or ""))

    def run(self, *words: str) -> Done:
        self._patch.setattr(sys, "argv", ["reconciler", "audit", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = self._capsys.readouterr()
        return Done(int(str(ended.value.code)), said.out, said.err)


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    found = Desk(tmp_path, monkeypatch, capsys)
    found.write(*STORY[:3])
    found.write(*STORY[3:])
    return found


def test_a_whole_ledger_is_said_to_be_whole(desk: Desk) -> None:
    done = desk.run("verify")
    assert done.code == 0
    assert "The ledger is whole" in done.out
    assert "5 entries" in done.out
    assert "No anchor is known" in done.out


def test_a_flaw_ends_with_1_and_says_where(desk: Desk) -> None:
    path = desk.batch(2)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"bob@", b"eve@"))
    done = desk.run("verify", "--format", "json")
    found = json.loads(done.out)
    assert done.code == 1
    assert not found["whole"]
    assert (found["flaws"][0]["sort"], found["flaws"][0]["number"]) == ("altered", 4)
    assert "entry 4" in desk.run("verify").out


def test_an_anchor_shows_that_the_end_is_missing(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchor = str(tmp_path / "anchor.json")
    assert "entry 5 is anchored" in desk.run("anchor", anchor).out
    whole = desk.run("verify", "--anchor", anchor)
    assert (whole.code, "Entry 5 is the one that was anchored" in whole.out) == (0, True)
    desk.batch(2).unlink()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another machine"))
    assert desk.run("verify").code == 0
    done = desk.run("verify", "--anchor", anchor)
    assert (done.code, "truncated" in done.out) == (1, True)


def test_verify_tells_what_this_machine_knows_and_is_gone(desk: Desk) -> None:
    """A run says that the ledger lost entries, and sends people here."""
    desk.looked()
    desk.batch(2).unlink()
    done = desk.run("verify")
    assert done.code == 1
    assert "truncated: this machine knows entry 5, and the newest now is 3" in done.out
    assert "docs/audit.md" in done.out
    desk.write(*STORY[:1], *STORY[4:])
    assert "forked: entry 5 is another one than this machine knows" in desk.run("verify").out
    desk.write(event(EventKind.LEDGER_LOST, 9, counts=(("lost", 5),)))
    assert desk.run("verify").code == 0


def test_an_anchor_that_is_not_there_is_wrong_input(desk: Desk) -> None:
    assert desk.run("verify", "--anchor", "absent.json").code == 2


def test_a_ledger_with_a_flaw_is_not_anchored(desk: Desk, tmp_path: Path) -> None:
    desk.batch(1).unlink()
    done = desk.run("anchor", str(tmp_path / "anchor.json"))
    assert (done.code, "nothing is anchored" in done.err) == (1, True)
    assert not (tmp_path / "anchor.json").exists()


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["--person", "alice@example.com"], [2, 3, 5]),
        (["--resource", "projects/w*"], [4]),
        (["--system", "gcp", "--role", "read"], [2, 3, 5]),
        (["--grant", "grants/web/**"], [4]),
        (["--cause", "expired"], [5]),
        (["--kind", "decided", "--kind", "run-started"], [1, 2]),
        (["--run", "run-1"], [4]),
        (["--from", "2026-03-01T13:00:00Z", "--to", "2026-03-01T20:00:00Z"], [4]),
        (["--person", "nobody@example.com"], []),
    ],
)
def test_a_query_finds_what_its_options_fit(
    desk: Desk, words: list[str], numbers: list[int]
) -> None:
    found = desk.run("query", *words, "--format", "json")
    assert [entry["number"] for entry in json.loads(found.out)["entries"]] == numbers
    listed = desk.run("query", *words, "--format", "jsonl").out.splitlines()
    assert [wire.decode(line.encode()).number for line in listed] == numbers
    rows = csv.DictReader(desk.run("query", *words, "--format", "csv").out.splitlines())
    assert [int(row["number"]) for row in rows] == numbers


def test_for_people_an_entry_is_a_row(desk: Desk) -> None:
    out = desk.run("query", "--person", "alice@example.com").out
    assert "2026-03-01 12:00:00Z" in out
    assert "gcp: read on projects/vault" in out
    assert "approved by bob@example.com" in out
    assert GRANT in out
    assert "says nothing about that" in desk.run("query", "--person", "x").out


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (event(EventKind.RUN_ENDED, 9, outcome="4", counts=(("add", 2), ("already_held", 1))),
         "exit code 4; 2 add, 1 already held"),
        (event(EventKind.RUN_ENDED, 9, outcome="0", counts=(("add", 0),)),
         "exit code 0; nothing to change"),
        (event(EventKind.LEDGER_LOST, 9, counts=(("lost", 5),)), "lost 5"),
        (added(of("bob", "write"), 9, None, replaces="read"), "declared; instead of read"),
        (removed(of("bob", "write"), 9, restores="read"), "expired; back to read"),
    ],
)  # fmt: skip
def test_an_entry_says_what_became_of_it_in_words(desk: Desk, written: Event, said: str) -> None:
    desk.write(written)
    found = desk.run("query", "--kind", written.kind.value).out.splitlines()
    assert found[-1].rstrip().endswith(said)


def test_text_from_outside_steers_no_terminal(desk: Desk) -> None:
    desk.write(event(EventKind.NOTIFIED, 9, reason="[red]\x1b[31m \u202efoo", subject="[b]x"))
    out = desk.run("query", "--kind", "notified").out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "[red]" in out
    assert "[b]x" in out


def test_what_is_not_whole_is_not_answered_from(desk: Desk) -> None:
    desk.batch(1).unlink()
    done = desk.run("query")
    assert (done.code, "audit verify" in done.err) == (1, True)


@pytest.mark.parametrize(("style", "lines"), [("ocsf", 5), ("csv", 6), ("jsonl", 5)])
def test_everything_is_exported(desk: Desk, style: str, lines: int) -> None:
    done = desk.run("export", "--format", style)
    assert (done.code, len(done.out.splitlines())) == (0, lines)


def test_an_export_may_be_of_some_time(desk: Desk) -> None:
    until = desk.run("export", "--format", "jsonl", "--to", "2026-03-01T13:00:00Z").out
    since = desk.run("export", "--format", "jsonl", "--from", "2026-03-01T13:00:00Z").out
    assert (len(until.splitlines()), len(since.splitlines())) == (3, 2)


def test_who_reads_only_the_beginning_of_an_export_gets_no_traceback(desk: Desk) -> None:
    desk.write(*STORY * 300)
    command = [sys.executable, "-m", "reconciler", "audit", "export"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(desk.repo)}
    with subprocess.Popen(
        command, cwd=desk.repo, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (0, b"")


def test_a_copy_needs_no_repository(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    (desk.repo / "ledger").rename(copy)
    monkeypatch.chdir(tmp_path)
    assert desk.run("verify", "--ledger", str(copy)).code == 0
    found = desk.run("query", "--ledger", str(copy), "--cause", "expired", "--format", "jsonl")
    assert len(found.out.splitlines()) == 1


def test_without_a_ledger_it_is_said_what_to_do(desk: Desk) -> None:
    desk.commit(YAML.replace("ledger: {store: folder, path: ledger}\n", ""))
    done = desk.run("verify")
    assert (done.code, "add `ledger:` to reconciler.yaml" in done.err) == (2, True)
    desk.commit("systems: [")
    done = desk.run("query")
    assert (done.code, "reconciler.yaml:" in done.err, "--ledger" in done.err) == (2, True, True)


def test_a_file_gets_what_is_new(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    for sent in ("5 entries", "0 entries"):
        assert sent in desk.run("ship", str(out), "--to", "file").out
    desk.write(STORY[0])
    assert "1 entries" in desk.run("ship", str(out), "--to", "file").out
    assert len(out.read_text().splitlines()) == 6
    assert "6 entries" in desk.run("ship", str(tmp_path / "other"), "--to", "file").out


def test_a_collector_and_a_syslog_server_get_everything(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_HEC_TOKEN", TOKEN)
    with collecting() as hec:
        assert desk.run("ship", hec.url, "--to", "hec").code == 0
        assert len(hec.events) == 5
    with listening(tmp_path / "tls") as server:
        words = ("ship", f"127.0.0.1:{server.port}", "--to", "syslog", "--ca", str(server.ca))
        position = tmp_path / "position.json"
        done = desk.run(*words, "--format", "jsonl", "--position", str(position))
        assert (done.code, json.loads(position.read_text())["number"]) == (0, 5)
        assert len(server.messages) == 5


def test_what_is_missing_to_ship_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECONCILER_HEC_TOKEN", raising=False)
    done = desk.run("ship", "https://splunk.example.com:8088", "--to", "hec")
    assert (done.code, "set RECONCILER_HEC_TOKEN" in done.err) == (2, True)
    done = desk.run("ship", "logs.example.com", "--to", "syslog")
    assert (done.code, "write logs.example.com:6514" in done.err) == (2, True)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME", raising=False)
    done = desk.run("ship", "out.jsonl", "--to", "file")
    assert (done.code, "write --position FILE" in done.err) == (2, True)
