"""Juju's own libraries and ours make the same of generated inputs.

``ORACLE_CASES`` says how many inputs are made (2,000), and ``ORACLE_SEED`` which ones: the same
seed makes the same inputs, so that a run can be repeated. `make soak` makes 100,000 new ones.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings

from tests.oracle.asking import BUILD_S, Oracle
from tests.oracle.comparing import Case
from tests.oracle.differences import DIFFERENCES, Difference, known
from tests.oracle.differing import deviation
from tests.oracle.generating import KINDS

CASES = int(os.environ.get("ORACLE_CASES", "2000"))
SEED = int(os.environ.get("ORACLE_SEED", "12"))
ROUND = 2000
"""Cases of one test over all kinds: hypothesis remembers all that it has made in one."""

SEEDS = range(SEED, SEED + max(1, CASES // ROUND))

pytestmark = pytest.mark.timeout(BUILD_S)


@pytest.mark.parametrize("chosen", SEEDS, ids="seed-{}".format)
@pytest.mark.parametrize("kind", KINDS)
def test_both_make_the_same_of_an_input(oracle: Oracle, kind: str, chosen: int) -> None:
    strategy, share = KINDS[kind]
    count = min(CASES, ROUND) * share // 100

    @seed(chosen)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def check(case: Case) -> None:
        found = deviation(oracle, case)
        if found is not None and known(found) is None:
            note(str(found))
            pytest.fail(f"Juju's library and ours differ:\n{found}", pytrace=False)

    check()


@pytest.mark.parametrize("row", DIFFERENCES, ids=lambda row: row.name)
def test_a_difference_of_the_table_is_there(oracle: Oracle, row: Difference) -> None:
    found = deviation(oracle, row.example)

    assert found is not None, "the two agree: take the row out of the table"
    assert known(found) is row, str(found)


def test_the_oracle_tells_types_and_refusals(oracle: Oracle) -> None:
    read = oracle.ask({"kind": "yaml", "text": "a: [y, 0o17, 1., .inf, ~]\n"})
    refused = oracle.ask({"kind": "reference", "text": "Pets"})
    unknown = oracle.ask({"kind": "weather"})

    values = [True, {"int": "15"}, "1.", {"float": "inf"}, None]
    assert read == {"value": [{"map": [["a", values]]}]}
    assert "must be lowercase" in refused["error"]
    assert "weather" in unknown["panic"]
