"""How the sandbox writes the files of its access repository. Writes nothing itself."""

from __future__ import annotations

import yaml

HEAD = "# Written by `reconciler sandbox`. The systems are local, and all in `mode: enforce`.\n"


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True  # the strict loader refuses aliases


def written(data: object) -> str:
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=150, allow_unicode=True)
