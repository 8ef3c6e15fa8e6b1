"""`reconciler validate` and `schema` as a person runs them, and the working tree they look at."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.errors import InputError
from reconciler.repository import check, load
from reconciler.repository.report import RULES
from tests.repository.build import (
    BUNDLE,
    CONFIGURATION,
    DIRECTORY,
    GRANT,
    Repository,
    changed,
    grant,
    hours,
)

BAD = grant().replace("subject", "subjekt")


def run(repo: Repository, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "XDG_CACHE_HOME": str(repo.root.parent / "cache"), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "reconciler", *words]
    return subprocess.run(
        command, cwd=cwd or repo.root, env=env, capture_output=True, text=True, timeout=60
    )


def told(repo: Repository, *only: str) -> list[str]:
    return [str(p) for p in check(repo.root, only).problems]


def rules(repo: Repository) -> list[str]:
    return [p.rule for p in check(repo.root).problems]


# The command


def test_a_valid_repository_says_how_much_was_checked(repo: Repository) -> None:
    repo.write("grants/a.yaml", GRANT)
    done = run(repo, "validate")
    assert (done.returncode, done.stdout, done.stderr) == (0, "valid: 4 files, 1 grant\n", "")


def test_every_error_of_every_file_comes_in_one_run(repo: Repository) -> None:
    repo.write("grants/a.yaml", BAD)
    repo.write("grants/b.yaml", changed("role: Reader", "rolle: Reader"))
    repo.write("grants/c.txt", "x")
    done = run(repo, "validate")
    assert done.returncode == 2
    assert done.stdout.splitlines() == [
        "grants/a.yaml:1:1: unknown key `subjekt`; did you mean `subject`?",
        "grants/b.yaml:8:5: unknown key `rolle`; did you mean `role`?",
        "grants/c.txt:1:1: `c.txt` does not end in `.yaml`; rename it, or move it out of the folder",
    ]
    assert done.stderr == "3 mistakes in 3 of 6 files\n"


def test_paths_narrow_what_is_told_and_not_what_is_known(repo: Repository) -> None:
    repo.write("grants/x/a.yaml", changed("access:", "access:\n  - bundle: payments-oncall"))
    repo.write("grants/y/b.yaml", BAD)
    assert run(repo, "validate", "grants/x").stdout == "valid: 1 file, 1 grant\n"
    assert run(repo, "validate", "b.yaml", cwd=repo.root / "grants/y").returncode == 2
    beside = run(repo, "validate", "--repo", "..", "b.yaml", cwd=repo.root / "grants/y")
    top = repo.root.resolve()
    assert beside.stderr == (
        f"error: the access repository is {top}; run there, or add --repo ../..\n"
    )
    done = run(repo, "validate", "--repo", "../..", "b.yaml", cwd=repo.root / "grants/y")
    assert done.stdout.startswith("grants/y/b.yaml:1:1: ")
    missing = run(repo, "validate", "grants/z.yaml")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr.startswith("error: there is no grants/z.yaml; ")


def test_json_is_for_machines(repo: Repository) -> None:
    repo.write("grants/a.yaml", BAD)
    done = run(repo, "validate", "--format", "json")
    assert done.returncode == 2
    assert json.loads(done.stdout) == {
        "valid": False,
        "files": 4,
        "grants": 1,
        "problems": [
            {
                "path": "grants/a.yaml",
                "line": 1,
                "column": 1,
                "rule": "unknown-key",
                "what": "unknown key `subjekt`",
                "fix": "did you mean `subject`?",
            }
        ],
    }


def test_sarif_points_code_scanning_at_the_line(repo: Repository) -> None:
    """The properties that GitHub's code scanning requires and uses, by its own documentation."""
    repo.write("grants/a.yaml", changed("system: gcp", "system: gpc"))
    repo.write("grants/b.yaml", BAD)
    log = json.loads(run(repo, "validate", "--format", "sarif").stdout)
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    [only] = log["runs"]
    driver = only["tool"]["driver"]
    assert driver["name"] == "access-reconciler"
    assert [rule["id"] for rule in driver["rules"]] == ["unknown-key", "unknown-system"]
    first, second = only["results"]
    assert (first["ruleId"], first["ruleIndex"], first["level"]) == ("unknown-system", 1, "error")
    assert first["message"]["text"].startswith("there is no system `gpc` in reconciler.yaml; ")
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "grants/a.yaml"
    assert place["region"] == {"startLine": 3, "startColumn": 13}
    assert driver["rules"][second["ruleIndex"]]["id"] == second["ruleId"]


