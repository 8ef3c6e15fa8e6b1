"""When the commits of the main line count as made: committer times, where clocks that ran wrong
are corrected by their neighbours. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from itertools import pairwise


def settled(times: Sequence[int]) -> list[int]:
    """The times in the order of the line, never going back.

    The longest run of commits whose times do not go back is believed. A commit outside it has a
    wrong clock, and takes the time of the believed neighbour that is nearer to its own: one that
    claims to be from the past counts as made with the one before it, one from the future with the
    one after it. So a wrong clock moves only its own commit, and no deletion can be dated away.
    """
    if all(a <= b for a, b in pairwise(times)):
        return list(times)
    upcoming = deque(_longest_rise(times))
    found: list[int] = []
    for i, time in enumerate(times):
        if upcoming and upcoming[0] == i:
            upcoming.popleft()
        elif upcoming:
            time = min(time, times[upcoming[0]])
        found.append(max(time, found[-1]) if found else time)
    return found


def _longest_rise(times: Sequence[int]) -> list[int]:
    """Indices of a longest subsequence that never falls, found in n log n."""
    tails: list[int] = []  # the smallest last time of a run of each length
    ends: list[int] = []  # the index of that time
    previous = [-1] * len(times)
    for i, time in enumerate(times):
        spot = bisect_right(tails, time)
        previous[i] = ends[spot - 1] if spot else -1
        if spot == len(tails):
            tails.append(time)
            ends.append(i)
        else:
            tails[spot] = time
            ends[spot] = i
    run: list[int] = []
    at = ends[-1] if ends else -1
    while at >= 0:
        run.append(at)
        at = previous[at]
    return run[::-1]
