"""The examples in docs/access-repository.md together are a valid access repository."""

from __future__ import annotations

import re
from pathlib import Path

from reconciler.repository import check

PAGE = Path(__file__).parents[2] / "docs" / "access-repository.md"


def test_the_examples_make_a_valid_repository(tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.S)
    grant, bundle, directory, configuration = examples
    files = {
        "grants/a.yaml": grant,
        "standing/a.yaml": re.sub(r"expires: .*\n", "", grant),
        "bundles/payments-oncall.yaml": bundle,
        "directory/people.yaml": directory,
        "reconciler.yaml": configuration,
    }
    for path, text in files.items():
        target = tmp_path / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)
    assert [str(p) for p in check(tmp_path).problems] == []
