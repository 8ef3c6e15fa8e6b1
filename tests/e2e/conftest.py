from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.sandbox.home import Running
from reconciler.sandbox.process import Sandbox
from tests.e2e.company import Company
from tests.e2e.hosted import Hosted


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Running]]:
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox") / "home")
    with sandbox as running:
        yield sandbox, running


@pytest.fixture
def company(served: tuple[Sandbox, Running], tmp_path: Path) -> Company:
    sandbox, running = served
    sandbox.reset()
    return Company(sandbox, running, tmp_path)


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[Hosted]:
    sandbox = Sandbox(tmp_path / "home", ("bitbucket",), hosted=True)
    with sandbox as running:
        yield Hosted(sandbox, running, tmp_path)
