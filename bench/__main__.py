"""`python -m bench [NAMES]`: the budgets of the design, measured side by side with their peers.

Corpora are made once, in a folder of the system's temporary ones. Never part of the tests.
"""

from __future__ import annotations

import sys
import tempfile
from importlib import import_module
from pathlib import Path

from bench.measure import Result, table

# name -> module with `run(home) -> Iterator[Result]`; a new budget is a file and a line here.
BENCHES = {
    "startup": "bench.startup",
    "parse": "bench.parse",
    "validate": "bench.validate",
    "history": "bench.history",
    "planning": "bench.planning",
    "policy": "bench.policy",
    "proof": "bench.proof",
    "ledger": "bench.ledger",
    "answers": "bench.answers",
    "calls": "bench.calls",
}


def main(names: list[str]) -> int:
    unknown = sorted(set(names) - set(BENCHES))
    if unknown:
        print(f"there is no bench {unknown[0]!r}; write one of: {', '.join(BENCHES)}")
        return 2
    home = Path(tempfile.gettempdir()) / "access-reconciler-bench"
    home.mkdir(exist_ok=True)
    results: list[Result] = []
    for name in names or BENCHES:
        print(f"# {name}", file=sys.stderr)
        results.extend(import_module(BENCHES[name]).run(home))
    print(table(results))
    return 0 if all(result.met for result in results) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
