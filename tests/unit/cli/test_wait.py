"""The options of ``wait`` and ``status``, before anything is connected to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Invoke = Callable[..., Result]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["cat"], "'cat' is not APP=STATUS, such as kfp-api=blocked"),
        (["cat="], "'cat=' is not APP=STATUS"),
        (["=blocked"], "'=blocked' is not APP=STATUS"),
        (["cat=bloked"], "did you mean 'blocked'?"),
        (["cat=zzz"], "'zzz' is none of active, blocked, error, maintenance, unknown, waiting"),
        (["cat=blocked", "cat=active"], "cat cannot be both blocked and active"),
    ],
)
def test_goals_that_cannot_be(invoke: Invoke, values: list[str], message: str) -> None:
    result = invoke("wait", *(part for value in values for part in ("--expect", value)))
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize("option", ["--pull-grace", "--blocked-grace", "--stall"])
def test_what_ends_a_wait_early_can_be_switched_off(
    invoke: Invoke, tmp_path: Path, option: str
) -> None:
    store = ("--juju-data", tmp_path)
    assert invoke("wait", option, "0", *store).exit_code == 5  # there is no client store
    assert invoke("wait", option, "0s", *store).exit_code == 5
    result = invoke("wait", option, "-1", *store)
    assert result.exit_code == 2
    assert "is not a duration" in result.stderr
    assert invoke("wait", "--timeout", "0", *store).exit_code == 2
    assert invoke("wait", "--expect", "a=blocked", "--expect", "a=blocked", *store).exit_code == 5


@pytest.mark.parametrize("others", [[], ["--watch"], ["--json"]])
def test_snapshots_are_of_what_is_followed_as_documents(
    invoke: Invoke, others: list[str], tmp_path: Path
) -> None:
    result = invoke("status", "--snapshots", *others, "--juju-data", tmp_path)
    assert result.exit_code == 2
    assert "--snapshots says what --watch --json prints" in result.stderr
    every = ("status", "--snapshots", "--watch", "--json", "--juju-data", tmp_path)
    assert invoke(*every).exit_code == 5
