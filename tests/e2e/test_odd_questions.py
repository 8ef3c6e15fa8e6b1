"""Questions that no person means, as a script may ask them, through the command."""

from __future__ import annotations

import pytest

from tests.e2e.company import grant
from tests.e2e.test_ledger import Recorded
from tests.e2e.test_ledger import recorded as recorded
from tests.e2e.test_scenarios import ALICE, GCP, G


@pytest.fixture
def given(recorded: Recorded) -> Recorded:
    recorded.company.merge({G: grant(ALICE, GCP)})
    recorded.company.converge()
    return recorded


def test_an_odd_question_is_wrong_input_and_never_an_answer(given: Recorded) -> None:
    late, early = "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"
    for words, said in (
        (("explain", ""), "nobody here is ''"),
        (("explain", "\udcff"), "nobody here is"),
        (("diff", "--from", ""), "there is no commit ''"),
        (("diff", "--from", given.company.time(-1), "--to", ""), "there is no commit ''"),
        (("diff", "--from", early), "there is no commit"),
        (("diff", "--from", given.company.time(-1), "--to", late), "there is no commit"),
        (("status", "--subject", ""), "'--subject': it is empty"),
        (("status", "--grant", "", "--at", given.company.time(-1)), "'--grant': it is empty"),
        (("diff", "--from", "HEAD", "--resource", ""), "'--resource': it is empty"),
        (("status", "--at", late), "is no time with an offset"),
        (("status", "--ending", "24h", "--at", "9999-12-31T23:59:59Z"), "end of the calendar"),
    ):
        done = given.company.run(*words)
        assert (done.code, ALICE in done.out, said in done.err) == (2, False, True), words
