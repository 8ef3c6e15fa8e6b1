"""Imports point one way (docs/architecture.md). Read from the code itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Collection
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import reconciler

ROOT = Path(reconciler.__file__).parent

# room -> the rooms that it may import from, beside its own
MAY = {
    "model": set(),
    "planning": {"model", "errors"},
    "render": {"model", "planning", "policy", "providers.base"},
    "policy": {"model", "errors"},
    "forge": {"model", "errors"},
    "proof": {"model", "errors", "forge.base", "planning", "policy", "repository"},
    "asking": {"model", "errors", "git_environment", "policy", "proof", "repository"},
    "ledger": {"model", "errors", "git_environment"},
    "engine": {"model", "errors", "planning", "providers.base", "unsaid"},
    "repository": {"model", "errors", "git_environment", "providers", "providers.base"},
    "providers": {"model", "errors", "providers.base", "providers.once", "unsaid"},
    "sandbox": {"model", "errors", "templates", "sandbox"},
    "cli": {"asking", "cli", "engine", "errors", "forge", "forge.base", "ledger", "model", "planning",
            "policy", "proof", "providers.base", "render", "repository", "sandbox", "templates", "unsaid"},
}  # fmt: skip
IMPURE = {"os", "time", "subprocess", "socket", "pathlib", "click", "random", "threading"}
PROTOBUF = {ROOT / "policy" / name for name in ("cel.py", "costs.py")}  # "google" there
SDKS = {"boto3", "botocore", "google", "grpc", "azure", "atlassian", "requests"}


def imported(path: Path) -> set[str]:
    """Every module that a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def ours(path: Path) -> set[str]:
    """The rooms of ours that a file imports from: "model", "providers.base", "providers.aws"."""
    rooms: set[str] = set()
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "reconciler" and len(parts) > 1:
            deep = (
                parts[1] in ("providers", "forge") and len(parts) > 2 and ROOT.joinpath(*parts[1:3])
            )
            is_module = deep and (deep.is_dir() or deep.with_suffix(".py").exists())
            rooms.add(".".join(parts[1:3]) if is_module else parts[1])
    return rooms


def module(path: Path) -> str:
    inside = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(inside[:-1] if inside[-1] == "__init__" else inside)


def opened(path: Path, modules: Collection[str]) -> set[str]:
    """The `modules` that a file imports by name, wherever in the file. That Python runs the
    packages above them as well does not count."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            deep = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules else node.module for name in deep}
    return found & set(modules)


def files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", sorted(MAY))
def test_a_room_imports_only_from_the_rooms_below_it(room: str) -> None:
    for path in files(room):
        strange = ours(path) - MAY[room] - {room, "__version__"}
        if room in ("providers", "forge"):
            strange = {r for r in strange if not r.startswith(f"{room}.")}  # see below
        assert not strange, f"{path.relative_to(ROOT)} imports {strange}"


def test_no_file_imports_itself_by_way_of_others() -> None:
    """Not by an import inside a function either: such a circle is only waiting to close."""
    paths = {module(path): path for path in ROOT.rglob("*.py")}
    graph = {name: opened(path, paths) for name, path in paths.items()}
    assert "reconciler.providers.aws.reader" in graph["reconciler.providers.aws.system"]
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as e:
        circle: list[str] = e.args[1]
        pytest.fail(" imports ".join(reversed(circle)))


def test_every_room_has_its_rule() -> None:
    rooms = {p.name for p in ROOT.iterdir() if p.is_dir() and any(p.glob("*.py"))}
    assert rooms - {"templates", "schemas", "__pycache__"} == set(MAY)


@pytest.mark.parametrize("room", ["model", "planning", "policy"])
def test_the_pure_rooms_do_no_io_and_read_no_clock(room: str) -> None:
    for path in files(room):
        tops = {name.split(".")[0] for name in imported(path)}
        plain = {"google"} if path in PROTOBUF else set()
        assert not tops & ((IMPURE | SDKS) - plain), path
        assert ".now(" not in path.read_text(), path


def test_no_provider_knows_another() -> None:
    shared = {"bitbucket_cloud": {"bitbucket"}, "bitbucket_dc": {"bitbucket"}}
    packages = [p for p in (ROOT / "providers").iterdir() if p.is_dir() and p.name[0] != "_"]
    assert packages
    for package in packages:
        allowed = {"base", "once", package.name} | shared.get(package.name, set())
        for path in package.rglob("*.py"):
            known = {r.split(".")[1] for r in ours(path) if r.startswith("providers.")}
            assert known <= allowed, path


def test_nothing_but_the_providers_and_the_sandbox_knows_an_sdk() -> None:
    for path in ROOT.rglob("*.py"):
        room = path.relative_to(ROOT).parts[0]
        if room not in ("providers", "sandbox"):
            plain = {"requests"} if room in ("forge", "ledger") else set()  # no vendor's kit
            plain |= {"google"} if path in PROTOBUF else set()
            assert not {n.split(".")[0] for n in imported(path)} & (SDKS - plain), path


def test_nothing_but_the_command_line_imports_the_sandbox() -> None:
    for path in ROOT.rglob("*.py"):
        room = path.relative_to(ROOT).parts[0]
        if room not in ("sandbox", "cli"):
            assert "sandbox" not in ours(path), path


def test_rule_5_what_plans_can_get_no_writer() -> None:
    """Writers are opened in one place, and only `apply` goes there."""
    for path in ROOT.rglob("*.py"):
        name, text = str(path.relative_to(ROOT)), path.read_text().replace("forges.writer(", "")
        opens = ".open_writer(" in text or ".writer(" in text
        forges = name in ("forge/__init__.py", "cli/forges.py")  # these write on a forge, see below
        assert not opens or forges or name in ("engine/connections.py", "engine/apply.py"), name
    for command in ("plan", "status", "session", "explain", "diff", "check", "review", "policy"):
        assert "reconciler.engine.apply" not in imported(ROOT / "cli" / f"{command}.py")


def test_only_what_speaks_to_people_on_the_forge_can_write_there() -> None:
    may = re.compile(r"cli/(check|request|review)\w*\.py")
    for path in ROOT.rglob("*.py"):
        name = str(path.relative_to(ROOT))
        assert "forges.writer(" not in path.read_text() or may.fullmatch(name), name


def test_the_clock_is_read_at_the_edge_only() -> None:
    edge = {"cli/clock.py"}
    for path in ROOT.rglob("*.py"):
        name = str(path.relative_to(ROOT))
        if name.startswith("sandbox/") or name in edge:
            continue  # the sandbox plays the clouds, which have clocks of their own
        text = path.read_text()
        assert "datetime.now(" not in text, name
        assert "utcnow(" not in text, name


def test_help_starts_no_sdk_and_no_schema_engine() -> None:
    probe = (
        "import sys\nfrom reconciler.cli import cli\n"
        "cli.main(['--help'], standalone_mode=False)\n"
        "print(sorted({m.split('.')[0] for m in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    for name in (
        *SDKS,
        "cel_expr_python",
        "jsonschema",
        "jsonschema_rs",
        "yaml",
        "rich",
        "moto",
        "flask",
    ):
        assert f"'{name}'" not in done.stderr, name


def test_no_file_is_longer_than_a_room_can_hold() -> None:
    long = {
        str(p.relative_to(ROOT)): n
        for p in ROOT.rglob("*.py")
        if (n := len(p.read_text().splitlines())) > 350
    }
    assert long == {}
