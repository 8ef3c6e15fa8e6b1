from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.request_world import World, world


@pytest.fixture
def access(tmp_path: Path) -> Iterator[World]:
    """An access repository on a local GitHub, cloned by alice."""
    with world(tmp_path) as made:
        made.begin()
        yield made