def test_sarif_of_a_valid_repository_closes_what_was_open(repo: Repository) -> None:
    done = run(repo, "validate", "--format", "sarif")
    assert done.returncode == 0
    assert json.loads(done.stdout)["runs"][0]["results"] == []


def test_github_shows_annotations_at_the_lines(repo: Repository) -> None:
    repo.write("grants/a.yaml", changed("ticket: OPS-4711", "ticket: 100% sure: yes"))
    repo.write("grants/b.yaml", BAD)
    lines = run(repo, "validate", "--format", "github").stdout.splitlines()
    assert lines[0].startswith(
        "::error file=grants/a.yaml,line=12,col=18,title=yaml-syntax::not YAML"
    )
    assert lines[1] == (
        "::error file=grants/b.yaml,line=1,col=1,title=unknown-key::"
        "unknown key `subjekt`; did you mean `subject`?"
    )
    assert lines[2] == "2 mistakes in 2 of 5 files"


def test_an_annotation_cannot_be_forged_from_a_path_or_a_value() -> None:
    from reconciler.errors import Problem
    from reconciler.model import Position
    from reconciler.repository.report import as_annotations

    problem = Problem(Position("a,line=9::x"), "50%\n::warning::gotcha", "b", "r")
    assert as_annotations([problem]) == (
        "::error file=a%2Cline=9%3A%3Ax,line=1,col=1,title=r::50%25%0A::warning::gotcha; b\n"
    )


def test_schema_prints_one_that_stands_alone_or_lists_them(repo: Repository) -> None:
    listed = run(repo, "schema").stdout
    assert re.search(r"^grant +Grant$", listed, re.M)
    schema = json.loads(run(repo, "schema", "grant").stdout)
    assert schema["$id"].endswith("/grant.schema.json")
    unknown = run(repo, "schema", "grantt")
    assert unknown.returncode == 2
    assert unknown.stderr.startswith(
        "error: there is no schema named 'grantt'; write one of: break-glass, bundle"
    )


def test_help_is_one_screen_with_an_example(repo: Repository) -> None:
    for name in ("validate", "schema"):
        text = run(repo, name, "--help").stdout
        assert "Example: reconciler" in text
        assert len(text.splitlines()) < 24


