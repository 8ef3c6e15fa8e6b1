"""Every content that 50,000 commits ever declared, and the load of a commit with them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench import corpus
from bench.measure import Result, alone, command, paired
from reconciler.repository import load
from reconciler.repository.cache import Cache
from reconciler.repository.contents import undisturbed
from reconciler.repository.git import Git
from reconciler.repository.walk import walk

COMMITS = 50_000
LOG = ("git", "log", "--raw", "--no-abbrev", "--no-renames", "--first-parent", "-m", "--format=%H")


def run(home: Path) -> Iterator[Result]:
    root = corpus.history(home, COMMITS)
    git, store = Git(root), home / "cache-history"
    tip = git.commit("HEAD")
    parent = git.commit("HEAD~100")

    def cold() -> object:
        with undisturbed():
            return walk(git, tip, Cache(None, root))

    def warm() -> object:
        with undisturbed():
            cache = Cache(store, root)
            found = walk(git, tip, cache)
            cache.close()
            return found

    log = command(LOG, root)
    log()
    yield paired("history of 50,000 commits, cold", cold, log, "git log --raw", 1.3, 3)
    shutil.rmtree(store, ignore_errors=True)
    cache = Cache(store, root)
    walk(git, parent, cache)
    cache.close()
    yield alone("history, 100 commits after the last walk", warm, 0.3)

    now = datetime.fromtimestamp(corpus.START + 600 * COMMITS, UTC)

    def loaded() -> object:
        return load(root, now, cache=store)

    loaded()
    # Mostly the making of some two million values of the model: more than reading and checking.
    yield alone("load 100,000 standing grants with history, warm", loaded, 2.5)
