"""The history up to a commit: remembered as far as the cache goes, walked from there.

What is remembered is used only where it provably lies on the main line that is asked for.
"""

from __future__ import annotations

from reconciler.errors import InputError, ReconcilerError
from reconciler.repository.cache import Cache, code
from reconciler.repository.configuration import FILE
from reconciler.repository.git import Git
from reconciler.repository.git_answers import REGULAR
from reconciler.repository.history import History
from reconciler.repository.paths import FOLDERS, Kind, kind_of
from reconciler.repository.spans import Columns, Live, Span, fields, flat, joined

_PART = 5_000  # spans in one remembered part of what ended: most runs need only the newest
_REFRESH = 200  # commits that are walked again on each run before they are remembered too


def walk(git: Git, tip: str, cache: Cache) -> History:
    """Raises InputError when git fails, ReconcilerError when the walk does not lead to the tree."""
    history = _remembered(cache)
    if history is not None:
        start = len(history.commits)
        if _extended(git, tip, history):
            if len(history.commits) - start > _REFRESH and git.lasting:
                _remember(cache, history)
            return history
    history = History()
    history.feed(git.first_parents(tip))
    _prove(git, tip, history)
    if git.lasting:
        _remember(cache, history)
    return history


def _extended(git: Git, tip: str, history: History) -> bool:
    """Walk from the remembered tip to `tip`; False where it does not lie on this main line."""
    if history.tip == tip:
        return True
    try:
        commits = list(git.first_parents(tip, after=history.tip))
    except InputError:
        return False  # the remembered tip is not in this repository any more
    if not commits or commits[0].parent != history.tip:
        return False
    history.feed(commits)
    return history.tip == tip


def _prove(git: Git, tip: str, history: History) -> None:
    """The contents that stand at the end of the walk are those of the commit, file by file."""
    tree = {e.path: e for e in git.tree(tip, FILE, *FOLDERS) if kind_of(e.path) is not None}
    there = {path: e.blob for path, e in tree.items() if e.mode in REGULAR}
    live = history.live.every()
    odd = tree.keys() ^ live.keys()
    odd |= {path for path, s in live.items() if s.blob and there.get(path) != s.blob}
    if odd:
        what = f"the history of {min(odd)} does not lead to what {tip[:12]} holds"
        raise ReconcilerError(f"{what}; this is a bug: please report it with `git --version`")


def _remembered(cache: Cache) -> History | None:
    parts = cache.history()
    try:
        made_by, tip, spans, ended, ruled = fields(parts["head"])
        if made_by != code():
            return None
        commits = fields(parts["commits"])
        half = len(commits) // 2
        times = list(map(int, commits[half:]))
        live = Live({kind: Columns.of(parts[f"live {kind}"]) for kind in Kind})
        went = [parts[f"ended{number}"] for number in range(int(ended))]
        rules = [parts[f"ruled{number}"] for number in range(int(ruled))]
    except (KeyError, ValueError):
        return None
    history = History(commits[:half], times, live, [], went, [], rules, int(spans))
    return history if history.tip == tip and len(times) == half else None


def _remember(cache: Cache, history: History) -> None:
    ended = [*history.parts, *_flat(history.ended)]
    ruled = [*history.ruled_parts, *_flat(history.ruled)]
    parts = {f"ended{number}": part for number, part in enumerate(ended)}
    parts |= {f"ruled{number}": part for number, part in enumerate(ruled)}
    parts |= {f"live {kind}": flat([*history.live.of(kind).values()]) for kind in Kind}
    parts["commits"] = joined([*history.commits, *map(str, history.times)])
    counts = (history.spans, len(ended), len(ruled))
    parts["head"] = joined([code(), history.tip, *map(str, counts)])
    cache.remember_history(parts)


def _flat(spans: list[Span]) -> list[bytes]:
    return [flat(spans[i : i + _PART]) for i in range(0, len(spans), _PART)]
