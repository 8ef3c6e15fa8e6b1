"""What a command said and how it ended, for every test that runs one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def changes(self) -> list[str]:
        """ "add alice@example.com read" for each planned change."""
        return [
            f"{c['action']} {c['subject']} {c['role']} ({c['cause']})" for c in self.json["changes"]
        ]