def test_validate_imports_no_sdk_and_no_jsonschema_for_valid_files(repo: Repository) -> None:
    repo.write("grants/a.yaml", GRANT)
    code = (
        "import sys; from pathlib import Path; import reconciler.cli.validate;"
        "from reconciler.repository import check; assert not check(Path('.')).problems;"
        "heavy = {'jsonschema', 'boto3', 'botocore', 'google.cloud', 'azure.core', 'atlassian',"
        " 'requests', 'grpc', 'asyncio', 'rich'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], cwd=repo.root, check=True)


# The working tree


def test_tracked_changed_new_and_ignored_files(repo: Repository) -> None:
    repo.commit(1, ("grants/tracked.yaml", BAD), ("grants/mended.yaml", BAD))
    repo.commit(2, ("grants/spoilt.yaml", GRANT), (".gitignore", "grants/ignored.yaml\n"))
    repo.commit(3, ("grants/deleted.yaml", BAD))
    repo.write("grants/mended.yaml", GRANT)
    repo.write("grants/spoilt.yaml", BAD)
    repo.write("grants/new.yaml", BAD)
    repo.write("grants/ignored.yaml", BAD)
    repo.remove("grants/deleted.yaml")
    paths = [p.position.path for p in check(repo.root).problems]
    assert paths == ["grants/new.yaml", "grants/spoilt.yaml", "grants/tracked.yaml"]


def test_an_edit_that_keeps_size_and_time_is_seen(repo: Repository) -> None:
    """git itself guards against it; so must what asks git which files changed."""
    repo.commit(1, ("grants/a.yaml", GRANT))
    file = repo.root / "grants/a.yaml"
    before = file.stat()
    file.write_text(changed("role: Reader", "rope: Reader"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert rules(repo) == ["unknown-key"]


def test_it_works_without_git(repo: Repository, tmp_path: Path) -> None:
    repo.write("grants/deep/a.yaml", BAD)
    (repo.root / "grants/link.yaml").symlink_to("deep/a.yaml")
    (repo.root / "grants/folder").symlink_to("deep")
    with_git = told(repo)
    os.rename(repo.root / ".git", tmp_path / "elsewhere")
    assert told(repo) == with_git
    assert len(with_git) == 3


def test_it_works_before_the_first_commit(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "access", empty=True)
    repo.write("reconciler.yaml", "systems: {gcp: {provider: gcp}}\n")
    assert told(repo) == []


def test_it_works_in_a_shallow_clone(repo: Repository, tmp_path: Path) -> None:
    repo.commit(1, ("grants/a.yaml", BAD))
    repo.git("clone", "-q", "--depth=1", f"file://{repo.root}", str(tmp_path / "clone"))
    assert len(check(tmp_path / "clone").problems) == 1


def test_links_submodules_and_nested_repositories_are_errors(repo: Repository) -> None:
    repo.commit(1, ("elsewhere.yaml", GRANT), ("grants/typed.yaml", GRANT))
    (repo.root / "grants/committed.yaml").symlink_to("../elsewhere.yaml")
    repo.commit(2)
    (repo.root / "grants/new.yaml").symlink_to("../elsewhere.yaml")
    repo.remove("grants/typed.yaml")
    (repo.root / "grants/typed.yaml").symlink_to("../elsewhere.yaml")
    Repository(repo.root / "grants" / "nested.yaml")
    (repo.root / "standing").symlink_to("grants")
    os.mkfifo(repo.root / "grants/pipe.yaml")
    found = {p.position.path: p.rule for p in check(repo.root).problems}
    expected = ("committed", "new", "typed", "nested")
    assert found == {f"grants/{n}.yaml": "irregular-file" for n in expected} | {
        "standing": "irregular-file"
    }


def test_what_git_would_commit_is_what_is_checked(repo: Repository) -> None:
    """Line endings that git turns on commit are no hidden carriage returns."""
    repo.git("config", "core.autocrlf", "true")
    repo.commit(1, ("grants/a.yaml", GRANT.replace("\n", "\r\n")))
    assert told(repo) == []


def test_no_configuration_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no reconciler.yaml in .*; run in an access"):
        check(tmp_path)


def test_a_folder_of_the_access_repository_says_where_its_top_is(repo: Repository) -> None:
    repo.write("grants/payments/a.yaml", GRANT)
    within, top = repo.root / "grants/payments", repo.root.resolve()
    for words in (("validate",), ("plan",)):
        done = run(repo, *words, cwd=within)
        assert done.returncode != 0
        assert f"the access repository is {top}; run there, or add --repo ../..\n" in done.stderr
    done = run(repo, "validate", "--repo", "grants")
    assert done.stderr == f"error: the access repository is {top}; leave out --repo\n"


def test_no_folder_is_called_a_dot(tmp_path: Path) -> None:
    outside = Repository(tmp_path / "other", empty=True)
    for words in (("validate",), ("plan",)):
        said = run(outside, *words).stderr
        assert str(outside.root.resolve()) in said, said


def test_a_wrong_configuration_does_not_hide_the_other_files(repo: Repository) -> None:
    """Rule 11."""
    text = (repo.root / "reconciler.yaml").read_text().replace("tenant:", "tennant:")
    repo.write("reconciler.yaml", text)
    repo.write("grants/a.yaml", changed("role: roles/cloudsql.viewer", "rolle: x"))
    assert [p.position.path for p in check(repo.root).problems] == [
        "grants/a.yaml",
        "reconciler.yaml",
    ]


# What files say of each other


def test_every_name_must_be_one_that_a_file_defines(repo: Repository) -> None:
    repo.write("grants/a.yaml", changed("alice@", "alcie@"))
    repo.write("grants/b.yaml", changed("subject: alice@example.com", "group: payment-oncall"))
    repo.write("grants/c.yaml", changed("access:", "access:\n  - bundle: payments-on-call"))
    repo.write("grants/d.yaml", changed("alice@example.com", "deploier"))
    text = changed("subject: alice@example.com", "subjects: [bob@example.com, eve@example.com]")
    repo.write("standing/e.yaml", text.replace("expires: 2026-12-01T18:00:00Z\n", ""))
    assert told(repo) == [
        "grants/a.yaml:1:10: nobody in directory/ is `alcie@example.com`; did you mean `alice@example.com`?",
        "grants/b.yaml:1:8: there is no group `payment-oncall` in directory/; did you mean `payments-oncall`?",
        "grants/c.yaml:3:13: there is no bundles/payments-on-call.yaml; did you mean `payments-oncall`?",
        "grants/d.yaml:1:10: nobody in directory/ is `deploier`; did you mean `deployer`?",
        "standing/e.yaml:1:29: nobody in directory/ is `eve@example.com`; add the person or service to directory/",
    ]


def test_each_file_with_the_same_slip_is_told(repo: Repository) -> None:
    """Very many mention the same: what was found right is not looked at again, what was not is."""
    for name in "abc":
        repo.write(f"grants/{name}.yaml", grant(who="alcie"))
        repo.write(f"grants/{name}-right.yaml", grant())
    assert [line.partition(":")[0] for line in told(repo)] == [
        "grants/a.yaml",
        "grants/b.yaml",
        "grants/c.yaml",
    ]


def test_the_directory_is_held_against_itself_and_the_configuration(repo: Repository) -> None:
    repo.write(
        "directory/people.yaml",
        DIRECTORY.replace("manager: bob@", "manager: rob@")
        .replace("[payments-oncall]", "[payments-oncal]")
        .replace("members: [alice@example.com]", "members: [alice@example.com, zoe@example.com]")
        .replace("accounts: {gcp", "accounts: {gpc"),
    )
    repo.write("directory/twice.yaml", "people:\n  - {id: Alice@example.com}\n")
    assert told(repo) == [
        "directory/people.yaml:2:58: nobody in directory/ is `rob@example.com`; did you mean `bob@example.com`?",
        "directory/people.yaml:3:36: there is no group `payments-oncal` in directory/; did you mean `payments-oncall`?",
        "directory/people.yaml:5:56: nobody in directory/ is `zoe@example.com`; add the member as a person",
        "directory/people.yaml:7:36: there is no system `gpc` in reconciler.yaml; did you mean `gcp`?",
        "directory/twice.yaml:2:10: `alice@example.com` is listed twice, first in directory/people.yaml; keep one of them",
    ]


def test_how_the_forge_knows_somebody_stands_beside_the_systems(repo: Repository) -> None:
    text = "people: [{id: carol@example.com, accounts: {forge: [carol, '4711'], gcp: c@example.com}}]\n"
    repo.write("directory/more.yaml", text + "services: [{id: bot, accounts: {forge: bot}}]\n")
    assert told(repo) == []


def test_an_attribute_is_a_text_with_a_name(repo: Repository) -> None:
    people = "people: [{id: carol@example.com, attributes: {employment: [employee]}}]\n"
    repo.write("directory/more.yaml", people + "services: [{id: bot, attributes: {'a b': c}}]\n")
    assert told(repo) == [
        "directory/more.yaml:1:59: `people[0].attributes.employment` is a list; write text"
        " (until then, unknown people and groups are not reported)",
        "directory/more.yaml:2:35: `a b` is no name of an attribute or tag; write it like `employment`",
    ]


def test_a_service_and_a_person_share_no_name(repo: Repository) -> None:
    repo.write("directory/more.yaml", "services: [{id: deployer}]\ngroups: [{id: deployer}]\n")
    assert told(repo) == [
        "directory/people.yaml:7:10: `deployer` is listed twice, first in directory/more.yaml; keep one of them"
    ]


def test_a_broken_bundle_or_directory_brings_no_false_alarms(repo: Repository) -> None:
    repo.write("grants/a.yaml", changed("access:", "access:\n  - bundle: payments-oncall"))
    repo.write("bundles/payments-oncall.yaml", BUNDLE.replace("access", "acces"))
    assert rules(repo) == ["unknown-key"]


def test_a_broken_file_of_the_directory_makes_nobody_unknown(repo: Repository) -> None:
    carol = "people:\n  - {id: carol@example.com, grups: [auditors]}\ngroups: [{id: auditors}]\n"
    repo.write("directory/more.yaml", carol)
    repo.write(
        "directory/rest.yaml", "people: [{id: dave@example.com, manager: carol@example.com}]\n"
    )
    repo.write("grants/a.yaml", grant(who="carol"))
    repo.write(
        "standing/b.yaml",
        grant(end="", who="carol").replace("subject: carol@example.com", "group: auditors"),
    )
    repo.write("grants/c.yaml", grant().replace("access:", "access:\n  - bundle: payments-on-call"))
    assert told(repo) == [
        "directory/more.yaml:2:29: unknown key `grups`; did you mean `groups`?"
        " (until then, unknown people and groups are not reported)",
        "grants/c.yaml:3:13: there is no bundles/payments-on-call.yaml; did you mean `payments-oncall`?",
    ]
    repo.commit(1)
    loaded = load(repo.root, hours(2)).problems
    assert [p.position.path for p in loaded] == ["directory/more.yaml", "grants/c.yaml"]
    repo.write("directory/more.yaml", carol.replace("grups", "groups"))
    assert [p.split(":")[0] for p in told(repo)] == ["grants/c.yaml"]


def test_a_protected_address_that_is_almost_somebodys_is_a_slip_of_the_pen(
    repo: Repository,
) -> None:
    names = [
        *("bob@exmaple.com", "Bob@example.com", "root@nowhere.example", "user:eve@example.com"),
        *(
            "deployer@payments-prod.iam.gserviceaccount.com",
            "{1111-22}",
            "arn:aws:iam::1:user/a@b.c",
        ),
    ]
    text = f"{CONFIGURATION}protected:\n" + "".join(f"  - '{name}'\n" for name in names)
    repo.commit(1, ("reconciler.yaml", text))
    said = [
        "reconciler.yaml:6:5: nobody in directory/ is `bob@exmaple.com`; did you mean `bob@example.com`? "
        "or write a principal's id as `reconciler plan --format json` shows it",
    ]
    assert told(repo) == said
    loaded = load(repo.root, hours(2))
    assert [str(p) for p in loaded.problems] == said
    assert loaded.configuration is not None  # whoever it protects stays protected
    assert len(loaded.configuration.protected) == len(names)


def test_paths_that_differ_only_in_case_are_one_file_elsewhere(repo: Repository) -> None:
    repo.write("grants/a.yaml", GRANT)
    repo.write("grants/A.yaml", GRANT)
    assert told(repo) == [
        "grants/a.yaml:1:1: the path differs from grants/A.yaml only in case; rename one of them"
    ]


def test_every_rule_is_described_for_code_scanning() -> None:
    """Each `rule` in the code is in RULES, and each of RULES is in the code."""
    import reconciler.repository as room

    code = "".join(
        p.read_text() for p in Path(room.__file__).parent.glob("*.py") if p.stem != "report"
    )
    literals = set(re.findall(r'"([a-z]+(?:-[a-z0-9]+)*)"', code))
    assert set(RULES) - {"invalid"} <= literals
    used = set(re.findall(r'Problem\([^"]*"([a-z-]+)"\)', code)) | set(
        re.findall(r', "([a-z]+-[a-z-]+)"(?:, of_key=True)?\)', code)
    )
    assert used <= set(RULES)
