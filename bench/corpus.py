"""Access repositories of any size, the same every time: fixed seeds, no clock."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

START = 1_767_225_600  # 2026-01-01T00:00:00Z

CONFIGURATION = """\
systems:
  gcp: {provider: gcp, mode: enforce}
  azure: {provider: azure, tenant: 00000000-0000-0000-0000-000000000000}
"""

_ROLES = ("viewer", "editor.lite", "cloudsql.viewer", "storage.objectViewer", "logging.viewer")
_AZURE = ("Reader", "Contributor", "Storage Blob Data Reader", "Monitoring Reader")


def grant(rng: random.Random, number: int) -> str:
    """About 20 lines and 550 bytes; a third with comments, a third with a block scalar."""
    person = f"person{rng.randrange(2_000)}@example.com"
    project = f"acme-{rng.choice(('pay', 'web', 'data', 'core'))}-{rng.randrange(500)}"
    lines = ["# yaml-language-server: $schema=grant.schema.json"] if number % 3 == 0 else []
    lines += [f"subject: {person}", "access:"]
    lines += ["  - system: gcp", f"    project: {project}", f"    role: roles/{rng.choice(_ROLES)}"]
    lines += [
        "  - system: azure",
        "    scope: /subscriptions/00000000-0000-0000-0000-000000000000"
        f"/resourceGroups/rg-{rng.randrange(900)}",
        f"    role: {rng.choice(_AZURE)}",
    ]
    month, day = rng.randrange(1, 13), rng.randrange(1, 29)
    lines += [
        f"starts: 2026-{month:02}-{day:02}T08:00:00Z",
        f"expires: 2027-{month:02}-{day:02}T18:00:00Z",
    ]
    if number % 3 == 1:
        lines += [
            "reason: |",
            f"  Incident {number} needs a second look at the settlement batch,",
            "  and then a report.",
        ]
    else:
        lines += [f"reason: Look into incident {number} of the settlement batch"]
    lines += [f"ticket: OPS-{number}"]
    return "\n".join(lines) + "\n"


def directory() -> str:
    lines = ["people:"]
    lines += [f"  - {{id: person{i}@example.com, name: Person {i}}}" for i in range(2_000)]
    return "\n".join(lines) + "\n"


def path_of(number: int) -> str:
    return f"grants/team{number % 40}/area{number // 40 % 20}/g{number}.yaml"


def files(count: int) -> Iterator[tuple[str, str]]:
    rng = random.Random(count)
    yield "reconciler.yaml", CONFIGURATION
    yield "directory/people.yaml", directory()
    for number in range(count):
        yield path_of(number), grant(rng, number)


def folder(home: Path, count: int) -> Path:
    """A git repository of one commit with `count` grants, made once and kept."""
    root = home / f"grants-{count}"
    if (root / ".git" / "ready").exists():
        return root
    git(home, "init", "-q", "-b", "main", str(root))
    for path, text in files(count):
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "All grants", when=START)
    (root / ".git" / "ready").touch()
    return root


def history(home: Path, commits: int, adds: int = 4, removes: int = 2) -> Path:
    """Every commit adds `adds` grants and, once there are enough, removes `removes`; one in five
    comes in through a merge. Written with fast-import, so that 50,000 commits take seconds."""
    root = home / f"history-{commits}"
    if (root / ".git" / "ready").exists():
        return root
    git(home, "init", "-q", "-b", "main", str(root))
    with subprocess.Popen(
        ["git", "fast-import", "--quiet"], cwd=root, stdin=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        for chunk in _stream(commits, adds, removes):
            process.stdin.write(chunk.encode())
    assert process.returncode == 0
    git(root, "reset", "-q", "--hard", "main")
    (root / ".git" / "ready").touch()
    return root


def _stream(commits: int, adds: int, removes: int) -> Iterator[str]:
    rng = random.Random(commits)
    live: list[str] = []
    number, mark = 0, 1
    first = f"M 644 inline reconciler.yaml\n{_data(CONFIGURATION)}"
    first += f"M 644 inline directory/people.yaml\n{_data(directory())}"
    yield _commit("main", mark, START, "First", "", first)
    for i in range(commits):
        changes = ""
        for _ in range(adds):
            path = path_of(number)
            changes += f"M 644 inline {path}\n{_data(grant(rng, number))}"
            live.append(path)
            number += 1
        if i % 2 and len(live) > 8 * removes:
            for _ in range(removes * 2):
                spot = rng.randrange(len(live))
                live[spot], live[-1] = live[-1], live[spot]
                changes += f"D {live.pop()}\n"
        when = START + 600 * (i + 1)
        main, mark = mark, mark + 1
        if i % 5:
            yield _commit("main", mark, when, f"Change {i}", f"from :{main}\n", changes)
            continue
        yield _commit("work", mark, when, f"Change {i}", f"from :{main}\n", changes)
        merge = f"from :{main}\nmerge :{mark}\n"
        mark += 1
        yield _commit("main", mark, when + 60, f"Merge {i}", merge, changes)


def _commit(branch: str, mark: int, when: int, message: str, parents: str, changes: str) -> str:
    who = f"Alice <alice@example.com> {when} +0000"
    head = f"commit refs/heads/{branch}\nmark :{mark}\nauthor {who}\ncommitter {who}\n"
    return f"{head}{_data(message)}{parents}{changes}\n"


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"


def git(root: Path, *arguments: str, when: int = START) -> None:
    date = f"{when} +0000"
    identity = {"NAME": "Alice", "EMAIL": "alice@example.com", "DATE": date}
    env = {f"GIT_{who}_{k}": v for who in ("AUTHOR", "COMMITTER") for k, v in identity.items()}
    env |= {"PATH": "/usr/local/bin:/usr/bin:/bin", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/"}
    subprocess.run(["git", *arguments], cwd=root, check=True, env=env)
