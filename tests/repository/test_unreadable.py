"""A content that cannot be read is not one that is not there: the access that it declares would be
taken for gone. The run stops, and says which file and what to do."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest

from reconciler.errors import InputError
from tests.repository.build import Repository, grant
from tests.repository.versions import READ, WRITE, loaded

PATHS = [
    "grants/a.yaml",
    "directory/people.yaml",
    "bundles/payments-oncall.yaml",
    "reconciler.yaml",
]


def stored(repo: Repository, path: str) -> Path:
    """The file of git that holds the content, which is in the working tree no more."""
    id = repo.git("rev-parse", f"HEAD:{path}").strip()
    (repo.root / path).write_text("something else\n")
    found = repo.root / ".git" / "objects" / id[:2] / id[2:]
    os.chmod(found, 0o600)
    return found


@pytest.mark.parametrize("path", PATHS)
def test_a_content_that_git_lacks_stops_the_run_and_is_named(repo: Repository, path: str) -> None:
    repo.commit(1, ("grants/a.yaml", READ), ("grants/b.yaml", WRITE))
    stored(repo, path).unlink()
    with pytest.raises(InputError, match=f"^{path} cannot be read.*git fetch --refetch") as failed:
        loaded(repo)
    assert failed.value.exit_code == 2


@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_half_a_content_is_none(repo: Repository, kept: float) -> None:
    """git says first how long it is, then finds that it cannot be unpacked."""
    repo.commit(1, ("grants/a.yaml", READ + "# " + "x" * 4000), ("grants/b.yaml", WRITE))
    found = stored(repo, "grants/a.yaml")
    data = found.read_bytes()
    found.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(InputError, match=r"^grants/a\.yaml cannot be read"):
        loaded(repo)


def test_a_content_that_is_not_what_its_id_says_is_not_believed(repo: Repository) -> None:
    """git does not look, when it reads a single object."""
    repo.commit(1, ("grants/a.yaml", READ))
    found = stored(repo, "grants/a.yaml")
    other = READ.replace("viewer", "owner0").encode()
    found.write_bytes(zlib.compress(b"blob %d\0" % len(other) + other))
    with pytest.raises(InputError, match=r"^grants/a\.yaml cannot be read"):
        loaded(repo)


def test_a_content_of_the_past_that_is_missing_stops_the_run_too(repo: Repository) -> None:
    """What it gave would be nobody's, and stay."""
    repo.commit(1, ("grants/a.yaml", grant(end="duration: 30d")))
    found = stored(repo, "grants/a.yaml")
    repo.commit(2, ("grants/a.yaml", WRITE))
    found.unlink()
    with pytest.raises(InputError, match=r"^grants/a\.yaml cannot be read"):
        loaded(repo)
