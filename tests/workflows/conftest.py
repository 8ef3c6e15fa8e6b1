"""The local systems, and a runner on which the tool is installed: both take seconds to make."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.sandbox.home import Running
from reconciler.sandbox.process import Sandbox

from .access import INSTALL, Access, git
from .runner import ROOT, Runner


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Sandbox(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with one wheel, which stands for all of requirements/runtime.txt, and its lock."""
    folder = tmp_path_factory.mktemp("wheels")
    wheel = folder / "everything-1.0-py3-none-any.whl"
    here = next(p for p in sys.path if p.endswith("site-packages"))
    files = {
        "everything.pth": here + "\n",
        "everything-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: everything\nVersion: 1.0\n",
        "everything-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "everything-1.0.dist-info/RECORD"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        lines = [f"{name},sha256={_digest(text)},{len(text)}" for name, text in files.items()]
        archive.writestr(record, "\n".join([*lines, f"{record},,"]) + "\n")
    return folder, f"everything==1.0 --hash=sha256:{_hash(wheel)}\n"


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="session")
def installed(locked: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """A runner on which the installing step has run: it takes seconds and is the same in both."""
    wheels, lock = locked
    workspace = tmp_path_factory.mktemp("workspace")
    tool = workspace / "reconciler"
    (tool / "requirements").mkdir(parents=True)
    (tool / "requirements" / "runtime.txt").write_text(lock)
    for name in ("reconciler", "schemas"):
        (tool / name).symlink_to(ROOT / name)
    env = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
    }
    runner = Runner(workspace, tmp_path_factory.mktemp("runner"), env=env)
    first = runner.only("validate.yml", INSTALL)
    assert first.code == 0, first.output
    return replace(runner, done=frozenset({INSTALL}))


@pytest.fixture
def access(sandbox: Running, installed: Runner) -> Iterator[Access]:
    folder = installed.workspace / "access"
    git(installed.workspace, "clone", "-q", str(sandbox.access), "access")
    yield Access(replace(installed, env={**installed.env, **sandbox.env}), sandbox)
    shutil.rmtree(folder)
    sandbox.control.reset()
