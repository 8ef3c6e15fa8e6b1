"""The environment in which git is asked, for whatever room asks it. Starts nothing.

What a hook, an alias or a CI step left in it must not point git at another repository, history,
index or person than the one that was meant.
"""

from __future__ import annotations

import os

# Replacement objects and grafts would show another history than everybody else's.
_OURS = {
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
# `git rev-parse --local-env-vars`, but for the user's configuration; and what reads paths as
# patterns.
_MISLEADING = frozenset({
    "GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH",
    "GIT_SHALLOW_FILE", "GIT_REPLACE_REF_BASE", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_ATTR_SOURCE",
    "GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS",
})  # fmt: skip
# Under whose name and time something is written.
_WRITERS = frozenset({
    "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_AUTHOR_DATE",
    "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "GIT_COMMITTER_DATE",
})  # fmt: skip


def environment() -> dict[str, str]:
    """Ours, and no more of the user's own than does no harm."""
    kept = {key: value for key, value in os.environ.items() if key not in _MISLEADING}
    return kept | _OURS


def writing() -> dict[str, str]:
    """The same for what is written under our own name, whoever committed last in this shell."""
    return {key: value for key, value in environment().items() if key not in _WRITERS}
