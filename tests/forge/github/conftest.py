from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forge.github.world import World, made


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield from made(tmp_path)
