"""Problems for machines: JSON, SARIF 2.1.0 and GitHub's annotations. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from reconciler import __version__
from reconciler.errors import Problem
from reconciler.repository.check import Validated

_SARIF = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_HOME = "https://access-reconciler.example.com"

# Every `Problem.rule`, and what it is about. A test holds that no other is used.
RULES = {
    "access-item": "An access item that its provider refuses",
    "ambiguous": "Keys that fit more than one form",
    "break-glass": "A break-glass grant outside grants/break-glass/",
    "conflict": "Keys that cannot stand together",
    "count": "Too few or too many entries",
    "duplicate-id": "A person, group or service listed twice",
    "duplicate-item": "The same access listed twice",
    "duplicate-key": "A key set twice: YAML would silently take the last",
    "duplicate-name": "A rule or test with the name of another",
    "duplicate-value": "A value listed twice",
    "empty-file": "A file with nothing in it",
    "encoding": "A file that is not UTF-8, or starts with a byte order mark",
    "extension": "A file whose name does not end in .yaml",
    "file-size": "A file too large to review",
    "former-name": "A name that a system cannot have had before",
    "hidden-character": "A character that a reviewer cannot see",
    "invalid": "A value that the schema refuses",
    "invalid-name": "A key that is no right name",
    "irregular-file": "A symbolic link, submodule or other thing that is no plain file",
    "length": "A text too short or too long",
    "line-length": "A line that scrolls out of view",
    "misplaced-key": "A key of the other sort of rule",
    "missing-key": "A key that must be there",
    "more": "More mistakes than are told at once",
    "no-match": "A pattern that can match nothing",
    "no-end": "A grant without an end",
    "not-ascii": "A letter that looks like another",
    "owner": "An owner that was changed without a word about the one before",
    "path": "A path with odd characters, or in the wrong place",
    "pattern": "A text of the wrong form",
    "range": "A number too small or too large",
    "setting": "A setting that its provider refuses",
    "standing-end": "Standing access with an end",
    "time": "A time without an offset, or that does not exist",
    "type": "A value of the wrong type",
    "unknown-bundle": "A bundle that no file describes",
    "unknown-group": "A group that the directory does not know",
    "unknown-key": "A key that has no meaning",
    "unknown-provider": "A provider that does not exist",
    "unknown-rule": "A rule that no file of policies/ has",
    "unknown-subject": "A person or service that the directory does not know",
    "unknown-system": "A system that reconciler.yaml does not set up",
    "unknown-value": "A value that is none of the known ones",
    "unsupported": "A folder that nothing reads yet",
    "window": "A grant that ends before it starts",
    "yaml-alias": "A YAML alias",
    "yaml-anchor": "A YAML anchor",
    "yaml-depth": "YAML nested too deep",
    "yaml-directive": "A YAML directive",
    "yaml-documents": "Several YAML documents in one file",
    "yaml-key": "A YAML key that is not text",
    "yaml-merge": "A YAML merge key",
    "yaml-syntax": "A file that is not YAML",
    "yaml-tag": "A YAML tag",
}


def as_json(validated: Validated) -> str:
    problems = [
        {
            "path": p.position.path,
            "line": p.position.line,
            "column": p.position.column,
            "rule": p.rule,
            "what": p.what,
            "fix": p.fix,
        }
        for p in validated.problems
    ]
    found = {"valid": not problems, "files": validated.files, "grants": validated.grants}
    return json.dumps({**found, "problems": problems}, indent=2, ensure_ascii=False)


def as_sarif(problems: Sequence[Problem]) -> str:
    """For GitHub code scanning and other viewers; columns count characters."""
    used = sorted({p.rule for p in problems})
    driver = {
        "name": "access-reconciler",
        "version": __version__,
        "informationUri": _HOME,
        "rules": [_rule(name) for name in used],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"ROOT": {"description": {"text": "The access repository"}}},
        "results": [_result(p, used.index(p.rule)) for p in problems],
    }
    log = {"$schema": _SARIF, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False)


def _rule(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "shortDescription": {"text": RULES.get(name, name)},
        "defaultConfiguration": {"level": "error"},
    }


def _result(problem: Problem, rule: int) -> dict[str, Any]:
    spot = problem.position
    where = {
        "artifactLocation": {
            "uri": quote(spot.path, errors="surrogateescape"),
            "uriBaseId": "ROOT",
        },
        "region": {"startLine": spot.line, "startColumn": spot.column},
    }
    return {
        "ruleId": problem.rule,
        "ruleIndex": rule,
        "level": "error",
        "message": {"text": f"{problem.what}; {problem.fix}"},
        "locations": [{"physicalLocation": where}],
    }


def as_annotations(problems: Iterable[Problem]) -> str:
    """Workflow commands that GitHub Actions shows at the lines of the pull request."""
    return "".join(
        f"::error file={_property(p.position.path)},line={p.position.line},"
        f"col={p.position.column},title={_property(p.rule)}::{_data(f'{p.what}; {p.fix}')}\n"
        for p in problems
    )


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
