"""`reconciler init`: what it writes is whole, valid, and gives nobody anything."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from reconciler import templates
from reconciler.templates import SYSTEMS

ALL = ",".join(SYSTEMS)


def reconciler(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reconciler", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def committed(folder: Path) -> Path:
    """History is part of what is checked, so it needs a commit."""
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "-qb", "main"], ["add", "-A"], ["commit", "-qm", "First"]):
        subprocess.run([*git, *words], check=True)
    return folder


def files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("forge", ["github", "bitbucket"])
def test_a_new_access_repository_is_valid(tmp_path: Path, forge: str) -> None:
    done = reconciler(tmp_path, "init", "new", "--forge", forge, "--systems", ALL)
    assert done.returncode == 0, done.stderr
    checked = reconciler(committed(tmp_path / "new"), "validate")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("forge", ["github", "bitbucket"])
def test_the_ledger_is_kept_on_a_branch_from_the_first_run_on(tmp_path: Path, forge: str) -> None:
    """CI machines forget, and no secret has to be set up for it."""
    reconciler(tmp_path, "init", "new", "--forge", forge)
    said = yaml.safe_load((tmp_path / "new" / "reconciler.yaml").read_text())
    anchor = said["ledger"].pop("anchor")["file"]
    assert said["ledger"] == {"store": "branch", "branch": "access-ledger"}
    assert anchor in (tmp_path / "new" / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_example_of_the_readme_is_a_valid_grant_for_each_system(
    tmp_path: Path, system: str
) -> None:
    assert reconciler(tmp_path, "init", "new", "--systems", system).returncode == 0
    text = (tmp_path / "new" / "README.md").read_text()
    example = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert example
    grant = tmp_path / "new" / "grants" / "payments" / "alice-batch.yaml"
    grant.parent.mkdir()
    grant.write_text(re.sub(r"^ {3}", "", example[1], flags=re.MULTILINE))
    checked = reconciler(committed(tmp_path / "new"), "validate")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_it_grants_nothing_and_writes_to_nothing(tmp_path: Path) -> None:
    reconciler(tmp_path, "init", "new", "--systems", ALL)
    for folder in ("grants", "standing", "bundles"):
        assert files(tmp_path / "new" / folder) == {".gitkeep"}
    said = yaml.safe_load((tmp_path / "new" / "reconciler.yaml").read_text())
    assert {name: system["mode"] for name, system in said["systems"].items()} == dict.fromkeys(
        SYSTEMS, "report"
    )


def test_only_the_chosen_systems_are_set_up(tmp_path: Path) -> None:
    reconciler(tmp_path, "init", "new", "--systems", "gcp,aws")
    said = yaml.safe_load((tmp_path / "new" / "reconciler.yaml").read_text())
    assert list(said["systems"]) == ["gcp", "aws"]
    workflow = (tmp_path / "new" / ".github" / "workflows" / "reconcile.yml").read_text()
    assert "aws-role" in workflow
    assert "azure" not in workflow
    assert "BITBUCKET" not in workflow


def test_the_organisation_is_everywhere(tmp_path: Path) -> None:
    for forge in ("github", "bitbucket"):
        reconciler(tmp_path, "init", forge, "--forge", forge, "--org", "initech", "--systems", ALL)
        texts = [(tmp_path / forge / path).read_text() for path in files(tmp_path / forge)]
        assert "@initech/access-admins" in "".join(texts)
        assert not [text for text in texts if re.search(r"\bacme/", text)]
        assert not [text for text in texts if "%%{" in text]


@pytest.mark.parametrize("forge", ["github", "bitbucket"])
def test_what_decides_about_grants_has_stricter_owners_than_grants(
    tmp_path: Path, forge: str
) -> None:
    reconciler(tmp_path, "init", "new", "--forge", forge)
    owners = tmp_path / "new" / f".{forge}" / "CODEOWNERS"
    rules = [
        line.split() for line in owners.read_text().splitlines() if line and line[0] not in "# "
    ]
    admins = ["@acme/access-admins"]

    def owner(path: str) -> list[str]:
        """The last match decides."""
        return [rule[1:] for rule in rules if rule[0] == "*" or ("/" + path).startswith(rule[0])][
            -1
        ]

    assert owner("grants/alice.yaml") == ["@acme/access-approvers"]
    for path in files(tmp_path / "new"):
        if not path.startswith("grants/"):
            assert owner(path) == admins, path
    for path in ("policies/p.yaml", "revocations/r.yaml", "something/new.yaml"):
        assert owner(path) == admins, path
    assert rules[-1] == [f"/.{forge}/CODEOWNERS", *admins]  # it owns itself


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README.md").write_text("mine")
    done = reconciler(tmp_path, "init", "mine")
    assert done.returncode == 2
    assert "mine has README.md already" in done.stderr
    assert files(tmp_path / "mine") == {"README.md"}
    assert (tmp_path / "mine" / "README.md").read_text() == "mine"


def test_editors_find_a_schema_for_every_file_and_need_no_network(tmp_path: Path) -> None:
    reconciler(tmp_path, "init", "new")
    new = tmp_path / "new"
    settings = json.loads((new / ".vscode" / "settings.json").read_text())
    for schema in settings["yaml.schemas"]:
        text = (new / schema).read_text()
        references = set(re.findall(r'"\$ref": "([^"]+)"', text))
        assert references
        assert {reference[0] for reference in references} == {"#"}
    for path in (new / "reconciler.yaml", new / "directory" / "people.yaml"):
        hint = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text())
        assert hint
        assert (path.parent / hint[1]).is_file()


def test_the_wheel_brings_every_template(tmp_path: Path) -> None:
    root = Path(templates.__file__).parents[2]
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=root, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    ours = Path(templates.__file__).parent
    wanted = {f"reconciler/templates/{p}" for p in files(ours) if "__pycache__" not in p}
    assert len(wanted) > 20
    assert wanted <= inside


def test_three_steps_say_how_to_go_on(tmp_path: Path) -> None:
    said = reconciler(tmp_path, "init", "new").stdout
    assert [line[:5] for line in said.splitlines() if re.match(r"  \d\. ", line)] == [
        "  1. ",
        "  2. ",
        "  3. ",
    ]
    for way in ("directory/people.yaml", "policies/", "`reconciler doctor`"):
        assert way in said


def test_the_first_step_finds_what_to_replace_before_there_is_any_git(tmp_path: Path) -> None:
    said = reconciler(tmp_path, "init", "new").stdout
    command = re.search(r"in new, `(grep .*)` finds", said)
    assert command
    found = subprocess.run(
        ["bash", "-c", command[1]], cwd=tmp_path / "new", capture_output=True, text=True
    ).stdout
    for file in ("reconciler.yaml", ".github/CODEOWNERS", ".github/workflows/reconcile.yml"):
        assert f"./{file}:" in found
    assert "git init -b main" in said


def test_the_folder_one_is_in_is_not_called_the_one_above(tmp_path: Path) -> None:
    said = reconciler(tmp_path, "init", ".").stdout
    assert re.match(r"Wrote \d+ files into \.\n", said)
    assert "yours: here, `grep" in said


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")  # refused to root, too
    done = reconciler(tmp_path, "init", "file/new")
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write to file/new: Not a directory; ")
    assert len(done.stderr.splitlines()) == 1


def test_workflows_that_are_pinned_to_nothing_are_spoken_of(tmp_path: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    assert "Before it runs: pin" in reconciler(tmp_path, "init", "a").stdout
    project = f"initech/reconciler@{commit}"
    assert "Before it runs" not in reconciler(tmp_path, "init", "b", "--project", project).stdout
    workflow = (tmp_path / "b" / ".github" / "workflows" / "reconcile.yml").read_text()
    assert f"initech/reconciler/.github/workflows/reconcile.yml@{commit}" in workflow


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--systems", "aws,oracle"), "there is no system 'oracle'; write some of aws,gcp"),
        (("--systems", ""), "no system is chosen"),
        (("--org", "a c"), "organisation 'a c' is no forge name"),
        (("--org", "a\n- evil"), "is no forge name"),
        (("--project", "initech/reconciler@main"), "a commit of 40 hex digits"),
        (("--project", "../x@" + "0" * 40), "write owner/name@"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_written(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    done = reconciler(tmp_path, "init", "new", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "new").exists()
