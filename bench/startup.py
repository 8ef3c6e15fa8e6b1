"""`reconciler --help`: commands load when they are called."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Result, alone, command, paired

BIN = Path(sys.executable).parent


def run(home: Path) -> Iterator[Result]:
    ours = command([BIN / "reconciler", "--help"], home)
    peer = command([BIN / "check-jsonschema", "--help"], home)
    yield alone("reconciler --help", ours, 0.150, 11)
    yield paired("reconciler --help", ours, peer, "check-jsonschema --help", 0.5, 11)
