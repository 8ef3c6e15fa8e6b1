"""Evidence and verdicts as one line of text and back, for the memory. Text only: what reads a row
back can build nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from reconciler.model import Account, Content, Evidence, PullRequest, Review, Word
from reconciler.policy.judge import Judgement, Verdict


def encode(evidence: Evidence) -> str:
    return json.dumps([evidence.commit, [_pull(p) for p in evidence.pulls]], separators=(",", ":"))


def decode(row: str) -> Evidence | None:
    """None for a row that this version did not write, or that came to harm."""
    try:
        commit, pulls = json.loads(row)
        return Evidence(str(commit), tuple(_to_pull(p) for p in pulls))
    except (ValueError, TypeError, KeyError, IndexError):
        return None


def encode_granted(granted: Mapping[str, Judgement], basis: str) -> str:
    """By mark. Why it was granted is not kept, nor anything that was not granted. `basis` names the
    rules and people that it was granted by."""
    rows = [
        [mark, j.rule, j.approved_by, j.pull, j.break_glass, j.automatic]
        for mark, j in granted.items()
    ]
    return json.dumps([basis, rows], separators=(",", ":"))


def decode_granted(row: str, basis: str) -> dict[str, Judgement]:
    """Empty for a row that came to harm, or that stands on another basis."""
    try:
        stands_on, rows = json.loads(row)
        if stands_on != basis:
            return {}
        return {
            mark: Judgement(
                Verdict.GRANTED,
                rule,
                approved_by=tuple(by),
                pull=pull,
                break_glass=bool(broken),
                automatic=bool(automatic),
            )
            for mark, rule, by, pull, broken, automatic in rows
        }
    except (ValueError, TypeError):
        return {}


def _pull(p: PullRequest) -> dict[str, Any]:
    return {
        "number": p.number,
        "url": p.url,
        "title": p.title,
        "merged_as": p.merged_as,
        "size": p.size,
        "base": p.base,
        "head": p.head,
        "author": _account(p.author),
        "merged_at": p.merged_at.isoformat() if p.merged_at else None,
        "merged_by": _account(p.merged_by),
        "writers": [_account(w) for w in p.writers],
        "unsigned": list(p.unsigned),
        "reviews": [[_account(r.account), r.word, r.at.isoformat(), r.commit] for r in p.reviews],
        "contents": [[c.commit, c.path, c.blob] for c in p.contents],
        "untold_pushers": p.untold_pushers,
    }


def _to_pull(p: dict[str, Any]) -> PullRequest:
    writers = (_to_account(w) for w in p["writers"])
    return PullRequest(
        int(p["number"]),
        str(p["url"]),
        str(p["base"]),
        str(p["head"]),
        _to_account(p["author"]),
        datetime.fromisoformat(p["merged_at"]) if p["merged_at"] else None,
        _to_account(p["merged_by"]),
        tuple(w for w in writers if w is not None),
        tuple(map(str, p["unsigned"])),
        tuple(
            Review(_to_account(who), Word(word), datetime.fromisoformat(at), str(commit))
            for who, word, at, commit in p["reviews"]
        ),
        tuple(Content(str(c), str(path), str(blob)) for c, path, blob in p["contents"]),
        str(p["title"]),
        str(p["merged_as"]),
        int(p["size"]),
        str(p["untold_pushers"]),
    )


def _account(a: Account | None) -> list[Any] | None:
    return None if a is None else [a.id, a.login, a.person, a.email, a.shown]


def _to_account(row: list[Any] | None) -> Account | None:
    if row is None:
        return None
    id, login, person, email, shown = row
    return Account(str(id), str(login), bool(person), str(email), str(shown))
